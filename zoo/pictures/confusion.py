"""A table of counts: which classes are in which categories."""

import os
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from zoo.pictures.paper import (
    DATA,
    DPI,
    INK,
    LABEL_SIZE,
    TEXT_WIDTH,
    Heading,
    paper,
    save,
    shorten,
    text_width,
)

_CELL, _TEXT_HEIGHT = 0.42, 9.0  # inches, the largest
_SMALLEST = 4.5  # points, of numbers that can be read


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
    if (len(row_labels), len(column_labels)) != counts.shape:
        raise ValueError(
            f"Labels must name all {counts.shape[0]} rows and {counts.shape[1]} "
            f"columns; received {len(row_labels)} and {len(column_labels)}."
        )
    row_labels = [shorten(label, LABEL_SIZE, 1.5) for label in row_labels]
    left = max(text_width(label, LABEL_SIZE) for label in row_labels) + 0.34
    rows, columns = counts.shape
    cell = min(_CELL, (TEXT_WIDTH - left - 0.1) / columns, (_TEXT_HEIGHT - 1) / rows)
    shown = [f"{count:,}" for count in counts.ravel()]
    widest = max(text_width(text, 1.0) for text in shown)
    size = min(LABEL_SIZE, 0.85 * cell / widest, 0.6 * cell * 72)
    names = max(text_width(label, 1.0) for label in column_labels)
    names_size = min(LABEL_SIZE, 0.9 * cell / names)
    notes = ["shade: share of the class"]
    if size < _SMALLEST:
        notes.append("too many for numbers")
    if hits:
        notes.append("framed: the category taken for the class")
    width = max(left + columns * cell + 0.1, 2.6)
    left += (width - left - columns * cell - 0.1) / 2
    heading = Heading.of(title, notes, width - 0.2)
    top = heading.height + 0.38
    height = top + rows * cell + 0.1
    figure = Figure(figsize=(width, height), dpi=DPI)
    heading.draw(figure)
    box = left / width, 0.1 / height, columns * cell / width, rows * cell / height
    axes = figure.add_axes(box)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    blues = LinearSegmentedColormap.from_list("share", ["white", DATA])
    axes.pcolormesh(shares, cmap=blues, vmin=0, vmax=1, edgecolors="#DDDDDD", lw=0.4)
    axes.set_ylim(rows, 0)
    for (row, column), count in np.ndenumerate(counts if size >= _SMALLEST else []):
        if count:
            colour = "white" if shares[row, column] > 0.6 else INK
            middle = (column + 0.5, row + 0.5)
            axes.annotate(
                f"{count:,}",
                middle,
                size=size,
                color=colour,
                ha="center",
                va="center_baseline",
            )
    for row, column in hits:
        frame = Rectangle((column, row), 1, 1, fill=False, edgecolor=INK, linewidth=0.9)
        axes.add_patch(frame).set_clip_on(False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, top=True, labeltop=True, bottom=False, labelbottom=False)
    axes.set_xticks(np.arange(columns) + 0.5, column_labels, size=names_size)
    axes.set_yticks(np.arange(rows) + 0.5, row_labels, size=LABEL_SIZE)
    axes.xaxis.set_label_position("top")
    axes.set_xlabel("category", labelpad=3)
    axes.set_ylabel("class", labelpad=3)
    return figure
