"""Pictures of latent codes: what is on them, of which models, and under which names."""

import dataclasses
from statistics import NormalDist
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

import tfgen
from tfgen import random
from tfgen.distributions import StandardNormal
from tfgen.signatures import Signature
from zoo import latents, offers, pictures
from zoo.data import ContextSpec, DataSet, DataSpec, Split
from zoo.models import ae, vae, vae_flow_prior
from zoo.showing import draw_picture, write_samples

IMAGES = DataSpec("greys", (2, 3), "uint8", levels=17)
TABLE = DataSpec("table", (6,), "float32")
BODIES = DataSpec("bodies", (1, 2, 3), "float32", parents=(0, 0))


class Linear:
    """Any object will do that offers the signatures: codes are the first features."""

    def __init__(self, spec, codes=2, *, by_chance=False):
        self.spec, self.codes, self.by_chance = spec, codes, by_chance

    def encode(self, inputs):
        x = tf.cast(inputs["x"], tf.float32)
        z = tf.reshape(x, [-1, 6])[:, : self.codes]
        if self.by_chance:
            return {"z": z + random.normal(inputs["seed"], [self.codes])}
        return {"loc": z, "scale": tf.ones_like(z)}

    def decode(self, inputs):
        means = tf.pad(inputs["z"], [[0, 0], [0, 6 - self.codes]], constant_values=4.0)
        return {"mean": tf.reshape(means, [-1, *self.spec.event_shape])}

    def sample(self, inputs):
        z = random.normal(inputs["seed"], [self.codes])
        mean = self.decode({"z": z})["mean"]
        return {"x": tf.cast(mean, self.spec.dtype), "z": z, "mean": mean}

    def sample_rows(self, seeds, context):
        return self.sample({"seed": seeds})["x"]

    def signatures(self, inputs):
        x, seed = {"x": inputs["x"]}, {"seed": tf.TensorSpec([None], tf.int32)}
        given = {**x, **(seed if self.by_chance else {})}
        return [
            Signature("sample", self.sample, seed),
            Signature("encode", self.encode, given),
            Signature("decode", self.decode, {"z": tf.TensorSpec([None, self.codes])}),
            Signature("reconstruct", lambda i: self.decode(self.encode(i)), given),
        ]


def dataset(spec, rows=50):
    rng = np.random.default_rng(0)
    x = rng.standard_normal([rows, *spec.event_shape])
    if spec.levels is not None:
        x = rng.integers(0, spec.levels, x.shape)
    # Of the first feature, which is the first code of `Linear`.
    label = np.floor(x.reshape(rows, -1)[:, 0]).astype("int32") % 3
    split = Split(x.astype(spec.dtype), label=label)
    return DataSet(spec, split, split, split)


def mean_of(x):
    """What `Linear` makes of images `[..., 2, 3]` by way of two codes."""
    mean = np.full(x.shape, 4.0)
    mean[..., 0, :2] = x[..., 0, :2]
    return mean


@pytest.fixture
def drawn(monkeypatch):
    """What would be drawn: a dict of the arguments for each name of a file."""
    calls = {}
    for name in ("image_grid", "latent_plane", "code_clouds", "stick_figures"):

        def record(path, x, name=name, **options):
            calls[path.name] = {"function": name, "x": x, **options}
            return path

        monkeypatch.setattr(pictures, name, record)
    return calls


@pytest.fixture
def linear(drawn, tmp_path):
    """The pictures of 50 images and of a model of two codes."""
    data = dataset(IMAGES)
    latents.draw_pictures(tmp_path, Linear(IMAGES), data)
    return data, drawn


def test_reconstructions_are_below_their_originals(linear):
    data, drawn = linear
    picture = drawn["reconstructions.png"]
    rows = picture["x"].reshape(4, 2, 10, 2, 3)
    x = data.test.x[:40].reshape(4, 10, 2, 3)
    np.testing.assert_array_equal(rows[:, 0], x / np.float32(16))
    np.testing.assert_allclose(rows[:, 1], mean_of(x) / 16, rtol=1e-6)
    assert picture["columns"] == 10
    assert picture["row_labels"] == ["test", "mean"] * 4
    assert (
        picture["title"]
        == "greys: test images and decoder means at their posterior means"
    )


def test_interpolations_are_straight_lines_between_originals(linear):
    data, drawn = linear
    picture = drawn["interpolation.png"]
    rows = picture["x"].reshape(8, 10, 2, 3)
    first, second = data.test.x[:16:2], data.test.x[1:16:2]
    np.testing.assert_array_equal(rows[:, 0], first / np.float32(16))
    np.testing.assert_array_equal(rows[:, -1], second / np.float32(16))
    for step in range(8):
        between = (1 - step / 7) * mean_of(first) + step / 7 * mean_of(second)
        np.testing.assert_allclose(rows[:, 1 + step], between / 16, rtol=1e-5)
    assert picture["columns"] == 10
    assert picture["column_labels"][:3] == ["test", "0", "0.14"]
    assert picture["column_labels"][-2:] == ["1", "test"]
    assert "straight lines between two posterior means" in picture["title"]


def test_the_plane_is_decoded_at_quantiles_of_the_prior(linear):
    _, drawn = linear
    picture = drawn["latent_plane.png"]
    grid, images = picture["grid"], picture["images"]
    expected = [NormalDist().inv_cdf(share) for share in np.linspace(0.01, 0.99, 21)]
    np.testing.assert_allclose(grid, np.transpose([expected] * 2), atol=0.06)
    assert images.shape == (21, 21, 2, 3)
    z1, z2 = np.meshgrid(grid[:, 0], grid[:, 1])
    np.testing.assert_allclose(images[..., 0, 0], z1 / 16, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(images[..., 0, 1], z2 / 16, rtol=1e-5, atol=1e-7)


def test_the_plane_shows_codes_of_test_rows_with_their_classes(linear, monkeypatch):
    data, drawn = linear
    x = data.test.x.reshape(-1, 6)
    np.testing.assert_array_equal(drawn["latent_plane.png"]["x"], x[:, :2])
    np.testing.assert_array_equal(drawn["latent_plane.png"]["labels"], data.test.label)
    monkeypatch.setattr(latents, "_MOST_CODES", 20)
    path = SimpleNamespace(name="few")
    latents.latent_plane(path, offers.offer(Linear(IMAGES), data), data)
    few = drawn["few"]
    assert few["x"].shape == (20, 2)
    assert {tuple(z) for z in few["x"]} <= {tuple(z) for z in x[:, :2]}
    assert np.any(few["x"] != x[:20, :2])
    np.testing.assert_array_equal(few["labels"], few["x"][:, 0] % 3)


def test_codes_that_are_draws_repeat_and_are_not_called_means(drawn, tmp_path):
    model, data = Linear(IMAGES, by_chance=True), dataset(IMAGES)
    latents.draw_pictures(tmp_path, model, data)
    first = drawn["reconstructions.png"]
    assert first["title"] == "greys: test images and decoder means at their codes"
    latents.draw_pictures(tmp_path, model, data, "again-")
    np.testing.assert_array_equal(drawn["again-reconstructions.png"]["x"], first["x"])
    # The noise of a row is that of `model.reconstruct`.
    means = first["x"].reshape(4, 2, 10, 2, 3)[:, 1].reshape(-1, 2, 3)
    noise = random.normal(random.row_seeds(0, tf.range(40)), [2])
    expected = mean_of(data.test.x[:40]) / 16
    expected[:, 0, :2] += noise / 16
    np.testing.assert_allclose(means, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("rows", "shapes"),
    [
        (1, {"reconstructions.png": (2, 1), "latent_plane.png": None}),
        (
            13,
            {
                "reconstructions.png": (20, 10),
                "interpolation.png": (60, 10),
                "latent_plane.png": None,
            },
        ),
    ],
)
def test_few_test_rows_are_enough(drawn, tmp_path, rows, shapes):
    paths = latents.draw_pictures(tmp_path, Linear(IMAGES), dataset(IMAGES, rows))
    assert paths == [tmp_path / name for name in shapes]
    found = {
        name: (len(picture["x"]), picture["columns"])
        if picture["function"] == "image_grid"
        else None
        for name, picture in drawn.items()
    }
    assert found == shapes


WHICH = {
    "images, two codes": (
        IMAGES,
        2,
        ["reconstructions.png", "interpolation.png", "latent_plane.png"],
    ),
    "images, three codes": (
        IMAGES,
        3,
        ["reconstructions.png", "interpolation.png", "codes.png"],
    ),
    "images, one code": (IMAGES, 1, ["reconstructions.png", "interpolation.png"]),
    "table, two codes": (TABLE, 2, ["latent_plane.png"]),
    "table, three codes": (TABLE, 3, ["codes.png"]),
    "skeletons, two codes": (BODIES, 2, ["latent_plane.png", "skeletons.png"]),
}


@pytest.mark.parametrize("name", WHICH)
def test_which_pictures_there_are(drawn, tmp_path, name):
    spec, codes, names = WHICH[name]
    paths = latents.draw_pictures(tmp_path, Linear(spec, codes), dataset(spec))
    assert paths == [tmp_path / name for name in names]
    assert list(drawn) == names


def test_tables_have_codes_and_no_means(drawn, tmp_path):
    latents.draw_pictures(tmp_path, Linear(TABLE), dataset(TABLE))
    assert drawn["latent_plane.png"]["images"] is None


def test_models_without_a_decoder_have_none_of_them(drawn, tmp_path):
    spec = dataclasses.replace(TABLE, event_shape=(2,))
    for density in (tfgen.maf([2], hidden_units=[4]), StandardNormal([2])):
        model = tfgen.DensityModel(density)
        assert latents.draw_pictures(tmp_path, model, dataset(spec)) == []
    # As flows do that are given a class.
    spec = dataclasses.replace(spec, context=ContextSpec((), "int32", 3))
    model = SimpleNamespace(signatures=lambda inputs: [SimpleNamespace(name="any")])
    assert offers.offer(model, dataset(spec)) == {}


TINY = {"latents": 2, "hidden_units": (4,)}
BITS = dataclasses.replace(IMAGES, name="bits", levels=2)
FLOATS = dataclasses.replace(TABLE, event_shape=(3,))
PLANE = ["reconstructions", "interpolation", "latent_plane"]
MODELS = {
    "vae": (vae, IMAGES, [*PLANE, "traversals", "histograms"]),
    "ae of a table": (ae, FLOATS, ["latent_plane"]),
    "flow prior": (vae_flow_prior, BITS, PLANE),
}


@pytest.mark.parametrize("name", MODELS)
def test_pictures_of_real_models_are_written(name, tmp_path):
    recipe, spec, names = MODELS[name]
    data = dataset(spec)
    model = recipe.build(spec, **TINY)
    model.adapt(data.train.x)
    paths = latents.draw_pictures(tmp_path, model, data)
    assert paths == [tmp_path / f"{name}.png" for name in names]
    assert all(path.stat().st_size > 1_000 for path in paths)


def test_the_means_are_those_of_the_samples(drawn, tmp_path):
    model, data = vae.build(BITS, **TINY), dataset(BITS)
    for weight in model.weights:  # Far from chance: draws are their means.
        weight.assign(5e3 * np.random.default_rng(1).standard_normal(weight.shape))
    samples = model.sample(120, seed=5).numpy()
    draw_picture(tmp_path / "a.png", model, data, samples, seed=5)
    picture = drawn["a.png"]
    assert picture["x"].shape == (100, 2, 3)
    assert picture["x"].dtype == np.float32
    np.testing.assert_allclose(picture["x"], samples[:100], atol=1e-3)
    assert len(np.unique(samples, axis=0)) > 3
    assert picture["title"] == "bits: decoder means, codes drawn from the prior"
    draw_picture(tmp_path / "a.png", model, data, samples[:7], seed=5)
    np.testing.assert_array_equal(drawn["a.png"]["x"], picture["x"][:7])


def test_shades_are_levels_from_black_to_white():
    np.testing.assert_array_equal(
        offers.shades(np.array([0, 8, 16], "uint8"), IMAGES), [0.0, 0.5, 1.0]
    )
    floats = np.array([0.0, 0.3], "float32")
    np.testing.assert_array_equal(offers.shades(floats, TABLE), floats)


def test_answers_do_not_depend_on_how_many_are_asked_at_once(monkeypatch):
    data = dataset(IMAGES)
    offered = offers.offer(Linear(IMAGES, by_chance=True), data)
    rows = {"x": data.test.x, "seed": offers.row_seeds(50), "label": data.test.label}
    whole = offers.ask(offered["encode"], **rows)["z"]
    assert whole.shape == (50, 2)
    monkeypatch.setattr(offers, "_CHUNK", 7)
    np.testing.assert_array_equal(offers.ask(offered["encode"], **rows)["z"], whole)


def test_names_follow_the_samples(drawn, tmp_path):
    data, model = dataset(IMAGES), Linear(IMAGES)
    directory = SimpleNamespace(path=tmp_path / "run")
    directory.path.mkdir()
    run = SimpleNamespace(model=model, spec=IMAGES, directory=directory)
    names = ["samples", "reconstructions", "interpolation", "latent_plane"]
    paths = write_samples(run, data, num_samples=5, seed=3)
    expected = [directory.path / f"{name}.png" for name in names]
    assert paths == [directory.path / "samples.npz", *expected]
    paths = write_samples(run, data, num_samples=5, output=str(tmp_path / "mine.npz"))
    mine = ["mine.png", *(f"mine-{name}.png" for name in names[1:])]
    assert paths == [tmp_path / name for name in ("mine.npz", *mine)]
    with np.load(directory.path / "samples.npz") as file:
        assert file["x"].dtype == "uint8"  # Draws, whatever the picture shows.
        assert set(file) == {"x"}
        assert file["x"].shape == (5, 2, 3)
    z = random.normal(random.row_seeds(3, tf.range(5)), [2])
    np.testing.assert_allclose(drawn["samples.png"]["x"][:, 0, :2], z / 16, rtol=1e-6)
