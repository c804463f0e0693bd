"""Directions of labels and factors: recovered where codes are linear in them."""

import numpy as np
import pytest

from zoo.data import DataSet, DataSpec, Split
from zoo.exploring import directions
from zoo.factors import Factors

SPEC = DataSpec("greys", (2, 2), "uint8", levels=3)
FACTORS = Factors(
    ("shape", "size", "fixed"), (3, 4, 2), lambda points: points, categorical=("shape",)
)


def dataset(label=None, factors=None, grid=None):
    rows = len(label if factors is None else factors)
    x = np.zeros([rows, 2, 2], "uint8")
    split = Split(x, label=label, factors=factors)
    return DataSet(SPEC, split, split, split, factors=grid)


def test_codes_that_are_linear_in_numbers_give_their_directions():
    rng = np.random.default_rng(0)
    # Of different scales, and correlated with each other.
    values = rng.standard_normal([40, 3]) @ [[1, 0.9, 0], [0, 1, 0], [5, 0, 20]]
    expected = rng.standard_normal([3, 5])
    codes = 7.0 + values @ expected
    np.testing.assert_allclose(directions.fit(codes, values), expected, atol=1e-10)


def test_a_class_leads_from_the_middle_of_all_classes_to_its_mean():
    # Of very different numbers of rows, which must not pull the middle.
    label = np.repeat([0, 1, 2], [5, 50, 500])
    means = np.array([[1.0, 0.0], [0.0, 1.0], [-4.0, 5.0]])
    names, values = directions.meanings(dataset(label), np.arange(len(label)))
    assert names == ["class 0", "class 1", "class 2"]
    np.testing.assert_allclose(
        directions.fit(means[label], values), means - means.mean(axis=0), atol=1e-10
    )


def test_factors_are_told_apart_and_counted_in_their_deviations():
    grid = np.stack(np.meshgrid(range(3), range(4), [1], indexing="ij"), axis=-1)
    points = grid.reshape(-1, 3)
    data = dataset(label=points[:, 0], factors=points, grid=FACTORS)
    names, values = directions.meanings(data, np.arange(12))
    # The one that never varies has no direction, nor have labels beside factors.
    assert names == ["shape 0", "shape 1", "shape 2", "size"]
    codes = np.array([[3.0, 0], [0, 0], [0, 0]])[points[:, 0]]
    codes = codes + points[:, 1:2] * [0.0, 2.0]
    expected = [[2, 0], [-1, 0], [-1, 0], [0, 2 * np.std([0, 1, 2, 3])]]
    np.testing.assert_allclose(directions.fit(codes, values), expected, atol=1e-10)


def test_only_the_rows_that_are_asked_for_count():
    names, values = directions.meanings(
        dataset(np.array([0, 1, 1, 2])), np.arange(1, 4)
    )
    assert names == ["class 1", "class 2"]
    np.testing.assert_array_equal(values, [[1, 0], [1, 0], [0, 1]])


@pytest.mark.parametrize("label", [None, np.array([4, 4, 4])])
def test_where_nothing_varies_there_are_no_directions(label):
    data = dataset(label, factors=np.zeros([3, 0], int))
    names, values = directions.meanings(data, np.arange(3))
    assert names == []
    assert values.shape == (3, 0)
    assert directions.fit(np.zeros([3, 2]), values).shape == (0, 2)


def test_cosines_are_of_angles_and_not_of_lengths():
    steps = np.array([[2.0, 0], [0, 5], [-3, 3], [0, 0]])
    half = np.sqrt(0.5)
    np.testing.assert_allclose(
        directions.cosines(steps),
        [[1, 0, -half, 0], [0, 1, half, 0], [-half, half, 1, 0], [0, 0, 0, 0]],
        atol=1e-12,
    )
