"""Bijectors: maths only, no weights."""

from tfgen.bijectors.autoregressive import Autoregressive, InverseAutoregressive
from tfgen.bijectors.coupling import Coupling
from tfgen.bijectors.one_pass import (
    OnePassBijector,
    forward_and_log_det,
    inverse_and_log_det,
)
from tfgen.bijectors.spline import RationalQuadraticSpline
from tfgen.bijectors.transformers import (
    Additive,
    Affine,
    RationalQuadratic,
    Transformer,
    bounded,
    compressed,
)

__all__ = [
    "Additive",
    "Affine",
    "Autoregressive",
    "Coupling",
    "InverseAutoregressive",
    "OnePassBijector",
    "RationalQuadratic",
    "RationalQuadraticSpline",
    "Transformer",
    "bounded",
    "compressed",
    "forward_and_log_det",
    "inverse_and_log_det",
]
