"""Agreement of clusters and classes, against counting by hand and by brute force."""

import itertools

import numpy as np
import pytest

from tfgen.metrics import (
    accuracy,
    best_matching,
    clustering_accuracy,
    normalized_mutual_information,
)

KNOWN = np.array([0, 0, 0, 0, 1, 1, 1, 2, 2, 2])
FOUND = np.array([2, 2, 2, 1, 1, 1, 0, 0, 0, 3])


def test_accuracy_takes_labels_by_their_names():
    assert accuracy(KNOWN, KNOWN) == 1.0
    assert accuracy(FOUND, KNOWN) == 0.2


def test_clusters_are_matched_with_classes_one_to_one():
    # 2 -> 0 (3 rows), 1 -> 1 (2), 0 -> 2 (2); cluster 3 is left over.
    assert clustering_accuracy(FOUND, KNOWN) == 0.7
    # All in one cluster: it is matched with the largest class.
    assert clustering_accuracy(np.zeros(10, int), KNOWN) == 0.4
    # Each row in its own: one of each class counts.
    assert clustering_accuracy(np.arange(10), KNOWN) == 0.3


def test_the_matching_leaves_out_what_is_left_over():
    assert best_matching(FOUND, KNOWN) == {2: 0, 1: 1, 0: 2}
    assert best_matching(np.zeros(10, int), KNOWN) == {0: 0}
    # Cluster 1 and class 1 have no row in common.
    assert best_matching([0, 0, 0, 0, 1], [0, 0, 0, 1, 0]) == {0: 0}


def test_the_matching_is_the_best_one():
    rng = np.random.default_rng(0)
    for _ in range(20):
        known, found = rng.integers(0, 4, [2, 30])
        best = max(
            np.mean(np.array(names)[found] == known)
            for names in itertools.permutations(range(4))
        )
        assert clustering_accuracy(found, known) == pytest.approx(best, abs=1e-12)
        # Which names clusters have does not matter.
        renamed = np.array([2, 0, 3, 1])[found]
        assert clustering_accuracy(renamed, known) == pytest.approx(best, abs=1e-12)


def test_mutual_information_is_that_of_the_counts():
    table = np.array([[0, 1, 2], [1, 2, 0], [3, 0, 0], [0, 0, 1]]) / 10
    p, q = table.sum(axis=1), table.sum(axis=0)
    inside = table > 0
    information = np.sum(table[inside] * np.log((table / np.outer(p, q))[inside]))
    entropies = [-np.sum(w * np.log(w)) for w in (p, q)]
    expected = information / np.mean(entropies)
    assert normalized_mutual_information(FOUND, KNOWN) == pytest.approx(expected)
    assert normalized_mutual_information(5 - KNOWN, KNOWN) == pytest.approx(1.0)
    independent = np.tile([0, 1], 6), np.repeat([0, 1, 2], 4)
    assert normalized_mutual_information(*independent) == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize(
    "measure",
    [
        accuracy,
        best_matching,
        clustering_accuracy,
        normalized_mutual_information,
    ],
)
def test_what_cannot_be_compared_is_refused(measure):
    with pytest.raises(ValueError, match=r"shapes \[2\] and \[3\]. Give both for the"):
        measure([0, 1], [0, 1, 2])
    with pytest.raises(ValueError, match="of one row at least"):
        measure([], [])
    with pytest.raises(ValueError, match="received -1. Leave rows without a label out"):
        measure([0, 1], [0, -1])
