"""A table of counts: which classes are in which categories."""

import os
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from zoo.pictures.cells import Cells
from zoo.pictures.paper import paper, save


def confusion_matrix(
    path: str | os.PathLike[str],
    counts: np.ndarray,
    *,
    row_labels: Sequence[str],
    column_labels: Sequence[str],
    hits: Collection[tuple[int, int]] = (),
    title: str | None = None,
) -> Path:
    """Writes a table of classes and categories, a number a cell; returns `path`.

    The shade of a cell is its share of the row. Zeros are left blank; numbers too,
    where cells are too small for them, and the heading says so.

    Args:
        path: A `.png` file, replaced atomically.
        counts: How many of each class are in each category, `[classes, categories]`.
        row_labels: Names of the classes.
        column_labels: Names of the categories.
        hits: Row and column of the cells that are framed: where a category is a class.
        title: Stands above the table.

    Raises:
        ValueError: if the shapes do not fit, or counts are below 0.
    """
    with paper():
        return save(path, _figure(counts, row_labels, column_labels, hits, title))


def _figure(
    counts: np.ndarray,
    row_labels: Sequence[str],
    column_labels: Sequence[str],
    hits: Collection[tuple[int, int]],
    title: str | None,
) -> Figure:
    counts = np.asarray(counts)
    if counts.ndim != 2 or 0 in counts.shape or counts.min() < 0:
        raise ValueError(
            "counts must have shape [classes, categories], none empty, and be 0 or "
            f"more; received shape {counts.shape}, from {counts.min(initial=0)}."
        )
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    texts = np.array([f"{count:,}" if count else "" for count in counts.ravel()])
    cells = Cells(
        shares,
        texts.reshape(counts.shape),
        rows=("class", row_labels),
        columns=("category", column_labels),
        shade="share of the class",
        frames=hits,
        framed="the category taken for the class",
    )
    return cells.figure(title)
