"""What the two-dimensional toys share: sizes, seeds, and Gaussian mixtures."""

import math
from collections.abc import Callable

import numpy as np

from zoo.data import DataSet, DataSpec, Split

_ROWS = (50_000, 10_000, 10_000)
# First words of the seeds: no points drawn by `sample` are points of the splits.
_SPLITS, _FRESH = 0, 1


def toy(
    name: str,
    draw: Callable[[int, np.random.Generator], np.ndarray],
    log_prob: Callable[[np.ndarray], np.ndarray] | None = None,
) -> DataSet:
    """A two-dimensional data set that is drawn, not stored.

    Args:
        name: Its name.
        draw: `draw(num_samples, generator)` gives points `[num_samples, 2]`.
        log_prob: Their density in nats.

    Returns:
        50,000 training, 10,000 validation and 10,000 test points, always the same.
    """

    def points(num_samples: int, *seed: int) -> np.ndarray:
        drawn = draw(num_samples, np.random.default_rng(seed))
        return drawn.astype(np.float32)

    def sample(num_samples: int, seed: int) -> np.ndarray:
        return points(num_samples, _FRESH, seed)

    train, validation, test = (
        Split(points(rows, _SPLITS, i)) for i, rows in enumerate(_ROWS)
    )
    spec = DataSpec(name, (2,), "float32", num_train=len(train))
    return DataSet(spec, train, validation, test, log_prob, sample)


def mixture_log_prob(
    x: np.ndarray, weights: np.ndarray, locs: np.ndarray, scales: np.ndarray
) -> np.ndarray:
    """Log density of a mixture of Gaussians `N(loc_k, scale_k scale_k^T)` in the plane.

    Args:
        x: Points `[rows, 2]`.
        weights: `[components]`, of sum 1.
        locs: `[components, 2]`.
        scales: Lower triangular, `[components, 2, 2]`.

    Returns:
        `[rows]`, in nats.
    """
    centred = np.asarray(x, np.float64)[:, None] - locs
    z = np.einsum("kij,nkj->nki", np.linalg.inv(scales), centred)
    log_det = np.log(np.diagonal(scales, axis1=1, axis2=2)).sum(axis=-1)
    log_probs = np.log(weights) - log_det - math.log(2 * math.pi) - (z**2).sum(-1) / 2
    return np.logaddexp.reduce(log_probs, axis=1)


def mixture_draw(
    num_samples: int,
    rng: np.random.Generator,
    weights: np.ndarray,
    locs: np.ndarray,
    scales: np.ndarray,
) -> np.ndarray:
    """Draws from the mixture of `mixture_log_prob`.

    Args:
        num_samples: How many points.
        rng: Source of randomness.
        weights: `[components]`, of sum 1.
        locs: `[components, 2]`.
        scales: Lower triangular, `[components, 2, 2]`.

    Returns:
        `[num_samples, 2]`.
    """
    component = rng.choice(len(weights), size=num_samples, p=weights)
    noise = rng.standard_normal((num_samples, 2))
    return locs[component] + np.einsum("nij,nj->ni", scales[component], noise)


def rotate(x: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """Turns points counterclockwise about the origin; areas are kept.

    Args:
        x: Points `[..., 2]`.
        angle: Radians `[...]`.

    Returns:
        `[..., 2]`.
    """
    cos, sin = np.cos(angle), np.sin(angle)
    return np.stack(
        [cos * x[..., 0] - sin * x[..., 1], sin * x[..., 0] + cos * x[..., 1]], axis=-1
    )
