"""A table of shaded cells with a text in each: what pictures of matrices share."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
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
    shorten,
    text_width,
)

_CELL, _TEXT_HEIGHT = 0.42, 9.0  # inches, the largest
_SMALLEST = 4.5  # points, of texts that can be read
_BLUES = LinearSegmentedColormap.from_list("share", ["white", DATA])


@dataclass(frozen=True)
class Cells:
    """A table, the first row on top; texts are left out where cells are too small.

    Attributes:
        shades: From 0, white, to 1, `[rows, columns]`.
        texts: What cells say, `[rows, columns]`; none is the empty text.
        rows: What rows are, and the name of each.
        columns: What columns are, and the name of each.
        shade: What the shade is.
        frames: Row and column of cells with a frame.
        framed: What the frames are, if there are any.
    """

    shades: np.ndarray
    texts: np.ndarray
    rows: tuple[str, Sequence[str]]
    columns: tuple[str, Sequence[str]]
    shade: str
    frames: Collection[tuple[int, int]] = ()
    framed: str = ""

    def __post_init__(self) -> None:
        """Refuses names that are too many or too few."""
        named = len(self.rows[1]), len(self.columns[1])
        if named != self.shades.shape:
            rows, columns = self.shades.shape
            raise ValueError(
                f"Labels must name all {rows} rows and {columns} columns; received "
                f"{named[0]} and {named[1]}."
            )

    def figure(self, title: str | None) -> Figure:
        """The page, as wide as the cells need."""
        rows, columns = self.shades.shape
        row_labels = [shorten(label, LABEL_SIZE, 1.5) for label in self.rows[1]]
        left = max(text_width(label, LABEL_SIZE) for label in row_labels) + 0.34
        cell = min(
            _CELL, (TEXT_WIDTH - left - 0.1) / columns, (_TEXT_HEIGHT - 1) / rows
        )
        widest = max(text_width(text, 1.0) for text in (*self.texts.ravel(), "0"))
        size = min(LABEL_SIZE, 0.85 * cell / widest, 0.6 * cell * 72)
        names = max(text_width(label, 1.0) for label in self.columns[1])
        names_size = min(LABEL_SIZE, 0.9 * cell / names)
        notes = [f"shade: {self.shade}"]
        if size < _SMALLEST:
            notes.append("too many for numbers")
        if self.frames:
            notes.append(f"framed: {self.framed}")
        width = max(left + columns * cell + 0.1, 2.6)
        left += (width - left - columns * cell - 0.1) / 2
        heading = Heading.of(title, notes, width - 0.2)
        top = heading.height + 0.38
        height = top + rows * cell + 0.1
        figure = Figure(figsize=(width, height), dpi=DPI)
        heading.draw(figure)
        box = left / width, 0.1 / height, columns * cell / width, rows * cell / height
        axes = figure.add_axes(box)
        self._fill(axes, size)
        axes.spines[:].set_visible(False)
        axes.tick_params(
            length=0, top=True, labeltop=True, bottom=False, labelbottom=False
        )
        axes.set_xticks(np.arange(columns) + 0.5, self.columns[1], size=names_size)
        axes.set_yticks(np.arange(rows) + 0.5, row_labels, size=LABEL_SIZE)
        axes.xaxis.set_label_position("top")
        axes.set_xlabel(self.columns[0], labelpad=3)
        axes.set_ylabel(self.rows[0], labelpad=3)
        return figure

    def _fill(self, axes: Axes, size: float) -> None:
        """Shades, frames and texts of so many points, if these can be read."""
        axes.pcolormesh(
            self.shades, cmap=_BLUES, vmin=0, vmax=1, edgecolors="#DDDDDD", lw=0.4
        )
        axes.set_ylim(len(self.shades), 0)
        for (row, column), text in np.ndenumerate(self.texts):
            if text and size >= _SMALLEST:
                axes.annotate(
                    text,
                    (column + 0.5, row + 0.5),
                    size=size,
                    color="white" if self.shades[row, column] > 0.6 else INK,
                    ha="center",
                    va="center_baseline",
                )
        for row, column in self.frames:
            frame = Rectangle(
                (column, row), 1, 1, fill=False, edgecolor=INK, linewidth=0.9
            )
            axes.add_patch(frame).set_clip_on(False)
