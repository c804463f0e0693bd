"""Named models of the literature as arrangements of parts.

Each builder returns a `Flow`: a distribution layer, to be wrapped into a
`DensityModel`, or to serve as a part of another model.
"""

import math
from collections.abc import Callable, Sequence
from typing import TypedDict

import keras
import numpy as np
from typing_extensions import Unpack

from tfgen.base import BijectorLayer, DistributionLayer
from tfgen.bijectors import Additive, RationalQuadratic, Transformer
from tfgen.distributions import Flow, Logistic, StandardNormal
from tfgen.flows import (
    ActNorm,
    Coupling,
    Flatten,
    InverseAutoregressive,
    MaskedAutoregressive,
    Permute,
)


class FlowOptions(TypedDict, total=False):
    """What every builder takes besides its own arguments.

    Attributes:
        num_steps: How many steps of the flow.
        hidden_units: Widths of the hidden layers of each step's network.
        activation: Name of a Keras activation.
        preprocessing: Bijector layers at the data end, from the data on.
        base: Distribution layer of the noise, in place of the usual one.
        context_network: Keras layer from the context to a vector.
        context_features: Size of that vector (or of the context, without a network).
    """

    num_steps: int
    hidden_units: Sequence[int]
    activation: str
    preprocessing: Sequence[BijectorLayer]
    base: DistributionLayer
    context_network: keras.layers.Layer
    context_features: int


def maf(event_shape: Sequence[int], **options: Unpack[FlowOptions]) -> Flow:
    """Masked autoregressive flow: 5 affine steps, the order reversed between them.

    Density in one pass of the networks; samples come coordinate by coordinate, for
    about the arithmetic of one pass. `ActNorm` stands in the place of the paper's batch
    normalisation.

    Args:
        event_shape: Shape of one example.
        **options: See `FlowOptions`.

    References:
        Papamakarios, Pavlakou and Murray, 2017. Masked Autoregressive Flow for Density
        Estimation. https://arxiv.org/abs/1705.07057

    Example:
        >>> import tensorflow as tf
        >>> maf([3], num_steps=2, hidden_units=[8])(tf.zeros([5, 3])).shape
        TensorShape([5])
    """
    return _flow(event_shape, MaskedAutoregressive, None, options)


def iaf(event_shape: Sequence[int], **options: Unpack[FlowOptions]) -> Flow:
    """Inverse autoregressive flow: 5 affine steps, the order reversed between them.

    `maf` with the directions changed: samples, and their densities with them, in one
    pass of the networks; the density of other data coordinate by coordinate.

    Args:
        event_shape: Shape of one example.
        **options: See `FlowOptions`.

    References:
        Kingma, Salimans, Jozefowicz, Chen, Sutskever and Welling, 2016. Improving
        Variational Inference with Inverse Autoregressive Flow.
        https://arxiv.org/abs/1606.04934
    """
    return _flow(event_shape, InverseAutoregressive, None, options)


def realnvp(event_shape: Sequence[int], **options: Unpack[FlowOptions]) -> Flow:
    """RealNVP on vectors: 5 affine couplings, coordinates shuffled between them.

    Density and samples cost one pass of the networks each.

    Args:
        event_shape: Shape of one example, of 2 elements or more.
        **options: See `FlowOptions`.

    References:
        Dinh, Sohl-Dickstein and Bengio, 2017. Density Estimation Using Real NVP.
        https://arxiv.org/abs/1605.08803
    """
    return _flow(event_shape, Coupling, None, options)


def nice(event_shape: Sequence[int], **options: Unpack[FlowOptions]) -> Flow:
    """NICE: 5 additive couplings, a diagonal scale and a logistic base.

    Args:
        event_shape: Shape of one example, of 2 elements or more.
        **options: See `FlowOptions`.

    References:
        Dinh, Krueger and Bengio, 2015. NICE: Non-linear Independent Components
        Estimation. https://arxiv.org/abs/1410.8516
    """
    options.setdefault("base", Logistic([math.prod(event_shape)]))
    # The only scale is the one at the top, as in the paper.
    return _flow(event_shape, Coupling, Additive(), options, scale_every_step=False)


def nsf(
    event_shape: Sequence[int],
    *,
    num_bins: int = 8,
    bound: float = 3.0,
    autoregressive: bool = False,
    **options: Unpack[FlowOptions],
) -> Flow:
    """Neural spline flow: rational-quadratic couplings, or autoregressive steps.

    Args:
        event_shape: Shape of one example.
        num_bins: Bins of each spline.
        bound: Splines act on `(-bound, bound)`; outside they are the identity.
        autoregressive: Autoregressive steps in place of couplings: more flexible, but
            samples come coordinate by coordinate, as those of `maf`.
        **options: See `FlowOptions`.

    References:
        Durkan, Bekasov, Murray and Papamakarios, 2019. Neural Spline Flows.
        https://arxiv.org/abs/1906.04032
    """
    step = MaskedAutoregressive if autoregressive else Coupling
    return _flow(event_shape, step, RationalQuadratic(num_bins, bound), options)


def _flow(
    event_shape: Sequence[int],
    step: Callable[..., BijectorLayer],
    transformer: Transformer | None,
    options: FlowOptions,
    *,
    scale_every_step: bool = True,
) -> Flow:
    """Preprocessing, then steps with scales and other orders between, then the base."""
    unknown = set(options) - set(FlowOptions.__annotations__)
    if unknown:
        raise TypeError(
            f"A flow has the options {', '.join(FlowOptions.__annotations__)}; "
            f"received {', '.join(sorted(unknown))}."
        )
    num_steps = options.get("num_steps", 5)
    if num_steps < 1:
        raise ValueError(f"A flow has at least 1 step; received num_steps={num_steps}.")
    layers = list(options.get("preprocessing", ()))
    noise_shape = layers[-1].noise_event_shape if layers else tuple(event_shape)
    if len(noise_shape) != 1:
        layers.append(Flatten(noise_shape))
    features = math.prod(noise_shape)
    for index in range(num_steps):
        if scale_every_step:
            layers.append(ActNorm([features]))
        if index > 0:
            layers.append(Permute([features], _order(features, index, step)))
        layers.append(
            step(
                [features],
                options.get("hidden_units", (512, 512)),
                transformer,
                context_features=options.get("context_features", 0),
                activation=options.get("activation", "relu"),
            )
        )
    layers.append(ActNorm([features]))
    base = options.get("base") or StandardNormal([features])
    return Flow(base, layers, options.get("context_network"))


def _order(features: int, index: int, step: object) -> list[int] | None:
    """The order before step `index`: reversed for autoregressive steps.

    For couplings the halves change places before every odd step, so that two steps
    change every coordinate, and all coordinates are shuffled before every even one.
    """
    if step is not Coupling:
        return None
    if index % 2:
        return np.roll(np.arange(features), -(features // 2)).tolist()
    return np.random.default_rng(index).permutation(features).tolist()
