"""Pinwheel: five curved arms; density known.

Procedural, 50,000 / 10,000 / 10,000 points in the plane. A point is drawn from a narrow
Gaussian beside the origin, turned to one of five arms, and turned on by an angle that
grows with its distance from the origin, which bends the arms:

    f ~ N((1, 0), diag(0.3, 0.1)^2),  x = 2 rotate(f, arm + 0.25 exp(|f|))

A rotation by an angle that depends on the radius alone keeps areas, so

    p(x) = 1/4 1/5 sum_arms N(rotate(x / 2, -arm - 0.25 exp(|x / 2|)); (1, 0), ...)

The pinwheel of Johnson et al. (2016) turns by the first coordinate of f in place of
|f|, which looks the same and has no such density.
"""

import math

import numpy as np

from zoo.data import DataSet
from zoo.datasets import _toys

_SCALE = 2.0
_ARMS = 2 * math.pi / 5 * np.arange(5)
_LOC = np.array([1.0, 0.0])
_STD = np.array([0.3, 0.1])
_RATE = 0.25


def load(*, data_dir: str | None, seed: int) -> DataSet:
    """The data set; always the same points.

    Args:
        data_dir: Not used.
        seed: Not used.

    Returns:
        The data set.
    """
    del data_dir, seed
    return _toys.toy("pinwheel", _draw, _log_prob)


def _twist(f: np.ndarray) -> np.ndarray:
    return _RATE * np.exp(np.linalg.norm(f, axis=-1))


def _draw(num_samples: int, rng: np.random.Generator) -> np.ndarray:
    f = _LOC + _STD * rng.standard_normal((num_samples, 2))
    return _SCALE * _toys.rotate(f, rng.choice(_ARMS, num_samples) + _twist(f))


def _log_prob(x: np.ndarray) -> np.ndarray:
    turned = np.asarray(x, np.float64) / _SCALE
    f = _toys.rotate(turned[:, None], -_ARMS - _twist(turned)[:, None])
    z = (f - _LOC) / _STD
    log_normal = -(z**2).sum(axis=-1) / 2 - math.log(2 * math.pi * _STD.prod())
    log_weight = -math.log(len(_ARMS)) - 2 * math.log(_SCALE)
    return np.logaddexp.reduce(log_normal, axis=1) + log_weight
