"""Generative models."""

from tfgen.models.autoencoder import Autoencoder
from tfgen.models.concrete_mixture_vae import ConcreteMixtureVAE
from tfgen.models.density import DensityModel
from tfgen.models.dequantized import Dequantized
from tfgen.models.latent import LatentModel
from tfgen.models.vae import VAE

__all__ = [
    "VAE",
    "Autoencoder",
    "ConcreteMixtureVAE",
    "DensityModel",
    "Dequantized",
    "LatentModel",
]
