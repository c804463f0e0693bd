"""What recipes share: parts that depend on the data."""

import math
from collections.abc import Callable
from typing import TypeAlias

import tfgen
from tfgen.base import BijectorLayer, DistributionLayer, GenerativeModel
from tfgen.distributions import Flow
from tfgen.flows import Flatten, Logit, Scale, Standardize
from tfgen.networks import Normalize, OneHot
from zoo.data import DataSpec

ContextNetwork: TypeAlias = OneHot | Normalize


def preprocessing(spec: DataSpec, *, logit_alpha: float = 0.0) -> list[BijectorLayer]:
    """Layers at the data end: vectors with mean 0 and variance 1 come out.

    Args:
        spec: The data.
        logit_alpha: For integers with levels: scale them to the unit interval and take
            the logit, shrunk by this; 0 leaves it out.
    """
    shape = spec.event_shape
    layers: list[BijectorLayer] = []
    if spec.levels is not None and logit_alpha != 0:
        layers += [Scale(shape, 1.0 / spec.levels), Logit(shape, logit_alpha)]
    layers.append(Standardize(shape))
    if len(shape) != 1:
        layers.append(Flatten(shape))
    return layers


def flow_model(
    spec: DataSpec,
    builder: Callable[..., Flow],
    *,
    logit_alpha: float,
    **options: object,
) -> GenerativeModel:
    """A flow that `builder` makes, with preprocessing, as a model of the data.

    Args:
        spec: The data.
        builder: A builder of `tfgen`, such as `tfgen.maf`.
        logit_alpha: As for `preprocessing`.
        **options: Further arguments of the builder.
    """
    layers = preprocessing(spec, logit_alpha=logit_alpha)
    flow = builder(spec.event_shape, preprocessing=layers, **options)
    return as_model(spec, flow)


def features(spec: DataSpec) -> list[int]:
    """Event shape of the data as vectors: `[features]`."""
    return [math.prod(spec.event_shape)]


def context_network(spec: DataSpec, model: str) -> tuple[ContextNetwork, int]:
    """A network from the data's context to a vector, and the size of that vector.

    Raises:
        ValueError: If the data have no context.
    """
    if spec.context is None:
        raise ValueError(
            f"{model} is conditional and needs data with a context; received "
            f"{spec.name}, which has none. Take digits or mnist (the class label), "
            "inverse_sinusoid, or a table with --context=column."
        )
    if spec.context.num_classes is not None:
        return OneHot(spec.context.num_classes), spec.context.num_classes
    (size,) = spec.context.shape
    return Normalize(size), size


def as_model(spec: DataSpec, density: DistributionLayer) -> GenerativeModel:
    """The density as a model of the data: exact if continuous, else a bound."""
    if spec.levels is not None:
        return tfgen.Dequantized(density, levels=spec.levels)
    if spec.steps is not None:
        return tfgen.Dequantized(density, steps=spec.steps, offsets=spec.offsets)
    return tfgen.DensityModel(density)
