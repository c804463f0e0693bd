"""What a trained model offers pictures: its signatures, asked as when it is served."""

import dataclasses
from collections.abc import Mapping
from typing import TypeAlias

import numpy as np
import tensorflow as tf

from tfgen import VAE, GenerativeModel, random
from tfgen.distributions import StandardNormal
from tfgen.signatures import Signature, Tensors
from zoo.data import DataSet, DataSpec
from zoo.evaluation import input_specs

Offer: TypeAlias = Mapping[str, Signature]

_CHUNK = 1000


def signatures(model: GenerativeModel, data: DataSet) -> Offer:
    """The signatures of a model of the data, by name."""
    inputs = {"x": data.test.x[:1]}
    if data.test.context is not None:
        inputs["context"] = data.test.context[:1]
    found = {s.name: s for s in model.signatures(input_specs(inputs))}
    if "classify" in found:
        # Of a category samples are drawn also where data have no labels.
        inputs["context"] = unknown(1)
        found = {s.name: s for s in model.signatures(input_specs(inputs))}
    return found


def offer(model: GenerativeModel, data: DataSet) -> Offer:
    """The signatures of a model that reconstructs data from codes; of others none.

    Where latents are independent Gaussians, standard normal in the prior, there is
    `latents` too, which is served to nobody: what `encode` answers, and `kl`, the
    divergence of each latent from its prior, `[batch, *code_shape]` in nats.
    """
    found = signatures(model, data)
    if "reconstruct" not in found:
        return {}
    latents = _latents(model, data.test.x[:1])
    return found if latents is None else {**found, "latents": latents}


def _latents(model: GenerativeModel, x: np.ndarray) -> Signature | None:
    if not isinstance(model, VAE) or not isinstance(model.prior, StandardNormal):
        return None
    if model.kl_per_latent(x) is None:
        return None

    def function(inputs: Tensors) -> Tensors:
        return {**model.encode(inputs["x"]), "kl": model.kl_per_latent(inputs["x"])}

    return Signature("latents", function, input_specs({"x": x}))


class Answer:
    """A signature traced once, to be asked many times.

    Args:
        signature: The signature.
    """

    def __init__(self, signature: Signature) -> None:
        self.inputs = signature.inputs
        self._function = signature.concrete()

    def __call__(self, **rows: np.ndarray | None) -> dict[str, np.ndarray]:
        """What it answers to rows, in chunks, so that any number fits in memory.

        Args:
            **rows: Its inputs, and perhaps others, which it does not get.
        """
        given = {name: np.asarray(rows[name]) for name in self.inputs}
        count = len(next(iter(given.values())))
        parts = [
            self._function(
                **{k: tf.constant(v[at : at + _CHUNK]) for k, v in given.items()}
            )
            for at in range(0, count, _CHUNK)
        ]
        return {k: np.concatenate([p[k].numpy() for p in parts]) for k in parts[0]}


def ask(signature: Signature, **rows: np.ndarray) -> dict[str, np.ndarray]:
    """What a signature answers to rows; `Answer` is for asking more than once."""
    return Answer(signature)(**rows)


def row_seeds(count: int, seed: int = 0) -> np.ndarray:
    """Seeds int32 `[count]`, those of `model.sample(count, seed)`."""
    return random.row_seeds(seed, tf.range(count)).numpy()


def unknown(count: int) -> np.ndarray:
    """Contexts int32 `[count]` of rows whose class is not known."""
    return np.full(count, -1, np.int32)


def shades(x: np.ndarray, spec: DataSpec) -> np.ndarray:
    """Images in their own units as floats, levels from 0 to 1."""
    return x.astype(np.float32) / ((spec.levels or 2) - 1)


def sample_means(
    offered: Offer, count: int, seed: int = 0, context: np.ndarray | None = None
) -> np.ndarray:
    """The means `[count, *event_shape]` of which `model.sample(count, seed)` draws."""
    context = unknown(count) if context is None else context
    seeds = row_seeds(count, seed)
    return ask(offered["sample"], seed=seeds, context=context)["mean"]


def encode(offered: Offer, x: np.ndarray) -> tuple[np.ndarray, str]:
    """One code a row, and what it is: the posterior's mean, or all there is."""
    codes = ask(offered["encode"], x=x, seed=row_seeds(len(x)))
    return code(codes), "posterior means" if "loc" in codes else "codes"


def code(codes: dict[str, np.ndarray]) -> np.ndarray:
    """One code a row of what `encode` answers: the posterior's mean, or all it has."""
    return codes["loc"] if "loc" in codes else codes["z"]


def only(name: str, signature: Signature) -> Signature:
    """The signature with one output, which spares what the others cost."""

    def function(inputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        return {name: signature.function(inputs)[name]}

    return dataclasses.replace(signature, function=function)
