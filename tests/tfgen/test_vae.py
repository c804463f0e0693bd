"""Variational autoencoders: exact where the posterior of a linear model is known."""

import keras
import numpy as np
import pytest
import scipy.special
import scipy.stats
import tensorflow as tf

import tfgen
from tfgen import ELBO, VAE, Autoencoder, ImportanceWeighted, Reconstruction, random
from tfgen.distributions import (
    Bernoulli,
    Flow,
    Gaussian,
    GreyBernoulli,
    Mixture,
    StandardNormal,
)
from tfgen.flows import Logit, Scale, Standardize
from tfgen.networks import MLP, Chain, Normalize

# x | z ~ N(W z + b, s**2). With orthogonal columns of W the posterior is elementwise.
W = np.array([[1.5, 0.4], [-0.6, 1.0], [0.3, 0.0]])
B, S = np.array([0.5, -1.0, 2.0]), 0.7
PRECISION = 1.0 + np.sum(W**2, axis=0) / S**2
LAW = scipy.stats.multivariate_normal(B, W @ W.T + S**2 * np.eye(3))
ROWS = 6


def affine(kernel, bias, scale):
    """A network for `Gaussian`: locations `x @ kernel + bias`, and constant scales."""
    (size, features), scale = kernel.shape, np.broadcast_to(scale, bias.shape)
    network = MLP(size, [], 2 * features, dtype="float64")
    # Pairs of location and log-scale, which is bounded by 5 tanh(a / 5).
    kernel = np.stack([kernel, np.zeros_like(kernel)], axis=-1)
    bias = np.stack([bias, 5.0 * np.arctanh(np.log(scale) / 5.0)], axis=-1)
    network.set_weights([kernel.reshape(size, -1), bias.ravel()])
    return network


def posterior(stretch=1.0, shift=0.0):
    """The exact posterior, or a wrong one."""
    kernel = W / S**2 / PRECISION
    scale = stretch / np.sqrt(PRECISION)
    network = affine(kernel, shift - B @ kernel, scale)
    return Gaussian([2], network, dtype="float64")


def linear(encoder=None, prior=None, **options):
    decoder = Gaussian([3], affine(W.T, B, S), dtype="float64")
    prior = prior or StandardNormal([2], dtype="float64")
    return VAE(encoder or posterior(), decoder, prior, dtype="float64", **options)


def as_flow(layer):
    """The same distribution, with no closed form for anything."""
    return Flow(layer, [], dtype="float64")


def data(rows=ROWS):
    assert np.abs(W[:, 0] @ W[:, 1]) < 1e-12
    return LAW.rvs(rows, random_state=0)


def seeds(rows=ROWS, seed=0):
    return random.row_seeds(seed, tf.range(rows))


@pytest.mark.parametrize("part", ["encoder", "prior"])
def test_the_bound_is_tight_at_the_exact_posterior(part):
    parts = {"encoder": posterior(), "prior": StandardNormal([2], dtype="float64")}
    model = linear(**{**parts, part: as_flow(parts[part])})
    x = data()
    terms = model.terms({"x": x}, seeds())
    # Every single draw, with no tolerance for chance.
    np.testing.assert_allclose(terms["elbo"], LAW.logpdf(x), rtol=1e-9)
    np.testing.assert_allclose(
        terms["log_likelihood"] - terms["kl"], terms["elbo"], rtol=1e-12
    )
    assert len(np.unique(terms["kl"])) == ROWS
    draws = model.draws({"x": x}, seeds(), 7)
    expected = np.repeat(LAW.logpdf(x)[:, np.newaxis], 7, axis=1)
    np.testing.assert_allclose(draws["elbo"], expected, rtol=1e-9)
    assert len(np.unique(draws["kl"])) == 7 * ROWS


def test_the_closed_form_is_taken_where_there_is_one():
    model, x = linear(), data()
    terms = model.terms({"x": x}, seeds())
    loc = (x - B) @ W / S**2 / PRECISION
    # KL(N(m, 1 / t) || N(0, 1)) = (log(t) - 1 + 1 / t + m**2) / 2
    kl = 0.5 * np.sum(np.log(PRECISION) - 1 + 1 / PRECISION + loc**2, axis=1)
    np.testing.assert_allclose(terms["kl"], kl, rtol=1e-9)
    assert not np.any(np.isclose(terms["elbo"], LAW.logpdf(x), rtol=1e-6))


def test_latents_have_divergences_of_their_own():
    model, x = linear(posterior(stretch=1.3)), data()
    loc, variance = (x - B) @ W / S**2 / PRECISION, 1.3**2 / PRECISION
    # KL(N(m, v) || N(0, 1)) = (v + m**2 - 1 - log(v)) / 2
    expected = 0.5 * (variance + loc**2 - 1 - np.log(variance))
    np.testing.assert_allclose(model.kl_per_latent(x), expected, rtol=1e-9)
    kl = model.terms({"x": x}, seeds())["kl"]
    np.testing.assert_allclose(np.sum(expected, axis=1), kl, rtol=1e-9)
    # Of latents that depend on each other there is but one, of all together.
    mixture = Mixture([2], 2, "full", dtype="float64")
    for other in (linear(as_flow(posterior())), linear(prior=mixture)):
        assert other.kl_per_latent(x) is None


def test_closed_form_and_draws_agree_on_average():
    rows = 20_000
    x = np.repeat(data(1)[np.newaxis], rows, axis=0)
    wrong = {"stretch": 1.3, "shift": 0.2}
    models = [linear(posterior(**wrong)), linear(as_flow(posterior(**wrong)))]
    closed, drawn = (model.terms({"x": x}, seeds(rows)) for model in models)
    # The same draws, so the same likelihood.
    np.testing.assert_allclose(
        closed["log_likelihood"], drawn["log_likelihood"], rtol=1e-9
    )
    error = np.std(drawn["kl"]) / np.sqrt(rows)
    assert abs(np.mean(drawn["kl"]) - closed["kl"][0]) < 4 * error
    # And both are bounds: below by the divergence from the exact posterior.
    gap = 2 * 0.5 * (1.3**2 - 1 - 2 * np.log(1.3)) + 0.5 * 0.2**2 * PRECISION.sum()
    for terms in (closed, drawn):
        error = np.std(terms["elbo"]) / np.sqrt(rows)
        assert abs(np.mean(terms["elbo"]) - (LAW.logpdf(x[0]) - gap)) < 4 * error


def test_importance_samples_are_exact_at_the_exact_posterior():
    x = data()
    for num_samples in (1, 5):
        estimate = linear().importance_log_prob(x, num_samples)
        np.testing.assert_allclose(estimate, LAW.logpdf(x), rtol=1e-9)


def test_importance_samples_converge_to_the_exact_answer():
    model, x = linear(posterior(stretch=1.2, shift=0.3)), data(400)
    exact = LAW.logpdf(x)
    estimates = [model.importance_log_prob(x, k).numpy() for k in (1, 4, 16)]
    # From below, and on average the nearer the more samples there are.
    means = [np.mean(estimate) for estimate in estimates]
    assert means[0] < means[1] < means[2] < np.mean(exact)
    few = model.importance_log_prob(x[:3], 20_000)
    np.testing.assert_allclose(few, exact[:3], atol=0.02)
    assert np.all(np.abs(estimates[0][:3] - exact[:3]) > 0.02)


@pytest.mark.parametrize("num_samples", [1, 9, 10, 11])
def test_importance_samples_add_up_in_chunks(num_samples, monkeypatch):
    monkeypatch.setattr(tfgen.models.vae, "_FEATURES", 5 * ROWS * 3)
    model, x = linear(posterior(stretch=1.5)), data()
    log_weights = model.draws({"x": x}, seeds(), num_samples)["elbo"]
    expected = scipy.special.logsumexp(log_weights, axis=1) - np.log(num_samples)
    actual = model.importance_log_prob(x, num_samples)
    np.testing.assert_allclose(actual, expected, rtol=1e-9)


def test_an_importance_estimate_is_its_own_rows(monkeypatch):
    monkeypatch.setattr(tfgen.models.vae, "_FEATURES", 100)
    model, x = linear(posterior(stretch=1.5)), data()
    together = model.importance_log_prob(x, 30)
    monkeypatch.setattr(tfgen.models.vae, "_ROWS", 4)
    np.testing.assert_allclose(model.importance_log_prob(x, 30), together, rtol=1e-9)
    alone = model.importance_rows({"x": x[4:5]}, seeds()[4:5], tf.constant(30))
    np.testing.assert_allclose(alone, together[4:5], rtol=1e-9)
    assert np.all(model.importance_log_prob(x, 30, seed=1) != together)
    assert model.importance_log_prob(x[:0], 30).shape == (0,)


def test_a_warm_up_weighs_the_divergence_and_not_the_terms():
    model, x = linear(), data()
    expected = model.terms({"x": x}, seeds())
    kl, log_likelihood = expected["kl"], expected["log_likelihood"]
    for step, weight in [(0, 0.0), (1, 0.25), (3, 0.75), (4, 1.0), (9, 1.0)]:
        loss, terms = ELBO(warm_up=4)(model, {"x": x}, seeds(), tf.constant(step))
        np.testing.assert_allclose(loss, weight * kl - log_likelihood, rtol=1e-9)
        assert terms.keys() == expected.keys()
        for name, values in terms.items():
            np.testing.assert_array_equal(values, expected[name])
    for objective in (ELBO(), model.objective):
        loss, _ = objective(model, {"x": x}, seeds(), tf.constant(0))
        np.testing.assert_allclose(loss, -expected["elbo"], rtol=1e-9)


@pytest.mark.parametrize("num_samples", [1, 7])
def test_the_importance_weighted_loss_agrees_with_scipy(num_samples):
    model, x = linear(posterior(stretch=1.5)), data()
    draws = model.draws({"x": x}, seeds(), num_samples)
    objective = ImportanceWeighted(num_samples)
    loss, terms = objective(model, {"x": x}, seeds(), tf.constant(0))
    bound = scipy.special.logsumexp(draws["elbo"], axis=1) - np.log(num_samples)
    np.testing.assert_allclose(loss, -bound, rtol=1e-9)
    assert tuple(terms) == model.term_names
    for name, values in draws.items():
        np.testing.assert_allclose(terms[name], np.mean(values, axis=1), rtol=1e-9)
    if num_samples == 1:
        np.testing.assert_allclose(loss, -terms["elbo"], rtol=1e-9)
        np.testing.assert_allclose(
            terms["elbo"], terms["log_likelihood"] - terms["kl"], rtol=1e-9
        )


class Counted(MLP):
    """Counts the rows that it sees."""

    def call(self, x):
        self.seen = [*getattr(self, "seen", []), len(x)]
        return super().call(x)


def counted(*, flow=False):
    encoder, decoder = Counted(3, [4], 4), Counted(2, [4], 6)
    layer = Gaussian([2], encoder)
    if flow:
        layer = Flow(Gaussian([2], MLP(4, [], 4)), [], encoder)
    return VAE(layer, Gaussian([3], decoder), StandardNormal([2])), encoder, decoder


@pytest.mark.parametrize("flow", [False, True])
def test_each_network_runs_once(flow):
    x = {"x": data().astype("float32")}
    model, encoder, decoder = counted(flow=flow)
    model.terms(x, seeds())
    assert (encoder.seen, decoder.seen) == ([ROWS], [ROWS])
    model, encoder, decoder = counted(flow=flow)
    ImportanceWeighted(5)(model, x, seeds(), tf.constant(0))
    # The encoder sees a row once, not once for each draw.
    assert (encoder.seen, decoder.seen) == ([ROWS], [5 * ROWS])


def test_rows_are_independent_of_their_batch(randomize):
    model = randomize(counted(flow=True)[0], 0.3)
    x, rows = data().astype("float32"), slice(4, 1, -1)
    together = model.draws({"x": x}, seeds(), 3)
    alone = model.draws({"x": x[rows]}, seeds()[rows], 3)
    later = model.draws({"x": x}, seeds(), 2, first=1)
    for name, values in together.items():
        np.testing.assert_allclose(alone[name], values[rows], rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(later[name], values[:, 1:], rtol=1e-5, atol=1e-5)


def test_codes_are_of_the_prior_and_data_of_the_decoder():
    samples = linear().sample(4000, seed=1).numpy()
    for axis in range(3):
        marginal = scipy.stats.norm(B[axis], np.sqrt(LAW.cov[axis, axis]))
        assert scipy.stats.kstest(samples[:, axis], marginal.cdf).pvalue > 1e-4
    np.testing.assert_allclose(np.cov(samples.T), LAW.cov, atol=0.2)


@pytest.mark.parametrize("objective", [ELBO(warm_up=100), ImportanceWeighted(5)])
def test_training_finds_the_law_of_the_data(objective):
    encoder = Gaussian([2], MLP(3, [], 4))
    decoder = Gaussian([3], MLP(2, [], 6, zero_init=True))
    model = VAE(encoder, decoder, StandardNormal([2]), objective)
    model.compile(keras.optimizers.Adam(0.03), jit_compile=False)
    x = LAW.rvs(2000, random_state=1).astype("float32")
    model.fit(x, batch_size=100, epochs=15, verbose=0)
    assert LAW.logpdf(x).mean() - np.mean(model.elbo(x)) < 0.1


def bits(**options):
    parts = {
        "encoder": Gaussian([2], MLP(4, [3], 4)),
        "decoder": Bernoulli([4], MLP(2, [3], 4)),
        "prior": StandardNormal([2]),
    }
    return VAE(**{**parts, **options})


def test_integers_are_taken_as_they_are(randomize):
    model = randomize(bits())
    x = np.array([[0, 1, 1, 0], [1, 0, 0, 1]], np.uint8)
    np.testing.assert_array_equal(model.elbo(x), model.elbo(x.astype("float32")))


@pytest.mark.parametrize("objective", [ELBO(), ImportanceWeighted(2), Reconstruction()])
def test_objectives_name_what_they_are_not_for(objective):
    model, x = tfgen.DensityModel(StandardNormal([2])), {"x": tf.zeros([3, 2])}
    message = f"{type(objective).__name__} .* received a DensityModel, with log_prob"
    with pytest.raises(TypeError, match=message):
        objective(model, x, tf.range(3), tf.constant(0))


def test_what_does_not_fit_is_refused():
    with pytest.raises(
        ValueError, match=r"encoder of shape \[2\] and a prior of .*\[3"
    ):
        bits(prior=StandardNormal([3]))
    with pytest.raises(ValueError, match=r"VAE takes x of shape \[batch, 4\]"):
        bits().elbo(np.zeros([2, 3]))
    with pytest.raises(ValueError, match="takes no context; received one"):
        bits()({"x": np.zeros([2, 4]), "context": np.zeros([2, 1])})
    with pytest.raises(ValueError, match="takes no context; received one"):
        bits().sample(2, context=np.zeros([2, 1]))
    with pytest.raises(ValueError, match="received warm_up=-1. Give 0 for none"):
        ELBO(-1)
    for take in (ImportanceWeighted, lambda k: bits().importance_log_prob([], k)):
        with pytest.raises(ValueError, match="at least 1 draw.*num_samples=0. Usual"):
            take(0)


def test_codes_of_the_posterior_are_its_mean_and_deviation():
    model, x = linear(), data()
    codes = model.encode(x)
    loc = (x - B) @ W / S**2 / PRECISION
    np.testing.assert_allclose(codes["loc"], loc, rtol=1e-9)
    scale = np.broadcast_to(1 / np.sqrt(PRECISION), loc.shape)
    np.testing.assert_allclose(codes["scale"], scale, rtol=1e-9)
    np.testing.assert_allclose(model.decode(loc), loc @ W.T + B, rtol=1e-9)
    np.testing.assert_allclose(model.reconstruct(x), loc @ W.T + B, rtol=1e-9)


def test_codes_of_a_flow_are_draws():
    bend = [Logit([2], dtype="float64"), Scale([2], 0.1, dtype="float64")]
    model, x = linear(Flow(posterior(), bend, dtype="float64")), data()
    codes = model.encode(x, seed=3)
    assert tuple(codes) == ("z",)
    np.testing.assert_array_equal(codes["z"], model.encoder.sample(seeds(seed=3), x))
    assert np.all(model.encode(x, seed=4)["z"] != codes["z"])
    expected = model.decode(codes["z"])
    np.testing.assert_array_equal(model.reconstruct(x, seed=3), expected)


def test_decoders_without_a_mean_have_nothing_to_show():
    decoder = Flow(Gaussian([4], MLP(2, [3], 8)), [Logit([4])])
    model = bits(decoder=decoder)
    with pytest.raises(TypeError, match="decoder without one, Flow. Draw samples"):
        model.decode(np.zeros([3, 2]))
    names = [s.name for s in model.signatures({"x": tf.TensorSpec([None, 4])})]
    assert names == ["elbo", "sample", "encode"]


def test_what_is_no_likelihood_is_said_to_be_none():
    assert bits().kind == "lower_bound"
    model = bits(decoder=GreyBernoulli([4], 256, MLP(2, [3], 4)))
    assert model.kind == "none"
    loaded = VAE.from_config(model.get_config())
    assert loaded.kind == "none"
    signature = model.signatures({"x": tf.TensorSpec([None, 4], tf.uint8)})[0]
    assert "seed" in signature.inputs


def test_scales_of_data_are_taken_by_encoder_and_decoder():
    decoder = Flow(Gaussian([2], MLP(3, [], 4)), [Standardize([2])])
    encoder = Gaussian([3], Chain([Normalize(2), MLP(2, [], 6)]))
    model = VAE(encoder, decoder, StandardNormal([3]))
    x = np.random.default_rng(0).normal([1e4, -2.0], [0.5, 30.0], [500, 2])
    x = x.astype("float32")
    model.adapt(x)
    normalize, standardize = encoder.network.layers[0], decoder.bijectors[0]
    for layer in (normalize, standardize):
        loc, scale = layer.get_weights()
        np.testing.assert_allclose(loc, np.mean(x, axis=0, dtype=float), rtol=1e-5)
        np.testing.assert_allclose(scale, np.std(x, axis=0, dtype=float), rtol=1e-4)
    # In the data's own units: a density of other units is another number.
    assert model.decode(np.zeros([1, 3])).numpy()[0, 0] == pytest.approx(1e4, rel=1e-3)


def autoencoder():
    decoder = Gaussian([3], affine(W.T, B, S), dtype="float64")
    prior = Mixture([2], 1, "full", dtype="float64")
    encoder = MLP(3, [], 2, dtype="float64")
    return Autoencoder(encoder, decoder, prior, dtype="float64")


def test_an_autoencoder_has_one_code_for_a_row():
    model, x = autoencoder(), data()
    terms = model.terms({"x": x}, seeds())
    z = model.encoder(x)
    expected = scipy.stats.norm(z @ W.T + B, S).logpdf(x).sum(axis=1)
    np.testing.assert_allclose(terms["reconstruction"], expected, rtol=1e-9)
    np.testing.assert_allclose(terms["code"], model.prior(z), rtol=1e-9)
    np.testing.assert_array_equal(model.encode(x)["z"], z)
    np.testing.assert_allclose(model.reconstruct(x), z @ W.T + B, rtol=1e-9)
    assert model.kind == "none"
    signatures = model.signatures({"x": tf.TensorSpec([None, 3], tf.float64)})
    inputs = {s.name: list(s.inputs) for s in signatures}
    assert inputs["reconstruction"] == inputs["encode"] == ["x"]


def test_the_prior_of_an_autoencoder_learns_from_codes_and_teaches_none():
    model, x = autoencoder(), data()
    with tf.GradientTape(persistent=True) as tape:
        losses, terms = model.objective(model, {"x": x}, seeds(), tf.constant(0))
    np.testing.assert_allclose(
        losses, -terms["reconstruction"] - terms["code"], rtol=1e-12
    )
    encoder, prior = model.encoder.trainable_weights, model.prior.trainable_weights
    assert tape.gradient(terms["code"], encoder) == [None, None]
    assert tape.gradient(terms["reconstruction"], prior) == [None]
    for gradient in tape.gradient(losses, [*encoder, *prior]):
        assert np.any(gradient != 0)
