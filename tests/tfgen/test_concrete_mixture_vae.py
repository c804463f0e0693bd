"""The Gaussian-mixture VAE: exact where the posterior of a linear model is known."""

import itertools

import keras
import numpy as np
import pytest
import scipy.special
import scipy.stats
import tensorflow as tf
from tensorflow_probability import distributions as tfd

import tfgen
from tfgen import ConcreteELBO, ConcreteMixtureVAE, MixturePretraining, random
from tfgen.distributions import Bernoulli, ConcreteMixture, Gaussian
from tfgen.networks import MLP

# x | z ~ N(W z + b, s**2), z | k ~ N(LOC[k], SCALE[k]**2). With orthogonal columns of W
# the posteriors of z are elementwise.
W = np.array([[1.5, 0.4], [-0.6, 1.0], [0.3, 0.0]])
B, S = np.array([0.5, -1.0, 2.0]), 0.7
WEIGHTS = np.array([0.5, 0.3, 0.2])
LOC = np.array([[-2.0, 0.5], [1.0, 3.0], [3.0, -1.0]])
SCALE = np.array([[0.5, 1.0], [1.5, 0.3], [0.8, 2.0]])
SMOOTHING = 0.1
X = np.random.default_rng(0).normal(0, 2, [5, 3]) + B


def seeds(rows=5, seed=0):
    return random.row_seeds(seed, tf.range(rows))


def unbounded(log_scale):
    return 5.0 * np.arctanh(log_scale / 5.0)


class Posterior(keras.layers.Layer):
    """A network whose outputs make the posterior of the linear model exact."""

    def __init__(self, loc, scale, weights, code_evidence):
        super().__init__(dtype="float64")
        self.prior = loc, scale, weights
        self.code_evidence = code_evidence
        self.built = True

    def call(self, x):
        loc, scale, weights = self.prior
        precision = 1 / scale**2 + np.sum(W**2, axis=0) / S**2
        evidence = tf.linalg.matmul((x - B) / S**2, W)[:, tf.newaxis]
        mean = (loc / scale**2 + evidence) / precision
        deviation = tf.broadcast_to(1 / np.sqrt(precision), tf.shape(mean))
        q, p = tfd.Normal(mean, deviation), tfd.Normal(loc, scale)
        best = tf.nn.softmax(np.log(weights) - tf.reduce_sum(q.kl_divergence(p), -1))
        smooth = (1 - SMOOTHING) * best + SMOOTHING / len(loc)
        wanted = np.log(weights) + evidences(x, loc, scale)
        logits = wanted - tf.math.log(smooth) if self.code_evidence else wanted
        log_scale = unbounded(np.log(1 / np.sqrt(precision)))
        log_scale = tf.broadcast_to(log_scale, tf.shape(mean))
        rows = tf.shape(x)[0]
        parts = (tf.reshape(part, [rows, -1]) for part in (mean, log_scale))
        return tf.concat([logits, *parts], axis=1)


def evidences(x, loc, scale):
    """`log p(x | k)`, [rows, K]."""
    laws = [
        tfd.MultivariateNormalFullCovariance(
            W @ m + B, W @ np.diag(v**2) @ W.T + S**2 * np.eye(3)
        )
        for m, v in zip(loc, scale, strict=True)
    ]
    return tf.stack([law.log_prob(x) for law in laws], axis=1)


def linear(loc=LOC, scale=SCALE, weights=WEIGHTS, *, code_evidence=True, **options):
    network = MLP(2, [], 6, dtype="float64")
    kernel = np.stack([W.T, np.zeros_like(W.T)], axis=-1).reshape(2, -1)
    bias = np.stack([B, np.full(3, unbounded(np.log(S)))], axis=-1)
    network.set_weights([kernel, bias.ravel()])
    prior = ConcreteMixture([2], len(loc), dtype="float64")
    prior.start(weights, loc, scale)
    posterior = Posterior(loc, scale, weights, code_evidence)
    return ConcreteMixtureVAE(
        ConcreteMixture([2], len(loc), posterior, dtype="float64"),
        Gaussian([3], network, dtype="float64"),
        prior,
        smoothing=SMOOTHING,
        code_evidence=code_evidence,
        dtype="float64",
        **options,
    )


def small(**options):
    parts = {
        "encoder": ConcreteMixture([2], 3, MLP(4, [5], 3 + 2 * 2)),
        "decoder": Bernoulli([4], MLP(2, [5], 4)),
        "prior": ConcreteMixture([2], 3),
    }
    return ConcreteMixtureVAE(**{**parts, **options})


def bits(rows=6):
    return np.random.default_rng(0).integers(0, 2, [rows, 4]).astype("uint8")


@pytest.fixture
def corners(monkeypatch):
    """Normal draws that are the corners of a square: exact means of quadratics."""
    points = np.array(list(itertools.product([-1.0, 1.0], repeat=2)))

    def normal(seeds, shape, *, stream=0, dtype="float32"):
        rows = np.resize(points, [len(seeds), 2])
        return tf.constant(rows, dtype)

    monkeypatch.setattr(random, "normal", normal)
    return len(points)


@pytest.mark.parametrize("code_evidence", [True, False])
def test_the_discrete_bound_is_tight_at_the_exact_posterior(corners, code_evidence):
    x = np.repeat(X, corners, axis=0)
    model = linear(code_evidence=code_evidence)
    terms = model.discrete_terms({"x": x}, seeds(len(x)))
    expected = scipy.special.logsumexp(
        np.log(WEIGHTS) + evidences(X, LOC, SCALE), axis=1
    )
    actual = np.reshape(terms["elbo"], [-1, corners]).mean(axis=1)
    np.testing.assert_allclose(actual, expected, rtol=1e-9)
    sums = terms["log_likelihood"] - terms["kl_z"] - terms["kl_s"]
    np.testing.assert_allclose(terms["elbo"], sums, rtol=1e-12)


@pytest.mark.parametrize("label", [0, 2])
def test_a_label_is_the_prior_of_the_category(label, corners):
    # With the exact posterior of no label, the bound lacks a divergence of categories.
    x, context = np.repeat(X, corners, axis=0), np.full(len(X) * corners, label)
    terms = linear().discrete_terms({"x": x, "context": context}, seeds(len(x)))
    prior = (1 - SMOOTHING) * np.eye(3)[label] + SMOOTHING * WEIGHTS
    log_joint = evidences(X, LOC, SCALE).numpy()
    posterior = scipy.special.softmax(np.log(WEIGHTS) + log_joint, axis=1)
    exact = scipy.special.softmax(np.log(prior) + log_joint, axis=1)
    gap = np.sum(posterior * np.log(posterior / exact), axis=1)
    expected = scipy.special.logsumexp(np.log(prior) + log_joint, axis=1) - gap
    actual = np.reshape(terms["elbo"], [-1, corners]).mean(axis=1)
    np.testing.assert_allclose(actual, expected, rtol=1e-9)


@pytest.mark.parametrize("temperature", [0.3, 1.0])
def test_the_relaxed_bound_is_tight_where_categories_are_alike(corners, temperature):
    # Then s says nothing of x, its exact posterior is its prior, whatever it is.
    same = {"loc": LOC[[1, 1, 1]], "scale": SCALE[[1, 1, 1]]}
    x = np.repeat(X, corners, axis=0)
    # The same s for all corners of a row.
    row_seeds = tf.repeat(seeds(), corners)
    terms = linear(**same).relaxed_terms({"x": x}, row_seeds, temperature)
    expected = evidences(X, same["loc"], same["scale"])[:, 0]
    actual = np.reshape(terms["elbo"], [-1, corners]).mean(axis=1)
    np.testing.assert_allclose(actual, expected, rtol=1e-9)
    np.testing.assert_allclose(terms["kl_s"], 0.0, atol=1e-9)


def test_the_relaxed_terms_are_those_of_the_draw():
    model, inputs = linear(), {"x": X, "context": np.array([-1, 0, 1, 2, -1])}
    terms = model.terms(inputs, seeds())
    q = model.posterior(X, model.temperature)
    log_s, z = q.sample(seeds())
    s = np.exp(log_s)
    experts = []
    for loc, scale in ((q.loc, q.scale), (LOC, SCALE)):
        precision = np.sum(s[..., np.newaxis] / np.square(scale), axis=1)
        mean = np.sum(s[..., np.newaxis] * loc / np.square(scale), axis=1) / precision
        experts.append((mean, precision))
    (m, a), (n, b) = experts
    kl_z = 0.5 * np.sum(np.log(a / b) - 1 + b / a + b * (m - n) ** 2, axis=1)
    np.testing.assert_allclose(terms["kl_z"], kl_z, rtol=1e-9)
    logits = np.log(WEIGHTS) + np.zeros([5, 3])
    for row, label in ((1, 0), (2, 1), (3, 2)):
        told = (1 - SMOOTHING) * np.eye(3)[label] + SMOOTHING * WEIGHTS
        logits[row] = np.log(told)
    prior = tfd.ExpRelaxedOneHotCategorical(np.float64(0.5), logits=logits)
    posterior = tfd.ExpRelaxedOneHotCategorical(np.float64(0.5), logits=q.logits)
    kl_s = posterior.log_prob(log_s) - prior.log_prob(log_s)
    np.testing.assert_allclose(terms["kl_s"], kl_s, rtol=1e-9)
    log_likelihood = scipy.stats.norm(z @ W.T + B, S).logpdf(X).sum(axis=1)
    np.testing.assert_allclose(terms["log_likelihood"], log_likelihood, rtol=1e-9)
    np.testing.assert_allclose(terms["elbo"], log_likelihood - kl_z - kl_s, rtol=1e-12)


@pytest.mark.parametrize("code_evidence", [True, False])
def test_classes_are_the_exact_posterior_where_it_is_known(code_evidence):
    model = linear(code_evidence=code_evidence)
    expected = scipy.special.softmax(np.log(WEIGHTS) + evidences(X, LOC, SCALE), axis=1)
    np.testing.assert_allclose(model.classify(X), expected, rtol=1e-9)
    log_prob = model.category_log_prob(X)
    np.testing.assert_allclose(log_prob, np.log(expected), rtol=1e-9, atol=1e-12)


def test_logarithms_of_no_probability_are_finite():
    network = MLP(4, [], 3 + 2 * 2)
    network.set_weights([np.zeros([4, 7]), np.eye(7)[1] * 1000])
    encoder = ConcreteMixture([2], 3, network)
    model = small(encoder=encoder, code_evidence=False)
    np.testing.assert_array_equal(model.classify(bits())[0], [0, 1, 0])
    log_prob = model.category_log_prob(bits())
    np.testing.assert_array_equal(log_prob[0], [-1000, 0, -1000])


def test_codes_are_those_of_the_mixture():
    codes = linear().encode(X)
    shares = linear().classify(X).numpy()[..., np.newaxis]
    q = linear().posterior(X, 1.0)
    mean = np.sum(shares * q.loc, axis=1)
    second = np.sum(shares * (np.square(q.loc) + np.square(q.scale)), axis=1)
    np.testing.assert_allclose(codes["loc"], mean, rtol=1e-9)
    np.testing.assert_allclose(codes["scale"], np.sqrt(second - mean**2), rtol=1e-9)


def test_an_unknown_label_is_none(randomize):
    model, x = randomize(small()), bits()
    without = model.terms({"x": x}, seeds(6))
    for unknown in (-1, 3):
        context = np.full(6, unknown, "int32")
        terms = model.terms({"x": x, "context": context}, seeds(6))
        for name, values in terms.items():
            np.testing.assert_array_equal(values, without[name])
    # In one batch with others, too.
    context = np.array([-1, 0, -1, 1, 2, -1], "int32")
    terms = model.terms({"x": x, "context": context}, seeds(6))
    is_same = np.isclose(terms["elbo"], without["elbo"], rtol=1e-6)
    np.testing.assert_array_equal(is_same, context < 0)
    assert np.all(terms["kl_z"] == without["kl_z"])


def test_samples_are_of_their_class():
    model = linear(LOC, 0.01 * SCALE)
    sample = model.signatures(
        {"x": tf.TensorSpec([None, 3], tf.float64), "context": tf.TensorSpec([None])}
    )[1]
    label = np.arange(300, dtype="int32") % 3
    z = sample.function({"seed": seeds(300), "context": tf.constant(label)})["z"]
    np.testing.assert_allclose(z, LOC[label], atol=0.1)
    z = sample.function({"seed": seeds(3000), "context": tf.fill([3000], -1)})["z"]
    nearest = np.argmin(np.linalg.norm(z[:, np.newaxis] - LOC, axis=-1), axis=1)
    np.testing.assert_allclose(np.bincount(nearest) / 3000, WEIGHTS, atol=0.03)


def test_signatures_are_those_of_a_vae_and_classify():
    x = tf.TensorSpec([None, 4], tf.uint8)
    context = tf.TensorSpec([None], tf.int32)
    inputs = {s.name: set(s.inputs) for s in small().signatures({"x": x})}
    assert inputs == {
        "elbo": {"x", "seed"},
        "sample": {"seed"},
        "encode": {"x"},
        "decode": {"z"},
        "reconstruct": {"x"},
        "classify": {"x"},
    }
    signatures = small().signatures({"x": x, "context": context})
    inputs = {s.name: set(s.inputs) for s in signatures}
    assert inputs["elbo"] == {"x", "context", "seed"}
    assert inputs["sample"] == {"context", "seed"}


def objective_loss(objective, model, inputs, step=0):
    losses, terms = objective(model, inputs, seeds(6), tf.constant(step))
    return losses.numpy(), {name: values.numpy() for name, values in terms.items()}


def test_divergences_have_the_weights_of_the_objective(randomize):
    model = randomize(small())
    inputs = {"x": bits(), "context": np.array([-1, 0, -1, 1, 2, -1], "int32")}
    objective = ConcreteELBO(100, category_weight=0.2, label_weight=7.0)
    for step, weight in ((0, 0.0), (25, 0.25), (100, 1.0), (1000, 1.0)):
        losses, terms = objective_loss(objective, model, inputs, step)
        weight_s = np.where(inputs["context"] < 0, 0.2, 7.0)
        expected = weight * terms["kl_z"] + weight_s * terms["kl_s"]
        np.testing.assert_allclose(
            losses, expected - terms["log_likelihood"], rtol=1e-5
        )
        # What is reported is the bound.
        bound = terms["log_likelihood"] - terms["kl_z"] - terms["kl_s"]
        np.testing.assert_allclose(terms["elbo"], bound, rtol=1e-5)
    losses, terms = objective_loss(ConcreteELBO(), model, inputs)
    np.testing.assert_allclose(losses, -terms["elbo"], rtol=1e-5)
    losses, _ = objective_loss(ConcreteELBO(), model, {"x": inputs["x"]})
    assert np.all(np.isfinite(losses))


def test_temperatures_follow_the_step(randomize):
    model, inputs = randomize(small(temperature=0.2)), {"x": bits()}
    objective = ConcreteELBO(start_temperature=0.8, cooling=100)
    for step, temperature in ((0, 0.8), (50, 0.4), (100, 0.2), (5000, 0.2)):
        _, terms = objective_loss(objective, model, inputs, step)
        expected = model.relaxed_terms(inputs, seeds(6), temperature)
        for name, values in expected.items():
            np.testing.assert_allclose(terms[name], values, rtol=1e-4, atol=1e-5)


def test_pretraining_is_a_vae_without_categories(randomize):
    # The encoder has one Gaussian for all categories: nothing depends on them.
    model, x = randomize(small()), bits()
    with tf.GradientTape(persistent=True) as tape:
        objective = MixturePretraining(0.3)
        losses, terms = objective(model, {"x": x}, seeds(6), tf.constant(0))
        code = model.plain_terms({"x": x}, seeds(6))["code"]
    raw = model.encoder.network(tf.cast(x, tf.float32))
    normal = Gaussian([2], keras.layers.Identity())
    pairs = tf.reshape(tf.stack([raw[:, 3:5], raw[:, 5:]], axis=-1), [6, -1])
    vae = tfgen.VAE(normal, model.decoder, tfgen.distributions.StandardNormal([2]))
    kl = vae.encoder.distribution(pairs).kl_divergence(vae.prior.distribution())
    np.testing.assert_allclose(terms["kl_z"], kl, rtol=1e-4)
    np.testing.assert_array_equal(terms["kl_s"], np.zeros(6))
    np.testing.assert_allclose(
        losses, 0.3 * terms["kl_z"] - terms["log_likelihood"] - code, rtol=1e-5
    )
    encoder, prior = model.encoder.trainable_weights, model.prior.trainable_weights
    assert set(tape.gradient(code, encoder)) == {None}
    assert None not in tape.gradient(losses, [*encoder, *prior])
    # And the prior learns from the codes alone.
    assert set(tape.gradient(terms["elbo"], prior)) == {None}


@pytest.mark.parametrize("is_labelled", [False, True])
def test_categories_start_where_the_codes_are(is_labelled):
    rng = np.random.default_rng(0)
    label = rng.integers(0, 3, 600)
    centres = np.array([[-4.0, 0.0], [0.0, 4.0], [4.0, -4.0]])
    x = centres[label] + rng.normal(0, 0.5, [600, 2])
    # Codes are the data themselves, with a deviation of 0.1.
    network = MLP(2, [], 7)
    kernel = np.concatenate([np.zeros([2, 3]), np.eye(2), np.zeros([2, 2])], axis=1)
    bias = np.append(np.zeros(5), np.full(2, unbounded(np.log(0.1))))
    network.set_weights([kernel, bias])
    encoder = ConcreteMixture([2], 3, network)
    model = small(encoder=encoder, decoder=Gaussian([2], MLP(2, [], 4)))
    # One label of each class is enough for categories to be classes.
    told = np.full(600, -1)
    firsts = [np.flatnonzero(label == i)[0] for i in range(3)]
    told[firsts] = label[firsts]
    guess = model.start_categories(x.astype("float32"), told if is_labelled else None)
    prior = model.prior.joint(temperature=1.0)
    order = range(3) if is_labelled else np.argsort(prior.loc[:, 0])
    np.testing.assert_allclose(prior.loc.numpy()[order], centres, atol=0.15)
    np.testing.assert_allclose(prior.scale, np.sqrt(0.5**2 + 0.1**2), atol=0.1)
    shares = tf.nn.softmax(prior.logits).numpy()[order]
    np.testing.assert_allclose(shares, np.bincount(label) / 600, atol=0.01)
    np.testing.assert_array_equal(np.argsort(order)[guess], label)
    if is_labelled:
        found = np.argmax(model.classify(x), axis=1)
        np.testing.assert_array_equal(found, label)


class OnDisk:
    """Rows that are read a part at a time, and never all at once."""

    def __init__(self, x):
        self._x = x
        self.dtype = x.dtype

    def __len__(self):
        return len(self._x)

    def __getitem__(self, rows):
        return self._x[rows]

    def __array__(self, dtype=None, copy=None):
        raise MemoryError


def test_categories_start_from_rows_that_stay_on_disk():
    model, x = small(), bits(40)
    guess = model.start_categories(x)
    weights = model.get_weights()
    np.testing.assert_array_equal(model.start_categories(OnDisk(x)), guess)
    for one, other in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_categories_are_kept_where_data_have_them():
    rng = np.random.default_rng(0)
    label = rng.integers(0, 3, 600)
    x = rng.random([600, 12]) < np.repeat(np.eye(3), 4, axis=1)[label] * 0.8 + 0.1
    model = ConcreteMixtureVAE(
        ConcreteMixture([2], 3, MLP(12, [16], 3 + 2 * 2)),
        Bernoulli([12], MLP(2, [16], 12)),
        ConcreteMixture([2], 3),
        objective=ConcreteELBO(category_weight=0.1),
    )
    x = x.astype("uint8")
    inputs, usual = {"x": x}, model.objective
    for objective in (model.pretraining, usual):
        model.objective = objective
        model.compile(keras.optimizers.Adam(0.01), jit_compile=False)
        model.fit(inputs, batch_size=50, epochs=20, verbose=0)
        if objective is not usual:
            inputs["context"] = model.start_categories(x)
    found = np.argmax(model.classify(x), axis=1)
    assert tfgen.metrics.clustering_accuracy(found, label) > 0.95
    terms = model.discrete_terms({"x": x}, seeds(600))
    assert 0.9 < np.mean(terms["kl_s"]) < np.log(3)


def test_what_does_not_fit_is_refused():
    mixtures = {
        "no network": {"encoder": ConcreteMixture([2], 3)},
        "a network": {"prior": ConcreteMixture([2], 3, MLP(4, [], 7))},
        "categories": {"prior": ConcreteMixture([2], 4)},
        "codes": {"prior": ConcreteMixture([3], 3)},
    }
    for parts in mixtures.values():
        with pytest.raises(ValueError, match="of as many categories and of the same"):
            small(**parts)
    with pytest.raises(ValueError, match=r"received smoothing=1.0. Give a number"):
        small(smoothing=1.0)
    with pytest.raises(ValueError, match="received temperature=0"):
        small(temperature=0.0)
    for options in ({"warm_up": -1}, {"category_weight": -0.1}, {"label_weight": -1}):
        with pytest.raises(ValueError, match="are 0 or more; received"):
            ConcreteELBO(**options)
    for options in ({"start_temperature": 1.0}, {"cooling": 10}):
        with pytest.raises(ValueError, match="has a start and a number of steps"):
            ConcreteELBO(**options)
    with pytest.raises(ValueError, match="received weight=-1. Give 0 for"):
        MixturePretraining(-1)
    vae = tfgen.DensityModel(tfgen.distributions.StandardNormal([4]))
    for objective in (ConcreteELBO(), MixturePretraining()):
        with pytest.raises(TypeError, match="needs a model with the term kl_s"):
            objective(vae, {"x": bits()}, seeds(6), tf.constant(0))


def test_a_category_may_start_from_one_row():
    model = small()
    x = np.zeros([3, *model.event_shape], model.input_dtype)
    guess = model.start_categories(x, np.array([2, 0, 1]))
    np.testing.assert_array_equal(guess, [2, 0, 1])
    prior = model.prior.joint(temperature=1.0)
    np.testing.assert_allclose(prior.scale, 0.01, rtol=1e-4)
    assert np.isfinite(model.prior(prior.loc)).all()


def test_a_category_without_rows_starts_as_wide_as_all_codes():
    model = small()
    x = np.zeros([40, *model.event_shape], model.input_dtype)
    label = np.arange(40) % 2
    label[3] = 7  # No category: as good as -1.
    guess = model.start_categories(x, label)
    assert set(guess[label < 2]) == {0, 1}
    prior = model.prior.joint(temperature=1.0)
    assert all(np.isfinite(part).all() for part in (prior.logits, prior.loc))
    assert np.all(prior.scale[2] > 0)


def test_labels_that_are_no_category_weigh_as_unknown_ones(randomize):
    model = small()
    randomize(model)
    objective = ConcreteELBO(category_weight=0.5, label_weight=100.0)
    losses = [
        objective(model, {"x": bits(), "context": label}, seeds(6), tf.constant(0))[0]
        for label in (tf.fill([6], -1), tf.fill([6], 3), tf.fill([6], 2))
    ]
    np.testing.assert_array_equal(losses[0], losses[1])
    assert np.all(losses[2] != losses[0])
