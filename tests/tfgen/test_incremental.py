"""Sampling coordinate by coordinate against passes of the whole network.

`passes` hides the network's `incremental`, so that the forward direction falls back to
one pass of the network for each coordinate: slow and plain, it is the oracle here.
"""

import functools
from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf

import tfgen
from tfgen import bijectors, flows
from tfgen.bijectors import Additive, Affine, RationalQuadratic
from tfgen.distributions import Autoregressive, Bernoulli, Categorical, Gaussian
from tfgen.networks import MADE, incremental, masked_dense

BATCH = 5
CLOSE = {"rtol": 1e-10, "atol": 1e-10}
TRANSFORMERS = {
    "affine": Affine(),
    "additive": Additive(),
    "spline": RationalQuadratic(num_bins=4, bound=2.0),
}


class Case(NamedTuple):
    """An autoregressive layer: its sizes, and the size of its context."""

    features: int
    hidden_units: tuple[int, ...]
    context_features: int = 0
    transformer: str = "affine"
    activation: str = "softplus"
    layer: type[flows.AutoregressiveLayer] = flows.MaskedAutoregressive


CASES = {
    "one feature": Case(1, (4,)),
    "one feature, context": Case(1, (4, 3), 2),
    "one feature, spline": Case(1, (4,), 0, "spline"),
    "two features": Case(2, (3,)),
    "two features, context": Case(2, (5, 4), 3),
    "two features, additive": Case(2, (5, 4), 0, "additive"),
    "one unit": Case(3, (1,)),
    "multiple of the degrees": Case(3, (4, 6)),
    "no multiple of the degrees": Case(3, (7, 5)),
    "three features, spline": Case(3, (7, 5), 0, "spline"),
    "three features, context": Case(3, (7, 5), 1, "additive"),
    "layers that grow and shrink": Case(5, (16, 3, 11)),
    "one unit in the middle": Case(5, (16, 1, 11), 2),
    "fewer units than features": Case(9, (4, 3)),
    "fewer units than features, context": Case(9, (4, 3), 2),
    "many features": Case(43, (64, 50), 0, "affine", "tanh"),
    "many features, few units": Case(43, (10, 20), 3, "affine", "tanh"),
    "many features, spline": Case(43, (30, 64), 0, "spline", "tanh"),
    "rectifiers": Case(6, (13, 12), 0, "affine", "relu"),
}
INVERSE = {
    f"inverse, {name}": CASES[name]._replace(layer=flows.InverseAutoregressive)
    for name in (
        "one feature",
        "two features, additive",
        "no multiple of the degrees",
        "three features, spline",
        "fewer units than features, context",
        "many features",
    )
}
CASES = {**CASES, **INVERSE}
# One case of each kind, for what is slow.
FEW = [
    "one feature, context",
    "three features, spline",
    "fewer units than features",
    "inverse, no multiple of the degrees",
]


class Example(NamedTuple):
    """A layer with random weights, a context where it takes one, and noise."""

    layer: flows.AutoregressiveLayer
    context: tf.Tensor | None
    z: tf.Tensor


@pytest.fixture
def example(randomize):
    def make(name, batch=BATCH):
        case = CASES[name]
        layer = case.layer(
            [case.features],
            case.hidden_units,
            TRANSFORMERS[case.transformer],
            context_features=case.context_features,
            activation=case.activation,
            dtype="float64",
        )
        rng = np.random.default_rng(0)
        context = rng.standard_normal([batch, case.context_features])
        return Example(
            # Small enough for 43 steps in a row to stay stable.
            randomize(layer, stddev=0.2 if case.features > 9 else 0.5),
            tf.constant(context) if case.context_features else None,
            tf.constant(rng.standard_normal([batch, case.features])),
        )

    return make


def steps(layer, context, z):
    """Results and log-determinants, each hidden unit computed once."""
    return slow_direction(layer.bijector(context))(z)


def slow_direction(bijector):
    """The one that takes a step for each coordinate."""
    if isinstance(bijector, bijectors.InverseAutoregressive):
        return bijector.inverse_and_log_det
    return bijector.forward_and_log_det


def passes(layer, context, z):
    """Results and log-determinants by a pass of the network for each coordinate."""
    bijector = layer.bijector(context)
    network = bijector.parameters["network"]
    plain = type(bijector)(lambda x: network(x), layer.transformer)
    return slow_direction(plain)(z)


def assert_all_close(actual, expected, **tolerance):
    for a, b in zip(actual, expected, strict=True):
        assert a.shape == b.shape
        np.testing.assert_allclose(a, b, **(tolerance or CLOSE))


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("few", [1, 100], ids=["four loops", "one loop"])
def test_steps_agree_with_passes(name, few, example, monkeypatch):
    monkeypatch.setattr(incremental, "_FEW", few)
    case = example(name)
    expected = passes(*case)
    assert not np.allclose(expected[0], case.z)  # Away from the identity.
    assert_all_close(steps(*case), expected)


@pytest.mark.parametrize("name", CASES)
def test_parameters_are_those_of_a_call(name, example):
    layer, context, x = example(name)
    network = layer._network
    coordinates, parameters = network.incremental([BATCH], context), []
    assert coordinates.features == x.shape[1]
    state = coordinates.grow(coordinates.state, coordinates.features)
    previous = tf.zeros_like(x[:, 0])
    for i in range(coordinates.features):
        new, state = coordinates.step(tf.constant(i), previous, state)
        parameters.append(new)
        previous = x[:, i]
    np.testing.assert_allclose(
        tf.stack(parameters, axis=1), network(x, context), **CLOSE
    )


def test_a_context_of_another_precision_is_cast(randomize):
    layer = flows.MaskedAutoregressive([3], [4], context_features=2)
    flow = tfgen.distributions.Flow(
        tfgen.distributions.StandardNormal([3]), [randomize(layer)]
    )
    context = np.random.default_rng(0).standard_normal([5, 2])
    draws = [
        flow.sample(tf.range(5), tf.constant(context, dtype))
        for dtype in ("float32", "float64")
    ]
    np.testing.assert_allclose(draws[0], draws[1], rtol=1e-6)


@pytest.mark.parametrize("name", FEW)
def test_steps_agree_with_passes_of_blocks(name, example, monkeypatch):
    monkeypatch.setattr(masked_dense, "_BLOCK_SIZE", 2)
    case = example(name)
    assert_all_close(steps(*case), passes(*case))


@pytest.mark.parametrize("name", CASES)
def test_no_step_runs_the_whole_network(name, example, monkeypatch):
    case = example(name)

    def refuse(*args):
        raise AssertionError("A pass of the whole network.")

    monkeypatch.setattr(MADE, "call", refuse)
    steps(*case)


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_graphs_agree_with_eager_execution(name, jit_compile, example):
    layer, context, z = example(name)
    graph = tf.function(functools.partial(steps, layer), jit_compile=jit_compile)
    assert_all_close(graph(context, z), passes(layer, context, z))


def values_and_gradients(function, layer, context, z):
    """What a function gives, and a gradient for noise, context and each weight."""
    sources = [z, *([] if context is None else [context]), *layer.trainable_weights]
    with tf.GradientTape() as tape:
        tape.watch(sources[: -len(layer.trainable_weights)])
        x, log_det = function(layer, context, z)
        loss = tf.reduce_sum(tf.sin(x)) + tf.reduce_sum(tf.cos(log_det))
    return [x, log_det, *tape.gradient(loss, sources)]


@pytest.mark.parametrize("name", CASES)
def test_gradients_agree_with_those_of_passes(name, example):
    case = example(name)
    graph = tf.function(functools.partial(values_and_gradients, steps, case.layer))
    actual = graph(case.context, case.z)
    expected = values_and_gradients(passes, *case)
    assert np.any(expected[-1] != 0)
    assert_all_close(actual, expected, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("name", FEW)
def test_gradients_agree_in_eager_execution_and_under_xla(name, example):
    case = example(name)
    expected = values_and_gradients(passes, *case)
    gradients = functools.partial(values_and_gradients, steps, case.layer)
    for compiled in (gradients, tf.function(gradients, jit_compile=True)):
        actual = compiled(case.context, case.z)
        assert_all_close(actual, expected, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("name", FEW)
def test_no_rows_give_no_rows(name, jit_compile, example):
    layer, context, z = example(name, batch=0)
    graph = tf.function(functools.partial(steps, layer), jit_compile=jit_compile)
    for function in (functools.partial(steps, layer), graph):
        x, log_det = function(context, z)
        assert x.shape == (0, layer.event_shape[0])
        assert log_det.shape == (0,)


@pytest.mark.parametrize("name", FEW)
def test_any_axes_before_the_last_are_a_batch(name, example):
    layer, context, z = example(name)
    several = tf.stack([z, 2.0 * z, -z])
    x, log_det = steps(layer, context, several)
    assert x.shape == several.shape
    assert log_det.shape == (3, BATCH)
    for i in range(3):
        assert_all_close((x[i], log_det[i]), passes(layer, context, several[i]))
    if context is None:
        assert_all_close(steps(layer, None, z[0]), (x[0, 0], log_det[0, 0]))


@pytest.mark.parametrize("name", FEW)
def test_exported_functions_take_any_number_of_rows(name, example, tmp_path):
    layer, context, z = example(name)
    arguments = [z, *([] if context is None else [context])]
    module = tf.Module()
    module.layer = layer

    @tf.function(
        input_signature=[tf.TensorSpec([None, a.shape[1]], a.dtype) for a in arguments]
    )
    def forward(z, context=None):
        return dict(zip(["x", "log_det"], steps(layer, context, z), strict=True))

    module.forward = forward
    outputs = forward.get_concrete_function().structured_outputs
    assert outputs["x"].shape.as_list() == [None, z.shape[1]]
    tf.saved_model.save(module, str(tmp_path))
    loaded = tf.saved_model.load(str(tmp_path))
    for rows in (0, 1, BATCH):
        answer = loaded.forward(*[a[:rows] for a in arguments])
        part = None if context is None else context[:rows]
        expected = passes(layer, part, z[:rows])
        assert_all_close((answer["x"], answer["log_det"]), expected)


@pytest.mark.parametrize("autoregressive", [False, True])
@pytest.mark.parametrize("features", [1, 2, 6])
def test_whole_flows_agree_with_passes(
    features, autoregressive, randomize, monkeypatch
):
    # Reversed orders between the steps, and one that is neither reversed nor natural.
    options = {"num_steps": 3, "hidden_units": [9, 7], "context_features": 2}
    builder = (
        functools.partial(tfgen.nsf, autoregressive=True)
        if autoregressive
        else tfgen.maf
    )
    order = np.roll(np.arange(features), 2).tolist()
    preprocessing = [flows.Permute([features], order)]
    flow = randomize(builder([features], preprocessing=preprocessing, **options), 0.4)
    seeds, context = tf.range(7), tf.random.stateless_normal([7, 2], [0, 1])
    x, log_prob = flow.sample_and_log_prob(seeds, context)
    compiled = tf.function(flow.sample_and_log_prob, jit_compile=True)(seeds, context)
    np.testing.assert_allclose(
        flow.distribution(context).log_prob(x), log_prob, rtol=1e-3, atol=1e-3
    )
    monkeypatch.delattr(flows.autoregressive.Conditioner, "incremental")
    expected = flow.sample_and_log_prob(seeds, context)
    assert_all_close((x, log_prob), expected, rtol=1e-4, atol=1e-4)
    assert_all_close(compiled, expected, rtol=1e-4, atol=1e-4)


# Distributions.


def made(conditional, event_shape, num_parameters, *arguments, hidden_units=(9, 7)):
    features = int(np.prod(event_shape))
    network = MADE(features, num_parameters, hidden_units)
    return Autoregressive(conditional(event_shape, *arguments, network))


CONDITIONALS = {
    "bernoulli 1": lambda: made(Bernoulli, [1], 1),
    "bernoulli 2x3": lambda: made(Bernoulli, [2, 3], 1),
    "bernoulli 43": lambda: made(Bernoulli, [43], 1, hidden_units=(20,)),
    "categorical 2": lambda: made(Categorical, [2], 3, 3),
    "categorical 5x2": lambda: made(Categorical, [5, 2], 4, 4),
    "gaussian 3": lambda: made(Gaussian, [3], 2),
}


@pytest.mark.parametrize("name", CONDITIONALS)
def test_distributions_draw_what_passes_draw(name, randomize, monkeypatch):
    layer = randomize(CONDITIONALS[name]())
    seeds = tfgen.random.row_seeds(3, tf.range(64))
    drawn = layer.sample(seeds)
    compiled = tf.function(layer.sample, jit_compile=True)(seeds)
    none = layer.sample(seeds[:0])
    monkeypatch.delattr(MADE, "incremental")
    expected = layer.sample(seeds)
    assert len(np.unique(expected.numpy().reshape([64, -1]), axis=0)) > 1
    # Equal seeds give equal samples: of whole numbers, the very same.
    exact = {"rtol": 0, "atol": 0} if "gaussian" not in name else {"rtol": 1e-4}
    assert_all_close((drawn, compiled), (expected, expected), **exact)
    assert none.shape == (0, *layer.event_shape)


def test_distributions_make_no_pass_for_a_sample(randomize, monkeypatch):
    layer = randomize(CONDITIONALS["bernoulli 2x3"]())

    def refuse(*args):
        raise AssertionError("A pass of the whole network.")

    monkeypatch.setattr(MADE, "call", refuse)
    layer.sample(tf.range(3))


@pytest.mark.parametrize(
    ("context_features", "wrong"),
    [(0, tf.zeros([5, 2])), (2, None), (2, tf.ones([5, 1]))],
)
def test_made_refuses_the_wrong_context(context_features, wrong):
    network = MADE(3, 1, [4], context_features=context_features)
    message = f"made for {context_features} context features"
    with pytest.raises(ValueError, match=message):
        network.incremental([5], wrong)
