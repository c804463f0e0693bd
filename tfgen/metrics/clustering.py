"""How well categories that a model found agree with classes that are known."""

import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import normalized_mutual_info_score


def contingency(found: np.ndarray, known: np.ndarray) -> np.ndarray:
    """How many rows have each pair of labels: `[found, known]`.

    Args:
        found: Labels `[rows]`, integers from 0.
        known: Likewise.

    Raises:
        ValueError: If there are no rows, not as many of both, or labels below 0.
    """
    found, known = np.asarray(found), np.asarray(known)
    if found.shape != known.shape or found.ndim != 1 or len(found) == 0:
        raise ValueError(
            "Labels are compared row by row, of one row at least; received shapes "
            f"{list(found.shape)} and {list(known.shape)}. Give both for the same rows."
        )
    if min(found.min(), known.min()) < 0:
        raise ValueError(
            "Labels are compared where they are known, from 0 on; received "
            f"{min(found.min(), known.min())}. Leave rows without a label out."
        )
    counts = np.zeros([found.max() + 1, known.max() + 1], np.int64)
    np.add.at(counts, (found, known), 1)
    return counts


def accuracy(found: np.ndarray, known: np.ndarray) -> float:
    """Share of rows whose label is the known one.

    Args:
        found: Labels `[rows]`, integers from 0.
        known: Likewise.

    Example:
        >>> accuracy([0, 0, 1, 1], [0, 0, 0, 1])
        0.75
    """
    counts = contingency(found, known)
    return float(np.trace(counts) / counts.sum())


def best_matching(found: np.ndarray, known: np.ndarray) -> dict[int, int]:
    """The class of each cluster, one to one, such that most rows are in their class's.

    Clusters and classes that are left over, or have no row in common, are not in it.

    Args:
        found: Clusters `[rows]`, integers from 0.
        known: Classes `[rows]`, integers from 0.

    Example:
        >>> best_matching([1, 1, 0, 0], [0, 0, 0, 1])
        {0: 1, 1: 0}
    """
    counts = contingency(found, known)
    pairs = np.transpose(linear_sum_assignment(counts, maximize=True)).tolist()
    return {cluster: label for cluster, label in pairs if counts[cluster, label] > 0}


def clustering_accuracy(found: np.ndarray, known: np.ndarray) -> float:
    """Share of rows whose label is the known one, under the best matching of labels.

    A cluster is matched with one class at most, and a class with one cluster.

    Args:
        found: Clusters `[rows]`, integers from 0.
        known: Classes `[rows]`, integers from 0.

    Example:
        >>> clustering_accuracy([1, 1, 0, 0], [0, 0, 0, 1])
        0.75
    """
    counts = contingency(found, known)
    matched = best_matching(found, known)
    return float(sum(counts[pair] for pair in matched.items()) / counts.sum())


def normalized_mutual_information(found: np.ndarray, known: np.ndarray) -> float:
    """`I(found; known)` over the mean of both entropies: 0 if independent, 1 if equal.

    Whatever the names of the clusters. 0 where there is one cluster alone, unless there
    is one class alone, too.

    Args:
        found: Clusters `[rows]`, integers from 0.
        known: Classes `[rows]`, integers from 0.

    Example:
        >>> normalized_mutual_information([1, 1, 0, 0], [0, 0, 1, 1])
        1.0
    """
    contingency(found, known)
    return float(normalized_mutual_info_score(known, found))
