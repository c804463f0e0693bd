"""Bits per dimension, the unit in which papers on images report."""

import math
from collections.abc import Sequence
from typing import TypeVar

import numpy as np

_Number = TypeVar("_Number", float, np.ndarray)


def bits_per_dim(log_prob: _Number, event_shape: Sequence[int]) -> _Number:
    """Nats per example as bits per dimension: `-log_prob / (D log(2))`.

    `log_prob` is in the data's own units: of the integers, if they are integers, where
    a pixel of 256 equally likely levels has 8 bits. No constant is added for a scaling.

    Args:
        log_prob: Log-density, log-probability or bound, in nats per example.
        event_shape: Shape of one example, of `D` elements.

    Example:
        >>> import math
        >>> bits_per_dim(28 * 28 * math.log(1 / 256), [28, 28])
        8.0
    """
    return -log_prob / (math.prod(event_shape) * math.log(2.0))
