"""Distribution layers: exact answers, and samples that are like the density."""

import importlib
import itertools
from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

import tfgen
from tfgen.base import DistributionLayer
from tfgen.bijectors import Additive, Affine, RationalQuadratic
from tfgen.distributions import (
    Autoregressive,
    Bernoulli,
    Categorical,
    ConcreteMixture,
    DiscretizedLogistic,
    Flow,
    Gaussian,
    GreyBernoulli,
    Logistic,
    Mixture,
    StandardNormal,
)
from tfgen.distributions.mixture import num_parameters
from tfgen.flows import (
    InverseAutoregressive,
    Logit,
    MaskedAutoregressive,
    Scale,
    Standardize,
)
from tfgen.networks import MADE, MLP, OneHot

SIGNIFICANCE = 1e-5


class Case(NamedTuple):
    """A distribution layer, and a context that it takes."""

    make: Callable[[], DistributionLayer]
    context: list[float] | int | None = None


def gaussian(features):
    return Gaussian([features], MLP(3, [8], 2 * features))


def mixture(features, covariance, *, network=False):
    size = num_parameters([features], 3, covariance)
    return Mixture([features], 3, covariance, MLP(2, [8], size) if network else None)


def flow(builder, event_shape=(2,), **options):
    return builder(event_shape, num_steps=2, hidden_units=[8], **options)


def logit_flow():
    # Shrunk by 5 %, its support is a little more than the unit square.
    return flow(tfgen.maf, preprocessing=[Logit([2], 0.05)])


CONTEXT = [0.5, -1.0, 0.2]
DENSITIES = {
    "standard normal 1": Case(lambda: StandardNormal([1])),
    "standard normal 2x1": Case(lambda: StandardNormal([2, 1])),
    "logistic 1": Case(lambda: Logistic([1])),
    "logistic 2": Case(lambda: Logistic([2])),
    "gaussian 1": Case(lambda: gaussian(1), CONTEXT),
    "gaussian 2": Case(lambda: gaussian(2), CONTEXT),
    "mixture 1": Case(lambda: mixture(1, "diagonal")),
    "mixture 2": Case(lambda: mixture(2, "diagonal")),
    "mixture 1 full": Case(lambda: mixture(1, "full")),
    "mixture 2 full": Case(lambda: mixture(2, "full")),
    "mixture 2 network": Case(
        lambda: mixture(2, "diagonal", network=True), CONTEXT[:2]
    ),
    "mixture 2 full network": Case(
        lambda: mixture(2, "full", network=True), CONTEXT[:2]
    ),
    "concrete mixture 1": Case(lambda: ConcreteMixture([1], 3)),
    "concrete mixture 2 network": Case(
        lambda: ConcreteMixture([2], 3, MLP(2, [8], 3 + 2 * 3 * 2)), CONTEXT[:2]
    ),
    "maf 1": Case(lambda: flow(tfgen.maf, [1])),
    "maf 1 context": Case(lambda: flow(tfgen.maf, [1], context_features=3), CONTEXT),
    "maf 2": Case(lambda: flow(tfgen.maf)),
    "maf 2x1": Case(lambda: flow(tfgen.maf, [2, 1])),
    "maf 2 logit": Case(logit_flow),
    "maf 2 standardize": Case(
        lambda: flow(tfgen.maf, preprocessing=[Standardize([2])])
    ),
    "maf 2 label": Case(
        lambda: flow(tfgen.maf, context_features=4, context_network=OneHot(4)), 2
    ),
    "iaf 1": Case(lambda: flow(tfgen.iaf, [1])),
    "iaf 2": Case(lambda: flow(tfgen.iaf)),
    "iaf 2 context": Case(lambda: flow(tfgen.iaf, context_features=3), CONTEXT),
    "realnvp 2": Case(lambda: flow(tfgen.realnvp)),
    "realnvp 2 context network": Case(
        lambda: flow(tfgen.realnvp, context_features=4, context_network=MLP(3, [4], 4)),
        CONTEXT,
    ),
    "realnvp 2 mixture base": Case(
        lambda: flow(tfgen.realnvp, base=mixture(2, "diagonal"))
    ),
    "nice 2": Case(lambda: flow(tfgen.nice)),
    "nsf 2": Case(lambda: flow(tfgen.nsf, num_bins=4)),
    "nsf 1 autoregressive": Case(lambda: flow(tfgen.nsf, [1], autoregressive=True)),
    "nsf 2 autoregressive": Case(lambda: flow(tfgen.nsf, autoregressive=True)),
}


def autoregressive(conditional, event_shape, *categories, context_features=0):
    features = int(np.prod(event_shape))
    made = MADE(
        features,
        *(categories or [1]),
        hidden_units=[12],
        context_features=context_features,
    )
    return Autoregressive(conditional(event_shape, *categories, made))


class States(NamedTuple):
    """A distribution layer over vectors of `0 .. num_values - 1`."""

    make: Callable[[], DistributionLayer]
    num_values: int
    context: list[float] | None = None


DISCRETE = {
    "bernoulli": States(lambda: Bernoulli([2, 2], MLP(3, [8], 4)), 2, CONTEXT),
    "categorical": States(lambda: Categorical([3], 4, MLP(3, [8], 12)), 4, CONTEXT),
    "discretized logistic": States(
        lambda: DiscretizedLogistic([3], 4, MLP(3, [8], 6)), 4, CONTEXT
    ),
    "made 1": States(lambda: autoregressive(Bernoulli, [1]), 2),
    "made 6": States(lambda: autoregressive(Bernoulli, [6]), 2),
    "made 2x3": States(lambda: autoregressive(Bernoulli, [2, 3]), 2),
    "made 2x3 context": States(
        lambda: autoregressive(Bernoulli, [2, 3], context_features=3), 2, CONTEXT
    ),
    "categorical made 3": States(lambda: autoregressive(Categorical, [3], 3), 3),
    "discretized made 3": States(
        lambda: Autoregressive(DiscretizedLogistic([3], 4, MADE(3, 2, [12]))), 4
    ),
}
ALL = {**DENSITIES, **DISCRETE}


def make(name, randomize):
    return randomize(ALL[name].make(), stddev=0.3)


def context_rows(name, rows):
    context = ALL[name].context
    return None if context is None else tf.repeat(tf.constant([context]), rows, axis=0)


def different_contexts(name, rows):
    """Contexts that differ from row to row, where there is one."""
    contexts = context_rows(name, rows)
    if contexts is None:
        return None
    shift = (
        tf.range(rows) if contexts.dtype == tf.int32 else tf.linspace(-1.0, 1.0, rows)
    )
    return contexts + tf.reshape(shift, [rows, *[1] * (contexts.shape.rank - 1)])


def take(context, rows):
    return None if context is None else context[rows]


def mass_on_grid(name, layer, samples):
    """Edges of cells around the samples, and the probability of each cell."""
    margins = 0.5 * np.ptp(samples, axis=0)
    low, high = samples.min(axis=0) - margins, samples.max(axis=0) + margins
    edges = np.linspace(low, high, 4001 if samples.shape[1] == 1 else 451, axis=-1)
    centres = 0.5 * (edges[:, 1:] + edges[:, :-1])
    points = np.stack(np.meshgrid(*centres, indexing="ij"), axis=-1)
    x = tf.constant(points.reshape([-1, *layer.event_shape]), tf.float32)
    log_prob = layer(x, context_rows(name, len(x)))
    assert log_prob.shape == (len(x),)
    # Outside of its support a density is not a number or zero.
    density = np.nan_to_num(np.exp(log_prob.numpy(), dtype=float))
    return edges, density.reshape(points.shape[:-1]) * np.prod(
        edges[:, 1] - edges[:, 0]
    )


@pytest.mark.parametrize("name", DENSITIES)
def test_densities_integrate_to_one_and_samples_are_like_them(name, randomize):
    layer = make(name, randomize)
    seeds = tfgen.random.row_seeds(0, tf.range(2000))
    samples = layer.sample(seeds, context_rows(name, 2000)).numpy()
    assert samples.shape == (2000, *layer.event_shape)
    assert samples.dtype == np.float32
    samples = samples.reshape([2000, -1])

    edges, mass = mass_on_grid(name, layer, samples)
    assert mass.sum() == pytest.approx(1.0, abs=1e-3)
    for axis in range(mass.ndim):
        others = tuple(i for i in range(mass.ndim) if i != axis)
        below = np.concatenate([[0.0], np.cumsum(mass.sum(axis=others))])
        ranks = np.interp(samples[:, axis], edges[axis], below)
        assert scipy.stats.kstest(ranks, "uniform").pvalue > SIGNIFICANCE
    if mass.ndim == 2:
        # And together: how many samples fall where the density is high.
        high = mass.max() / 4
        cells = [
            np.searchsorted(e, s) - 1 for e, s in zip(edges, samples.T, strict=True)
        ]
        count = int(np.sum(mass[tuple(cells)] > high))
        test = scipy.stats.binomtest(count, 2000, mass[mass > high].sum())
        assert test.pvalue > SIGNIFICANCE


@pytest.mark.parametrize("name", DISCRETE)
def test_probabilities_sum_to_one_and_samples_are_like_them(name, randomize):
    layer, num_values = make(name, randomize), DISCRETE[name].num_values
    size = int(np.prod(layer.event_shape))
    states = np.array(list(itertools.product(range(num_values), repeat=size)))
    x = tf.constant(states.reshape([-1, *layer.event_shape]), tf.float32)
    probabilities = np.exp(layer(x, context_rows(name, len(x))), dtype=float)
    assert probabilities.shape == (num_values**size,)
    assert probabilities.sum() == pytest.approx(1.0, abs=1e-5)
    assert probabilities.max() > 1.1 * probabilities.min()  # Random indeed.

    seeds = tfgen.random.row_seeds(0, tf.range(4000))
    samples = layer.sample(seeds, context_rows(name, 4000)).numpy()
    assert samples.shape == (4000, *layer.event_shape)
    codes = samples.reshape([4000, size]) @ num_values ** np.arange(size)[::-1]
    counts = np.bincount(codes.astype(int), minlength=len(states))
    expected = 4000 * probabilities / probabilities.sum()
    rare = expected < 10
    if np.any(rare):
        counts = np.append(counts[~rare], counts[rare].sum())
        expected = np.append(expected[~rare], expected[rare].sum())
    assert scipy.stats.chisquare(counts, expected).pvalue > SIGNIFICANCE


@pytest.mark.parametrize("name", ALL)
def test_samples_come_with_their_log_densities(name, randomize):
    layer = make(name, randomize)
    seeds, context = tf.range(50), different_contexts(name, 50)
    x, log_prob = layer.sample_and_log_prob(seeds, context)
    np.testing.assert_array_equal(x, layer.sample(seeds, context))
    assert log_prob.shape == (50,)
    expected = layer.distribution(context).log_prob(tf.identity(x))
    np.testing.assert_allclose(log_prob, expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("name", ALL)
def test_rows_are_independent_of_their_batch(name, randomize):
    layer = make(name, randomize)
    seeds, context = tf.range(40), different_contexts(name, 40)
    x = layer.sample(seeds, context)
    log_prob = layer(x, context)
    assert len(np.unique(x.numpy().reshape([40, -1])[:, 0])) > 1
    for rows in (slice(3, 4), slice(39, None, -2), slice(0, 0)):
        part = take(context, rows)
        drawn = layer.sample(seeds[rows], part)
        assert drawn.shape == x[rows].shape
        np.testing.assert_allclose(drawn, x[rows], rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(
            layer(x[rows], part), log_prob[rows], rtol=1e-4, atol=1e-4
        )


@pytest.mark.parametrize("name", [n for n in ALL if ALL[n].context is not None])
def test_a_context_matters_to_its_own_row_alone(name, randomize):
    layer = make(name, randomize)
    seeds, context = tf.range(5), context_rows(name, 5)
    x = layer.sample(seeds, context)
    changed = context.numpy()
    changed[0] = 3 if changed.dtype == np.int32 else changed[0] + 5
    before, after = layer(x, context).numpy(), layer(x, tf.constant(changed)).numpy()
    assert after[0] != before[0]
    np.testing.assert_array_equal(after[1:], before[1:])
    drawn = layer.sample(seeds, tf.constant(changed)).numpy()
    np.testing.assert_array_equal(drawn[1:], x[1:])


@pytest.mark.parametrize(
    "name",
    [
        "logistic 2",
        "gaussian 2",
        "mixture 1",
        "mixture 2 full network",
        "maf 1 context",
        "maf 2x1",
        "iaf 2 context",
        "realnvp 2 mixture base",
        "nsf 1 autoregressive",
        "nsf 2",
        "bernoulli",
        "made 2x3",
        "made 2x3 context",
        "categorical made 3",
    ],
)
def test_graphs_take_any_batch(name, randomize):
    layer = make(name, randomize)
    context = different_contexts(name, 5)
    arguments = [tf.range(5), *([] if context is None else [context])]

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, *a.shape[1:]], a.dtype) for a in arguments
        ]
    )
    def sample_and_log_prob(seeds, context=None):
        x = layer.sample(seeds, context)
        return x, layer.distribution(context).log_prob(x)

    x, log_prob = sample_and_log_prob.get_concrete_function().structured_outputs
    assert x.shape[1:] == layer.event_shape
    x, log_prob = sample_and_log_prob(*arguments)
    np.testing.assert_allclose(x, layer.sample(*arguments), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(log_prob, layer(x, context), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["gaussian 2", "maf 2", "iaf 2", "realnvp 2", "nsf 2"])
def test_gradients_reach_the_weights_through_samples(name, randomize):
    layer = make(name, randomize)
    with tf.GradientTape() as tape:
        x = layer.sample(tf.range(5), context_rows(name, 5))
        loss = tf.reduce_sum(x**2)
    for gradient in tape.gradient(loss, layer.trainable_weights):
        assert np.any(gradient != 0)


# Closed forms.


def test_logistic_agrees_with_scipy():
    x = np.linspace(-5, 5, 20).reshape([10, 2])
    expected = scipy.stats.logistic.logpdf(x).sum(axis=-1)
    layer = Logistic([2], dtype="float64")
    np.testing.assert_allclose(layer(tf.constant(x)), expected, rtol=1e-9)


def test_gaussian_agrees_with_scipy():
    # Parameters: location and log-scale of each element in turn.
    network = MLP(1, [], 4, dtype="float64")
    kernel, bias = network.trainable_weights
    kernel.assign(np.zeros([1, 4]))
    bias.assign([1.0, 0.5, -2.0, -0.5])
    layer = Gaussian([2], network, dtype="float64")
    x = np.random.default_rng(0).standard_normal([10, 2])
    scale = np.exp(5 * np.tanh(np.array([0.5, -0.5]) / 5))
    expected = scipy.stats.norm.logpdf(x, [1.0, -2.0], scale).sum(axis=-1)
    actual = layer(tf.constant(x), tf.zeros([10, 1], tf.float64))
    np.testing.assert_allclose(actual, expected, rtol=1e-9)


def test_diagonal_mixture_agrees_with_scipy():
    layer = Mixture([2], 3, dtype="float64")
    rng = np.random.default_rng(0)
    logits, loc = rng.standard_normal(3), rng.standard_normal([3, 2])
    log_scale = rng.standard_normal([3, 2])
    (parameters,), (start,) = layer.trainable_weights, layer.non_trainable_weights
    parameters.assign(np.concatenate([logits, loc.ravel(), log_scale.ravel()]))
    x = 2.0 * rng.standard_normal([10, 2])
    scale = np.exp(5 * np.tanh(log_scale / 5))
    components = scipy.stats.norm.logpdf(
        x[:, np.newaxis], start.numpy() + loc, scale
    ).sum(axis=-1)
    expected = scipy.special.logsumexp(
        components + scipy.special.log_softmax(logits), axis=-1
    )
    np.testing.assert_allclose(layer(tf.constant(x)), expected, rtol=1e-9)


def test_full_mixture_agrees_with_scipy(randomize):
    layer = randomize(Mixture([3], 2, "full", dtype="float64"), stddev=1.0)
    mixture = layer.distribution()
    weights = mixture.mixture_distribution.probs_parameter().numpy()
    components = mixture.components_distribution
    x = 2.0 * np.random.default_rng(0).standard_normal([10, 3])
    expected = sum(
        weight * scipy.stats.multivariate_normal.pdf(x, loc, covariance)
        for weight, loc, covariance in zip(
            weights, components.loc, components.covariance(), strict=True
        )
    )
    np.testing.assert_allclose(np.exp(layer(tf.constant(x))), expected, rtol=1e-9)
    # And it is full.
    assert np.all(np.abs(components.covariance()) > 1e-3)


def test_components_of_a_mixture_start_apart():
    components = Mixture([2], 4).distribution().components_distribution
    assert len(np.unique(components.loc, axis=0)) == 4


def test_a_linear_flow_is_a_gaussian(randomize, monkeypatch):
    # Conditioners see what they are shown: here the coordinates as they are.
    module = importlib.import_module("tfgen.flows.autoregressive")
    monkeypatch.setattr(module, "compressed", lambda x: x)
    # x_i = exp(s_i) z_i + t_i(x_<i), linear in x, twice, with the order reversed.
    layers = [
        MaskedAutoregressive([3], [6], activation="linear", dtype="float64"),
        tfgen.flows.Permute([3], dtype="float64"),
        MaskedAutoregressive([3], [6], activation="linear", dtype="float64"),
        tfgen.flows.ActNorm([3], dtype="float64"),
    ]
    flow = randomize(
        Flow(StandardNormal([3], dtype="float64"), layers, dtype="float64")
    )
    for weight in flow.trainable_weights:
        # Log-scales, every second output, lose their dependence on x.
        if tuple(weight.shape) == (6, 6):
            weight.assign(weight.numpy() * np.tile([1.0, 0.0], [6, 3]))
    distribution = flow.distribution()
    columns = distribution.forward(tf.eye(3, dtype=tf.float64)).numpy()
    loc = distribution.forward(tf.zeros([1, 3], tf.float64)).numpy()
    matrix = (columns - loc).T
    x = 2.0 * np.random.default_rng(0).standard_normal([10, 3])
    expected = scipy.stats.multivariate_normal.logpdf(x, loc[0], matrix @ matrix.T)
    np.testing.assert_allclose(flow(tf.constant(x)), expected, rtol=1e-9)
    assert not np.allclose(matrix, np.diag(np.diag(matrix)), atol=0.1)


def test_densities_stay_in_the_units_of_the_data():
    # Pixels uniform on (0, 256): logit of the unit interval is logistic, if not shrunk.
    alpha = 1e-6
    layers = [Scale([2], 1 / 256), Logit([2], alpha)]
    flow = Flow(Logistic([2]), layers)
    x = tf.constant([[10.5, 200.0], [0.5, 128.0]])
    expected = 2 * (np.log(1 - 2 * alpha) - np.log(256))
    np.testing.assert_allclose(flow(x), [expected, expected], rtol=1e-5)


# Errors.


def test_mixtures_need_a_context_if_they_have_a_network():
    x = tf.zeros([2, 2])
    with pytest.raises(ValueError, match="with a network needs a context"):
        mixture(2, "diagonal", network=True)(x)


def test_mixtures_without_a_network_serve_in_conditional_flows():
    flow = tfgen.maf([2], hidden_units=[4], base=Mixture([2], 3), context_features=1)
    context = tf.zeros([4, 1])
    x, log_prob = flow.sample_and_log_prob(tf.range(4), context)
    np.testing.assert_allclose(flow(x, context), log_prob, rtol=1e-4)


def test_autoregressive_distributions_take_a_context_where_the_network_does():
    made = autoregressive(Bernoulli, [3])
    for refuse in (made.distribution, lambda c: made.sample(tf.range(2), c)):
        with pytest.raises(ValueError, match="where its elements are independent"):
            refuse(tf.zeros([2, 1]))


def test_flows_name_the_parts_that_do_not_fit():
    step = MaskedAutoregressive([3], [4], name="step")
    with pytest.raises(ValueError, match=r"step .*\[3\] before base .*\[2\]"):
        Flow(StandardNormal([2], name="base"), [step])


ERRORS = {
    "covariance": (lambda: Mixture([2], 3, "round"), ValueError, "'round'"),
    "mixture of arrays": (lambda: Mixture([2, 2], 3), ValueError, r"\[2, 2\]"),
    "unknown option": (lambda: tfgen.maf([2], steps=3), TypeError, "received steps"),
    "no step": (lambda: tfgen.maf([2], num_steps=0), ValueError, "num_steps=0"),
    "one feature": (lambda: tfgen.realnvp([1]), ValueError, "at least 2 features"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_constructors_refuse(name):
    make, error, message = ERRORS[name]
    with pytest.raises(error, match=message):
        make()


# Builders.


@pytest.mark.parametrize(
    ("builder", "layer"),
    [(tfgen.maf, MaskedAutoregressive), (tfgen.iaf, InverseAutoregressive)],
)
def test_builders_have_as_many_steps_as_asked(builder, layer):
    layers = builder([3], num_steps=3, hidden_units=[4]).bijectors
    steps = [x for x in layers if isinstance(x, layer)]
    orders = [x.order for x in layers if isinstance(x, tfgen.flows.Permute)]
    assert orders == [(2, 1, 0)] * 2
    assert len(steps) == 3
    assert all(step.hidden_units == (4,) for step in steps)


@pytest.mark.parametrize(
    ("builder", "transformer"),
    [(tfgen.realnvp, Affine), (tfgen.nice, Additive), (tfgen.nsf, RationalQuadratic)],
)
def test_builders_use_the_transformer_of_their_paper(builder, transformer):
    layers = flow(builder).bijectors
    steps = [x for x in layers if isinstance(x, tfgen.flows.Coupling)]
    assert len(steps) == 2
    assert all(isinstance(step.transformer, transformer) for step in steps)


@pytest.mark.parametrize("features", [2, 3, 5, 8])
def test_couplings_between_permutations_change_every_coordinate(features, randomize):
    flow = tfgen.realnvp([features], num_steps=5, hidden_units=[4])
    rng = np.random.default_rng(0)
    x = tf.constant(rng.standard_normal([4, features]), tf.float32)
    for layer in flow.bijectors:
        if isinstance(layer, tfgen.flows.Coupling):
            randomize(layer)
    order = tf.range(features, dtype=tf.float32)[tf.newaxis]
    for layer in flow.bijectors:
        if isinstance(layer, tfgen.flows.Permute):
            order = layer.bijector().inverse(order)
    z = flow.distribution().inverse(x).numpy()
    untouched = np.isclose(z, x.numpy()[:, order.numpy()[0].astype(int)]).all(axis=0)
    assert not np.any(untouched)


def test_a_network_may_be_any_keras_layer():
    network = keras.Sequential([keras.Input([3]), keras.layers.Dense(4)])
    layer = Gaussian([2], network)
    assert layer(tf.zeros([5, 2]), tf.zeros([5, 3])).shape == (5,)
    assert len(layer.trainable_weights) == 2


@pytest.mark.parametrize("features", [2, 3, 4, 9, 64])
def test_two_couplings_change_every_coordinate(features):
    flow = tfgen.realnvp([features], num_steps=2, hidden_units=[4])
    changed, place = set(), np.arange(features)
    for layer in flow.bijectors:
        if isinstance(layer, tfgen.flows.Permute):
            place = place[list(layer.order)]
        elif isinstance(layer, tfgen.flows.Coupling):
            changed |= set(place[features // 2 :])
    assert changed == set(range(features))


def test_nice_has_one_scale_and_it_is_at_the_top():
    names = [type(layer).__name__ for layer in tfgen.nice([4], num_steps=3).bijectors]
    assert names.count("ActNorm") == 1
    assert names[-1] == "ActNorm"


def constant(value):
    """A network that gives the same vector, whatever the context."""
    value = np.asarray(value, float)
    network = MLP(1, [], value.size, dtype="float64")
    network.set_weights([np.zeros([1, value.size]), value.ravel()])
    return network


def logistics(loc, scale, levels):
    """A discretised logistic of given locations and scales, in units of a level."""
    half = (levels - 1) / 2
    log_scale = np.log(np.asarray(scale) / half) + 2.0
    parameters = np.stack([loc / half - 1, 5.0 * np.arctanh(log_scale / 5.0)], axis=-1)
    return DiscretizedLogistic(
        [len(loc)], levels, constant(parameters), dtype="float64"
    )


LOC = np.array([-300.0, -0.5, 0.0, 3.2, 127.5, 127.5, 250.0, 255.4, 900.0])
SCALE = np.array([30.0, 2.0, 0.5, 0.3, 0.15, 80.0, 7.0, 1.0, 20.0])


def level_probabilities(loc=LOC, scale=SCALE, levels=256):
    """By differences of scipy's distribution functions: `[levels, elements]`."""
    edges = np.arange(levels - 1)[:, np.newaxis] + 0.5
    cdf = scipy.stats.logistic(loc, scale).cdf(edges)
    sf = scipy.stats.logistic(loc, scale).sf(edges)
    cdf = np.concatenate([0 * cdf[:1], cdf, 0 * cdf[:1] + 1])
    sf = np.concatenate([0 * sf[:1] + 1, sf, 0 * sf[:1]])
    # The smaller of both has all its digits.
    return np.where(cdf[1:] < 0.5, np.diff(cdf, axis=0), -np.diff(sf, axis=0))


def test_discretized_logistic_agrees_with_scipy():
    layer = logistics(LOC, SCALE, 256)
    x = tf.repeat(tf.range(256, dtype=tf.float64)[:, tf.newaxis], len(LOC), axis=1)
    elements = layer.distribution(tf.zeros([256, 1], tf.float64)).distribution
    log_probs = elements.log_prob(x).numpy()
    np.testing.assert_allclose(np.exp(log_probs).sum(axis=0), 1.0, rtol=1e-9)
    expected = level_probabilities()
    seen = expected > 1e-290
    np.testing.assert_allclose(log_probs[seen], np.log(expected[seen]), 1e-9, 1e-12)
    assert np.all(np.isfinite(log_probs))


def test_discretized_logistic_is_stable_in_single_precision():
    exact = logistics(LOC, SCALE, 256)
    layer = DiscretizedLogistic([len(LOC)], 256, MLP(1, [], 2 * len(LOC)))
    layer.set_weights(exact.get_weights())
    context = tf.zeros([256, 1])
    x = tf.repeat(tf.range(256.0)[:, tf.newaxis], len(LOC), axis=1)
    with tf.GradientTape() as tape:
        log_prob = layer.distribution(context).distribution.log_prob(x)
    for gradient in tape.gradient(log_prob, layer.trainable_weights):
        assert np.all(np.isfinite(gradient))
    context, x = (tf.cast(value, tf.float64) for value in (context, x))
    expected = exact.distribution(context).distribution.log_prob(x)
    np.testing.assert_allclose(log_prob, expected, rtol=1e-3, atol=1e-4)


def test_values_between_and_beyond_the_levels_are_impossible():
    layer = logistics(np.zeros(2), np.ones(2), 4)
    x = tf.constant([[1, 2], [1, 4], [-1, 0], [0.5, 1], [np.nan, 1]], tf.float64)
    log_prob = layer(x, tf.zeros([5, 1], tf.float64)).numpy()
    assert np.isfinite(log_prob[0])
    np.testing.assert_array_equal(log_prob[1:], [-np.inf, -np.inf, -np.inf, np.nan])


def test_discretized_logistic_has_nearly_the_mean_of_its_levels():
    layer = logistics(LOC, SCALE, 256)
    mean = layer.distribution(tf.zeros([1, 1], tf.float64)).mean()[0].numpy()
    error = np.abs(mean - np.arange(256.0) @ level_probabilities())
    assert np.all(error < 0.5)
    assert np.all(error[SCALE >= 1] < 0.02)


MEANS = {
    "bernoulli": ALL["bernoulli"],
    "categorical": ALL["categorical"],
    "gaussian 2": ALL["gaussian 2"],
    "standardized": Case(lambda: Flow(gaussian(2), [Standardize([2])]), CONTEXT),
    "grey": Case(lambda: GreyBernoulli([2], 5, MLP(3, [8], 2)), CONTEXT),
}


@pytest.mark.parametrize("name", MEANS)
def test_means_are_those_of_samples(name, randomize):
    layer = randomize(MEANS[name].make(), stddev=0.3)
    for weight in layer.non_trainable_weights:
        weight.assign(weight + 0.5)
    context = tf.repeat(tf.constant([CONTEXT]), 4000, axis=0)
    seeds = tfgen.random.row_seeds(0, tf.range(4000))
    samples, distribution = layer.sample_and_distribution(seeds, context)
    mean = distribution.mean()
    assert mean.shape == samples.shape
    error = np.std(samples, axis=0) / np.sqrt(4000)
    np.testing.assert_array_less(np.abs(np.mean(samples, axis=0) - mean[0]), 4 * error)
    np.testing.assert_array_equal(samples, layer.sample(seeds, context))
    log_prob = distribution.log_prob(samples)
    np.testing.assert_allclose(log_prob, layer(samples, context), rtol=1e-5)


def test_a_flow_with_bends_has_no_mean():
    with pytest.raises(NotImplementedError, match="where its bijectors are affine"):
        logit_flow().distribution().mean()


def test_grey_values_have_the_cross_entropy():
    layer = GreyBernoulli([2], 256, constant([0.4, -3.0]), dtype="float64")
    x, p = np.array([[0.0, 255.0], [51.0, 204.0]]), 1 / (1 + np.exp([-0.4, 3.0]))
    t = x / 255
    expected = np.sum(t * np.log(p) + (1 - t) * np.log(1 - p), axis=1)
    context = tf.zeros([2, 1], tf.float64)
    np.testing.assert_allclose(layer(tf.constant(x), context), expected, rtol=1e-9)
    np.testing.assert_allclose(layer.distribution(context).mean()[0], 255 * p)
    assert set(np.unique(layer.sample(tf.range(2), context))) <= {0.0, 255.0}
    assert not layer.normalized
    assert Bernoulli([2], MLP(1, [], 2)).normalized


def test_what_is_no_bit_has_no_probability():
    layer = Bernoulli([1], constant([0.4]), dtype="float64")
    x = tf.constant([[0.0], [1.0], [2.0], [-1.0], [0.5], [np.inf], [np.nan]], "float64")
    log_prob = layer(x, tf.zeros([7, 1], "float64"))
    with tf.GradientTape() as tape:
        told = tf.reduce_sum(layer(x[:2], tf.zeros([2, 1], "float64")))
    inside = -np.log1p(np.exp([0.4, -0.4]))
    none = [-np.inf] * 4 + [np.nan]
    np.testing.assert_allclose(log_prob, [*inside, *none], rtol=1e-9)
    # Of bits gradients are those of the formula alone.
    for gradient in tape.gradient(told, tape.watched_variables()):
        assert np.all(np.isfinite(gradient))
    grey = GreyBernoulli([1], 5, constant([0.4]), dtype="float64")
    x = tf.constant([[4.0], [4.5], [-1.0], [np.nan]], "float64")
    log_prob = grey(x, tf.zeros([4, 1], "float64"))
    expected = [-np.log1p(np.exp(-0.4)), -np.inf, -np.inf, np.nan]
    np.testing.assert_allclose(log_prob, expected, rtol=1e-9)


def test_discretized_logistic_refuses_one_level():
    with pytest.raises(ValueError, match="at least 2 levels; received levels=1"):
        DiscretizedLogistic([2], 1, MLP(1, [], 4))
