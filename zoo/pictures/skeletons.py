"""Stick figures: windows of skeletons, a row of frames each."""

import math
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.collections import LineCollection
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
from zoo.pictures.points import robust_limits, share_outside

_TEXT_HEIGHT = 9.0  # inches of a page
_MARGIN = 0.08  # inches
_FRAMES = 8
_VIEW = math.radians(55)  # from the front, towards the right side
_NEAR, _FAR = 0.1, 0.75  # greys


def stick_figures(
    path: str | os.PathLike[str],
    windows: np.ndarray,
    parents: Sequence[int],
    *,
    title: str | None = None,
    row_labels: Sequence[str] | None = None,
) -> Path:
    """Writes a row of stick figures for each window, first frame left; returns `path`.

    Persons who face -z are seen half from the front, half from their right, the bones
    that are farther away in lighter grey. All rows have one scale. The root joint is
    in the middle of each frame from left to right, while heights are kept. A window
    with values that are not finite keeps its place, which stays blank; joints far from
    all others are moved to the edge. The heading says how many of either there were.

    Args:
        path: A `.png` file, replaced atomically.
        windows: `[n, frames, joints, 3]`, the second coordinate upwards. Of more than 8
            frames 8 are shown, evenly spaced.
        parents: For each joint the joint that it hangs on, and for the root itself.
        title: Stands above the figures.
        row_labels: One text for each row, at its left.

    Raises:
        ValueError: if the shapes or the number of labels do not fit.
    """
    with paper():
        return save(path, _figure(windows, parents, title, row_labels))


def _figure(
    windows: np.ndarray,
    parents: Sequence[int],
    title: str | None,
    row_labels: Sequence[str] | None,
) -> Figure:
    windows = np.asarray(windows, np.float64)
    if (
        windows.ndim != 4
        or 0 in windows.shape
        or windows.shape[2:] != (len(parents), 3)
    ):
        raise ValueError(
            f"windows must have shape [n, frames, {len(parents)}, 3], a joint for each "
            f"parent, none empty; received {windows.shape}."
        )
    if row_labels is not None and len(row_labels) != len(windows):
        raise ValueError(
            f"row_labels must have one text for each of {len(windows)} windows; "
            f"received {len(row_labels)}."
        )
    notes = []
    if windows.shape[1] > _FRAMES:
        notes.append(f"{_FRAMES} of {windows.shape[1]} frames")
        shown = np.rint(np.linspace(0, windows.shape[1] - 1, _FRAMES)).astype(int)
        windows = windows[:, shown]
    finite = np.isfinite(windows).all(axis=(1, 2, 3))
    if not finite.all():
        bad = np.sum(~finite)
        notes.append(f"{bad:,} of {len(windows):,} windows not finite, blank")
    places, depths = _seen(np.where(finite[:, None, None, None], windows, 0), parents)
    limits = [_limits(places[finite][..., axis].ravel()) for axis in (0, 1)]
    outside = share_outside(places[finite].reshape(-1, 2), limits)
    if outside > 0.001:
        notes.append(f"{outside:.1%} of the joints out of range, at the edge")
    low, high = np.transpose(limits)
    rows, columns = windows.shape[:2]
    tile = np.stack(np.meshgrid(np.arange(columns), -np.arange(rows)), axis=-1)
    places = np.clip(places, low, high) + (tile * (high - low))[:, :, None]

    joints = [i for i, parent in enumerate(parents) if i != parent]
    ends = [parents[i] for i in joints]
    bones = np.stack([places[:, :, joints], places[:, :, ends]], axis=-2)[finite]
    depth = (depths[:, :, joints] + depths[:, :, ends])[finite].ravel()
    order = np.argsort(-depth, kind="stable")  # The nearer ones over the others.
    size = (high - low) * [columns, rows]
    figure, panel = _page(size, title, notes, row_labels)
    axes = figure.add_axes(panel)
    axes.set_axis_off()
    axes.set_xlim(low[0], low[0] + size[0])
    axes.set_ylim(high[1] - size[1], high[1])
    axes.add_collection(
        LineCollection(
            list(bones.reshape(-1, 2, 2)[order]),
            colors=[str(grey) for grey in _greys(depth)[order]],
            linewidths=1.1,
            capstyle="round",
        )
    )
    return figure


def _seen(windows: np.ndarray, parents: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Places to the right and upwards `[..., joints, 2]`, and how far away."""
    root = next((i for i, parent in enumerate(parents) if i == parent), 0)
    x, y, z = np.moveaxis(windows, -1, 0)
    x, z = (values - values[..., root, None] for values in (x, z))
    cos, sin = math.cos(_VIEW), math.sin(_VIEW)
    return np.stack([-cos * x - sin * z, y], axis=-1), cos * z - sin * x


def _limits(values: np.ndarray) -> tuple[float, float]:
    if not len(values):
        return -1.0, 1.0
    low, high = robust_limits(values)
    slack, margin = 0.25 * (high - low), 0.05 * (high - low)
    low, high = max(values.min(), low - slack), min(values.max(), high + slack)
    return low - margin, high + margin


def _greys(depth: np.ndarray) -> np.ndarray:
    """A grey for each bone, the lighter the farther away."""
    if not len(depth):
        return depth
    near, far = robust_limits(depth)
    return _NEAR + (_FAR - _NEAR) * np.clip((depth - near) / (far - near), 0, 1)


def _page(
    size: np.ndarray,
    title: str | None,
    notes: Sequence[str],
    row_labels: Sequence[str] | None,
) -> tuple[Figure, tuple[float, float, float, float]]:
    """A page with all texts, and the panel that is left for a picture of this size."""
    labels = [shorten(label, LABEL_SIZE, 1.8) for label in row_labels or ()]
    gutter = max(
        (text_width(label, LABEL_SIZE) + 0.08 for label in labels), default=0.0
    )
    left, width = gutter + _MARGIN, TEXT_WIDTH
    for _ in range(3):  # The wider the page, the lower the heading, and so on.
        heading = Heading.of(title, notes, width - 0.2)
        top = heading.height
        room = TEXT_WIDTH - left - _MARGIN, _TEXT_HEIGHT - top - _MARGIN
        inches = size * min(room / size)
        width, height = inches + [left + _MARGIN, top + _MARGIN]
    figure = Figure(figsize=(width, height), dpi=DPI)
    heading.draw(figure)
    for row, label in enumerate(labels):
        y = 1 - (top + (row + 0.5) / len(labels) * inches[1]) / height
        figure.text(gutter / width, y, label, size=LABEL_SIZE, ha="right", va="center")
    panel = left / width, _MARGIN / height, inches[0] / width, inches[1] / height
    return figure, panel
