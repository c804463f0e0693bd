"""Objectives of disentangling: exact where the law of all codes is known."""

import keras
import numpy as np
import pytest
import scipy.special
import scipy.stats
import tensorflow as tf

import tfgen
from tfgen import ELBO, VAE, BetaELBO, CapacityELBO, TotalCorrelationELBO, random
from tfgen.distributions import Flow, Gaussian, Mixture, StandardNormal
from tfgen.networks import MLP

ROWS = 7
# The same loss in each step, and another one for each part of the divergence.
PARTS = {"mi": (2.0, 1.0, 1.0), "tc": (1.0, 2.0, 1.0), "dw": (1.0, 1.0, 2.0)}
TERMS = ("elbo", "log_likelihood", "kl")


def seeds(rows=ROWS):
    return random.row_seeds(3, tf.range(rows))


def vae(randomize, prior=None, latents=3, dtype="float64"):
    """Posteriors of which each row has its own, and every latent too."""
    encoder = Gaussian([latents], MLP(2, [], 2 * latents, dtype=dtype), dtype=dtype)
    decoder = Gaussian([2], MLP(latents, [], 4, dtype=dtype), dtype=dtype)
    prior = prior or StandardNormal([latents], dtype=dtype)
    return randomize(VAE(encoder, decoder, prior, dtype=dtype), 0.7)


def data(rows=ROWS):
    return np.random.default_rng(0).standard_normal([rows, 2])


def losses(objective, model, x, step=0):
    return objective(model, {"x": x}, seeds(len(x)), tf.constant(step, tf.int64))


def placed(x, scale=0.01):
    """A model whose posterior of a row is `N(x, scale**2)` in each coordinate."""
    size = x.shape[1]
    network = MLP(size, [], 2 * size, dtype="float64")
    kernel = np.stack([np.eye(size), np.zeros([size, size])], axis=-1)
    bias = np.stack([np.zeros(size), np.full(size, 5 * np.arctanh(np.log(scale) / 5))])
    network.set_weights([kernel.reshape(size, -1), bias.T.ravel()])
    decoder = Gaussian([size], MLP(size, [], 2 * size, dtype="float64"))
    prior = StandardNormal([size], dtype="float64")
    encoder = Gaussian([size], network, dtype="float64")
    return VAE(encoder, decoder, prior, dtype="float64")


def parts(model, x):
    """Of each row: what another unit of weight on a part of the divergence adds."""
    loss, _ = losses(TotalCorrelationELBO(1.0, 1.0, 1.0), model, x)
    return {
        name: losses(TotalCorrelationELBO(*weights), model, x)[0] - loss
        for name, weights in PARTS.items()
    }


OBJECTIVES = {
    "beta": BetaELBO(4.0, warm_up=4),
    "capacity": CapacityELBO(30.0, capacity=2.0, steps=4),
    "total correlation": TotalCorrelationELBO(0.5, 6.0, 2.0),
}
EVERY = pytest.mark.parametrize("name", OBJECTIVES)


@EVERY
def test_terms_stay_those_of_the_bound(name, randomize):
    model, x = vae(randomize), data()
    loss, terms = losses(OBJECTIVES[name], model, x, step=3)
    assert loss.shape == (ROWS,)
    expected = model.terms({"x": x}, seeds())
    assert tuple(terms) == TERMS
    for term, values in terms.items():
        np.testing.assert_allclose(values, expected[term], rtol=1e-12)
    assert np.all(np.abs(loss + terms["elbo"]) > 1e-3)


@pytest.mark.parametrize(
    "objective",
    [BetaELBO(1.0), TotalCorrelationELBO(1.0, 1.0, 1.0)],
    ids=["beta", "total correlation"],
)
def test_weights_of_one_are_the_bound(objective, randomize):
    model, x = vae(randomize), data()
    loss, terms = losses(objective, model, x)
    np.testing.assert_allclose(loss, -terms["elbo"], rtol=1e-12)
    flow_prior = Flow(StandardNormal([3], dtype="float64"), [], dtype="float64")
    model = vae(randomize, flow_prior)  # Without a closed form of the divergence.
    loss, terms = losses(objective, model, x)
    np.testing.assert_allclose(loss, -model.terms({"x": x}, seeds())["elbo"])


@pytest.mark.parametrize(
    ("step", "weight"), [(0, 0.0), (1, 1.0), (3, 3.0), (4, 4.0), (9, 4.0)]
)
def test_beta_weighs_the_divergence_and_warms_up(step, weight, randomize):
    model, x = vae(randomize), data()
    loss, terms = losses(BetaELBO(4.0, warm_up=4), model, x, step)
    expected = weight * terms["kl"] - terms["log_likelihood"]
    np.testing.assert_allclose(loss, expected, rtol=1e-12)


def test_beta_one_warms_up_as_the_bound_does(randomize):
    model, x = vae(randomize), data()
    for step in (0, 3, 9):
        loss, _ = losses(BetaELBO(1.0, warm_up=4), model, x, step)
        np.testing.assert_array_equal(loss, losses(ELBO(4), model, x, step)[0])


@pytest.mark.parametrize(
    ("step", "capacity"), [(0, 0.0), (1, 1.0), (3, 3.0), (4, 4.0), (9, 4.0)]
)
def test_the_divergence_of_each_row_is_held_at_the_capacity(step, capacity, randomize):
    model, x = vae(randomize), data()
    loss, terms = losses(CapacityELBO(30.0, capacity=4.0, steps=4), model, x, step)
    kl = terms["kl"].numpy()
    if capacity:
        assert np.min(kl) < capacity < np.max(kl)  # Below and above it.
    expected = 30.0 * np.abs(kl - capacity) - terms["log_likelihood"]
    np.testing.assert_allclose(loss, expected, rtol=1e-12)


def test_a_known_divergence_at_its_capacity_costs_nothing():
    # KL(N(m, s**2) || N(0, 1)) = (m**2 + s**2 - 1) / 2 - log(s), twice.
    x, scale = np.array([[2.0, -2.0], [-2.0, 2.0]]), 0.1
    capacity = 2 * ((4.0 + scale**2 - 1.0) / 2 - np.log(scale))
    objective = CapacityELBO(1000.0, capacity=capacity, steps=0)
    loss, terms = losses(objective, placed(x, scale), x)
    np.testing.assert_allclose(terms["kl"], [capacity, capacity], rtol=1e-9)
    np.testing.assert_allclose(loss, -terms["log_likelihood"], rtol=1e-8)


def test_without_capacity_gamma_is_beta(randomize):
    model, x = vae(randomize), data()
    loss, _ = losses(CapacityELBO(4.0, capacity=0.0, steps=0), model, x)
    np.testing.assert_allclose(loss, losses(BetaELBO(4.0), model, x)[0], rtol=1e-12)


def test_the_parts_of_the_divergence_are_those_of_a_known_mixture(randomize):
    # The batch is the whole data set, so the law of all codes is the mixture of the
    # rows' posteriors.
    model, x = vae(randomize), data()
    z = model.encoder.sample(seeds(), x).numpy()
    loc, scale = (values.numpy() for values in model.encode(x).values())
    each = scipy.stats.norm(loc, scale).logpdf(z[:, np.newaxis])  # Draw, row, latent.
    log_q_given_x = np.diagonal(each.sum(axis=2))
    log_q = scipy.special.logsumexp(each.sum(axis=2), axis=1) - np.log(ROWS)
    log_q_each = scipy.special.logsumexp(each, axis=1) - np.log(ROWS)
    log_marginals = log_q_each.sum(axis=1)
    log_p = scipy.stats.norm.logpdf(z).sum(axis=1)
    found = parts(model, x)
    np.testing.assert_allclose(found["mi"], log_q_given_x - log_q, rtol=1e-9)
    np.testing.assert_allclose(found["tc"], log_q - log_marginals, rtol=1e-9)
    np.testing.assert_allclose(found["dw"], log_marginals - log_p, rtol=1e-9)
    # Together they are the divergence at the draw.
    np.testing.assert_allclose(sum(found.values()), log_q_given_x - log_p, rtol=1e-9)


# Posteriors so far apart that the law of all codes has one of them at each draw. Of two
# latents that always agree there are as many nats of correlation as each has.
LAYOUTS = {
    "line": ([[-1, -1], [0, 0], [1, 1]], np.log(3), np.log(3)),
    "grid": ([[-1, -1], [-1, 1], [1, -1], [1, 1]], np.log(4), 0.0),
    "one point": ([[0.5, 0.5]] * 3, 0.0, 0.0),
    "one latent": ([[-1, 0], [0, 0], [1, 0]], np.log(3), 0.0),
    # Densities of so many latents at once are too large for floats; logarithms not.
    "many latents": ([[-1] * 300, [0] * 300, [1] * 300], np.log(3), 299 * np.log(3)),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_information_and_correlation_have_closed_forms(name):
    x, information, correlation = LAYOUTS[name]
    x = np.array(x, float)
    found = parts(placed(x), x)
    np.testing.assert_allclose(found["mi"], np.full(len(x), information), atol=1e-9)
    np.testing.assert_allclose(found["tc"], np.full(len(x), correlation), atol=1e-9)


def test_the_parts_have_weights_of_their_own(randomize):
    model, x = vae(randomize), data()
    found = parts(model, x)
    loss, terms = losses(TotalCorrelationELBO(0.5, 6.0, 3.0), model, x)
    expected = 5.0 * found["tc"] + 2.0 * found["dw"] - 0.5 * found["mi"]
    np.testing.assert_allclose(loss, expected - terms["elbo"], rtol=1e-9)


def test_a_total_correlation_is_that_of_the_batch(randomize):
    model, x = vae(randomize), data()
    together, terms = losses(OBJECTIVES["total correlation"], model, x)
    fewer, terms_of_fewer = losses(OBJECTIVES["total correlation"], model, x[:5])
    assert np.all(np.abs(together[:5] - fewer) > 1e-3)
    for term in TERMS:
        np.testing.assert_allclose(terms[term][:5], terms_of_fewer[term], rtol=1e-9)
    # In whatever order, and no row is another one's.
    order = np.array([3, 0, 6, 1, 5, 2, 4])
    turned, _ = OBJECTIVES["total correlation"](
        model, {"x": x[order]}, tf.gather(seeds(), order), tf.constant(0)
    )
    np.testing.assert_allclose(turned, together.numpy()[order], rtol=1e-9)
    # Alone, it has no correlation, and all of its divergence is that of the latents.
    alone, terms = losses(TotalCorrelationELBO(2.0, 6.0, 1.0), model, x[:1])
    np.testing.assert_allclose(alone, -terms["elbo"], rtol=1e-9)


@EVERY
def test_gradients_are_finite_and_reach_every_weight(name, randomize):
    model, x = vae(randomize), data()
    x[0] = 300.0  # Its codes are where no other row has any density.
    with tf.GradientTape() as tape:
        loss, _ = losses(OBJECTIVES[name], model, x, step=3)
    for gradient in tape.gradient(loss, model.trainable_weights):
        assert np.all(np.isfinite(gradient))
        assert np.any(gradient != 0)


def test_the_batches_of_one_program_are_each_their_own(randomize):
    weights = []
    for jit_compile, steps in ((False, 1), (True, 3)):
        model = vae(randomize, dtype="float32")
        model.objective = OBJECTIVES["total correlation"]
        model.compile(
            keras.optimizers.SGD(1e-3),
            jit_compile=jit_compile,
            steps_per_execution=steps,
        )
        x = tf.data.Dataset.from_tensor_slices(data(48).astype("float32"))
        x = x.batch(8, drop_remainder=True)
        history = model.fit(x, shuffle=False, verbose=0).history
        assert set(history) == {"loss", *TERMS}
        weights.append(model.get_weights())
    for one, many in zip(*weights, strict=True):
        np.testing.assert_allclose(one, many, rtol=1e-4, atol=1e-6)


REFUSED = {
    "beta": (lambda: BetaELBO(-1.0), "beta=-1.0"),
    "warm-up": (lambda: BetaELBO(4.0, warm_up=-5), "warm_up=-5"),
    "gamma": (lambda: CapacityELBO(-1.0, 25.0, 100), "gamma=-1.0"),
    "capacity": (lambda: CapacityELBO(1.0, float("inf"), 100), "capacity=inf"),
    "steps": (lambda: CapacityELBO(1.0, 25.0, -1), "steps=-1"),
    "total correlation": (
        lambda: TotalCorrelationELBO(beta=float("nan")),
        "beta=nan",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_numbers_without_sense_are_refused(name):
    make, received = REFUSED[name]
    message = f"finite and 0 or more; received {received}. Weights of 1 are those of"
    with pytest.raises(ValueError, match=message):
        make()


@EVERY
def test_other_models_are_refused(name):
    model, x = tfgen.DensityModel(StandardNormal([2])), data().astype("float32")
    with pytest.raises(TypeError, match="needs a model with the term kl; received"):
        losses(OBJECTIVES[name], model, x)


def test_latents_that_depend_on_each_other_are_refused(randomize):
    posteriors = {
        "Flow": Flow(Gaussian([3], MLP(2, [], 6)), []),
        "Mixture": Mixture([3], 2, network=MLP(2, [], 2 * 7)),
    }
    for name, encoder in posteriors.items():
        decoder = Gaussian([2], MLP(3, [], 4))
        model = VAE(encoder, decoder, StandardNormal([3]), TotalCorrelationELBO())
        message = f"latents are independent given the data; received a {name}. Take"
        with pytest.raises(TypeError, match=message):
            losses(model.objective, model, data().astype("float32"))
