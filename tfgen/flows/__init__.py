"""Bijector layers: the steps that flows are made of."""

from tfgen.flows.autoregressive import MaskedAutoregressive
from tfgen.flows.coupling import Coupling
from tfgen.flows.normalization import ActNorm
from tfgen.flows.preprocessing import Logit, Scale, Standardize
from tfgen.flows.shape import Flatten, Permute

__all__ = [
    "ActNorm",
    "Coupling",
    "Flatten",
    "Logit",
    "MaskedAutoregressive",
    "Permute",
    "Scale",
    "Standardize",
]
