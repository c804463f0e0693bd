"""Networks: who sees whom in MADE, and answers worked out by hand."""

from typing import NamedTuple

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgen.networks import (
    MADE,
    MLP,
    Chain,
    ConvolutionalDecoder,
    ConvolutionalEncoder,
    Normalize,
    OneHot,
    masked_dense,
)
from tfgen.networks.dense import Dense


class Case(NamedTuple):
    """A MADE: its sizes."""

    features: int
    num_parameters: int
    hidden_units: tuple[int, ...]
    context_features: int = 0


MADES = {
    "one feature": Case(1, 2, (4,)),
    "one feature, context": Case(1, 2, (4,), 3),
    "two features": Case(2, 1, (5,)),
    "three features": Case(3, 2, (8, 8)),
    "three features, context": Case(3, 2, (8, 6), 2),
    "one hidden unit": Case(3, 1, (1,)),
    "hidden smaller than features": Case(5, 3, (3, 4)),
    "hidden smaller than features, context": Case(5, 3, (3, 4), 2),
    "layers that grow and shrink": Case(4, 2, (16, 5, 11)),
    "many features": Case(43, 2, (64, 50)),
    "many features, context": Case(43, 2, (20, 64), 4),
}


@pytest.fixture(params=MADES)
def case(request):
    return MADES[request.param]


@pytest.fixture(params=[4, 256], ids=["blocks", "whole"])
def block_size(request, monkeypatch):
    monkeypatch.setattr(masked_dense, "_BLOCK_SIZE", request.param)


def make(case, randomize):
    """The network with random weights, and inputs for it, context among them."""
    network = MADE(
        case.features,
        case.num_parameters,
        case.hidden_units,
        context_features=case.context_features,
        activation="softplus",
        dtype="float64",
    )
    rng = np.random.default_rng(0)
    x = tf.constant(rng.standard_normal([2, case.features]))
    context = tf.constant(rng.standard_normal([2, case.context_features]))
    return randomize(network), x, context if case.context_features else None


def depends(network, x, context, on):
    """Whether each coordinate's parameters depend on each element of `on`: `[D, n]`."""
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(on)
        outputs = tf.unstack(network(x, context), axis=1)
    # The softplus has a slope everywhere: no dependency hides.
    gradients = [tape.gradient(output, on) for output in outputs]
    none = np.zeros(on.shape[-1])
    return np.array(
        [none if g is None else np.abs(g).sum(axis=0) for g in gradients]
    ).astype(bool)


@pytest.mark.usefixtures("block_size")
def test_made_is_autoregressive(case, randomize):
    network, x, context = make(case, randomize)
    assert network(x, context).shape == (2, case.features, case.num_parameters)
    actual = depends(network, x, context, on=x)
    earlier = np.tri(case.features, k=-1, dtype=bool)
    assert not np.any(actual & ~earlier)
    if min(case.hidden_units) >= case.features:
        np.testing.assert_array_equal(actual, earlier)
    else:
        # Fewer units than degrees: some are missing, but not the first input.
        assert np.all(actual[-1, 0])


@pytest.mark.parametrize("name", [n for n in MADES if "context" in n])
def test_every_coordinate_depends_on_the_context(name, randomize):
    network, x, context = make(MADES[name], randomize)
    assert np.all(depends(network, x, context, on=context))


@pytest.mark.usefixtures("block_size")
def test_degrees_are_sorted_and_masks_block_triangular(case, randomize):
    network, _, _ = make(case, randomize)
    inputs, *hidden, outputs = network.degrees()
    np.testing.assert_array_equal(inputs, np.arange(1, case.features + 1))
    np.testing.assert_array_equal(outputs, np.repeat(inputs, case.num_parameters))
    for degrees, width in zip(hidden, case.hidden_units, strict=True):
        assert len(degrees) == width
        assert np.all(np.diff(degrees) >= 0)
        # As evenly as the sizes allow.
        counts = np.unique(degrees, return_counts=True)[1]
        assert np.ptp(counts) <= 1
        # A unit of the degree of the last input would see what nothing may use.
        assert degrees[-1] < max(case.features, 2)
    for layer in (*network._hidden, network._output):
        seen = layer.kernel_and_bias()[0].numpy() != 0
        # Once a unit sees an input, so do all the units after it.
        assert np.all(np.diff(seen.astype(int), axis=1) >= 0)
        # A unit sees a prefix of its inputs.
        assert np.all(np.diff(seen.astype(int), axis=0) <= 0)


# Degrees of inputs and outputs, and the sizes of the kernels of blocks of two columns.
DEGREES = {
    "a square": ([1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 6], [(2, 2), (4, 2), (6, 2)]),
    "more outputs": ([1, 2, 3, 4], [1, 1, 2, 3, 4, 4], [(2, 3), (4, 3)]),
    "more inputs": ([0, 0, 1, 1, 2, 2], [0, 1, 2], [(6, 3)]),
    "nothing seen by the first": ([2, 3, 4, 4], [1, 1, 3, 4], [(0, 2), (4, 2)]),
    "inputs that nobody sees": ([1, 2, 3, 9], [1, 2, 3, 4], [(2, 2), (3, 2)]),
}


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("name", DEGREES)
def test_blocks_agree_with_a_masked_product(name, strict, randomize, monkeypatch):
    monkeypatch.setattr(masked_dense, "_BLOCK_SIZE", 2)
    n_in, n_out, sizes = DEGREES[name]
    # Degrees are integers: below n + 1 is up to n.
    outputs = np.array(n_out) + strict
    layer = randomize(
        masked_dense.MaskedDense(n_in, outputs, strict=strict, dtype="float64")
    )
    assert [w.shape for w in layer.weights if len(w.shape) == 2] == sizes
    kernel, bias = (weights.numpy() for weights in layer.kernel_and_bias())
    np.testing.assert_array_equal(kernel != 0, np.less_equal.outer(n_in, n_out))
    x = np.random.default_rng(0).standard_normal([2, 3, len(n_in)])
    expected = x @ kernel + bias
    assert np.all(bias != 0)
    np.testing.assert_allclose(layer(tf.constant(x)), expected, rtol=1e-12)


def test_blocks_leave_out_most_of_what_is_masked():
    degrees = np.arange(1024)
    layer = masked_dense.MaskedDense(degrees, degrees)
    assert layer.count_params() == 1024 + 1024**2 * 5 // 8


def test_made_agrees_with_masked_products(randomize):
    network, x, context = make(MADES["three features, context"], randomize)
    h = x.numpy()
    for index, layer in enumerate((*network._hidden, network._output)):
        kernel, bias = layer.kernel_and_bias()
        h = h @ kernel.numpy() + bias.numpy()
        if index < 2:
            h += context.numpy() @ network._context[index].kernel.numpy()
            h = np.logaddexp(0.0, h)
    np.testing.assert_allclose(network(x, context), h.reshape([2, 3, 2]), rtol=1e-9)


def test_made_takes_any_batch_axes(randomize):
    network, x, context = make(MADES["three features, context"], randomize)
    rows = tf.reshape(x, [1, 2, 1, 3])
    outputs = network(rows, tf.reshape(context, [1, 2, 1, 2]))
    np.testing.assert_allclose(
        tf.reshape(outputs, [2, 3, 2]), network(x, context), rtol=1e-9
    )


@pytest.mark.parametrize("name", ["three features", "three features, context"])
def test_made_refuses_the_wrong_context(name, randomize):
    case = MADES[name]
    network, x, context = make(case, randomize)
    wrong = tf.zeros([2, 3]) if context is None else None
    message = f"made for {case.context_features} context features"
    with pytest.raises(ValueError, match=message):
        network(x, wrong)


def test_made_refuses_to_have_no_hidden_layer():
    with pytest.raises(ValueError, match=r"hidden_units=\[\]"):
        MADE(3, 2, [])


NO_SIZES = {
    "made, a layer of none": (lambda: MADE(3, 2, [0]), "of 3 inputs and 0 outputs"),
    "made, less than none": (lambda: MADE(3, 2, [4, -1]), "of 4 inputs and 0 outputs"),
    "made, no parameters": (lambda: MADE(3, 0, [4]), "of 4 inputs and 0 outputs"),
    "made, no features": (lambda: MADE(0, 2, [4]), "of 0 inputs and 4 outputs"),
    "mlp, a layer of none": (lambda: MLP(3, [0], 2), "out_features=0, in_features=3"),
    "mlp, less than none": (lambda: MLP(-1, [4], 2), "out_features=4, in_features=-1"),
}


@pytest.mark.parametrize("name", NO_SIZES)
def test_sizes_that_are_none_are_refused(name):
    make, received = NO_SIZES[name]
    with pytest.raises(ValueError, match=f"have at least 1 .*; received .*{received}"):
        make()


def test_made_starts_at_zero():
    outputs = MADE(3, 2, [8], context_features=1)(tf.ones([2, 3]), tf.ones([2, 1]))
    np.testing.assert_array_equal(outputs, np.zeros([2, 3, 2]))


@pytest.mark.parametrize("hidden_units", [[], [4], [4, 5]])
def test_mlp_agrees_with_numpy(hidden_units, randomize):
    network = randomize(MLP(3, hidden_units, 2, activation="relu", dtype="float64"))
    x = np.random.default_rng(0).standard_normal([7, 3])
    kernels, biases = network.trainable_weights[::2], network.trainable_weights[1::2]
    h = x
    for index, (kernel, bias) in enumerate(zip(kernels, biases, strict=True)):
        h = h @ kernel.numpy() + bias.numpy()
        if index < len(hidden_units):
            h = np.maximum(h, 0.0)
    np.testing.assert_allclose(network(tf.constant(x)), h, rtol=1e-9)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_a_layer_of_no_inputs_is_its_bias(jit_compile, randomize):
    layer = randomize(Dense(0, 3))
    compiled = tf.function(layer, jit_compile=jit_compile)
    outputs = compiled(tf.zeros([5, 0]))
    np.testing.assert_array_equal(outputs, np.tile(layer.bias, [5, 1]))
    assert np.all(layer.bias != 0)


@pytest.mark.parametrize("zero_init", [True, False])
def test_mlp_starts_at_zero_if_told_so(zero_init):
    outputs = MLP(3, [4], 2, zero_init=zero_init)(tf.ones([5, 3]))
    assert np.all(outputs == 0) == zero_init


def test_weights_are_made_in_constructors():
    assert len(MLP(3, [4], 2).trainable_weights) == 4
    assert len(MADE(3, 2, [4, 4]).trainable_weights) == 6
    assert len(MADE(3, 2, [4, 4], context_features=1).trainable_weights) == 8


@pytest.mark.parametrize("dtype", [tf.int32, tf.int64, tf.float32])
def test_labels_out_of_range_are_no_class(dtype):
    labels = tf.constant([0, 2, -1, 3, 1], dtype)
    expected = [[1, 0, 0], [0, 0, 1], [0, 0, 0], [0, 0, 0], [0, 1, 0]]
    vectors = OneHot(3)(labels)
    assert vectors.dtype == tf.float32
    np.testing.assert_array_equal(vectors, expected)


def test_normalize_gives_mean_zero_and_variance_one():
    # In single precision the sum of so many large numbers would be far off.
    data = np.random.default_rng(0).normal([1e5, 0.0], [0.5, 3.0], [50_000, 2])
    data = data.astype(np.float32)
    layer = Normalize(2)
    np.testing.assert_array_equal(layer(tf.constant(data)), data)
    layer.adapt(tf.constant(data))
    normalized = layer(tf.constant(data)).numpy().astype(float)
    np.testing.assert_allclose(normalized.mean(axis=0), [0, 0], atol=0.02)
    np.testing.assert_allclose(normalized.std(axis=0), [1, 1], rtol=1e-3)
    assert layer.trainable_weights == []


IMAGES = [(28, 28), (28, 20), (28, 28, 1), (64, 64, 3), (64, 64), (7, 5, 2), (4, 4)]


@pytest.mark.parametrize("event_shape", IMAGES, ids=str)
@pytest.mark.parametrize("gated", [False, True])
def test_convolutions_take_images_of_any_size(event_shape, gated, randomize):
    encoder = ConvolutionalEncoder(event_shape, [3, 4], 5, gated=gated)
    strides, channels = [2, 2, 1], (*event_shape, 1)[2]
    decoder = ConvolutionalDecoder(
        5, event_shape, [4, 3, 2], 2, strides=strides, gated=gated
    )
    for network in (encoder, decoder):
        weights = len(network.trainable_weights)
        randomize(network)
        x = tf.random.stateless_normal([3, *event_shape], [0, 1])
        z = encoder(x)
        parameters = decoder(z)
        assert len(network.trainable_weights) == weights  # Made in the constructor.
    assert z.shape == (3, 5)
    assert parameters.shape == (3, *event_shape[:2], 2 * channels)
    # Every input matters to the code, and the code to every output.
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([x, z])
        code, output = encoder(x), decoder(z)
    for z_slope in (tape.gradient(code, x), tape.gradient(output, z)):
        assert np.all(np.any(z_slope != 0, axis=0))
    for row in (0, 2):
        alone = encoder(x[row : row + 1])[0]
        np.testing.assert_allclose(alone, z[row], rtol=1e-4, atol=1e-4)
    assert encoder(x[:0]).shape == (0, 5)
    assert decoder(z[:0]).shape == (0, *parameters.shape[1:])


def test_gates_weigh_one_half_of_the_filters_by_the_other(randomize):
    encoder = randomize(ConvolutionalEncoder([2, 2], [3], 5, kernel_size=1, gated=True))
    kernel, bias, out_kernel, out_bias = encoder.get_weights()
    x = np.random.default_rng(0).standard_normal([4, 2, 2]).astype("float32")
    maps = (
        x[:, :1, :1, np.newaxis] @ kernel[0, 0] + bias
    )  # The stride leaves one pixel.
    gated = maps[..., :3] / (1 + np.exp(-maps[..., 3:]))
    expected = gated.reshape(4, 3) @ out_kernel + out_bias
    np.testing.assert_allclose(encoder(tf.constant(x)), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([28], [4], 3), r"need images.*received event_shape=\[28\]. Take an MLP"),
        (([8, 8], [], 3), r"at least one; received filters=\[\], strides=\[\]"),
    ],
)
def test_convolutions_refuse_what_is_no_image(arguments, message):
    with pytest.raises(ValueError, match=message):
        ConvolutionalEncoder(*arguments)
    with pytest.raises(ValueError, match=r"filters=\[4, 8\], strides=\[2\]"):
        ConvolutionalDecoder(3, [8, 8], [4, 8], 1, strides=[2])


def test_a_chain_adapts_what_takes_its_scale_from_data(randomize):
    data = np.random.default_rng(0).normal(5.0, 3.0, [100, 2, 1]).astype("float32")
    mlp = randomize(MLP(2, [4], 3))
    layers = [keras.layers.Rescaling(2.0), keras.layers.Flatten(), Normalize(2), mlp]
    chain = Chain(layers)
    chain.adapt(tf.constant(data))
    flat = data.reshape(100, 2)
    normalized = (flat - flat.mean(axis=0)) / flat.std(axis=0)
    np.testing.assert_allclose(chain(data), mlp(normalized), rtol=1e-3, atol=1e-4)
    assert len(chain.trainable_weights) == 4
    Chain([mlp]).adapt(data)  # Nothing to start, and no shape that would fit.
