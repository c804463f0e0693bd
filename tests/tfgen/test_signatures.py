"""Signatures: what models declare, and what is refused."""

import numpy as np
import pytest
import tensorflow as tf

import tfgen
from tfgen import random
from tfgen.distributions import DiscretizedLogistic, Flow, Gaussian, StandardNormal
from tfgen.networks import MLP

X = tf.TensorSpec([None, 2])
CONTEXT = tf.TensorSpec([None, 3])
SEED = tf.TensorSpec([None], tf.int32)
PIXELS = tf.TensorSpec([None, 2], tf.uint8)


def _gaussian():
    return Gaussian([2], MLP(3, [4], 4))


def _vae(*, flow=False):
    encoder = Gaussian([3], MLP(2, [4], 6))
    encoder = Flow(encoder, []) if flow else encoder
    decoder = DiscretizedLogistic([2], 4, MLP(3, [4], 4))
    return tfgen.VAE(encoder, decoder, StandardNormal([3]))


@pytest.mark.parametrize(
    ("model", "inputs", "expected"),
    [
        (
            tfgen.DensityModel(StandardNormal([2])),
            {"x": X},
            {"log_prob": {"x": X}, "sample": {"seed": SEED}},
        ),
        (
            tfgen.DensityModel(_gaussian()),
            {"x": X, "context": CONTEXT},
            {
                "log_prob": {"x": X, "context": CONTEXT},
                "sample": {"seed": SEED, "context": CONTEXT},
            },
        ),
        (
            tfgen.Dequantized(tfgen.maf([2], hidden_units=[4]), levels=4),
            {"x": tf.TensorSpec([None, 2], tf.uint8)},
            {
                "elbo": {"x": tf.TensorSpec([None, 2], tf.uint8), "seed": SEED},
                "sample": {"seed": SEED},
                "encode": {"x": tf.TensorSpec([None, 2], tf.uint8)},
                "decode": {"z": X},
            },
        ),
        *(
            (
                _vae(flow=flow),
                {"x": PIXELS},
                {
                    "elbo": {"x": PIXELS, "seed": SEED},
                    "sample": {"seed": SEED},
                    "encode": {"x": PIXELS, **seed},
                    "decode": {"z": tf.TensorSpec([None, 3])},
                    "reconstruct": {"x": PIXELS, **seed},
                },
            )
            for flow, seed in [(False, {}), (True, {"seed": SEED})]
        ),
    ],
    ids=["exact", "conditional", "bound over a flow", "vae", "vae with a flow"],
)
def test_models_declare_what_they_answer(model, inputs, expected):
    signatures = model.signatures(inputs)
    assert {s.name: dict(s.inputs) for s in signatures} == expected
    assert signatures[0].name == model.term_names[0]
    for signature in signatures:
        function = signature.concrete()
        for name, output in function.structured_outputs.items():
            assert output.shape[0] is None
            assert name in signature.units
            if name == "x":
                assert output.dtype == inputs["x"].dtype


def test_answers_are_those_of_the_model():
    model = tfgen.Dequantized(tfgen.maf([2], hidden_units=[4]), levels=4)
    elbo, sample, encode, decode = model.signatures(
        {"x": tf.TensorSpec([None, 2], tf.uint8)}
    )
    x, seeds = tf.constant([[0, 3], [2, 1]], tf.uint8), random.row_seeds(0, tf.range(2))
    np.testing.assert_allclose(
        elbo.concrete()(x=x, seed=seeds)["elbo"], model({"x": x, "seed": seeds})["elbo"]
    )
    np.testing.assert_array_equal(
        sample.concrete()(seed=seeds)["x"], model.sample_rows(seeds)
    )
    z = encode.concrete()(x=x)["z"]
    np.testing.assert_allclose(z, model.encode(x))
    np.testing.assert_array_equal(decode.concrete()(z=z)["x"], x)


@pytest.mark.parametrize("flow", [False, True])
def test_answers_of_a_vae_are_those_of_its_methods(flow):
    model = _vae(flow=flow)
    signatures = {s.name: s.concrete() for s in model.signatures({"x": PIXELS})}
    x, seeds = tf.constant([[0, 3], [2, 1]], tf.uint8), random.row_seeds(5, tf.range(2))
    noise = {"seed": seeds} if flow else {}
    sample = signatures["sample"](seed=seeds)
    np.testing.assert_array_equal(sample["x"], model.sample_rows(seeds))
    mean = signatures["decode"](z=sample["z"])["mean"]
    np.testing.assert_allclose(mean, sample["mean"], rtol=1e-6)
    np.testing.assert_allclose(mean, model.decode(sample["z"]), rtol=1e-6)
    expected = model.encode(x, seed=5)
    for name, values in signatures["encode"](x=x, **noise).items():
        np.testing.assert_allclose(values, expected[name], rtol=1e-6)
    mean = signatures["reconstruct"](x=x, **noise)["mean"]
    np.testing.assert_allclose(mean, model.reconstruct(x, seed=5), rtol=1e-5)


def test_a_compiled_model_is_declared_like_any_other():
    # Its optimiser's variables are of no use to a server, and must not be asked for.
    model = tfgen.DensityModel(tfgen.maf([2], hidden_units=[4]))
    model.compile("adam")
    model.fit(np.zeros([4, 2], "float32"), verbose=0)
    for signature in model.signatures({"x": X}):
        captured = {id(v) for v in signature.concrete().variables}
        assert captured <= {id(weight.value) for weight in model.weights}


@pytest.mark.parametrize("shape", [[], [2], [3, 2], None])
def test_inputs_without_a_batch_are_refused(shape):
    with pytest.raises(ValueError, match="have a first axis of any size"):
        tfgen.Signature("log_prob", dict, {"x": tf.TensorSpec(shape)})
