"""Bijector layers: the steps that flows are made of."""

from tfgen.flows.autoregressive import (
    AutoregressiveLayer,
    InverseAutoregressive,
    MaskedAutoregressive,
)
from tfgen.flows.coupling import Coupling
from tfgen.flows.normalization import ActNorm
from tfgen.flows.preprocessing import Logit, Scale, Standardize
from tfgen.flows.shape import Flatten, Permute

__all__ = [
    "ActNorm",
    "AutoregressiveLayer",
    "Coupling",
    "Flatten",
    "InverseAutoregressive",
    "Logit",
    "MaskedAutoregressive",
    "Permute",
    "Scale",
    "Standardize",
]
