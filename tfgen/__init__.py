"""Deep generative models: TensorFlow Probability's maths in Keras 3 models."""

from tfgen import bijectors, distributions, flows, losses, metrics, networks, random
from tfgen.base import BijectorLayer, DistributionLayer, GenerativeModel
from tfgen.builders import iaf, maf, nice, nsf, realnvp
from tfgen.disentangling_objectives import (
    BetaELBO,
    CapacityELBO,
    TotalCorrelationELBO,
)
from tfgen.mixture_objectives import ConcreteELBO, MixturePretraining
from tfgen.models import (
    VAE,
    Autoencoder,
    ConcreteMixtureVAE,
    DensityModel,
    Dequantized,
    LatentModel,
)
from tfgen.objectives import (
    ELBO,
    Distillation,
    ImportanceWeighted,
    MaximumLikelihood,
    Objective,
    Reconstruction,
)
from tfgen.serialization import Serializable
from tfgen.signatures import Signature

__all__ = [
    "ELBO",
    "VAE",
    "Autoencoder",
    "BetaELBO",
    "BijectorLayer",
    "CapacityELBO",
    "ConcreteELBO",
    "ConcreteMixtureVAE",
    "DensityModel",
    "Dequantized",
    "Distillation",
    "DistributionLayer",
    "GenerativeModel",
    "ImportanceWeighted",
    "LatentModel",
    "MaximumLikelihood",
    "MixturePretraining",
    "Objective",
    "Reconstruction",
    "Serializable",
    "Signature",
    "TotalCorrelationELBO",
    "bijectors",
    "distributions",
    "flows",
    "iaf",
    "losses",
    "maf",
    "metrics",
    "networks",
    "nice",
    "nsf",
    "random",
    "realnvp",
]
