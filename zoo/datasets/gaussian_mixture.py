"""A mixture of four correlated Gaussians in the plane; density known.

Procedural, 50,000 / 10,000 / 10,000 points in the plane. Weights, means and covariances
differ, so that a mixture model of four components with full covariances can reach the
true density and nothing can beat it.
"""

import numpy as np

from zoo.data import DataSet
from zoo.datasets import _toys

_WEIGHTS = np.array([0.4, 0.3, 0.2, 0.1])
_LOCS = np.array([[-2.0, 0.0], [2.0, 1.0], [0.0, -2.5], [0.5, 3.0]])
_SCALES = np.array(  # Lower triangular: the covariance is scale scale^T.
    [
        [[0.8, 0.0], [0.6, 0.4]],
        [[0.5, 0.0], [-0.7, 0.6]],
        [[1.2, 0.0], [0.1, 0.3]],
        [[0.3, 0.0], [0.1, 0.5]],
    ]
)


def load(*, data_dir: str | None, seed: int) -> DataSet:
    """The data set; always the same points.

    Args:
        data_dir: Not used.
        seed: Not used.

    Returns:
        The data set.
    """
    del data_dir, seed
    return _toys.toy("gaussian_mixture", _draw, _log_prob)


def _draw(num_samples: int, rng: np.random.Generator) -> np.ndarray:
    return _toys.mixture_draw(num_samples, rng, _WEIGHTS, _LOCS, _SCALES)


def _log_prob(x: np.ndarray) -> np.ndarray:
    return _toys.mixture_log_prob(x, _WEIGHTS, _LOCS, _SCALES)
