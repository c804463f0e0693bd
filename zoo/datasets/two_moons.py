"""Two moons: two interleaved half circles with Gaussian noise; density known.

Procedural, 50,000 / 10,000 / 10,000 points in the plane. A moon is the half circle of
radius 1; the second is turned over and moved by (1, 0.5) into the first. To a uniform
point on it comes noise of standard deviation 0.1.

The density is an integral over the angle,

    p(x) = 1/2 sum_moons 1/pi integral_0^pi N(x; moon(t), 0.1^2 I) dt

which Gauss-Legendre quadrature gives to about ten digits, as the noise is many nodes
wide.
"""

import math

import numpy as np

from zoo.data import DataSet
from zoo.datasets import _toys

_STD = 0.1
_NODES = 200
_ROWS_AT_ONCE = 10_000


def load(*, data_dir: str | None, seed: int) -> DataSet:
    """The data set; always the same points.

    Args:
        data_dir: Not used.
        seed: Not used.

    Returns:
        The data set.
    """
    del data_dir, seed
    return _toys.toy("two_moons", _draw, _log_prob)


def _arc(angle: np.ndarray, upper: np.ndarray) -> np.ndarray:
    x, y = np.cos(angle), np.sin(angle)
    return np.stack([np.where(upper, x, 1 - x), np.where(upper, y, 0.5 - y)], axis=-1)


def _draw(num_samples: int, rng: np.random.Generator) -> np.ndarray:
    angle = rng.uniform(0, math.pi, num_samples)
    upper = rng.random(num_samples) < 0.5
    return _arc(angle, upper) + _STD * rng.standard_normal((num_samples, 2))


def _log_prob(x: np.ndarray) -> np.ndarray:
    node, weight = np.polynomial.legendre.leggauss(_NODES)
    angle = math.pi / 2 * (node + 1)
    nodes = np.concatenate([_arc(angle, np.array(moon)) for moon in (True, False)])
    log_weight = np.log(np.concatenate([weight, weight]) / 4)
    blocks = np.split(x, range(_ROWS_AT_ONCE, len(x), _ROWS_AT_ONCE))
    return np.concatenate([_quadrature(b, nodes, log_weight) for b in blocks])


def _quadrature(x: np.ndarray, nodes: np.ndarray, log_weight: np.ndarray) -> np.ndarray:
    squares = ((np.asarray(x, np.float64)[:, None] - nodes) ** 2).sum(axis=-1)
    exponent = log_weight - squares / (2 * _STD**2)
    largest = exponent.max(axis=1)
    total = np.exp(exponent - largest[:, None]).sum(axis=1)
    return largest + np.log(total) - math.log(2 * math.pi * _STD**2)
