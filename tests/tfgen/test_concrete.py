"""Relaxed categories, and mixtures of Gaussians over them: exact answers."""

import numpy as np
import pytest
import scipy.special
import scipy.stats
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from tfgen import random
from tfgen.distributions import Concrete, ConcreteMixture, RelaxedMixture
from tfgen.distributions.concrete import draw_log_s, relaxed
from tfgen.networks import MLP

LOGITS = {2: [0.3, -0.8], 3: [0.5, -1.0, 0.2]}
LOC = np.array([[-2.0, 0.5], [1.0, 3.0], [4.0, -1.0]])
SCALE = np.array([[0.5, 1.0], [1.5, 0.3], [0.8, 2.0]])


def seeds(rows, seed=0):
    return random.row_seeds(seed, tf.range(rows))


def joint(temperature=0.7, logits=LOGITS[3]):
    tensors = (tf.constant(rows, tf.float64) for rows in (logits, LOC, SCALE))
    return RelaxedMixture(*tensors, temperature)


def simplex_density(s, logits, temperature):
    """The density over the simplex, of its first K - 1 coordinates, by the paper."""
    k, weights = len(logits), np.exp(logits)
    constant = scipy.special.factorial(k - 1) * temperature ** (k - 1)
    terms = weights * s ** (-temperature - 1)
    return constant * np.prod(terms) / np.sum(weights * s**-temperature) ** k


def log_space_density(s, logits, temperature):
    log_s = tf.constant(np.log(s)[np.newaxis])
    distribution = relaxed(tf.constant(logits, tf.float64), temperature)
    return float(np.exp(distribution.log_prob(log_s))[0])


@pytest.mark.parametrize("temperature", [0.4, 1.0, 2.0])
@pytest.mark.parametrize("k", [2, 3])
def test_the_density_is_that_of_the_paper(k, temperature):
    for s in np.random.default_rng(0).dirichlet(np.ones(k), 5):
        # From log-ratios to s the volume changes by the product of all coordinates.
        expected = simplex_density(s, LOGITS[k], temperature) * np.prod(s)
        actual = log_space_density(s, LOGITS[k], temperature)
        np.testing.assert_allclose(actual, expected, rtol=1e-6)


@pytest.mark.parametrize("temperature", [0.4, 1.0, 2.0])
def test_a_choice_of_two_integrates_to_one(temperature):
    # Over the simplex itself, whose ends are where the density may be infinite.
    nodes, weights = np.polynomial.legendre.leggauss(300)
    # s = u**9 / (u**9 + (1 - u)**9) stretches the ends.
    u = 0.5 * (nodes + 1.0)
    high, low = u**9, (1.0 - u) ** 9
    s = np.stack([high, low], axis=1) / (high + low)[:, np.newaxis]
    stretch = 9.0 * s.prod(axis=1) / (u * (1.0 - u))
    distribution = relaxed(tf.constant(LOGITS[2], tf.float64), temperature)
    density = np.exp(distribution.log_prob(np.log(s))) / s.prod(axis=1)
    total = np.sum(0.5 * weights * density * stretch)
    assert total == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("temperature", [0.5, 1.0])
def test_a_choice_of_three_integrates_to_one(temperature):
    # Over the log-ratios to the last category, on a grid beyond which nothing is left.
    step = 0.25
    # None of whose points lies between two categories.
    axes = [np.arange(-60.0, 60.0, step) + shift for shift in (0.08, 0.17)]
    ratios = np.stack([*np.meshgrid(*axes), np.zeros([len(axes[0])] * 2)], axis=-1)
    log_s = scipy.special.log_softmax(ratios, axis=-1)
    distribution = relaxed(tf.constant(LOGITS[3], tf.float64), temperature)
    density = np.exp(distribution.log_prob(log_s))
    assert np.sum(density) * step**2 == pytest.approx(1.0, abs=1e-6)
    # And the largest coordinate is the category, whatever the temperature.
    expected = scipy.special.softmax(LOGITS[3])
    largest = np.argmax(log_s, axis=-1)
    shares = [np.sum(density[largest == i]) * step**2 for i in range(3)]
    np.testing.assert_allclose(shares, expected, atol=0.01)


@pytest.mark.parametrize("temperature", [0.1, 1.0])
def test_draws_are_like_the_density(temperature):
    logits = tf.constant(LOGITS[2], tf.float64)
    draws = draw_log_s(seeds(4000), logits, temperature).numpy()
    np.testing.assert_allclose(scipy.special.logsumexp(draws, axis=1), 0, atol=1e-12)
    # The log-ratio is logistic.
    ratio = draws[:, 0] - draws[:, 1]
    law = scipy.stats.logistic(
        (LOGITS[2][0] - LOGITS[2][1]) / temperature, 1 / temperature
    )
    assert scipy.stats.kstest(ratio, law.cdf).pvalue > 1e-4


def test_low_temperatures_do_not_underflow():
    layer = Concrete(5, 0.01)
    log_s, log_prob = layer.sample_and_log_prob(seeds(200))
    assert np.all(np.isfinite(log_s))
    assert np.all(np.isfinite(log_prob))
    assert np.any(np.exp(log_s) == 0)


def test_a_category_may_depend_on_a_context():
    network = MLP(3, [4], 2)
    layer, context = Concrete(2, 0.5, network), tf.random.normal([6, 3], seed=0)
    log_s, log_prob = layer.sample_and_log_prob(seeds(6), context)
    np.testing.assert_allclose(log_prob, layer(log_s, context), rtol=1e-6)
    ratio = (log_s[:, 0] - log_s[:, 1]).numpy()
    logits = network(context).numpy()
    law = scipy.stats.logistic(2 * (logits[:, 0] - logits[:, 1]), 2.0)
    np.testing.assert_allclose(log_prob, law.logpdf(ratio), rtol=1e-4, atol=1e-4)


def test_one_hot_categories_name_a_component_of_the_mixture():
    mixture, z = joint().marginal(), np.random.default_rng(0).normal(0, 3, [20, 2])
    assert isinstance(mixture, tfd.MixtureSameFamily)
    for i in range(3):
        with np.errstate(divide="ignore"):
            log_s = np.repeat(np.log(np.eye(3)[[i]]), 20, axis=0)
        given = joint().given(tf.constant(log_s))
        expected = mixture.components_distribution.log_prob(z[:, np.newaxis])[:, i]
        np.testing.assert_allclose(given.log_prob(z), expected, rtol=1e-12)
        law = scipy.stats.norm(LOC[i], SCALE[i])
        np.testing.assert_allclose(expected, law.logpdf(z).sum(axis=1), rtol=1e-12)
    weights = scipy.special.softmax(LOGITS[3])
    parts = [scipy.stats.norm(LOC[i], SCALE[i]).pdf(z).prod(axis=1) for i in range(3)]
    np.testing.assert_allclose(mixture.log_prob(z), np.log(weights @ parts), rtol=1e-9)


def test_a_product_of_experts_is_the_normalised_product():
    s = np.array([[0.2, 0.5, 0.3], [0.9, 0.05, 0.05], [1 / 3, 1 / 3, 1 / 3]])
    given = joint().given(tf.constant(np.log(s)))
    step = 0.01
    axis = np.arange(-12.0, 12.0, step)
    for coordinate in range(2):
        experts = scipy.stats.norm(LOC[:, coordinate], SCALE[:, coordinate])
        product = np.exp(s @ experts.logpdf(axis[:, np.newaxis]).T)
        product /= product.sum(axis=1, keepdims=True) * step
        normal = given.distribution
        law = scipy.stats.norm(normal.loc[:, coordinate], normal.scale[:, coordinate])
        np.testing.assert_allclose(law.pdf(axis[:, np.newaxis]).T, product, atol=1e-9)


def test_the_joint_density_integrates_to_one():
    # K = 2 and one coordinate: over the log-ratio and z.
    mixture = RelaxedMixture(
        tf.constant(LOGITS[2], tf.float64),
        tf.constant(LOC[:2, :1]),
        tf.constant(SCALE[:2, :1]),
        0.7,
    )
    ratio, z = np.meshgrid(np.arange(-40, 40, 0.1), np.arange(-9, 12, 0.05))
    log_s = scipy.special.log_softmax(
        np.stack([ratio.ravel(), np.zeros(ratio.size)], axis=1), axis=1
    )
    log_prob = mixture.log_prob(tf.constant(log_s), tf.constant(z.reshape(-1, 1)))
    total = np.sum(np.exp(log_prob)) * 0.1 * 0.05
    assert total == pytest.approx(1.0, abs=1e-6)


def test_draws_of_z_are_of_their_category():
    log_s, z = joint(temperature=0.05).sample(seeds(6000))
    rounded = np.argmax(log_s, axis=1)
    shares = np.bincount(rounded) / 6000
    np.testing.assert_allclose(shares, scipy.special.softmax(LOGITS[3]), atol=0.02)
    normal = joint().given(log_s).distribution
    noise = (z - normal.loc) / normal.scale
    for coordinate in range(2):
        assert scipy.stats.kstest(noise[:, coordinate], "norm").pvalue > 1e-4
    # And of no others: the noise of z is not that of s.
    assert abs(np.corrcoef(noise[:, 0], log_s[:, 0])[0, 1]) < 0.05


def test_gradients_reach_both_through_draws():
    tensors = [tf.constant(rows, tf.float64) for rows in (LOGITS[3], LOC, SCALE)]
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(tensors)
        log_s, z = RelaxedMixture(*tensors, 0.7).sample(seeds(8))
        sums = [tf.reduce_sum(log_s[:, 0]), tf.reduce_sum(z)]
    for gradient in tape.gradient(sums[1], tensors):
        assert np.all(np.abs(gradient) > 1e-6)
    logits, loc, scale = tape.gradient(sums[0], tensors)
    assert np.all(np.abs(logits) > 1e-6)
    assert (loc, scale) == (None, None)


def test_without_a_network_a_layer_is_the_mixture():
    layer = ConcreteMixture([2], 3, dtype="float64")
    weights = scipy.special.softmax(LOGITS[3])
    layer.start(weights, LOC, SCALE)
    z = np.random.default_rng(0).normal(0, 3, [9, 2])
    np.testing.assert_allclose(layer(z), joint().marginal().log_prob(z), rtol=1e-9)
    draws = layer.sample(seeds(4000)).numpy()
    mean, covariance = weights @ LOC, np.cov(LOC.T, aweights=weights, ddof=0)
    covariance += np.diag(weights @ SCALE**2)
    np.testing.assert_allclose(draws.mean(axis=0), mean, atol=0.1)
    np.testing.assert_allclose(np.cov(draws.T), covariance, atol=0.25)


@pytest.mark.parametrize("outputs", [3 + 2 * 3 * 2, 3 + 2 * 2])
def test_networks_give_a_gaussian_for_each_category_or_one_for_all(outputs):
    network = MLP(4, [5], outputs)
    context = tf.random.normal([6, 4], seed=0)
    given = ConcreteMixture([2], 3, network).joint(context, temperature=0.5)
    raw = network(context).numpy()
    np.testing.assert_array_equal(given.logits, raw[:, :3])
    loc, log_scale = raw[:, 3:].reshape(6, 2, -1, 2).transpose(1, 0, 2, 3)
    loc, log_scale = (np.broadcast_to(part, [6, 3, 2]) for part in (loc, log_scale))
    np.testing.assert_array_equal(given.loc, loc)
    np.testing.assert_allclose(
        given.scale, np.exp(5 * np.tanh(log_scale / 5)), rtol=1e-5
    )


def test_what_is_no_choice_is_refused():
    for make in (Concrete, lambda k: ConcreteMixture([2], k)):
        with pytest.raises(ValueError, match="at least 2; received num_categories=1"):
            make(1)
    with pytest.raises(ValueError, match=r"above 0; received temperature=0. Usual"):
        Concrete(2, 0)
    with pytest.raises(ValueError, match=r"needs vectors.*event_shape=\[2, 2\]"):
        ConcreteMixture([2, 2], 3)
