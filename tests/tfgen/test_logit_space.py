"""Nats in logit space."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import special

from tfgen import bijectors, flows
from tfgen.distributions import Flow, StandardNormal
from tfgen.metrics import logit_space_log_prob

ALPHAS = [1e-6, 0.05]


@pytest.fixture
def x():
    """Dequantised pixels, black and white ones among them."""
    pixels = np.random.default_rng(0).integers(0, 256, [4, 2, 3])
    pixels[0] = [[0, 255, 1], [254, 0, 255]]
    return pixels + np.random.default_rng(1).random(pixels.shape)


@pytest.mark.parametrize("alpha", ALPHAS)
def test_the_log_determinant_is_that_of_autodiff(alpha, x):
    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        s = alpha + (1.0 - 2.0 * alpha) * x / 256.0
        y = tf.math.log(s) - tf.math.log(1.0 - s)
    expected = -tf.reduce_sum(tf.math.log(tape.gradient(y, x)), axis=[1, 2])
    actual = logit_space_log_prob(tf.zeros([4]), x, levels=256, alpha=alpha)
    np.testing.assert_allclose(actual, expected, rtol=1e-9)


@pytest.mark.parametrize("alpha", ALPHAS)
def test_scale_and_logit_are_the_layers_of_those_names(alpha, x):
    scale = flows.Scale([2, 3], 1 / 256, dtype="float64").bijector()
    logit = flows.Logit([2, 3], alpha, dtype="float64").bijector()
    unit, scale_log_det = bijectors.one_pass.inverse_and_log_det(scale, x, 2)
    _, logit_log_det = bijectors.one_pass.inverse_and_log_det(logit, unit, 2)
    log_prob = tf.range(4.0)
    actual = logit_space_log_prob(log_prob, x, levels=256, alpha=alpha)
    expected = np.arange(4.0) - scale_log_det - logit_log_det
    np.testing.assert_allclose(actual, expected, rtol=1e-9)


@pytest.mark.parametrize("alpha", ALPHAS)
def test_a_density_of_logits_gets_its_own_number_back(alpha, x):
    layers = [flows.Scale([2, 3], 1 / 256), flows.Logit([2, 3], alpha)]
    flow = Flow(StandardNormal([2, 3]), layers)
    log_prob = flow.distribution().log_prob(tf.constant(x, tf.float32))
    y = special.logit(alpha + (1.0 - 2.0 * alpha) * x / 256)
    expected = (-0.5 * y**2 - 0.5 * np.log(2 * np.pi)).sum(axis=(1, 2))
    actual = logit_space_log_prob(log_prob, x, levels=256, alpha=alpha)
    # Single precision of the flow loses white pixels' distance from 1.
    np.testing.assert_allclose(actual, expected, rtol=0.02)
