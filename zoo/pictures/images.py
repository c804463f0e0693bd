"""A grid of images."""

import math
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from zoo.pictures.paper import (
    DPI,
    LABEL_SIZE,
    TEXT_WIDTH,
    Heading,
    paper,
    save,
    shorten,
    text_width,
)

_TEXT_HEIGHT = 9.0  # inches of a page


def image_grid(
    path: str | os.PathLike[str],
    images: np.ndarray,
    *,
    levels: int | None,
    title: str | None = None,
    columns: int | None = None,
    row_labels: Sequence[str] | None = None,
    column_labels: Sequence[str] | None = None,
) -> Path:
    """Writes a grid of images, row by row, every pixel crisp; returns `path`.

    Black is 0 and white the largest level, the same for all images. An image with
    values that are not finite keeps its place, which stays blank; values out of range
    are clipped. The heading says how many of either there were.

    Args:
        path: A `.png` file, replaced atomically.
        images: `[n, height, width]` or `[n, height, width, channels]` with 1 (grey) or
            3 (RGB) channels: integers from 0 to `levels - 1`, or floats in `[0, 1]`.
        levels: Number of grey levels of integer images; not read for floats.
        title: Stands above the grid.
        columns: Images in a row; by default a near-square grid with few gaps, or what
            the row labels ask for.
        row_labels: One text for each row, at its left.
        column_labels: One text for each column, above it.

    Raises:
        ValueError: if the shapes or the number of labels do not fit.
    """
    with paper():
        figure = _figure(images, levels, title, columns, row_labels, column_labels)
        return save(path, figure)


def _figure(
    images: np.ndarray,
    levels: int | None,
    title: str | None,
    columns: int | None,
    row_labels: Sequence[str] | None,
    column_labels: Sequence[str] | None = None,
) -> Figure:
    tiles, notes = to_tiles(images, levels)
    columns = _columns(len(tiles), columns, row_labels)
    if column_labels is not None and len(column_labels) != columns:
        raise ValueError(
            "column_labels must name every column; received "
            f"{len(column_labels)} labels for {columns} columns."
        )
    canvas, pitch, dpi = _canvas(tiles, columns)
    # All sizes below are whole pixels: the canvas is copied, never resampled.
    size = min(LABEL_SIZE, 0.8 * 72 * pitch / dpi)
    labels = [shorten(label, size, 1.8) for label in row_labels or ()]
    gutter = max((text_width(label, size) + 0.08 for label in labels), default=0.0)
    left = round((0.08 + gutter) * dpi)
    margin = round(0.08 * dpi)
    width = left + canvas.shape[1] + margin
    if title or notes:
        wish = text_width(title or "", 9.5) + 0.2
        width = max(width, round(dpi * min(3.0, max(wish, 1.6 if notes else 0.0))))
    left += (width - left - canvas.shape[1] - margin) // 2
    heading = Heading.of(title, notes, width / dpi - 0.1)
    above = round(1.5 * size / 72 * dpi) if column_labels else 0
    height = canvas.shape[0] + margin + max(margin, round(heading.height * dpi)) + above
    # A figure's size in pixels is truncated: half a pixel more guards the last one.
    figure = Figure(figsize=((width + 0.5) / dpi, (height + 0.5) / dpi), dpi=dpi)
    heading.draw(figure)
    figure.figimage(canvas, xo=left, yo=margin, origin="upper")
    for row, label in enumerate(labels):
        x = (left - 0.06 * dpi) / width
        y = (margin + canvas.shape[0] - (row + 0.48) * pitch) / height
        figure.text(x, y, label, size=size, ha="right", va="center")
    for column, label in enumerate(column_labels or ()):
        x = (left + (column + 0.5) * canvas.shape[1] / columns) / width
        y = (margin + canvas.shape[0] + 0.35 * above) / height
        label = shorten(label, size, canvas.shape[1] / columns / dpi)
        figure.text(x, y, label, size=size, ha="center", va="baseline")
    return figure


def to_tiles(images: np.ndarray, levels: int | None) -> tuple[np.ndarray, list[str]]:
    """`[n, height, width, 3]` bytes and notes; blank where an image is not finite."""
    images = np.asarray(images)
    if images.ndim == 3:
        images = images[..., None]
    if images.ndim != 4 or 0 in images.shape or images.shape[-1] not in (1, 3):
        raise ValueError(
            "images must have shape [n, height, width] or [n, height, width, channels] "
            f"with 1 or 3 channels, none empty; received {images.shape}."
        )
    if not np.issubdtype(images.dtype, np.floating):
        if levels is None or levels < 2:
            raise ValueError(
                "Integer images need their number of grey levels, at least 2; "
                f"received levels={levels}. Or pass floats in [0, 1]."
            )
        images = images.astype(np.float64) / (levels - 1)
    finite = np.isfinite(images).all(axis=(1, 2, 3))
    notes = []
    if not finite.all():
        notes.append(f"{np.sum(~finite):,} of {len(images):,} images not finite, blank")
    shown = np.rint(255 * images[finite])  # What is out by rounding alone is not out.
    outside = np.mean((shown < 0) | (shown > 255)) if len(shown) else 0.0
    if outside > 0.001:
        notes.append(f"{outside:.1%} of the values out of range, clipped")
    tiles = np.full((*images.shape[:3], 3), 255, np.uint8)
    tiles[finite] = np.clip(shown, 0, 255)
    return tiles, notes


def _columns(n: int, columns: int | None, row_labels: Sequence[str] | None) -> int:
    if columns is None and row_labels:
        columns = math.ceil(n / len(row_labels))
    if columns is None:
        # From square to twice as wide as high: the one with the fewest empty places.
        widths = range(math.ceil(math.sqrt(n)), math.ceil(2 * math.sqrt(n)) + 1)
        columns = min(widths, key=lambda width: -n % width)
    if columns < 1:
        raise ValueError(f"columns must be at least 1; received {columns}.")
    rows = math.ceil(n / columns)
    if row_labels is not None and len(row_labels) != rows:
        raise ValueError(
            "row_labels must name every row: "
            f"{n} images in {columns} columns make {rows} rows; "
            f"received {len(row_labels)} labels."
        )
    return columns


def _canvas(tiles: np.ndarray, columns: int) -> tuple[np.ndarray, int, float]:
    """The grid `[height, width, 3]`, pixels from row to row, and dots per inch."""
    n, height, width, _ = tiles.shape
    rows = math.ceil(n / columns)
    # Tiles of about 0.65 inch, larger if they are few, within a page.
    side = min(300.0, max(130.0, 1000 / max(rows, columns)))
    scale = min(
        round(side / max(height, width)),
        int(TEXT_WIDTH * DPI * 0.9) // (columns * width),
        int(_TEXT_HEIGHT * DPI * 0.9) // (rows * height),
    )
    tiles = tiles.repeat(max(scale, 1), axis=1).repeat(max(scale, 1), axis=2)
    _, height, width, _ = tiles.shape
    gap = max(2, round(0.035 * min(height, width)))
    grid = np.full((rows, height + gap, columns, width + gap, 3), 255, np.uint8)
    for index, tile in enumerate(tiles):
        row, column = divmod(index, columns)
        grid[row, :height, column, :width] = tile
    canvas = grid.reshape(rows * (height + gap), columns * (width + gap), 3)
    canvas = canvas[:-gap, :-gap]
    # Images too many or too large for a page at this resolution get a finer one.
    dpi = max(DPI, canvas.shape[1] / TEXT_WIDTH, canvas.shape[0] / _TEXT_HEIGHT)
    return canvas, height + gap, dpi
