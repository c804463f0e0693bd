"""Rings: three concentric circles with Gaussian noise on the radius; density known.

Procedural, 50,000 / 10,000 / 10,000 points in the plane. The radii are 1, 2 and 3 with
weights 1/6, 2/6 and 3/6, so that all rings are equally dense; the noise has standard
deviation 0.1:

    r = |radius + 0.1 e|,   e ~ N(0, 1),   the angle uniform
    p(x) = sum_rings weight (N(r; radius, 0.1) + N(-r; radius, 0.1)) / (2 pi r)
"""

import math

import numpy as np

from zoo.data import DataSet
from zoo.datasets import _toys

_RADII = np.array([1.0, 2.0, 3.0])
_WEIGHTS = _RADII / _RADII.sum()
_STD = 0.1


def load(*, data_dir: str | None, seed: int) -> DataSet:
    """The data set; always the same points.

    Args:
        data_dir: Not used.
        seed: Not used.

    Returns:
        The data set.
    """
    del data_dir, seed
    return _toys.toy("rings", _draw, _log_prob)


def _draw(num_samples: int, rng: np.random.Generator) -> np.ndarray:
    centre = rng.choice(_RADII, size=num_samples, p=_WEIGHTS)
    radius = np.abs(centre + _STD * rng.standard_normal(num_samples))
    angle = rng.uniform(0, 2 * math.pi, num_samples)
    return radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=-1)


def _log_prob(x: np.ndarray) -> np.ndarray:
    # At the origin the density has a pole of no weight (it is e^-50 / r).
    radius = np.linalg.norm(np.asarray(x, np.float64), axis=-1).clip(min=1e-12)
    signed = np.stack([radius, -radius])[..., None]  # [2, rows, 1]
    log_normal = -(((signed - _RADII) / _STD) ** 2) / 2 + np.log(_WEIGHTS)
    log_radial = np.logaddexp.reduce(log_normal, axis=(0, 2))
    log_length = np.log(radius) + math.log(2 * math.pi)
    return log_radial - log_length - math.log(_STD * math.sqrt(2 * math.pi))
