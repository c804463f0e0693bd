"""Disentanglement, completeness and informativeness."""

import dataclasses

import numpy as np
from scipy.special import entr
from sklearn.ensemble import RandomForestClassifier

from tfgen.metrics.disentanglement._codes import checked


@dataclasses.dataclass(frozen=True)
class DCI:
    """The three scores of `dci_scores`, and what two of them come from.

    Attributes:
        disentanglement: Whether each latent matters to one factor: 1 yes, 0 by chance.
        completeness: Whether one latent matters to each factor: 1 yes, 0 by chance.
        informativeness: Share of the test rows whose factors are predicted: 1 all, by
            chance `1 / values`; a mean over factors.
        importance: How much each latent matters to the prediction of each factor,
            `[latents, factors]`, of sum 1 for each factor.
    """

    disentanglement: float
    completeness: float
    informativeness: float
    importance: np.ndarray


def dci_scores(codes: np.ndarray, factors: np.ndarray, *, seed: int = 0) -> DCI:
    """Disentanglement, completeness and informativeness.

        R[z, v]  importance of latent z to the prediction of factor v
        D = sum_z w_z (1 - H(R[z, :]) / log(factors)),   w_z = sum_v R[z, v] / sum R
        C = mean_v    (1 - H(R[:, v]) / log(latents))

    with rows and columns of `R` scaled to sum 1 in the entropies `H`. The usual
    protocol has 15,000 rows, of which the first two thirds are learnt from and the last
    third tests.

    Each factor is predicted by a random forest, as in the paper: 10 trees, leaves of 5
    rows or more, all latents tried at each split; the importance of a latent is what
    its splits take from the Gini impurity. Unlike lines, trees see relations of any
    form, and the scale of a latent does not matter. The boosted trees of other papers
    take much longer, and their numbers are others. Another version of scikit-learn may
    draw another forest, which changes the scores as another seed does.

    Args:
        codes: `[rows, latents]`.
        factors: Integers from 0, `[rows, factors]`.
        seed: Of the forests.

    Raises:
        ValueError: If these are no codes and factors, or fewer than 3 rows.

    References:
        Eastwood and Williams, 2018. A Framework for the Quantitative Evaluation of
        Disentangled Representations. https://openreview.net/forum?id=By-7dz-AZ
    """
    codes, factors = checked(codes, factors)
    cut = len(codes) - len(codes) // 3
    importance, accuracies = [], []
    for values in factors.T:
        forest = RandomForestClassifier(
            10, min_samples_leaf=5, max_features=None, random_state=seed
        )
        forest.fit(codes[:cut], values[:cut])
        importance.append(forest.feature_importances_)
        accuracies.append(np.mean(forest.predict(codes[cut:]) == values[cut:]))
    matrix = np.stack(importance, axis=1)
    # Of codes that tell nothing no latent has any importance.
    weights = matrix.sum(axis=1) / max(matrix.sum(), np.finfo(np.float64).tiny)
    return DCI(
        disentanglement=float(weights @ _concentration(matrix)),
        completeness=float(_concentration(matrix.T).mean()),
        informativeness=float(np.mean(accuracies)),
        importance=matrix,
    )


def _concentration(matrix: np.ndarray) -> np.ndarray:
    """Of each row `[rows, columns]`: 1 if one column has it all, 0 if all the same.

    Also 0 if none has anything.
    """
    total = matrix.sum(axis=1, keepdims=True)
    shares = np.where(total > 0, matrix, 1.0)
    shares /= shares.sum(axis=1, keepdims=True)
    entropy = entr(shares).sum(axis=1) / np.log(max(matrix.shape[1], 2))
    return np.where(total[:, 0] > 0, 1 - entropy, 0.0)
