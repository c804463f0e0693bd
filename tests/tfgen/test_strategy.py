"""Two devices give what one gives. `tests/conftest.py` makes two of the one CPU."""

import numpy as np
import pytest
import tensorflow as tf

import tfgen
from tfgen import DensityModel, Dequantized

BATCH, STEPS = 6, 3
ROWS = BATCH * STEPS


def density():
    return DensityModel(tfgen.realnvp([2], num_steps=2, hidden_units=[4]))


def dequantized():
    return Dequantized(tfgen.realnvp([2], num_steps=2, hidden_units=[4]), levels=8)


def rows():
    return np.random.default_rng(0).integers(0, 8, [ROWS, 2]).astype(np.float32)


MODELS = {
    "density": (density, {"x": rows()}),
    # With the noise of a row given, it is the same on whichever device.
    "dequantized": (dequantized, {"x": rows(), "seed": np.arange(ROWS, dtype="int32")}),
}


def pair(mirrored, randomize, make, optimizer):
    """The same model on one device and on two, compiled."""
    one = randomize(make(), stddev=0.2)
    with mirrored.scope():
        two = make()
        two.set_weights(one.get_weights())
        two.compile(optimizer, jit_compile=False)
    one.compile(optimizer, run_eagerly=True)
    return one, two


def assert_same(one, two):
    for a, b in zip(one.get_weights(), two.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "optimizer"),
    [("density", "sgd"), ("dequantized", "adam")],
)
def test_two_devices_agree_with_one(name, optimizer, mirrored, randomize):
    make, inputs = MODELS[name]
    one, two = pair(mirrored, randomize, make, optimizer)
    for model in (one, two):
        model.fit(inputs, batch_size=BATCH, shuffle=False, verbose=0)
    for name, values in one.history.history.items():
        assert two.history.history[name] == pytest.approx(values, rel=1e-5)
    assert one.optimizer.iterations == two.optimizer.iterations == STEPS
    assert_same(one, two)
    assert two.first_non_finite.failure() is None

    # Padding of weight zero: all of the second device's part of the last batch.
    weights = (np.arange(ROWS) < ROWS - BATCH // 2).astype(np.float32)
    (terms,) = one(inputs).values()
    expected = np.average(terms, weights=weights)
    for model in (one, two):
        answer = model.evaluate(
            inputs, weights, sample_weight=weights, batch_size=BATCH, verbose=0
        )
        assert float(answer) == pytest.approx(expected, rel=1e-5)


def test_two_devices_clip_the_gradient_that_one_does(mirrored, randomize):
    # Gradients of the two devices differ, and point in other directions.
    one, two = pair(mirrored, randomize, density, "sgd")
    for model in (one, two):
        model.clip_norm = 1e-2
        before = [weight.numpy() for weight in model.trainable_weights]
        model.fit(rows()[:BATCH], batch_size=BATCH, shuffle=False, verbose=0)
        after = [weight.numpy() for weight in model.trainable_weights]
        moved = [b - a for a, b in zip(before, after, strict=True)]
        # The learning rate of "sgd" is 0.01.
        assert float(tf.linalg.global_norm(moved)) == pytest.approx(1e-4, rel=1e-2)
    assert_same(one, two)


def test_executions_on_two_devices_end_with_the_data(mirrored, randomize):
    one, two = pair(mirrored, randomize, density, "sgd")
    two.steps_per_execution = 2  # Of three steps.
    for model in (one, two):
        model.fit(rows(), batch_size=BATCH, epochs=2, shuffle=False, verbose=0)
    assert one.optimizer.iterations == two.optimizer.iterations == 2 * STEPS
    for name, values in one.history.history.items():
        assert two.history.history[name] == pytest.approx(values, rel=1e-5)
    assert_same(one, two)


def test_a_failure_on_one_device_stops_the_step_on_both(mirrored, randomize):
    _, model = pair(mirrored, randomize, density, "sgd")
    x = rows()
    x[2 * BATCH - 1] = np.nan  # Only the second device sees it.
    model.fit(x, batch_size=BATCH, shuffle=False, verbose=0)
    assert model.first_non_finite.failure() == (1, "log_prob")
    for weight in model.trainable_weights:
        first, second = mirrored.experimental_local_results(weight.value)
        np.testing.assert_array_equal(first, second)
        assert np.all(np.isfinite(first))


def test_each_device_has_noise_of_its_own(mirrored):
    with mirrored.scope():
        model = dequantized()
    x = tf.zeros([3, 2])
    run = tf.function(lambda: mirrored.run(lambda: model(x)["elbo"]))
    first, second = mirrored.experimental_local_results(run())
    assert len(np.unique([first, second])) == 6


def test_samples_do_not_depend_on_the_strategy(mirrored, randomize):
    one, two = pair(mirrored, randomize, density, "sgd")
    with mirrored.scope():
        samples = two.sample(5, seed=1)
    np.testing.assert_allclose(samples, one.sample(5, seed=1), rtol=1e-5)
