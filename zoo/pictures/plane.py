"""The plane of two latent codes: where data lie, and what is decoded where."""

import os
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from zoo.pictures.images import to_tiles
from zoo.pictures.paper import (
    DATA,
    DPI,
    FAINT,
    LABEL_SIZE,
    Heading,
    corner_note,
    paper,
    save,
    shorten,
    text_width,
)
from zoo.pictures.points import (
    Limits,
    dots,
    finite_rows,
    plane,
    robust_limits,
    share_outside,
    table,
)
from zoo.pictures.ticks import nice_ticks, set_ticks, tick_room

_PANEL, _GAP, _BOTTOM = 3.0, 0.25, 0.36  # inches
_MOST_CLASSES = 10  # that colours tell apart


def latent_plane(
    path: str | os.PathLike[str],
    codes: np.ndarray,
    *,
    labels: np.ndarray | None = None,
    images: np.ndarray | None = None,
    grid: np.ndarray | None = None,
    title: str | None = None,
) -> Path:
    """Writes codes of data, and beside them images decoded on a grid; returns `path`.

    The cloud of codes has a colour for each class, if there are at most 10. Its limits
    follow the bulk of the codes; a frame shows the range of the grid, whose columns and
    rows need not be equally far from each other. Codes that are not finite are left
    out, and the heading says how many.

    Args:
        path: A `.png` file, replaced atomically.
        codes: Of data, `[n, 2]`.
        labels: Their classes, integers `[n]`.
        images: Floats in `[0, 1]`, `[k, k, height, width]` and perhaps channels: image
            `[i, j]` is of the code `(grid[j, 0], grid[i, 1])`.
        grid: Increasing codes of the columns and of the rows, `[k, 2]`.
        title: Stands above the panels.

    Raises:
        ValueError: if the shapes do not fit, or no code is finite.
    """
    with paper():
        return save(path, _figure(codes, labels, images, grid, title))


def _figure(
    codes: np.ndarray,
    labels: np.ndarray | None,
    images: np.ndarray | None,
    grid: np.ndarray | None,
    title: str | None,
) -> Figure:
    codes = table(codes, "codes", 2)
    classes = np.unique(labels) if labels is not None else np.zeros(0, int)
    if labels is None or len(classes) > _MOST_CLASSES:
        labels, classes = np.zeros(len(codes), int), classes[:0]
    points, notes = finite_rows(np.column_stack([codes, labels]), "codes")
    if not len(points):
        raise ValueError(
            "A plane shows codes that are finite; received "
            f"{len(codes)}, none of them finite. Look at the training of the encoder."
        )
    limits = [robust_limits(column) for column in points.T[:2]]
    canvas, dpi = np.zeros((0, 0, 3), np.uint8), float(DPI)
    if images is not None and grid is not None:
        canvas, more = _mosaic(images, grid)
        dpi = max(canvas.shape[:2]) / _PANEL
        notes = [*notes, *more, "frame: the range of the means"]
        limits = [
            (min(low, column[0]), max(high, column[-1]))
            for (low, high), column in zip(limits, grid.T, strict=True)
        ]
    x_limits, y_limits = plane(limits)
    x_ticks = nice_ticks(x_limits, _PANEL)
    y_ticks = nice_ticks(y_limits, _PANEL, vertical=True)
    left = 0.22 + tick_room(y_ticks)
    legend = max((text_width(str(c), LABEL_SIZE) + 0.3 for c in classes), default=0.0)
    second = left + _PANEL + legend + _GAP + 0.4
    width = left + _PANEL + legend + 0.1
    if canvas.size:
        width = second + canvas.shape[1] / dpi + 0.1
    heading = Heading.of(title, notes, width - 0.2)
    height = _BOTTOM + _PANEL + 0.21 + heading.height
    figure = Figure(figsize=(width + 0.5 / dpi, height + 0.5 / dpi), dpi=dpi)
    heading.draw(figure)

    axes = _panel(figure, left, (_PANEL, _PANEL))
    set_ticks(axes, "x", x_limits, x_ticks)
    set_ticks(axes, "y", y_limits, y_ticks)
    _cloud(axes, points, classes)
    if canvas.size and grid is not None:
        ends = grid[[0, -1]]
        frame = Rectangle(ends[0], *(ends[1] - ends[0]), fill=False, edgecolor=FAINT)
        axes.add_patch(frame)
        _show(figure, second, canvas, grid)
    return figure


def _panel(figure: Figure, left: float, size: tuple[float, float]) -> Axes:
    """Axes at whole pixels, `size` in inches."""
    width, height = figure.get_size_inches()
    left, bottom = (round(inch * figure.dpi) / figure.dpi for inch in (left, _BOTTOM))
    place = (left / width, bottom / height, size[0] / width, size[1] / height)
    axes = figure.add_axes(place, facecolor="none")
    axes.set_xlabel("z1", labelpad=2)
    axes.set_ylabel("z2", labelpad=2)
    return axes


def _cloud(axes: Axes, points: np.ndarray, classes: np.ndarray) -> None:
    """Codes and labels `[n, 3]`, and which class has which colour."""
    size, alpha = dots(len(points))
    colours = np.array([to_rgba(DATA)])
    if len(classes):
        colours = matplotlib.colormaps["tab10"](np.arange(len(classes)))
        size, alpha = size + 1.0, max(alpha, 0.7)  # Pale colours look alike.
    colour = colours[np.searchsorted(classes, points[:, 2])]
    x, y, _ = points.T
    axes.scatter(x, y, s=size, alpha=alpha, c=colour, linewidths=0)
    axes.set_title(f"codes of test data ({len(points):,})")
    outside = share_outside(points[:, :2], (axes.get_xlim(), axes.get_ylim()))
    if outside >= 0.02:
        corner_note(axes, f"{outside:.0%} outside")
    handles = [
        Line2D([], [], linestyle="", marker="o", markersize=4, color=colour, label=name)
        for colour, name in zip(colours, classes, strict=False)
    ]
    if handles:
        axes.legend(handles=handles, loc="center left", bbox_to_anchor=(1.0, 0.5))


def _mosaic(images: np.ndarray, grid: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """The images side by side, the last row on top, in whole pixels; and notes."""
    cells = len(grid)
    if images.shape[:2] != (cells, cells) or grid.shape != (cells, 2):
        raise ValueError(
            "images must have shape [k, k, ...] and grid [k, 2]; received "
            f"{images.shape} and {grid.shape}."
        )
    tiles, notes = to_tiles(images.reshape(cells**2, *images.shape[2:]), None)
    scale = max(1, round(_PANEL * DPI / (cells * max(tiles.shape[1:3]))))
    tiles = tiles.repeat(scale, axis=1).repeat(scale, axis=2)
    gap = max(1, round(0.035 * min(tiles.shape[1:3])))
    gaps = ((0, 0), (gap, 0), (0, gap), (0, 0))  # Above each image, and at its right.
    tiles = np.pad(tiles, gaps, constant_values=255)
    _, height, width, _ = tiles.shape
    tiles = tiles.reshape(cells, cells, height, width, 3)[::-1].swapaxes(1, 2)
    return tiles.reshape(cells * height, cells * width, 3), notes


def _show(figure: Figure, left: float, canvas: np.ndarray, grid: np.ndarray) -> None:
    """The images of a grid, and ticks where its codes are."""
    dpi, cells = figure.dpi, len(grid)
    size = (canvas.shape[1] / dpi, canvas.shape[0] / dpi)
    axes = _panel(figure, left, size)
    place = (round(left * dpi), round(_BOTTOM * dpi))
    figure.figimage(canvas, *place, origin="upper")
    for which, column, room in zip("xy", grid.T, size, strict=True):
        ends: Limits = (column[0], column[-1])
        values, texts = nice_ticks(ends, room, vertical=which == "y")
        places = list(np.interp(values, column, np.arange(cells) + 0.5))
        set_ticks(axes, which, (0, cells), (places, texts))
    title = "means at quantiles of the prior"
    axes.set_title(shorten(title, LABEL_SIZE, size[0]))
