"""Saving and loading: every part, every model, in this process and in a fresh one."""

import importlib
import inspect
import json
import os
import pkgutil
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfgen
from tfgen import (
    VAE,
    Autoencoder,
    ConcreteMixtureVAE,
    DensityModel,
    Dequantized,
    Serializable,
    distributions,
    flows,
    networks,
)
from tfgen.bijectors import Additive, Affine, RationalQuadratic, Transformer
from tfgen.disentangling_objectives import (
    BetaELBO,
    CapacityELBO,
    TotalCorrelationELBO,
)
from tfgen.mixture_objectives import ConcreteELBO, MixturePretraining
from tfgen.networks.dense import Dense
from tfgen.networks.masked_dense import MaskedDense
from tfgen.objectives import (
    ELBO,
    Distillation,
    ImportanceWeighted,
    MaximumLikelihood,
    Objective,
    Reconstruction,
)

ABSTRACT = {
    Serializable,
    Objective,
    Transformer,
    tfgen.BijectorLayer,
    tfgen.DistributionLayer,
    flows.AutoregressiveLayer,
    distributions.Elementwise,
    tfgen.GenerativeModel,
    tfgen.LatentModel,
}
DIAGONAL_SIZE = distributions.mixture.num_parameters([2], 3, "diagonal")


def normal(*event_shape):
    return distributions.StandardNormal(event_shape)


# Every class, with arguments other than its defaults.
PARTS = {
    Additive: {},
    Affine: {},
    RationalQuadratic: {
        "num_bins": 4,
        "bound": 2.5,
        "min_bin": 0.01,
        "min_slope": 0.02,
    },
    Dense: {"in_features": 2, "out_features": 3, "zero_init": True, "use_bias": False},
    MaskedDense: {
        "in_degrees": (1, 2),
        "out_degrees": (1, 1, 2),
        "strict": True,
        "zero_init": True,
    },
    networks.MADE: {
        "features": 3,
        "num_parameters": 2,
        "hidden_units": (4, 5),
        "context_features": 2,
        "activation": "tanh",
    },
    networks.Chain: {"layers": [networks.Normalize(3), networks.MLP(3, [], 2)]},
    networks.ConvolutionalDecoder: {
        "in_features": 3,
        "event_shape": (6, 5, 2),
        "filters": (4, 3),
        "num_parameters": 2,
        "strides": (2, 1),
        "kernel_size": 3,
        "activation": "tanh",
        "gated": True,
    },
    networks.ConvolutionalEncoder: {
        "event_shape": (6, 5),
        "filters": (3, 4),
        "out_features": 3,
        "strides": (1, 2),
        "kernel_size": 3,
        "activation": "tanh",
        "gated": True,
    },
    networks.MLP: {
        "in_features": 2,
        "hidden_units": (3, 4),
        "out_features": 5,
        "activation": "tanh",
        "zero_init": True,
    },
    networks.Normalize: {"features": 3},
    networks.OneHot: {"num_classes": 3},
    flows.ActNorm: {"event_shape": (2, 3)},
    flows.Coupling: {
        "event_shape": (5,),
        "hidden_units": (4,),
        "transformer": RationalQuadratic(num_bins=3),
        "context_features": 2,
        "activation": "tanh",
    },
    flows.Flatten: {"event_shape": (2, 3)},
    flows.InverseAutoregressive: {
        "event_shape": (5,),
        "hidden_units": (4,),
        "transformer": Additive(),
        "context_features": 2,
        "activation": "tanh",
    },
    flows.Logit: {"event_shape": (2,), "alpha": 0.05},
    flows.MaskedAutoregressive: {
        "event_shape": (5,),
        "hidden_units": (4,),
        "transformer": Additive(),
        "context_features": 2,
        "activation": "tanh",
    },
    flows.Permute: {"event_shape": (3,), "order": (2, 0, 1)},
    flows.Scale: {"event_shape": (3,), "scale": 0.25},
    flows.Standardize: {"event_shape": (3,)},
    distributions.Autoregressive: {
        "conditional": distributions.Bernoulli([3], networks.MADE(3, 1, [4]))
    },
    distributions.Bernoulli: {"event_shape": (2,), "network": networks.MLP(3, [], 2)},
    distributions.Categorical: {
        "event_shape": (2,),
        "num_categories": 3,
        "network": networks.MLP(3, [], 6),
    },
    distributions.Concrete: {
        "num_categories": 3,
        "temperature": 0.3,
        "network": networks.MLP(3, [], 3),
    },
    distributions.ConcreteMixture: {
        "event_shape": (2,),
        "num_categories": 3,
        "network": networks.MLP(3, [], 7),
    },
    distributions.DiscretizedLogistic: {
        "event_shape": (2,),
        "levels": 5,
        "network": networks.MLP(3, [], 4),
    },
    distributions.Flow: {
        "base": normal(2),
        "bijectors": [flows.Scale([2], 2.0), flows.ActNorm([2])],
        "context_network": networks.OneHot(4),
    },
    distributions.Gaussian: {"event_shape": (2,), "network": networks.MLP(3, [], 4)},
    distributions.GreyBernoulli: {
        "event_shape": (2,),
        "levels": 5,
        "network": networks.MLP(3, [], 2),
    },
    distributions.Logistic: {"event_shape": (2,)},
    distributions.Mixture: {
        "event_shape": (2,),
        "num_components": 3,
        "covariance": "full",
        "network": networks.MLP(3, [], DIAGONAL_SIZE + 3),
    },
    distributions.StandardNormal: {"event_shape": (2, 2)},
    BetaELBO: {"beta": 2.0, "warm_up": 5},
    CapacityELBO: {"gamma": 30.0, "capacity": 25.0, "steps": 100},
    ConcreteELBO: {
        "warm_up": 5,
        "category_weight": 0.5,
        "label_weight": 2.0,
        "start_temperature": 2.0,
        "cooling": 7,
    },
    Distillation: {"teacher": DensityModel(normal(2))},
    ELBO: {"warm_up": 100},
    ImportanceWeighted: {"num_samples": 5},
    MaximumLikelihood: {},
    MixturePretraining: {"weight": 0.5},
    Reconstruction: {},
    TotalCorrelationELBO: {"alpha": 0.5, "beta": 2.0, "gamma": 3.0},
    Autoencoder: {
        "encoder": networks.MLP(3, [], 2),
        "decoder": distributions.Bernoulli([3], networks.MLP(2, [], 3)),
        "prior": normal(2),
        "objective": MaximumLikelihood(),
    },
    ConcreteMixtureVAE: {
        "encoder": distributions.ConcreteMixture([2], 3, networks.MLP(3, [], 7)),
        "decoder": distributions.Bernoulli([3], networks.MLP(2, [], 3)),
        "prior": distributions.ConcreteMixture([2], 3),
        "temperature": 0.3,
        "smoothing": 0.2,
        "objective": ConcreteELBO(warm_up=5),
        "pretraining": MixturePretraining(0.5),
        "code_evidence": False,
    },
    DensityModel: {"distribution": normal(2), "objective": MaximumLikelihood()},
    Dequantized: {
        "density": normal(2),
        "levels": None,
        "steps": (0.5, 0.0),
        "offsets": (1.0, 2.0),
        "objective": MaximumLikelihood(),
    },
    VAE: {
        "encoder": distributions.Gaussian([2], networks.MLP(3, [], 4)),
        "decoder": distributions.Bernoulli([3], networks.MLP(2, [], 3)),
        "prior": normal(2),
        "objective": ELBO(warm_up=5),
    },
}


def all_bijectors():
    """Arrays in the unit interval, through every bijector layer."""
    return distributions.Flow(
        distributions.Logistic([4]),
        [
            flows.Scale([2, 2], 1 / 4),
            flows.Logit([2, 2], 0.05),
            flows.Flatten([2, 2]),
            flows.Standardize([4]),
            flows.MaskedAutoregressive([4], [6], activation="tanh"),
            flows.Permute([4], [2, 0, 3, 1]),
            flows.InverseAutoregressive([4], [6], activation="tanh"),
            flows.Coupling([4], [6], RationalQuadratic(num_bins=4, bound=2.0)),
            flows.ActNorm([4]),
            flows.Coupling([4], [6], Additive()),
        ],
    )


def float64():
    bijectors = [
        flows.Standardize([2], dtype="float64"),
        flows.MaskedAutoregressive([2], [4], dtype="float64"),
        flows.ActNorm([2], dtype="float64"),
    ]
    base = distributions.Mixture([2], 3, dtype="float64")
    flow = distributions.Flow(base, bijectors, dtype="float64")
    return DensityModel(flow, dtype="float64")


def conditional(context_network, context_features):
    flow = tfgen.nsf(
        [2],
        num_steps=2,
        hidden_units=[4],
        context_features=context_features,
        context_network=context_network,
    )
    return DensityModel(flow)


def keras_network():
    network = keras.Sequential([keras.Input([3]), keras.layers.Dense(4, "relu")])
    return DensityModel(distributions.Gaussian([2], network))


def vae():
    """A flow in the place of each part."""
    encoder = distributions.Flow(
        distributions.Gaussian([2], networks.MLP(4, [], 4)),
        [flows.InverseAutoregressive([2], [4], context_features=4)],
        networks.MLP(3, [5], 4),
    )
    decoder = distributions.Gaussian([3], networks.MLP(2, [4], 6))
    decoder = distributions.Flow(decoder, [flows.Standardize([3])])
    prior = tfgen.maf([2], num_steps=2, hidden_units=[4])
    return VAE(encoder, decoder, prior, ImportanceWeighted(3))


def concrete_mixture():
    return ConcreteMixtureVAE(
        distributions.ConcreteMixture([2], 4, networks.MLP(3, [5], 4 + 2 * 4 * 2)),
        distributions.Gaussian([3], networks.MLP(2, [4], 6)),
        distributions.ConcreteMixture([2], 4),
    )


def convolutional():
    """Networks of stock layers and our own, one after the other."""
    encoder = networks.Chain(
        [
            keras.layers.Rescaling(2 / 3, -1.0),
            networks.ConvolutionalEncoder([5, 4], [3], 2, gated=True),
        ]
    )
    decoder = networks.ConvolutionalDecoder(2, [5, 4], [3], 2, gated=True)
    return Autoencoder(
        encoder,
        distributions.DiscretizedLogistic([5, 4], 4, decoder),
        distributions.Mixture([2], 1, "full"),
    )


MODELS = {
    "maf": lambda: DensityModel(tfgen.maf([3], num_steps=2, hidden_units=[4])),
    "all bijectors": lambda: DensityModel(all_bijectors()),
    "float64": float64,
    "context network": lambda: conditional(networks.MLP(3, [4], 5), 5),
    "normalized context": lambda: conditional(networks.Normalize(3), 3),
    "labels": lambda: conditional(networks.OneHot(4), 4),
    "keras network": keras_network,
    "mixture network": lambda: DensityModel(
        distributions.Mixture([2], 3, network=networks.MLP(3, [4], DIAGONAL_SIZE))
    ),
    "full mixture": lambda: DensityModel(distributions.Mixture([2], 3, "full")),
    "made": lambda: DensityModel(
        distributions.Autoregressive(
            distributions.Categorical([3], 4, networks.MADE(3, 4, [8]))
        )
    ),
    "levels": lambda: Dequantized(all_bijectors(), levels=4),
    "steps": lambda: Dequantized(
        tfgen.realnvp([2], num_steps=2, hidden_units=[4]),
        steps=[0.5, 0.0],
        offsets=[-1.0, 0.0],
    ),
    "vae": vae,
    "concrete mixture": concrete_mixture,
    "concrete mixture labels": concrete_mixture,
    "convolutional": convolutional,
}
WITH_CONTEXT = ("network", "context", "labels")


def make(name, randomize):
    model = randomize(MODELS[name](), stddev=0.3)
    for weight in model.non_trainable_weights:
        weight.assign(weight + 0.25)
    return model


def answers(name, model):
    """The term of three rows, and three samples."""
    context = None
    if name.endswith("labels"):
        context = tf.constant([0, 3, -1])
    elif name.endswith(WITH_CONTEXT):
        context = tf.reshape(tf.linspace(-1.0, 1.0, 9), [3, 3])
    samples = model.sample(3, seed=5, context=context)
    inputs = {"x": samples, "seed": tf.range(3)}
    if context is not None:
        inputs["context"] = context
    term, *_ = model.term_names
    return {"term": model(inputs)[term].numpy(), "samples": samples.numpy()}


def assert_equal(actual, expected):
    for key in ("term", "samples"):
        assert np.all(np.isfinite(expected[key]))
        np.testing.assert_array_equal(actual[key], expected[key])
        assert actual[key].dtype == expected[key].dtype


def serializable_classes():
    """Every class of the library that is saved by its constructor's arguments."""
    modules = [tfgen, *(
        importlib.import_module(module.name)
        for module in pkgutil.walk_packages(tfgen.__path__, "tfgen.")
    )]  # fmt: skip
    return {
        value
        for module in modules
        for value in vars(module).values()
        if inspect.isclass(value)
        and issubclass(value, Serializable)
        and value.__module__.startswith("tfgen")
    }


def test_the_table_has_every_class():
    assert set(PARTS) == serializable_classes() - ABSTRACT


def test_registered_names_are_unique():
    names = [keras.saving.get_registered_name(part) for part in PARTS]
    assert len(set(names)) == len(names)
    assert all(name.startswith("tfgen>") for name in names)


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.__name__)
def test_parts_survive_their_configuration(part):
    arguments = PARTS[part]
    expected = {
        name
        for name, parameter in inspect.signature(part.__init__).parameters.items()
        if name != "self" and parameter.kind is not parameter.VAR_KEYWORD
    }
    # `object` has no arguments to speak of.
    assert set(arguments) == expected - {"args"}
    original = part(**arguments)
    for name, value in arguments.items():
        kept = getattr(original, name)
        assert (list(kept) if isinstance(kept, (list, tuple)) else kept) == (
            list(value) if isinstance(value, (list, tuple)) else value
        )
    assert set(arguments) <= set(original.get_config())
    config = json.dumps(keras.saving.serialize_keras_object(original))
    rebuilt = keras.saving.deserialize_keras_object(json.loads(config), safe_mode=True)
    assert type(rebuilt) is part
    assert json.dumps(keras.saving.serialize_keras_object(rebuilt)) == config
    if isinstance(original, keras.layers.Layer):
        shapes = [weight.shape for weight in original.weights]
        assert [weight.shape for weight in rebuilt.weights] == shapes


@pytest.mark.parametrize("part", [flows.ActNorm, distributions.StandardNormal])
def test_name_and_dtype_survive_too(part):
    original = part([2], name="mine", dtype="float64")
    config = keras.saving.serialize_keras_object(original)
    rebuilt = keras.saving.deserialize_keras_object(config)
    assert rebuilt.name == "mine"
    assert rebuilt.compute_dtype == "float64"


@pytest.mark.parametrize("name", MODELS)
def test_models_survive_saving(name, randomize, tmp_path):
    model = make(name, randomize)
    expected = answers(name, model)
    json.dumps(model.get_config())
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    assert type(loaded) is type(model)
    assert_equal(answers(name, loaded), expected)
    for saved, weight in zip(loaded.weights, model.weights, strict=True):
        np.testing.assert_array_equal(saved, weight)
        assert saved.dtype == weight.dtype
    assert len(loaded.trainable_weights) == len(model.trainable_weights)


LOAD = """
import sys
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

import tfgen

for path in sorted(Path(sys.argv[1]).glob("*.keras")):
    model = keras.saving.load_model(path, safe_mode=True)
    given = np.load(path.with_suffix(".npz"))
    samples = model.sample(3, seed=5)
    term, *_ = model({"x": samples, "seed": tf.range(3)}).values()
    np.testing.assert_allclose(samples, given["samples"], rtol=1e-6)
    np.testing.assert_allclose(term, given["term"], rtol=1e-6)
    print(path.stem)
"""


def test_a_fresh_process_needs_only_the_import(randomize, tmp_path):
    names = sorted(["maf", "levels", "made", "vae"])
    for name in names:
        model = make(name, randomize)
        model.save(tmp_path / f"{name}.keras")
        np.savez(tmp_path / f"{name}.npz", **answers(name, model))
    process = subprocess.run(
        [sys.executable, "-c", LOAD, str(tmp_path)],
        cwd=Path(tfgen.__file__).parents[1],
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    assert process.stdout.split("\n")[:-1] == names


class Tempered(MaximumLikelihood):
    """Maximum likelihood times a number: a user's own objective."""

    def __init__(self, temperature):
        self.temperature = temperature

    def __call__(self, model, inputs, seeds, step):
        losses, terms = super().__call__(model, inputs, seeds, step)
        return losses / self.temperature, terms


def test_objectives_are_saved_with_their_models(tmp_path):
    model = DensityModel(normal(2), objective=Tempered(4.0))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert isinstance(loaded.objective, Tempered)
    assert loaded.objective.temperature == 4.0


def test_training_goes_on_where_it_was_saved(randomize, tmp_path):
    # Noise follows the optimiser's step, so nothing else needs to be kept.
    rows = np.random.default_rng(0).integers(0, 4, [24, 2]).astype(np.uint8)

    def fit(model, rows):
        model.fit(rows, batch_size=4, shuffle=False, verbose=0)

    whole, halves = make("steps", randomize), make("steps", randomize)
    halves.set_weights(whole.get_weights())
    whole.compile("adam", run_eagerly=True)
    halves.compile("adam", run_eagerly=True)
    fit(whole, rows)
    fit(halves, rows[:12])
    halves.save(tmp_path / "model.keras")
    halves = keras.saving.load_model(tmp_path / "model.keras")
    assert halves.optimizer.iterations == 3
    fit(halves, rows[12:])
    for a, b in zip(whole.get_weights(), halves.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
