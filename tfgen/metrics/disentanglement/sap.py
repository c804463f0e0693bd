"""Separated attribute predictability."""

from collections.abc import Sequence

import numpy as np

from tfgen.metrics.disentanglement._codes import checked, mean_gap
from tfgen.metrics.disentanglement.mutual_information import joint_counts

_BINS = 20


def sap_score(
    codes: np.ndarray, factors: np.ndarray, *, categorical: Sequence[int] = ()
) -> float:
    """Separated attribute predictability: 1 if one latent alone predicts each factor.

        mean over factors v of  S(z1, v) - S(z2, v)

    with `z1` and `z2` the two latents that predict `v` best; 0 by chance. For ordered
    factors `S` is the `R^2` of a line, as in the paper. For factors without an order it
    is the accuracy `a` of the best thresholds, classes weighing the same, as in the
    paper again; but the thresholds are the edges of 20 bins of equal width, and `S` is
    `(a - 1 / K) / (1 - 1 / K)` for `K` classes, so that chance is 0 and not `1 / K`.

    Papers that count every factor as a class and predict it by a linear support vector
    machine get much smaller numbers, which do not compare with these. The usual
    protocol has 10,000 rows.

    Args:
        codes: `[rows, latents]`.
        factors: Integers from 0, `[rows, factors]`.
        categorical: Columns of factors that have no order.

    Raises:
        ValueError: If these are no codes and factors, or there is no such column.

    Example:
        >>> import numpy as np
        >>> factors = np.stack(np.unravel_index(np.arange(16), (4, 4)), axis=1)
        >>> sums = factors @ np.array([[1, 1], [1, -1]])       # turned by 45 degrees
        >>> round(sap_score(factors, factors), 6), round(sap_score(sums, factors), 6)
        (1.0, 0.0)

    References:
        Kumar, Sattigeri and Balakrishnan, 2018. Variational Inference of Disentangled
        Latent Concepts from Unlabeled Observations. https://arxiv.org/abs/1711.00848
    """
    codes, factors = checked(codes, factors)
    columns = range(factors.shape[1])
    if not {*categorical} <= {*columns}:
        raise ValueError(
            f"Columns of factors are 0 to {len(columns) - 1}; received "
            f"categorical={tuple(categorical)}. Give some of these."
        )
    scores = _standardized(codes).T @ _standardized(factors) / len(codes)
    scores **= 2
    for column in categorical:
        counts = joint_counts(codes, factors[:, [column]], _BINS)
        scores[:, column] = [_skill(latent[0]) for latent in counts]
    return mean_gap(scores)


def _standardized(x: np.ndarray) -> np.ndarray:
    """Columns of mean 0 and variance 1; of constant ones only zeros."""
    centred = x - x.mean(axis=0)
    scale = centred.std(axis=0)
    return np.where(np.ptp(x, axis=0) > 0, centred, 0.0) / np.where(scale > 0, scale, 1)


def _skill(counts: np.ndarray) -> float:
    """How much better than chance classes are told by their bins, of `[bins, classes]`.

    In each bin the guess is the class with the largest share of its rows there.
    """
    shares = counts[:, counts.any(axis=0)]
    shares = shares / shares.sum(axis=0)
    classes = shares.shape[1]
    accuracy = shares.max(axis=1).sum() / classes
    return float((accuracy - 1 / classes) / (1 - 1 / classes))
