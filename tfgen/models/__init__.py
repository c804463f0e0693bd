"""Generative models."""

from tfgen.models.density import DensityModel
from tfgen.models.dequantized import Dequantized
from tfgen.models.vae import VAE

__all__ = ["VAE", "DensityModel", "Dequantized"]
