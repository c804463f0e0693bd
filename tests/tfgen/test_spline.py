"""The rational-quadratic spline against TFP's, autodiff, and what it promises."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import bijectors as tfb

from tfgen.bijectors import (
    RationalQuadratic,
    RationalQuadraticSpline,
    forward_and_log_det,
    inverse_and_log_det,
)

BOUND = 1.5
# How far from the identity: logits of bin sizes and of slopes are of this size.
SPREADS = [0.0, 1.0, 4.0]
DIRECTIONS = {"forward": forward_and_log_det, "inverse": inverse_and_log_det}


def make(num_bins, spread, dtype="float64", rows=50):
    """Splines `[rows, 1]`, ours and TFP's, of the same parameters."""
    transformer = RationalQuadratic(num_bins, BOUND)
    rng = np.random.default_rng(num_bins)
    parameters = spread * rng.standard_normal([rows, 1, transformer.num_parameters])
    return splines(transformer, tf.constant(parameters, dtype))


def splines(transformer, parameters):
    ours = transformer(parameters)
    theirs = tfb.RationalQuadraticSpline(
        ours.parameters["widths"],
        ours.parameters["heights"],
        ours.parameters["slopes"],
        range_min=-transformer.bound,
    )
    return ours, theirs


def points(dtype="float64"):
    inside = np.linspace(-BOUND, BOUND, 103)[1:-1]
    outside = [-1e6, -2.0, -BOUND, BOUND, 2.0, 1e6]
    return tf.constant(np.concatenate([inside, outside]), dtype)


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("spread", SPREADS)
@pytest.mark.parametrize("num_bins", [2, 3, 8])
def test_it_agrees_with_tfp(num_bins, spread, direction):
    ours, theirs = make(num_bins, spread)
    actual = DIRECTIONS[direction](ours, points(), 0)
    expected = DIRECTIONS[direction](theirs, points(), 0)
    for a, b in zip(actual, expected, strict=True):
        assert a.shape == b.shape == (50, len(points()))
        np.testing.assert_allclose(a, b, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_gradients_agree_with_tfp(direction):
    transformer = RationalQuadratic(5, BOUND)
    rng = np.random.default_rng(0)
    parameters = tf.constant(rng.standard_normal([40, transformer.num_parameters]))
    x = tf.constant(rng.uniform(-2.0, 2.0, [40]))
    gradients = []
    for index in (0, 1):
        with tf.GradientTape() as tape:
            tape.watch([parameters, x])
            bijector = splines(transformer, parameters)[index]
            y, log_det = DIRECTIONS[direction](bijector, x, 0)
            loss = tf.reduce_sum(tf.sin(3.0 * y)) + tf.reduce_sum(tf.cos(log_det))
        gradients.append(tape.gradient(loss, [parameters, x]))
    for a, b in zip(*gradients, strict=True):
        assert np.any(b != 0)
        np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("spread", SPREADS)
def test_log_slopes_are_those_of_autodiff(spread, direction):
    bijector, _ = make(8, spread)
    x = tf.tile(points()[tf.newaxis], [50, 1])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y, log_det = DIRECTIONS[direction](bijector, x, 0)
    slopes = tape.gradient(y, x)
    assert np.all(slopes > 0)
    np.testing.assert_allclose(log_det, tf.math.log(slopes), rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("spread", SPREADS)
def test_directions_undo_each_other(spread, dtype):
    bijector, _ = make(8, spread, dtype)
    x, log_det = forward_and_log_det(bijector, points(dtype), 0)
    z, inverse_log_det = inverse_and_log_det(bijector, x, 0)
    # One rounding of x is as much in z as the slope says.
    error = np.abs(z - points(dtype)) * np.minimum(np.exp(log_det), 1.0)
    assert np.all(error <= 10 * np.finfo(dtype).eps * np.maximum(1.0, np.abs(x)))
    if spread <= 1.0:
        tolerance = 1e4 * np.finfo(dtype).eps
        np.testing.assert_allclose(inverse_log_det, -log_det, atol=tolerance)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("spread", [1.0, 4.0, 100.0])
def test_it_increases_and_its_gradients_are_finite(spread, direction, dtype):
    transformer = RationalQuadratic(6, BOUND)
    rng = np.random.default_rng(1)
    parameters = spread * rng.standard_normal([100, 1, transformer.num_parameters])
    parameters = tf.constant(parameters, dtype)
    bijector = transformer(parameters)
    sizes = bijector.parameters["widths" if direction == "forward" else "heights"]
    knots = -BOUND + np.cumsum(sizes.numpy(), axis=-1)[:, 0]
    near = np.concatenate([np.nextafter(knots, -9), knots, np.nextafter(knots, 9)], 1)
    plain = np.tile(points(dtype), [100, 1])
    x = tf.constant(np.sort(np.concatenate([near, plain], axis=1), axis=1), dtype)
    with tf.GradientTape() as tape:
        tape.watch([x, parameters])
        y, log_det = DIRECTIONS[direction](transformer(parameters), x, 0)
        loss = tf.reduce_sum(tf.tanh(y)) + tf.reduce_sum(log_det)
    assert np.all(np.isfinite(log_det))
    rounding = 8 * np.finfo(dtype).eps * BOUND
    assert np.all(np.diff(y, axis=1) >= -rounding)
    for gradient in tape.gradient(loss, [x, parameters]):
        assert np.all(np.isfinite(gradient))


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_outside_it_is_the_identity(direction):
    bijector, _ = make(4, 1.0)
    outside = tf.constant([-1e30, -BOUND, BOUND, 1e30], tf.float64)
    y, log_det = DIRECTIONS[direction](bijector, outside, 0)
    np.testing.assert_allclose(y, np.tile(outside, [50, 1]), rtol=1e-14)
    np.testing.assert_array_equal(log_det.numpy()[:, [0, 1, 3]], np.zeros([50, 3]))


def test_parameters_of_zero_give_the_identity():
    bijector, _ = make(8, 0.0)
    x, log_det = forward_and_log_det(bijector, points(), 0)
    np.testing.assert_allclose(x, np.tile(points(), [50, 1]), rtol=1e-12)
    np.testing.assert_allclose(log_det, np.zeros_like(log_det), atol=1e-12)


def test_a_bin_worked_out_by_hand():
    # The bin from (-1, -1) to (0, 0) has the slopes 1 and 3, and the mean slope 1. At
    # its middle: u = 0.5 (0.5 + 0.5) / (0.5 + 4 / 4) = 1 / 3, slope (0.75 + 0.5 + 0.25)
    # / 1.5**2 = 2 / 3.
    size = tf.constant([1.0, 1.0], tf.float64)
    slopes = tf.constant([3.0], tf.float64)
    bijector = RationalQuadraticSpline(size, size, slopes, start=-1.0)
    x, log_det = forward_and_log_det(bijector, tf.constant([-0.5], tf.float64), 0)
    np.testing.assert_allclose(x, [-2 / 3])
    np.testing.assert_allclose(log_det, [np.log(2 / 3)])
    z, log_det = inverse_and_log_det(bijector, x, 0)
    np.testing.assert_allclose(z, [-0.5])
    np.testing.assert_allclose(log_det, [-np.log(2 / 3)])
