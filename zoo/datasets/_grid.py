"""Data sets that are rows of a grid of factors."""

import numpy as np

from zoo.data import DataSet, DataSpec, Split
from zoo.factors import Factors


def dataset(
    name: str,
    factors: Factors,
    rows: tuple[int, int, int],
    *,
    levels: int,
) -> DataSet:
    """Rows of a grid, chosen at random, always the same, no point of it twice.

    Args:
        name: Name of the data set.
        factors: The grid.
        rows: How many rows are for training, validation and testing. Those for
            testing and validation do not depend on how many there are for training.
        levels: Number of values of the pixels.

    Returns:
        The data set, whose splits have the points of their rows.

    Raises:
        ValueError: If the grid has fewer points.
    """
    train, validation, test = rows
    if min(rows) < 1 or sum(rows) > len(factors):
        raise ValueError(
            f"Each split of {name} has a row at least, and all together have "
            f"{len(factors)} at most; received {rows}. Choose fewer for training."
        )
    order = np.random.default_rng(0).permutation(len(factors))

    def take(first: int, count: int) -> Split:
        points = factors.points(order[first : first + count])
        return Split(factors.draw(points), factors=points)

    splits = (
        take(test + validation, train),
        take(test, validation),
        take(0, test),
    )
    spec = DataSpec(
        name, splits[0].x.shape[1:], "uint8", levels=levels, num_train=train
    )
    return DataSet(spec, *splits, factors=factors)
