"""Modularity."""

import numpy as np

from tfgen.metrics.disentanglement.mutual_information import mutual_information


def modularity_score(
    codes: np.ndarray, factors: np.ndarray, *, num_bins: int = 20
) -> float:
    """Modularity: 1 if each latent tells of one factor alone.

        mean over latents z of  1 - sum_{v != v1} I(z; v)^2 / (I(z; v1)^2 (F - 1))

    with `v1` the factor of which `z` tells most, and `F` factors. A factor may be
    spread over many latents. The usual protocol has 10,000 rows and 20 bins of equal
    width, as `mutual_information` makes them.

    A latent that tells nothing at all counts 0. But one that only noise ties to the
    factors counts as the ratios of that noise happen to be, for factors of `K` values
    about `1 - sum_{v != v1} (K_v - 1)^2 / ((K_v1 - 1)^2 (F - 1))`. So a random code
    has no fixed score, 0.68 on the factors of dSprites, and latents that are not used
    raise it or lower it. Read it beside another score.

    Args:
        codes: `[rows, latents]`.
        factors: Integers from 0, `[rows, factors]`, of two factors at least.
        num_bins: Bins of a latent.

    Raises:
        ValueError: If these are no codes and factors, or of one factor alone.

    References:
        Ridgeway and Mozer, 2018. Learning Deep Disentangled Embeddings With the
        F-Statistic Loss. https://arxiv.org/abs/1802.05312
    """
    # Rounding leaves of a sum of entropies that cancel some 1e-16.
    information = mutual_information(codes, factors, num_bins=num_bins)
    squares = np.where(information > 1e-12, information, 0.0) ** 2
    if squares.shape[1] < 2:
        raise ValueError(
            "Modularity compares two factors at least; received one. "
            "Give factors [rows, factors] of more columns, or take mig_score."
        )
    most, total = squares.max(axis=1), squares.sum(axis=1)
    used = most > 0
    spread = (total - most)[used] / (most[used] * (squares.shape[1] - 1))
    return float((1 - spread).sum() / len(squares))
