"""Networks: Keras layers that are plain functions of their inputs."""

from tfgen.networks.chain import Chain
from tfgen.networks.convolutional import ConvolutionalDecoder, ConvolutionalEncoder
from tfgen.networks.incremental import Incremental
from tfgen.networks.made import MADE
from tfgen.networks.mlp import MLP
from tfgen.networks.normalize import Normalize
from tfgen.networks.one_hot import OneHot

__all__ = [
    "MADE",
    "MLP",
    "Chain",
    "ConvolutionalDecoder",
    "ConvolutionalEncoder",
    "Incremental",
    "Normalize",
    "OneHot",
]
