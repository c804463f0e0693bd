"""What a page asks: which sliders there are, and what moving them decodes to."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

import tfgen
from tfgen import random
from tfgen.distributions import Flow, Mixture, StandardNormal
from tfgen.flows import MaskedAutoregressive
from tfgen.signatures import Signature
from zoo import divergences
from zoo.data import ContextSpec, DataSet, DataSpec, Split
from zoo.exploring import Explorer, explorer
from zoo.models import gmvae_semisupervised, maf_conditional, vae, vae_autoregressive

IMAGES = DataSpec("greys", (2, 3), "uint8", levels=17)
CLASSES = ContextSpec((), "int32", num_classes=3)
TINY = {"latents": 3, "hidden_units": (4,)}


class Halves:
    """Any object will do that offers the signatures: half of an image is its code."""

    prior = StandardNormal([6])

    def signatures(self, inputs):
        seed, x = {"seed": tf.TensorSpec([None], tf.int32)}, {"x": inputs["x"]}
        return [
            Signature("sample", lambda i: {"z": self.draw(i["seed"])}, seed),
            Signature("encode", self.encode, x),
            Signature("decode", self.decode, {"z": tf.TensorSpec([None, 6])}),
            Signature("reconstruct", lambda i: self.decode(self.encode(i)), x),
        ]

    def encode(self, inputs):
        return {"z": tf.reshape(tf.cast(inputs["x"], tf.float32), [-1, 6]) / 2}

    def decode(self, inputs):
        return {"mean": tf.reshape(2 * inputs["z"], [-1, 2, 3])}

    def draw(self, seeds):
        return random.normal(seeds, [6])


class WidePrior(Halves):
    """Halves whose codes are far from 0 and wide, which only draws can tell."""

    prior = None

    def draw(self, seeds):
        return 5.0 + 4.0 * random.normal(seeds, [6])


def images(spec=IMAGES, rows=40):
    rng = np.random.default_rng(0)
    # The last numbers vary most, and those of later classes are larger.
    label = (np.arange(rows) % 3).astype("int32")
    x = rng.integers(0, [2, 3, 5, 7, 9, 11], [rows, 6]) + 3 * label[:, None]
    context = None if spec.context is None else np.full_like(label, -1)
    split = Split(x.reshape(rows, 2, 3).astype("uint8"), context, label=label)
    return DataSet(spec, split, split, split)


def table(*, labelled=False):
    rng = np.random.default_rng(1)
    x = rng.standard_normal([30, 3]).astype("float32")
    context = (np.arange(30) % 3).astype("int32") if labelled else None
    spec = DataSpec("table", (3,), "float32", context=CLASSES if labelled else None)
    split = Split(x, context)
    return DataSet(spec, split, split, split)


@pytest.fixture(scope="module")
def halves():
    return Explorer(Halves(), images())


def moved(asked, start, name, by):
    """Positions with one slider moved."""
    positions = asked.positions(start)
    positions[[slider.name for slider in asked.sliders].index(name)] += by
    return positions


def test_sliders_that_nobody_moved_change_nothing(halves):
    for row in (0, 17, 39):
        start = halves.at_row(row)
        mean = halves.decode(start, halves.positions(start))
        np.testing.assert_allclose(mean, halves.data.test.x[row], rtol=1e-6)


def test_sliders_stand_where_codes_are_and_at_their_ends_beyond(halves):
    start = halves.at_row(5)
    numbers = [int(slider.name[1:]) for slider in halves.latents]
    expected = np.clip(halves.data.test.x[5].ravel()[numbers] / 2, -3, 3)
    positions = halves.positions(start)
    np.testing.assert_allclose(positions[:6], expected, atol=0.005)
    assert max(positions[:6]) == 3.0
    assert positions[6:] == [0.0] * 3


def test_a_latent_moves_alone_in_units_of_the_prior(halves):
    start = halves.at_row(5)
    before = halves.data.test.x[5].astype(float)
    after = halves.decode(start, moved(halves, start, "z4", -0.75))
    before[1, 1] -= 2 * 0.75
    np.testing.assert_allclose(after, before, rtol=1e-6)


def test_units_are_those_of_draws_where_the_prior_is_not_standard():
    asked = Explorer(WidePrior(), images())
    np.testing.assert_allclose(asked.centre, 5, atol=0.4)
    np.testing.assert_allclose(asked.scale, 4, atol=0.3)
    start = asked.at_row(0)
    difference = asked.decode(start, moved(asked, start, "z1", 1.0)) - start.x
    np.testing.assert_allclose(difference[0, 1], 2 * asked.scale[1], rtol=1e-5)


def test_latents_without_divergences_are_in_the_order_of_their_variance(halves):
    variances = halves.data.test.x.reshape(-1, 6).var(axis=0) / 4
    order = np.argsort(-variances)
    assert [slider.name for slider in halves.latents] == [f"z{i}" for i in order]
    assert halves.latents[0].note == f"variance {variances[order[0]]:.2f}"


def test_latents_of_a_vae_are_in_the_order_of_their_divergences(monkeypatch):
    model, data = vae.build(IMAGES, **TINY), images()
    means = divergences.kl_per_latent(model, data.test.x)
    found = [s.note for s in Explorer(model, data).latents]
    assert found == [f"{mean:.2f} nats" for mean in sorted(means, reverse=True)]
    monkeypatch.setattr(divergences, "kl_per_latent", lambda *_: [0.1, 3.0, 0.5])
    monkeypatch.setattr(explorer, "MOST_SLIDERS", 2)
    asked = Explorer(model, data)
    assert [slider.name for slider in asked.latents] == ["z1", "z2"]
    assert asked.latents[0].note == "3.00 nats"
    assert asked.num_latents == 3


def test_a_class_moves_codes_towards_its_mean(halves):
    test = halves.data.test
    means = np.stack([test.x[test.label == k].mean(axis=0) for k in range(3)])
    start = halves.at_row(5)
    after = halves.decode(start, moved(halves, start, "class 2", 0.5))
    expected = test.x[5] + 0.5 * (means[2] - means.mean(axis=0))
    np.testing.assert_allclose(after, expected, rtol=1e-5)


def test_rows_whose_class_is_not_known_have_no_class(halves):
    data = images()
    label = data.test.label.copy()
    label[::4] = -1
    data = dataclasses.replace(data, test=dataclasses.replace(data.test, label=label))
    explored = Explorer(Halves(), data)
    assert [slider.name for slider in explored.meanings] == [
        slider.name for slider in halves.meanings
    ]
    assert explored.at_row(4).name == "test example 4"
    assert explored.at_row(5).name == "test example 5, class 2"
    means = np.stack([data.test.x[label == k].mean(axis=0) for k in range(3)])
    after = explored.decode(
        explored.at_row(5), moved(explored, explored.at_row(5), "class 2", 0.5)
    )
    expected = data.test.x[5] + 0.5 * (means[2] - means.mean(axis=0))
    np.testing.assert_allclose(after, expected, rtol=1e-5)


def test_similarity_is_in_units_of_the_prior(halves):
    steps = np.stack([slider.step for slider in halves.meanings])
    units = steps / np.linalg.norm(steps, axis=1, keepdims=True)
    np.testing.assert_allclose(halves.similarity, units @ units.T, atol=1e-10)
    asked = Explorer(WidePrior(), images())
    steps = np.stack([slider.step for slider in asked.meanings]) / asked.scale
    units = steps / np.linalg.norm(steps, axis=1, keepdims=True)
    np.testing.assert_allclose(asked.similarity, units @ units.T, atol=1e-10)


def test_the_directions_that_move_codes_furthest_are_shown(monkeypatch):
    monkeypatch.setattr(explorer, "MOST_SLIDERS", 2)
    asked = Explorer(Halves(), images())
    # The middle one of three classes is in the middle.
    assert [slider.name for slider in asked.meanings] == ["class 0", "class 2"]
    assert asked.num_meanings == 3
    assert asked.similarity.shape == (2, 2)


def test_lines_are_straight_between_two_codes(halves):
    x = halves.data.test.x.astype(float)
    for share in (0, 0.25, 1):
        start = halves.between(3, 8, share)
        mean = halves.decode(start, halves.positions(start))
        expected = (1 - share) * x[3] + share * x[8]
        np.testing.assert_allclose(mean, expected, rtol=1e-5)


def test_images_are_encoded_like_test_rows(halves):
    row = halves.at_row(9)
    np.testing.assert_array_equal(halves.at_image(row.x).code, row.code)
    assert row.name == "test example 9, class 0"
    with pytest.raises(ValueError, match=r"from 0 to 39; received 40\. Choose"):
        halves.at_row(40)


def perturbed(model):
    """Flows start as the identity, which hides what is wrong."""
    rng = np.random.default_rng(3)
    for weight in model.weights:
        if "float" in str(weight.dtype):
            weight.assign(weight + 0.3 * rng.standard_normal(weight.shape))
    return model


@pytest.fixture(scope="module")
def flow():
    model = perturbed(tfgen.DensityModel(tfgen.maf([3], num_steps=2, hidden_units=[8])))
    return model, Explorer(model, table())


def test_a_draw_is_that_of_the_model(flow):
    model, asked = flow
    start = asked.at_seed(7)
    x = asked.decode(start, asked.positions(start))
    np.testing.assert_allclose(x, model.sample(1, seed=7)[0], rtol=1e-5, atol=1e-6)
    model = vae.build(IMAGES, **TINY)
    z = random.normal(random.fold_in(random.row_seeds(7, tf.range(1)), 0), [3])
    np.testing.assert_array_equal(Explorer(model, images()).at_seed(7).code, z[0])


def test_the_temperature_scales_the_noise(flow):
    model, asked = flow
    assert asked.is_flow
    start = asked.at_seed(7)
    for temperature in (0.0, 0.6, 2.0):
        x = asked.decode(start, asked.positions(start), temperature)
        expected = model.decode(temperature * start.code[None])[0]
        np.testing.assert_allclose(x, expected, rtol=1e-5, atol=1e-6)


def test_the_noise_of_an_example_is_made_into_it_again(flow):
    _, asked = flow
    start = asked.at_row(4)
    x = asked.decode(start, asked.positions(start))
    np.testing.assert_allclose(x, asked.data.test.x[4], rtol=1e-4, atol=1e-5)


def test_noise_about_another_mean_is_scaled_about_it():
    base = Mixture([3], 2)
    for weight in base.weights:
        weight.assign(weight + 2.0)
    model = tfgen.DensityModel(Flow(base, [MaskedAutoregressive([3], [8])]))
    asked = Explorer(model, table())
    start = asked.at_seed(2)
    draws = base.sample(random.row_seeds(0, tf.range(2_000)))
    np.testing.assert_allclose(asked.centre, np.mean(draws, axis=0), rtol=1e-4)
    x = asked.decode(start, asked.positions(start), 0.5)
    z = asked.centre + 0.5 * (start.code - asked.centre)
    np.testing.assert_allclose(x, model.decode(z[None])[0], rtol=1e-5, atol=1e-6)


def test_conditional_flows_keep_the_class_of_an_example_or_get_another():
    data = table(labelled=True)
    model = maf_conditional.build(data.spec, num_steps=1, hidden_units=(4,))
    asked = Explorer(perturbed(model), data)
    assert asked.classes == 3
    assert not asked.meanings
    start = asked.at_row(4)
    assert start.name == "test example 4, class 1"
    x = asked.decode(start, asked.positions(start))
    np.testing.assert_allclose(x, asked.data.test.x[4], rtol=1e-4, atol=1e-5)
    one, other = (asked.at_seed(0, np.int32(label)) for label in (0, 2))
    np.testing.assert_array_equal(one.code, other.code)
    assert not np.allclose(
        asked.decode(one, asked.positions(one)),
        asked.decode(other, asked.positions(other)),
    )


def test_categories_that_take_labels_are_explored_without_any():
    spec = DataSpec("greys", (2, 3), "uint8", levels=17, context=CLASSES)
    model = gmvae_semisupervised.build(spec, latents=2, hidden_units=(4,))
    asked = Explorer(model, images(spec))
    assert asked.classes == 0
    assert asked.at_seed(1).code.shape == (2,)
    start = asked.at_row(0)
    assert asked.decode(start, asked.positions(start)).shape == (2, 3)


@pytest.mark.parametrize("name", ["vae_autoregressive", "a mixture"])
def test_models_without_codes_are_refused(name):
    model, data = tfgen.DensityModel(Mixture([3], 2)), table()
    if name == "vae_autoregressive":
        bits = DataSpec("bits", (2, 3), "uint8", levels=2)
        model = vae_autoregressive.build(bits, latents=2, hidden_units=(4,))
        x = np.zeros([4, 2, 3], "uint8")
        data = DataSet(bits, Split(x), Split(x), Split(x))
    with pytest.raises(
        ValueError, match="To be explored a model encodes.* such as vae"
    ):
        Explorer(model, data)
