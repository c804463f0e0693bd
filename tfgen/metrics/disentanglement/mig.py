"""Mutual information gap."""

import numpy as np

from tfgen.metrics.disentanglement._codes import mean_gap
from tfgen.metrics.disentanglement.mutual_information import (
    entropies,
    mutual_information,
)


def mig_score(codes: np.ndarray, factors: np.ndarray, *, num_bins: int = 20) -> float:
    """Mutual information gap: 1 if one latent alone tells each factor, 0 by chance.

        mean over factors v of  (I(z1; v) - I(z2; v)) / H(v)

    with `z1` and `z2` the two latents that tell most of `v`. The usual protocol has
    10,000 rows and 20 bins of equal width, as `mutual_information` makes them. A
    histogram of 20 bins cannot tell 40 values from each other: where factors have more
    values than there are bins even a perfect code stays below 1, with at most
    `log(20) / log(40) = 0.81` for such a factor.

    Args:
        codes: `[rows, latents]`.
        factors: Integers from 0, `[rows, factors]`.
        num_bins: Bins of a latent.

    Raises:
        ValueError: If these are no codes and factors.

    Example:
        >>> import numpy as np
        >>> factors = np.stack(np.unravel_index(np.arange(16), (4, 4)), axis=1)
        >>> round(mig_score(-2.0 * factors[:, ::-1], factors), 6)
        1.0

    References:
        Chen, Li, Grosse and Duvenaud, 2018. Isolating Sources of Disentanglement in
        Variational Autoencoders. https://arxiv.org/abs/1802.04942
    """
    information = mutual_information(codes, factors, num_bins=num_bins)
    return mean_gap(information / entropies(np.asarray(factors)))
