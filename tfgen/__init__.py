"""Deep generative models: TensorFlow Probability's maths in Keras 3 models."""

from tfgen import bijectors, distributions, flows, metrics, networks, random
from tfgen.base import BijectorLayer, DistributionLayer, GenerativeModel
from tfgen.builders import iaf, maf, nice, nsf, realnvp
from tfgen.models import DensityModel, Dequantized
from tfgen.objectives import Distillation, MaximumLikelihood, Objective
from tfgen.serialization import Serializable
from tfgen.signatures import Signature

__all__ = [
    "BijectorLayer",
    "DensityModel",
    "Dequantized",
    "Distillation",
    "DistributionLayer",
    "GenerativeModel",
    "MaximumLikelihood",
    "Objective",
    "Serializable",
    "Signature",
    "bijectors",
    "distributions",
    "flows",
    "iaf",
    "maf",
    "metrics",
    "networks",
    "nice",
    "nsf",
    "random",
    "realnvp",
]
