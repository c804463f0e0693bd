"""Models to serve, and a server of them on loopback."""

import importlib.util
from pathlib import Path

import pytest
import tensorflow as tf


def _load(name):
    """A module beside this file: tests are no package to import it from."""
    path = Path(__file__).with_name(f"{name}.py")
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


LoopbackServer = _load("loopback_server").LoopbackServer


def _spec(dtype, *shape):
    return tf.TensorSpec([None, *shape], dtype)


def _save(base, model, version, **functions):
    """Writes a version: each function, with its specs, is a signature."""
    signatures = {}
    for name, (function, specs) in functions.items():
        specs = {
            key: tf.TensorSpec(spec.shape, spec.dtype, key)
            for key, spec in specs.items()
        }
        traced = tf.function(lambda f=function, **inputs: f(**inputs), autograph=False)
        signatures[name] = traced.get_concrete_function(**specs)
    signatures["serving_default"] = next(iter(signatures.values()))
    tf.saved_model.save(tf.Module(), str(base / model / str(version)), signatures)


def _log_prob(x):
    return -0.5 * tf.reduce_sum(tf.square(x), axis=-1)


def _noise(seed):
    """Numbers of a row, from its seed alone."""
    return tf.sin(tf.cast(seed, "float32")[:, None] * [0.5, 0.7])


@pytest.fixture(scope="session")
def served_models(tmp_path_factory):
    """A directory of models: `points` 1 and 2, `kinds` (conditional), `images`."""
    base = tmp_path_factory.mktemp("models")
    x, z, seed = _spec("float32", 2), _spec("float32", 2), _spec("int32")
    for version in (1, 2):
        _save(
            base,
            "points",
            version,
            log_prob=(
                # Answers tell the versions apart.
                lambda x, shift=100.0 * (version - 1): {
                    "log_prob": _log_prob(x) + shift
                },
                {"x": x},
            ),
            elbo=(
                lambda x, seed: {
                    "elbo": _log_prob(x) + _noise(seed)[:, 0],
                    "log_likelihood": _log_prob(x),
                },
                {"x": x, "seed": seed},
            ),
            sample=(lambda seed: {"x": _noise(seed)}, {"seed": seed}),
            encode=(lambda x: {"z": 2.0 * x}, {"x": x}),
            decode=(lambda z: {"x": 0.5 * z}, {"z": z}),
            mean=(lambda x: {"mean": tf.reduce_mean(x)}, {"x": x}),
        )
    kind, pair = _spec("int32"), _spec("float64", 2)
    _save(
        base,
        "kinds",
        7,
        log_prob=(
            lambda x, context: {"log_prob": _log_prob(x - tf.cast(context, x.dtype))},
            {"x": _spec("float64", 2), "context": pair},
        ),
        sample=(
            lambda seed, context: {
                "x": _noise(seed) + tf.cast(context, "float32")[:, None]
            },
            {"seed": seed, "context": kind},
        ),
    )
    pixels = _spec("uint8", 2, 3)
    _save(
        base,
        "images",
        1,
        log_prob=(
            lambda x: {"log_prob": -tf.reduce_sum(tf.cast(x, "float32"), axis=[1, 2])},
            {"x": pixels},
        ),
        sample=(
            lambda seed: {
                "x": tf.cast(
                    (seed[:, None, None] + [[0, 1, 2], [3, 4, 5]]) % 9, "uint8"
                )
            },
            {"seed": seed},
        ),
    )
    return base


@pytest.fixture
def server(served_models, monkeypatch):
    """A running server of the models."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server = LoopbackServer(served_models)
    yield server
    server.stop()
