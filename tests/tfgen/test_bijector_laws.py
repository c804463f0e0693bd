"""Laws of every bijector layer, over a table of them.

TFP caches: `inverse(forward(z))` gives back `z` whatever `inverse` does. `tf.identity`
makes a tensor that the cache has not seen.
"""

import functools
import importlib
import inspect
import itertools
import pkgutil
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf

from tfgen import flows
from tfgen.base import BijectorLayer
from tfgen.bijectors import (
    Additive,
    Affine,
    RationalQuadratic,
    bounded,
    forward_and_log_det,
    inverse_and_log_det,
)
from tfgen.distributions import Flow, StandardNormal
from tfgen.models import DensityModel
from tfgen.networks import MADE, MLP

BATCH = 6
TOLERANCE = {
    "float64": {"rtol": 1e-9, "atol": 1e-9},
    "float32": {"rtol": 1e-3, "atol": 1e-3},
}
TRANSFORMERS = {
    "affine": Affine(),
    "additive": Additive(),
    "spline": RationalQuadratic(num_bins=4, bound=2.0),
}


class Case(NamedTuple):
    """A bijector layer, to be made with a dtype, and how wide its context is."""

    make: Callable[..., BijectorLayer]
    context_features: int = 0


def conditioner_cases() -> dict[str, Case]:
    cases = {}
    sizes = [(1, 0), (1, 2), (2, 0), (3, 0), (3, 2), (5, 0)]
    layers = [flows.MaskedAutoregressive, flows.InverseAutoregressive, flows.Coupling]
    for layer, transformer, (features, context_features) in itertools.product(
        layers, TRANSFORMERS, sizes
    ):
        if layer is flows.Coupling and features + context_features < 2:
            continue
        name = f"{layer.__name__} {transformer} {features}"
        make = functools.partial(
            layer,
            [features],
            [12, 9],
            TRANSFORMERS[transformer],
            context_features=context_features,
            activation="tanh",
        )
        cases[name + " context" * bool(context_features)] = Case(make, context_features)
    return cases


CONDITIONERS = conditioner_cases()
ELEMENTWISE = {
    "ActNorm 1": Case(functools.partial(flows.ActNorm, [1])),
    "ActNorm 2x3": Case(functools.partial(flows.ActNorm, [2, 3])),
    "Standardize 3": Case(functools.partial(flows.Standardize, [3])),
    "Standardize 2x3": Case(functools.partial(flows.Standardize, [2, 3])),
    "Scale 3": Case(functools.partial(flows.Scale, [3], 1 / 16)),
    "Scale negative": Case(functools.partial(flows.Scale, [2], -3.0)),
    "Logit 1": Case(functools.partial(flows.Logit, [1], 0.01)),
    "Logit 2x2": Case(functools.partial(flows.Logit, [2, 2], 0.05)),
}
SHAPES = {
    "Permute 1": Case(functools.partial(flows.Permute, [1])),
    "Permute 4": Case(functools.partial(flows.Permute, [4])),
    "Permute 5 order": Case(functools.partial(flows.Permute, [5], [3, 0, 4, 1, 2])),
    "Flatten 2x3": Case(functools.partial(flows.Flatten, [2, 3])),
    "Flatten 1": Case(functools.partial(flows.Flatten, [1])),
}


def layers_of_the_folder() -> dict[str, type[BijectorLayer]]:
    """Every layer that a file of `tfgen/flows` defines, but for those without maths."""
    found = {}
    for module in pkgutil.iter_modules(flows.__path__, f"{flows.__name__}."):
        for name, value in vars(importlib.import_module(module.name)).items():
            if getattr(value, "__module__", None) == module.name:
                if isinstance(value, type) and issubclass(value, BijectorLayer):
                    if value.bijector is not BijectorLayer.bijector:
                        found[name] = value
    return found


NAMED = {**CONDITIONERS, **ELEMENTWISE, **SHAPES}
LAYERS = layers_of_the_folder()
# A layer that no case names and that a shape is enough for is covered by itself.
FOUND = {
    f"{name} 3": Case(functools.partial(layer, [3]))
    for name, layer in LAYERS.items()
    if name not in {case.partition(" ")[0] for case in NAMED}
    and [
        parameter.name
        for parameter in inspect.signature(layer).parameters.values()
        if parameter.default is parameter.empty
        and parameter.kind is not parameter.VAR_KEYWORD
    ]
    == ["event_shape"]
}
BIJECTORS = {**NAMED, **FOUND}


# One case of each kind, for what does not depend on sizes.
EACH = {name: case for name, case in BIJECTORS.items() if "3" in name}
PRECISIONS = [
    *((name, "float64") for name in BIJECTORS),
    *((name, "float32") for name in EACH),
]


def make(name, dtype, randomize):
    """The layer away from the identity, and a context where it takes one."""
    case = BIJECTORS[name]
    layer = randomize(case.make(dtype=dtype))
    if isinstance(layer, flows.Standardize):
        data = np.random.default_rng(2).normal(3.0, 2.0, [50, *layer.event_shape])
        layer.adapt(tf.constant(data, dtype))
    context = None
    if case.context_features:
        context = draw([case.context_features], dtype, seed=3)
    return layer, context


def draw(shape, dtype, *, seed=1, batch=BATCH):
    noise = np.random.default_rng(seed).standard_normal([batch, *shape])
    return tf.constant(1.2 * noise, dtype)


def draw_data(layer, dtype):
    if isinstance(layer, flows.Logit):
        return tf.constant(
            np.random.default_rng(1).uniform(0, 1, [BATCH, *layer.event_shape]), dtype
        )
    return draw(layer.event_shape, dtype)


def assert_close(actual, expected, dtype):
    np.testing.assert_allclose(actual, expected, **TOLERANCE[dtype])


def values_and_jacobian(function, x, event_ndims):
    """Values, log-determinants and Jacobians `[batch, out, in]` of a row-pure map.

    Each row is there once for each of its outputs, whose gradient is a row of its
    Jacobian: one pass back instead of one for each output.
    """
    size = int(np.prod(x.shape[1:]))
    x = tf.repeat(x, size, axis=0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y, log_det = function(x, event_ndims)
    seed = tf.reshape(tf.tile(tf.eye(size, dtype=x.dtype), [BATCH, 1]), tf.shape(y))
    jacobian = tape.gradient(y, x, output_gradients=seed)
    jacobian = tf.reshape(jacobian, [BATCH, size, size])
    # Log-determinants that do not depend on the row may come without the batch.
    log_det = tf.broadcast_to(log_det, [BATCH * size])
    return y[::size], log_det[::size], jacobian


def repeated(context, layer):
    """A context for the repeated rows of `values_and_jacobian`."""
    size = int(np.prod(layer.event_shape))
    return None if context is None else tf.repeat(context, size, axis=0)


@pytest.mark.parametrize("name", LAYERS)
def test_every_layer_is_covered(name):
    covered = {case.partition(" ")[0] for case in BIJECTORS}
    assert name in covered, f"{name} needs more than a shape: give it a case above."


@pytest.mark.parametrize(("name", "dtype"), PRECISIONS)
def test_round_trips(name, dtype, randomize):
    layer, context = make(name, dtype, randomize)
    bijector = layer.bijector(context)
    x, z = draw_data(layer, dtype), draw(layer.noise_event_shape, dtype)
    noise = bijector.inverse(x)
    assert noise.shape == (BATCH, *layer.noise_event_shape)
    assert noise.dtype == dtype
    assert_close(bijector.forward(tf.identity(noise)), x, dtype)
    data = layer(z, context)
    assert data.shape == (BATCH, *layer.event_shape)
    assert_close(bijector.inverse(tf.identity(data)), z, dtype)


@pytest.mark.parametrize(("name", "dtype"), PRECISIONS)
def test_log_dets_are_those_of_the_jacobian_and_cancel(name, dtype, randomize):
    layer, context = make(name, dtype, randomize)
    bijector = layer.bijector(repeated(context, layer))
    z, inverse_log_det, jacobian = values_and_jacobian(
        functools.partial(inverse_and_log_det, bijector),
        draw_data(layer, dtype),
        len(layer.event_shape),
    )
    assert_close(inverse_log_det, tf.linalg.slogdet(jacobian)[1], dtype)
    _, forward_log_det, jacobian = values_and_jacobian(
        functools.partial(forward_and_log_det, bijector),
        tf.identity(z),
        len(layer.noise_event_shape),
    )
    assert_close(forward_log_det, tf.linalg.slogdet(jacobian)[1], dtype)
    assert_close(forward_log_det, -inverse_log_det, dtype)


@pytest.mark.parametrize("name", EACH)
def test_both_at_once_are_what_tfp_gives_one_by_one(name, randomize):
    layer, context = make(name, "float64", randomize)
    x, z = draw_data(layer, "float64"), draw(layer.noise_event_shape, "float64")
    data_ndims, noise_ndims = len(layer.event_shape), len(layer.noise_event_shape)
    noise, inverse_log_det = inverse_and_log_det(layer.bijector(context), x, data_ndims)
    data, forward_log_det = forward_and_log_det(layer.bijector(context), z, noise_ndims)
    fresh = layer.bijector(context)
    assert_close(fresh.inverse(tf.identity(x)), noise, "float64")
    assert_close(fresh.forward(tf.identity(z)), data, "float64")
    fresh = layer.bijector(context)
    assert_close(
        fresh.inverse_log_det_jacobian(tf.identity(x), data_ndims),
        inverse_log_det,
        "float64",
    )
    assert_close(
        fresh.forward_log_det_jacobian(tf.identity(z), noise_ndims),
        forward_log_det,
        "float64",
    )


@pytest.mark.parametrize("direction", ["forward", "inverse"])
@pytest.mark.parametrize("layer", [flows.Coupling, flows.MaskedAutoregressive, None])
def test_log_dets_are_over_all_axes_of_an_event(layer, direction, randomize):
    if layer is None:
        transformer = TRANSFORMERS["spline"]
        parameters = draw([3, 4, transformer.num_parameters], "float64")
        bijector, fewest = transformer(parameters), 0
    else:
        layer = randomize(layer([4], [8], Affine(), dtype="float64"))
        bijector, fewest = layer.bijector(), 1
    both = {"forward": forward_and_log_det, "inverse": inverse_and_log_det}[direction]
    alone = getattr(bijector, f"{direction}_log_det_jacobian")
    x = draw([3, 4], "float64")
    for event_ndims in range(fewest, 3):
        _, log_det = both(bijector, tf.identity(x), event_ndims)
        assert log_det.shape == x.shape[: 3 - event_ndims]
        assert_close(log_det, alone(tf.identity(x), event_ndims), "float64")


@pytest.mark.parametrize("name", EACH)
def test_no_rows_give_no_rows(name, randomize):
    layer, context = make(name, "float32", randomize)
    bijector = layer.bijector(None if context is None else context[:0])
    x = tf.zeros([0, *layer.event_shape])
    z, _ = inverse_and_log_det(bijector, x, len(layer.event_shape))
    assert z.shape == (0, *layer.noise_event_shape)
    x, _ = forward_and_log_det(bijector, tf.identity(z), len(z.shape) - 1)
    assert x.shape == (0, *layer.event_shape)


@pytest.mark.parametrize("name", CONDITIONERS)
def test_conditioners_give_a_log_det_a_row(name, randomize):
    layer, context = make(name, "float32", randomize)
    x = draw_data(layer, "float32")
    assert inverse_and_log_det(layer.bijector(context), x, 1)[1].shape == (BATCH,)
    assert forward_and_log_det(layer.bijector(context), x, 1)[1].shape == (BATCH,)


@pytest.mark.parametrize("name", [*CONDITIONERS, "ActNorm 2x3"])
def test_training_starts_at_the_identity(name):
    case = BIJECTORS[name]
    layer = case.make(dtype="float64")
    context = None
    if case.context_features:
        context = draw([case.context_features], "float64")
    x = draw_data(layer, "float64")
    z, log_det = inverse_and_log_det(layer.bijector(context), x, len(layer.event_shape))
    np.testing.assert_allclose(z, x, atol=1e-12)
    np.testing.assert_allclose(log_det, np.zeros_like(log_det), atol=1e-12)


@pytest.mark.parametrize("name", [n for n in EACH if n in CONDITIONERS])
def test_training_reaches_every_weight(name, randomize):
    layer, context = make(name, "float32", randomize)
    x = draw_data(layer, "float32")
    with tf.GradientTape() as tape:
        z, log_det = inverse_and_log_det(layer.bijector(context), x, 1)
        loss = tf.reduce_sum(z**2) - tf.reduce_sum(log_det)
    assert len(layer.trainable_weights) >= 6
    for gradient in tape.gradient(loss, layer.trainable_weights):
        assert np.any(gradient != 0)


# Who sees whom.


@pytest.mark.parametrize("direction", [forward_and_log_det, inverse_and_log_det])
@pytest.mark.parametrize("name", [n for n in CONDITIONERS if "Autoregressive" in n])
def test_autoregressive_layers_look_at_no_later_coordinate(name, direction, randomize):
    layer, context = make(name, "float64", randomize)
    x = draw_data(layer, "float64")
    function = functools.partial(direction, layer.bijector(repeated(context, layer)))
    _, _, jacobian = (part.numpy() for part in values_and_jacobian(function, x, 1))
    later = np.triu(np.ones(jacobian.shape[1:], bool), k=1)
    assert np.all(jacobian[:, later] == 0)
    # And on every other one, in some row: splines act inside their interval alone.
    assert np.all(np.any(jacobian[:, ~later] != 0, axis=0))


@pytest.mark.parametrize("name", [n for n in CONDITIONERS if "Coupling" in n])
def test_coupling_keeps_the_first_half_and_changes_the_rest(name, randomize):
    layer, context = make(name, "float64", randomize)
    kept = layer.event_shape[0] // 2
    x = draw_data(layer, "float64")
    inverse = functools.partial(
        inverse_and_log_det, layer.bijector(repeated(context, layer))
    )
    z, _, jacobian = (part.numpy() for part in values_and_jacobian(inverse, x, 1))
    np.testing.assert_array_equal(z[:, :kept], x[:, :kept])
    assert np.all(np.any(jacobian[:, kept:, :kept] != 0, axis=0))
    rest = jacobian[:, kept:, kept:]
    assert np.all(rest[:, ~np.eye(rest.shape[-1], dtype=bool)] == 0)
    assert np.all(z[:, kept:] != x[:, kept:]) or "spline" in name


@pytest.mark.parametrize("name", [n for n in CONDITIONERS if "context" in n])
def test_every_changed_coordinate_depends_on_its_own_context(name, randomize):
    layer, context = make(name, "float64", randomize)
    # Inside the interval of the splines.
    x = tf.fill([BATCH, *layer.event_shape], tf.constant(0.3, tf.float64))
    kept = layer.event_shape[0] // 2 if isinstance(layer, flows.Coupling) else 0
    z = layer.bijector(context).inverse(x).numpy()
    other = context.numpy()
    other[0] += 1.0
    changed = layer.bijector(tf.constant(other)).inverse(tf.identity(x)).numpy()
    assert np.all(changed[0, kept:] != z[0, kept:])
    np.testing.assert_array_equal(changed[1:], z[1:])


# Directions: `inverse` is what the name says, on the way from data to noise.


def test_standardize_standardizes():
    data = np.random.default_rng(0).normal([1.0, -200.0], [3.0, 0.1], [500, 2])
    layer = flows.Standardize([2])
    layer.adapt(tf.constant(data, tf.float32))
    z = layer.bijector().inverse(tf.constant(data, tf.float32)).numpy()
    expected = (data - data.mean(0)) / data.std(0)
    np.testing.assert_allclose(z, expected, atol=2e-3)
    assert layer.trainable_weights == []


def test_actnorm_starts_from_data_and_is_trained():
    data = np.random.default_rng(0).normal([1.0, -2.0], [3.0, 0.1], [500, 2])
    layer = flows.ActNorm([2], dtype="float64")
    layer.adapt(tf.constant(data))
    z = layer.bijector().inverse(tf.constant(data)).numpy()
    np.testing.assert_allclose(z, (data - data.mean(0)) / data.std(0), rtol=1e-9)
    assert len(layer.trainable_weights) == 2


@pytest.mark.parametrize("layer", [flows.Standardize, flows.ActNorm])
def test_constant_coordinates_are_only_shifted(layer):
    layer = layer([2])
    data = tf.constant([[5.0, 1.0], [5.0, 3.0]])
    layer.adapt(data)
    z = layer.bijector().inverse(data)
    np.testing.assert_allclose(z, [[0.0, -1.0], [0.0, 1.0]], atol=1e-6)


def test_scale_multiplies_data():
    z = flows.Scale([2], 1 / 256).bijector().inverse(tf.constant([[256.0, 64.0]]))
    np.testing.assert_allclose(z, [[1.0, 0.25]], rtol=1e-6)


def test_logit_is_the_logit_of_shrunk_data():
    alpha, x = 0.05, np.array([[0.0, 0.2, 0.5, 1.0]])
    layer = flows.Logit([4], alpha, dtype="float64")
    p = alpha + (1 - 2 * alpha) * x
    z = layer.bijector().inverse(tf.constant(x))
    np.testing.assert_allclose(z, np.log(p / (1 - p)), rtol=1e-9, atol=1e-12)


def test_permute_takes_coordinates_in_the_given_order():
    x = tf.constant([[10.0, 11.0, 12.0]])
    z = flows.Permute([3], [2, 0, 1]).bijector().inverse(x)
    assert z.numpy().tolist() == [[12.0, 10.0, 11.0]]
    z = flows.Permute([3]).bijector().inverse(x)
    assert z.numpy().tolist() == [[12.0, 11.0, 10.0]]


def test_flatten_is_row_major():
    x = tf.reshape(tf.range(6.0), [1, 2, 3])
    z = flows.Flatten([2, 3]).bijector().inverse(x)
    assert z.numpy().tolist() == [[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]]


# Transformers.


def test_affine_and_additive_are_what_they_say():
    z = tf.constant([0.5, 2.0], tf.float64)
    parameters = tf.constant([[3.0, 0.2], [-1.0, -0.4]], tf.float64)
    shift, log_scale = parameters[:, 0], bounded(parameters[:, 1])
    np.testing.assert_allclose(
        Affine()(parameters).forward(z), np.exp(log_scale) * z + shift
    )
    np.testing.assert_allclose(Additive()(parameters[:, :1]).forward(z), z + shift)


def test_bounded_is_close_to_the_identity_and_below_five():
    small = tf.constant([-0.1, 0.0, 0.1], tf.float64)
    np.testing.assert_allclose(bounded(small), small, rtol=2e-4)
    np.testing.assert_allclose(bounded(tf.constant([-1e9, 1e9])), [-5.0, 5.0])


@pytest.mark.parametrize(
    "layer", [flows.MaskedAutoregressive, flows.InverseAutoregressive]
)
@pytest.mark.parametrize("size", [1e3, 1e30])
def test_log_scales_of_wild_networks_stay_below_five(layer, size):
    layer = layer([3], [4])
    for weight in layer.trainable_weights:
        weight.assign(tf.fill(weight.shape, size))
    at_once = inverse_and_log_det
    if isinstance(layer, flows.InverseAutoregressive):
        at_once = forward_and_log_det
    _, log_det = at_once(layer.bijector(), tf.ones([2, 3]), 1)
    assert np.all(np.abs(log_det) <= 3 * 5.0)


def test_a_spline_is_increasing_and_the_identity_outside():
    spline = RationalQuadratic(num_bins=5, bound=1.5)
    parameters = draw([spline.num_parameters], "float64", batch=1)
    outside = tf.constant([-1e6, -10.0, -1.5, 1.5, 10.0, 1e6], tf.float64)
    bijector = spline(parameters)
    for bare in (bijector.forward, bijector.inverse):
        np.testing.assert_allclose(bare(tf.identity(outside)), outside, rtol=1e-12)
    log_det = bijector.forward_log_det_jacobian(tf.identity(outside), event_ndims=0)
    np.testing.assert_allclose(log_det.numpy()[[0, 1, 4, 5]], np.zeros(4), atol=1e-12)
    inside = tf.constant(np.linspace(-1.5, 1.5, 1001))
    assert np.all(np.diff(bijector.forward(inside)) > 0)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("direction", ["forward", "inverse"])
def test_gradients_are_finite_outside_a_spline_and_at_its_knots(direction, dtype):
    spline = RationalQuadratic(num_bins=5, bound=1.5)
    parameters = draw([spline.num_parameters], dtype, batch=1)
    bijector = spline(parameters)
    sizes = bijector.parameters["widths" if direction == "forward" else "heights"]
    knots = -1.5 + np.cumsum(sizes.numpy()[0])
    outside = [-1e6, -1.51, -1.5, 1.5, 1.51, 1e6]
    x = tf.constant(np.concatenate([knots, outside])[:, np.newaxis], dtype)
    both = forward_and_log_det if direction == "forward" else inverse_and_log_det
    with tf.GradientTape() as tape:
        tape.watch([x, parameters])
        y, log_det = both(spline(parameters[:, tf.newaxis]), x, 0)
        loss = tf.reduce_sum(tf.tanh(y)) + tf.reduce_sum(log_det)
    assert np.all(np.isfinite(log_det))
    for gradient in tape.gradient(loss, [x, parameters]):
        assert np.all(np.isfinite(gradient))


@pytest.mark.parametrize("name", [n for n in EACH if "spline" in n])
def test_gradients_of_spline_layers_are_finite_far_outside(name, randomize):
    layer, context = make(name, "float32", randomize)
    row = tf.constant([-1e30, -2.0, 0.0, 2.0, 2.5, 1e30])
    x = tf.tile(row[:, tf.newaxis], [1, layer.event_shape[0]])
    with tf.GradientTape() as tape:
        tape.watch(x)
        z, log_det = inverse_and_log_det(layer.bijector(context), x, 1)
        loss = tf.reduce_sum(tf.tanh(z)) + tf.reduce_sum(log_det)
    for gradient in tape.gradient(loss, [x, *layer.trainable_weights]):
        assert np.all(np.isfinite(gradient))


# Each conditioner runs once.


@pytest.fixture
def calls(monkeypatch):
    """A list that every call of a conditioner is written into."""
    calls = []

    def count(network):
        original = network.call

        @functools.wraps(original)
        def call(self, *args, **kwargs):
            calls.append(self)
            return original(self, *args, **kwargs)

        monkeypatch.setattr(network, "call", call)

    count(MADE)
    count(MLP)
    return calls


@pytest.mark.parametrize("layer", [flows.MaskedAutoregressive, flows.Coupling])
@pytest.mark.parametrize("transformer", TRANSFORMERS)
def test_a_density_and_its_gradient_run_each_network_once(calls, layer, transformer):
    steps = [layer([3], [8], TRANSFORMERS[transformer]) for _ in range(3)]
    flow = Flow(StandardNormal([3]), [steps[0], flows.Permute([3]), *steps[1:]])
    x = draw([3], "float32")
    flow.distribution().log_prob(x)
    assert len(calls) == 3
    assert len({id(network) for network in calls}) == 3
    calls.clear()
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(flow(x))
    tape.gradient(loss, flow.trainable_weights)
    assert len(calls) == 3
    calls.clear()
    model = DensityModel(flow)
    model.compile("sgd")
    model.train_step(x)
    assert len(calls) == 3


@pytest.mark.parametrize("layer", [flows.InverseAutoregressive, flows.Coupling])
def test_samples_run_each_network_once(calls, layer):
    steps = [layer([3], [8]) for _ in range(3)]
    flow = Flow(StandardNormal([3]), steps)
    flow.sample(tf.range(5))
    assert len(calls) == 3
    calls.clear()
    flow.sample_and_log_prob(tf.range(5))
    assert len(calls) == 3


# One bijector, two directions.


@pytest.mark.parametrize("transformer", TRANSFORMERS)
def test_an_inverse_layer_is_the_other_with_directions_changed(transformer, randomize):
    # Scales and shifts of one are those of the other's inverse; so are splines, whose
    # inverses are taken by other formulas.
    arguments = ([4], [8], TRANSFORMERS[transformer])
    layer = flows.InverseAutoregressive(*arguments, dtype="float64")
    other = flows.MaskedAutoregressive(*arguments, dtype="float64")
    randomize(layer), randomize(other)
    z = draw([4], "float64")
    parameters = layer.bijector().parameters["network"](z)
    np.testing.assert_array_equal(
        parameters, other.bijector().parameters["network"](tf.identity(z))
    )
    expected = TRANSFORMERS[transformer](parameters)
    x, log_det = forward_and_log_det(layer.bijector(), z, 1)
    assert_close(x, expected.forward(z), "float64")
    expected_log_det = tf.zeros_like(z) + expected.forward_log_det_jacobian(z, 0)
    assert_close(log_det, tf.reduce_sum(expected_log_det, axis=-1), "float64")
    noise, _ = inverse_and_log_det(other.bijector(), tf.identity(z), 1)
    assert_close(noise, expected.inverse(tf.identity(z)), "float64")


# Errors name the rule and what was received.

ERRORS = {
    "coupling of one": (lambda: flows.Coupling([1], [4]), r"2 features.*\[1\]"),
    "coupling of arrays": (lambda: flows.Coupling([2, 2], [4]), r"vectors.*\[2, 2\]"),
    "autoregressive arrays": (
        lambda: flows.MaskedAutoregressive([2, 2], [4]),
        r"vectors.*\[2, 2\]",
    ),
    "inverse autoregressive arrays": (
        lambda: flows.InverseAutoregressive([2, 2], [4]),
        r"InverseAutoregressive needs vectors.*\[2, 2\]",
    ),
    "no hidden layer": (lambda: flows.MaskedAutoregressive([2], []), "hidden layer"),
    "scale of zero": (lambda: flows.Scale([1], 0.0), "other than 0"),
    "no shrinkage": (lambda: flows.Logit([1], 0.0), "alpha=0.0"),
    "too much shrinkage": (lambda: flows.Logit([1], 0.5), "alpha=0.5"),
    "no permutation": (lambda: flows.Permute([3], [0, 1, 1]), r"\[0, 1, 1\]"),
    "one bin": (lambda: RationalQuadratic(num_bins=1), "num_bins=1"),
    "no interval": (lambda: RationalQuadratic(bound=0.0), "bound=0"),
}


@pytest.mark.parametrize(
    "layer", [flows.MaskedAutoregressive, flows.InverseAutoregressive, flows.Coupling]
)
def test_conditioners_refuse_the_wrong_context(layer):
    x, context = tf.zeros([4, 2]), tf.zeros([4, 3])
    with pytest.raises(ValueError, match="made for 0 context features"):
        layer([2], [4])(x, context)
    with pytest.raises(ValueError, match="made for 3 context features"):
        layer([2], [4], context_features=3)(x)


@pytest.mark.parametrize("name", ERRORS)
def test_constructors_refuse(name):
    make, message = ERRORS[name]
    with pytest.raises(ValueError, match=message):
        make()
