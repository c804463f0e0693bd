"""Generative models."""

from tfgen.models.density import DensityModel
from tfgen.models.dequantized import Dequantized

__all__ = ["DensityModel", "Dequantized"]
