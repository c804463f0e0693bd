"""Checkerboard: uniform on eight squares of a 4 x 4 board; density known.

Procedural, 50,000 / 10,000 / 10,000 points in the plane. The board is [-4, 4)^2, its
squares have side 2, and the density is 1/32 on the black squares and 0 elsewhere. The
edges are sharp, so any smooth model falls short of the entropy, log 32 = 3.4657 nats.
"""

import math

import numpy as np

from zoo.data import DataSet
from zoo.datasets import _toys

_SIDE = 2.0
_HALF = 4.0
# Lower left corners of the black squares; column + row is even.
_CORNERS = np.array(
    [(i, j) for i in range(4) for j in range(4) if (i + j) % 2 == 0], np.float32
) * np.float32(_SIDE) - np.float32(_HALF)


def load(*, data_dir: str | None, seed: int) -> DataSet:
    """The data set; always the same points.

    Args:
        data_dir: Not used.
        seed: Not used.

    Returns:
        The data set.
    """
    del data_dir, seed
    return _toys.toy("checkerboard", _draw, _log_prob)


def _draw(num_samples: int, rng: np.random.Generator) -> np.ndarray:
    corner = _CORNERS[rng.integers(len(_CORNERS), size=num_samples)]
    inside = rng.uniform(0, _SIDE, (num_samples, 2)).astype(np.float32)
    # Rounding to float32 may reach the far edge, which is the next square's.
    end = np.nextafter(corner + np.float32(_SIDE), corner)
    return np.minimum(corner + inside, end)


def _log_prob(x: np.ndarray) -> np.ndarray:
    column, row = np.floor((np.asarray(x, np.float64).T + _HALF) / _SIDE)
    on_board = (np.abs(column - 1.5) < 2) & (np.abs(row - 1.5) < 2)
    black = on_board & ((column + row) % 2 == 0)
    return np.where(black, -math.log(len(_CORNERS) * _SIDE**2), -np.inf)
