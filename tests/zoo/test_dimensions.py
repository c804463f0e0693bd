"""Pictures of single latents: what is on them, of models that are known by heart."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

import tfgen
from tfgen.base import DistributionLayer
from tfgen.distributions import Gaussian, Logistic, StandardNormal
from tfgen.metrics.disentanglement.mutual_information import (
    entropies,
    mutual_information,
)
from tfgen.networks import MLP, Chain
from zoo import dimensions, latents, offers, pictures
from zoo.data import DataSet, DataSpec, Split
from zoo.factors import Factors
from zoo.models import ae, gmvae, vae_flow_prior
from zoo.pictures.points import some_rows

IMAGES = DataSpec("greys", (2, 3), "float32")
TABLE = DataSpec("table", (6,), "float32")
GAINS = (0.5, 2.0, 0.0, 1.0)
STEPS = np.linspace(-3, 3, 11)


def linear(spec, gains=GAINS, prior=StandardNormal):
    """Latent `i` is `N(gains[i] x, 1)` with `x` the feature `i`, modulo 6.

    Decoder means are `codes @ decoder(len(gains), spec)`.
    """
    size, count = spec.num_features, len(gains)
    encode, decode = MLP(size, [], 2 * count), MLP(count, [], 2 * size)
    kernel = np.zeros([size, count, 2])
    for latent, gain in enumerate(gains):
        kernel[latent % 6, latent, 0] = gain
    encode.set_weights([kernel.reshape(size, -1), np.zeros(2 * count)])
    pairs = np.stack([decoder(count, spec), np.zeros([count, size])], axis=-1)
    decode.set_weights([pairs.reshape(count, -1), np.zeros(2 * size)])
    return tfgen.VAE(
        Gaussian([count], Chain([keras.layers.Flatten(), encode])),
        Gaussian(spec.event_shape, decode),
        prior([count]),
    )


def decoder(count, spec):
    rng = np.random.default_rng(1)
    return rng.standard_normal([count, spec.num_features]).astype("float32")


def dataset(spec, rows=50):
    rng = np.random.default_rng(0)
    x = rng.standard_normal([rows, *spec.event_shape])
    if spec.levels is not None:
        x = rng.integers(0, spec.levels, x.shape)
    return DataSet(spec, *[Split(x.astype(spec.dtype))] * 3)


def divergences(data, gains=GAINS):
    """`KL(N(m, 1) || N(0, 1)) = m^2 / 2`, a mean over rows, for each latent."""
    x = data.test.x.reshape(len(data.test), -1)
    return [np.mean((g * x[:, i % 6]) ** 2) / 2 for i, g in enumerate(gains)]


@pytest.fixture
def drawn(monkeypatch):
    """What would be drawn: the arguments for each name of a file."""
    calls = {}
    for name in ("image_grid", "code_histograms", "information_matrix"):

        def record(path, x, **options):
            calls[path.stem] = {"x": x, **options}
            return path

        monkeypatch.setattr(pictures, name, record)
    return calls


def draw(name, path, data, gains=GAINS):
    offered = offers.offer(linear(data.spec, gains), data)
    return latents.PICTURES[name](path / f"{name}.png", offered, data)


def test_a_traversal_moves_one_latent_and_leaves_the_others(drawn, tmp_path):
    data = dataset(IMAGES)
    draw("traversals", tmp_path, data)
    picture, kl = drawn["traversals"], divergences(data)
    # The third latent is noise.
    assert kl[1] > kl[3] > kl[0] > 0.01 > kl[2] == 0
    assert picture["row_labels"] == [f"z{i}  {kl[i]:.2f} nats" for i in (1, 3, 0)]
    images = picture["x"].reshape(3, 13, 6)
    code = np.multiply(GAINS, data.test.x[0].ravel()[:4])
    for row, latent in enumerate((1, 3, 0)):
        for column, step in enumerate(STEPS):
            moved = code.copy()
            moved[latent] = step
            expected = moved @ decoder(4, IMAGES)
            np.testing.assert_allclose(images[row, 2 + column], expected, atol=1e-5)
    np.testing.assert_array_equal(images[0, 0], data.test.x[0].ravel())
    np.testing.assert_allclose(images[0, 1], code @ decoder(4, IMAGES), atol=1e-5)
    np.testing.assert_array_equal(images[1:, :2], 1)
    assert picture["columns"] == 13
    assert picture["column_labels"][:4] == ["test", "mean", "−3", "−2.4"]
    assert picture["column_labels"][7] == "0"
    assert picture["title"].endswith("; 3 of 4 latents, the others below 0.01 nats")


def test_integers_are_shown_as_shades(drawn, tmp_path):
    spec = dataclasses.replace(IMAGES, dtype="uint8", levels=17)
    data = dataset(spec)
    data.test.x[0] = [[0, 4, 8], [12, 16, 3]]
    draw("traversals", tmp_path, data)
    first = drawn["traversals"]["x"][:2].reshape(2, 6)
    x = data.test.x[0].ravel()
    np.testing.assert_array_equal(first[0], x / np.float32(16))
    code = np.multiply(GAINS, x[:4])
    np.testing.assert_allclose(first[1], code @ decoder(4, spec) / 16, rtol=1e-4)


def test_histograms_are_those_of_the_means_in_the_same_order(drawn, tmp_path):
    data = dataset(TABLE)
    draw("histograms", tmp_path, data)
    picture, kl = drawn["histograms"], divergences(data)
    order = [1, 3, 0, 2]
    expected = (data.test.x[:, :4] * GAINS)[:, order]
    np.testing.assert_allclose(picture["x"], expected, rtol=1e-6)
    assert picture["headings"] == [f"z{i}  {kl[i]:.2f} nats" for i in order]
    assert picture["title"] == "table: posterior means of 50 test rows"


def test_of_many_latents_the_largest_are_shown(drawn, tmp_path):
    data, gains = dataset(IMAGES), np.linspace(1, 3, 15)
    order = np.argsort(divergences(data, gains))[::-1][:12]
    for name in ("traversals", "histograms"):
        draw(name, tmp_path, data, gains)
        title = "; the 12 of 15 latents with most nats"
        assert drawn[name]["title"].endswith(title)
    names = [label.split()[0] for label in drawn["traversals"]["row_labels"]]
    assert names == [f"z{i}" for i in order]
    assert drawn["histograms"]["x"].shape == (50, 12)


GRID = Factors(
    ("shade", "side"), (4, 5), lambda points: np.zeros([len(points), 6], "float32")
)


def of_factors(points):
    """Rows whose first two features are the factors, measured from their means."""
    x = np.zeros([len(points), 6], "float32")
    x[:, :2] = points - points.mean(axis=0)
    return DataSet(TABLE, *[Split(x, factors=points)] * 3, factors=GRID)


def test_a_factor_and_its_own_latent_share_all_information(drawn, tmp_path):
    # Each point of the grid once: the estimate has no bias at all.
    data = of_factors(GRID.points(range(20)))
    draw("factors", tmp_path, data, gains=(1.0, -3.0, 0.0))
    picture = drawn["factors"]
    np.testing.assert_allclose(picture["x"], [[0, 1, 0], [1, 0, 0]], atol=1e-9)
    assert picture["factors"] == ["shade", "side"]
    assert picture["latents"] == ["z1", "z0", "z2"]
    title = "table: mutual information of factors and latents, 20 test rows"
    assert picture["title"] == title


def test_chance_tells_no_more_of_a_factor_than_its_bias(drawn, tmp_path, monkeypatch):
    monkeypatch.setattr(dimensions, "_MOST_ROWS", 2_000)
    points = GRID.random(3_000, seed=0)
    draw("factors", tmp_path, of_factors(points), gains=(1.0, 3.0))
    shares = drawn["factors"]["x"]
    points = some_rows(points, 2_000)
    expected = mutual_information(points, points) / entropies(points)
    np.testing.assert_allclose(shares, expected.T[:, ::-1], rtol=1e-9)
    # Twice 2,000 times the information is chi-squared of 3 * 4 degrees of freedom.
    chance = shares[[0, 1], [0, 1]] * np.log([4, 5]) * 4_000
    assert ((chance > 2) & (chance < 40)).all()
    assert "2,000 test rows" in drawn["factors"]["title"]


def test_factors_that_do_not_vary_are_left_out(drawn, tmp_path):
    points = np.stack([np.arange(20) % 4, np.full(20, 2)], axis=1)
    draw("factors", tmp_path, of_factors(points))
    assert drawn["factors"]["factors"] == ["shade"]
    assert draw("factors", tmp_path, of_factors(np.full([3, 2], 1))) is None


class Shifted(DistributionLayer):
    """A Gaussian prior that is not the standard one."""

    def distribution(self, context=None):
        return tfd.Independent(tfd.Normal(tf.ones(self.event_shape), 2.0), 1)


NAMES = ("traversals", "histograms", "factors")


def test_which_pictures_there_are(drawn, tmp_path):
    def names(data, gains=GAINS, prior=StandardNormal):
        offered = offers.offer(linear(data.spec, gains, prior), data)
        pages = {name: tmp_path / f"{name}.png" for name in NAMES}
        return [
            n for n, page in pages.items() if latents.PICTURES[n](page, offered, data)
        ]

    assert names(dataset(IMAGES)) == ["traversals", "histograms"]
    assert names(dataset(TABLE)) == ["histograms"]
    assert names(of_factors(GRID.points(range(20)))) == ["histograms", "factors"]
    # Where all is noise nothing moves.
    assert names(dataset(IMAGES), gains=(0.0, 0.0)) == ["histograms"]
    # No divergence in closed form, and no standard deviations to go along.
    assert names(dataset(IMAGES), prior=Logistic) == []
    assert names(dataset(IMAGES), prior=Shifted) == []


OTHERS = {
    "ae": (ae, {"latents": 2}),
    "gmvae": (gmvae, {"num_categories": 2, "latents": 2}),
    "flow prior": (
        vae_flow_prior,
        {"latents": 2, "prior_steps": 1, "prior_hidden_units": (4,)},
    ),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_models_have_none_of_them(name):
    recipe, options = OTHERS[name]
    spec = dataclasses.replace(TABLE, num_train=50)
    model = recipe.build(spec, hidden_units=(4,), **options)
    offered = offers.offer(model, dataset(spec))
    assert "reconstruct" in offered
    assert "latents" not in offered


SIZES = {
    "one latent": (IMAGES, (1.0,)),
    "thirteen latents": (IMAGES, np.linspace(0, 2, 13)),
    "colours": (dataclasses.replace(IMAGES, event_shape=(5, 4, 3)), GAINS),
}


@pytest.mark.parametrize("name", SIZES)
def test_pictures_of_any_size_are_written(name, tmp_path):
    spec, gains = SIZES[name]
    data = dataset(spec)
    points = np.arange(100).reshape(50, 2) % (4, 5)
    test = dataclasses.replace(data.test, factors=points)
    data = dataclasses.replace(data, test=test, factors=GRID)
    paths = [draw(name, tmp_path, data, gains) for name in NAMES]
    assert all(path.stat().st_size > 1_000 for path in paths)
