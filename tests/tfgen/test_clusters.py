"""Clusters of codes: found by their neighbours, named by labels."""

import numpy as np
import pytest

from tfgen import clusters
from tfgen.metrics import clustering_accuracy


@pytest.fixture(scope="module")
def arcs():
    """Three half circles around each other: no mixture of Gaussians has these."""
    rng = np.random.default_rng(0)
    label = rng.integers(0, 3, 900)
    angle = rng.uniform(0.0, np.pi, 900)
    radius = 1.0 + 2.0 * label + rng.normal(0.0, 0.1, 900)
    return radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1), label


UNKNOWN = np.full(900, -1)


def test_clusters_are_of_neighbours(arcs):
    codes, label = arcs
    found = clusters.neighbourhoods(codes, 3, UNKNOWN)
    assert found.dtype == np.int32
    assert clustering_accuracy(found, label) > 0.98
    np.testing.assert_array_equal(found, clusters.neighbourhoods(codes, 3, UNKNOWN))


@pytest.mark.parametrize("names", [[0, 1, 2], [2]])
def test_clusters_have_the_names_of_labels(arcs, names):
    codes, label = arcs
    told = UNKNOWN.copy()
    for name in names:
        rows = np.flatnonzero(label == name)[:3]
        told[rows] = name
    found = clusters.neighbourhoods(codes, 3, told)
    np.testing.assert_array_equal(found[told >= 0], told[told >= 0])
    for name in names:
        assert np.mean(found[label == name] == name) > 0.95


def test_a_label_is_kept_against_its_neighbours(arcs):
    codes, label = arcs
    told = np.where(np.arange(900) < 100, label, -1)
    told[7] = (label[7] + 1) % 3
    assert clusters.neighbourhoods(codes, 3, told)[7] == told[7]


def test_rows_beyond_the_plane_join_their_neighbours(arcs, monkeypatch):
    codes, label = arcs
    monkeypatch.setattr(clusters, "_PLANE_ROWS", 450)
    found = clusters.neighbourhoods(codes, 3, UNKNOWN)
    assert clustering_accuracy(found, label) > 0.98
    # Labelled rows are among those of the plane, however few.
    told = np.where(np.isin(np.arange(900), [3, 77, 401]), label, -1)
    seen = []
    found_in = clusters._clusters
    monkeypatch.setattr(
        clusters, "_clusters", lambda *args: seen.append(args[3]) or found_in(*args)
    )
    clusters.neighbourhoods(codes, 3, told)
    assert len(seen[0]) == 450
    assert sorted(seen[0])[-3:] == sorted(label[[3, 77, 401]])


def test_no_cluster_is_empty():
    rng = np.random.default_rng(0)
    # On a line, by place: where there are no clusters, neighbours are together.
    codes = np.zeros([30, 2]) + 1e-3 * rng.normal(size=[30, 1])
    found = clusters.neighbourhoods(codes, 15, np.full(30, -1))
    assert set(found) == set(range(15))
    assert set(clusters.neighbourhoods(codes[:5], 5, np.full(5, -1))) == set(range(5))
    with pytest.raises(ValueError, match="received 4 rows for 5 clusters. Give fewer"):
        clusters.neighbourhoods(codes[:4], 5, np.full(4, -1))


def test_codes_may_be_numbers_and_seeds_large():
    label = np.arange(90) % 3
    codes = 10.0 * label[:, None] + np.random.default_rng(0).normal(size=[90, 1])
    found = clusters.neighbourhoods(codes, 3, np.full(90, -1), seed=2**32 - 1)
    assert clustering_accuracy(found, label) == 1.0


def test_modularity_by_hand():
    # Two pairs of neighbours; with all in one cluster, nothing is told apart.
    neighbours = np.array([[1], [0], [3], [2]])
    assert clusters.modularity(np.array([0, 0, 1, 1]), neighbours) == 0.5
    assert clusters.modularity(np.array([0, 0, 0, 0]), neighbours) == 0.0
    assert clusters.modularity(np.array([0, 1, 0, 1]), neighbours) == -0.5
    # One of four rows apart from its neighbour, of two that are together.
    expected = 0.5 - (3 / 4) ** 2 - (1 / 4) ** 2
    assert clusters.modularity(np.array([0, 0, 0, 1]), neighbours) == expected
