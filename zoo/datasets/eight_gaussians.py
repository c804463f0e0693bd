"""Eight Gaussians on a circle of radius 4, standard deviation 0.5; density known.

Procedural, 50,000 / 10,000 / 10,000 points in the plane; the components have equal
weights. What a flow with a Gaussian base finds hard: modes with next to nothing between
them.
"""

import math

import numpy as np

from zoo.data import DataSet
from zoo.datasets import _toys

_ANGLES = np.arange(8) * math.pi / 4
_WEIGHTS = np.full(8, 1 / 8)
_LOCS = 4.0 * np.stack([np.cos(_ANGLES), np.sin(_ANGLES)], axis=-1)
_SCALES = np.tile(0.5 * np.eye(2), (8, 1, 1))


def load(*, data_dir: str | None, seed: int) -> DataSet:
    """The data set; always the same points.

    Args:
        data_dir: Not used.
        seed: Not used.

    Returns:
        The data set.
    """
    del data_dir, seed
    return _toys.toy("eight_gaussians", _draw, _log_prob)


def _draw(num_samples: int, rng: np.random.Generator) -> np.ndarray:
    return _toys.mixture_draw(num_samples, rng, _WEIGHTS, _LOCS, _SCALES)


def _log_prob(x: np.ndarray) -> np.ndarray:
    return _toys.mixture_log_prob(x, _WEIGHTS, _LOCS, _SCALES)
