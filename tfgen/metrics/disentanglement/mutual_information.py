"""Mutual information between latents and factors."""

import numpy as np
from scipy.special import entr

from tfgen.metrics.disentanglement._codes import checked


def mutual_information(
    codes: np.ndarray, factors: np.ndarray, *, num_bins: int = 20
) -> np.ndarray:
    """`I(latent; factor)` of a histogram, for each pair of both: nats.

        I(z; v) = H(z) + H(v) - H(z, v),   H = -sum p log(p) over shares p of the rows

    A latent is cut into bins of equal width from its least to its greatest value. Few
    rows make the information too large, by about `(bins - 1) (values - 1) / (2 rows)`.

    Args:
        codes: `[rows, latents]`.
        factors: Integers from 0, `[rows, factors]`.
        num_bins: Bins of a latent.

    Returns:
        `[latents, factors]`.

    Raises:
        ValueError: If these are no codes and factors.
    """
    codes, factors = checked(codes, factors)
    joint = [
        [_entropy(counts) for counts in row]
        for row in joint_counts(codes, factors, num_bins)
    ]
    latents = [_entropy(np.bincount(z)) for z in binned(codes, num_bins).T]
    return np.asarray(latents)[:, None] + entropies(factors) - joint


def entropies(factors: np.ndarray) -> np.ndarray:
    """Entropies `[factors]` in nats of integers `[rows, factors]`."""
    return np.asarray([_entropy(np.bincount(values)) for values in factors.T])


def joint_counts(
    codes: np.ndarray, factors: np.ndarray, num_bins: int
) -> list[list[np.ndarray]]:
    """How many rows have each bin and value, `[bins, values]` for each pair.

    Args:
        codes: `[rows, latents]`.
        factors: Integers from 0, `[rows, factors]`.
        num_bins: Bins of a latent.
    """

    def count(bins: np.ndarray, values: np.ndarray) -> np.ndarray:
        size = values.max() + 1
        counts = np.bincount(bins * size + values, minlength=num_bins * size)
        return counts.reshape(num_bins, size)

    return [[count(z, v) for v in factors.T] for z in binned(codes, num_bins).T]


def binned(codes: np.ndarray, num_bins: int) -> np.ndarray:
    """The bin of each code, integers `[rows, latents]`; 0 of a latent that is constant.

    Args:
        codes: `[rows, latents]`.
        num_bins: Bins of equal width; the greatest value is in the last one.
    """
    low, high = codes.min(axis=0), codes.max(axis=0)
    width = np.where(high > low, high - low, 1.0)
    return np.minimum(num_bins * (codes - low) // width, num_bins - 1).astype(np.int64)


def _entropy(counts: np.ndarray) -> float:
    return float(entr(counts / counts.sum()).sum())
