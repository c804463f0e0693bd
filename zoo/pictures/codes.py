"""Codes of data in a plane, once for each way to colour them."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from zoo.pictures.paper import (
    DATA,
    DPI,
    INK,
    NOTE_SIZE,
    TICK_SIZE,
    Heading,
    corner_note,
    paper,
    save,
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

_SIDE, _BOTTOM = 2.75, 0.36  # inches
_MARKERS = "o^sDvP*X<>"
_COLOURS = 10  # of each marker
_LINES = 16  # of a legend's column
_APART = 0.2  # inches between two numbers


@dataclass(frozen=True)
class Panel:
    """One way to colour the codes.

    Attributes:
        title: What the colours are.
        labels: Of the codes, integers from 0, `[n]`.
        styles: Of each label a number from 0, by default the label itself: its last
            digit is a colour, and what is before that a marker.
    """

    title: str
    labels: np.ndarray
    styles: Sequence[int] | None = None


def code_clouds(
    path: str | os.PathLike[str],
    codes: np.ndarray,
    panels: Sequence[Panel],
    *,
    centres: np.ndarray | None = None,
    names: Sequence[str] = ("z1", "z2"),
    title: str | None = None,
) -> Path:
    """Writes the same cloud of codes side by side in other colours; returns `path`.

    Labels of one colour belong together, also in different panels. Where there are more
    labels than styles, all codes have one colour. Limits follow the bulk of the codes.
    Codes that are not finite are left out, and the heading says how many.

    Args:
        path: A `.png` file, replaced atomically.
        codes: `[n, 2]`.
        panels: One or two ways to colour them.
        centres: Of the labels of the last panel, `[labels, 2]`: where to write them.
        names: Of both axes.
        title: Stands above the panels.

    Raises:
        ValueError: if the shapes do not fit, or no code is finite.
    """
    with paper():
        return save(path, _figure(codes, panels, centres, names, title))


def _figure(
    codes: np.ndarray,
    panels: Sequence[Panel],
    centres: np.ndarray | None,
    names: Sequence[str],
    title: str | None,
) -> Figure:
    codes = table(codes, "codes", 2)
    for panel in panels:
        if np.shape(panel.labels) != (len(codes),):
            raise ValueError(
                f"Each of {len(codes)} codes has a label in each panel; received "
                f"{np.shape(panel.labels)} for {panel.title!r}."
            )
    rows, notes = finite_rows(np.column_stack([codes, np.arange(len(codes))]), "codes")
    if not len(rows):
        raise ValueError(
            "A plane shows codes that are finite; received "
            f"{len(codes)}, none of them finite. Look at the training of the encoder."
        )
    points, kept = rows[:, :2], rows[:, 2].astype(int)
    panels = [_shown(panel, kept) for panel in panels]
    if centres is not None:
        notes = [*notes, "numbers: means of the components"]
    limits = plane(_limits(points, centres))
    x_ticks = nice_ticks(limits[0], _SIDE)
    y_ticks = nice_ticks(limits[1], _SIDE, vertical=True)
    left, figure_width = 0.22 + tick_room(y_ticks), 0.1
    lefts = []
    for panel in panels:
        lefts.append(left + figure_width - 0.1)
        figure_width += _SIDE + _legend_width(panel) + 0.2
    figure_width += left - 0.2
    heading = Heading.of(title, notes, figure_width - 0.2)
    height = _BOTTOM + _SIDE + 0.21 + heading.height
    figure = Figure(figsize=(figure_width, height), dpi=DPI)
    heading.draw(figure)
    for number, (panel, x) in enumerate(zip(panels, lefts, strict=True)):
        box = x / figure_width, _BOTTOM / height, _SIDE / figure_width, _SIDE / height
        axes = figure.add_axes(box)
        set_ticks(axes, "x", limits[0], x_ticks)
        set_ticks(axes, "y", limits[1], y_ticks, labels=number == 0)
        axes.set_xlabel(names[0], labelpad=2)
        if number == 0:
            axes.set_ylabel(names[1], labelpad=2)
        _cloud(axes, points, panel)
        axes.set_title(panel.title)
        if number == len(panels) - 1 and centres is not None:
            _mark(axes, np.asarray(centres, np.float64))
    return figure


def _shown(panel: Panel, rows: np.ndarray) -> Panel:
    """The panel of some rows, with a style for each label, or for none."""
    labels = np.asarray(panel.labels)[rows]
    styles = panel.styles
    if styles is None:
        styles = range(int(labels.max()) + 1)
    if max(styles) >= _COLOURS * len(_MARKERS):
        styles = ()
    return Panel(panel.title, labels, styles)


def _limits(points: np.ndarray, centres: np.ndarray | None) -> list[Limits]:
    """Of the bulk of the codes, and of centres not much farther away."""
    limits = [robust_limits(column) for column in points.T]
    if centres is None:
        return limits
    wider = []
    for (low, high), column in zip(limits, np.asarray(centres).T, strict=True):
        span = high - low
        near = column[(column > low - span) & (column < high + span)]
        wider.append((min(low, *near, high), max(high, *near, low)))
    return wider


def _entries(panel: Panel) -> list[tuple[int, int]]:
    """Styles and labels of the legend: of the labels that there are."""
    present = set(np.unique(panel.labels).tolist())
    styles = enumerate(panel.styles or ())
    return sorted((style, label) for label, style in styles if label in present)


def _legend_width(panel: Panel) -> float:
    entries = _entries(panel)
    columns = -(-len(entries) // _LINES)
    widest = max((text_width(str(k), NOTE_SIZE) for _, k in entries), default=0.0)
    return columns * (widest + 0.27) + 0.08 if columns else 0.0


def _cloud(axes: Axes, points: np.ndarray, panel: Panel) -> None:
    size, alpha = dots(len(points))
    entries, handles = _entries(panel), []
    if not entries:
        axes.scatter(points[:, 0], points[:, 1], size, DATA, alpha=alpha, linewidths=0)
    for style, label in entries:
        marker, number = divmod(style, _COLOURS)
        x, y = points[panel.labels == label].T
        colour, shape = matplotlib.colormaps["tab10"](number), _MARKERS[marker]
        # Pale colours look alike, and corners look small.
        opacity, area = max(alpha, 0.7), size + (4.0 if marker else 1.0)
        axes.scatter(
            x, y, area, color=colour, marker=shape, alpha=opacity, linewidths=0
        )
        handle = Line2D([], [], color=colour, marker=shape, alpha=opacity)
        handle.set(linestyle="", markersize=4, label=str(label))
        handles.append(handle)
    if handles:
        axes.legend(
            handles=handles,
            loc="center left",
            bbox_to_anchor=(1.0, 0.5),
            ncols=-(-len(handles) // _LINES),
            handlelength=0.8,
            columnspacing=0.6,
        )
    outside = share_outside(points, (axes.get_xlim(), axes.get_ylim()))
    if outside >= 0.02:
        corner_note(axes, f"{outside:.0%} outside")


def _mark(axes: Axes, centres: np.ndarray) -> None:
    """The numbers of the centres, pushed apart, each with a line to its place."""
    low, high = np.transpose([axes.get_xlim(), axes.get_ylim()])
    numbers = np.flatnonzero(((centres > low) & (centres < high)).all(axis=1))
    centres = centres[numbers]
    scale = (high - low) / _SIDE
    shown = low + scale * _pushed((centres - low) / scale)
    axes.plot(*np.stack([shown, centres]).T.swapaxes(1, 2), color=INK, linewidth=0.8)
    for number, place in zip(numbers, shown, strict=True):
        axes.annotate(
            str(number),
            place,
            size=TICK_SIZE,
            ha="center",
            va="center_baseline",
            bbox={
                "boxstyle": "circle,pad=0.2",
                "facecolor": "white",
                "edgecolor": INK,
                "linewidth": 0.6,
            },
        )


def _pushed(places: np.ndarray) -> np.ndarray:
    """Places `[n, 2]` in inches, moved until they are apart and in the panel."""
    # Equal places must part, too, and always in the same way.
    angles = 2.4 * np.arange(len(places))
    places = places + 1e-3 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    for _ in range(200):
        gaps = places[:, None] - places
        lengths = np.linalg.norm(gaps, axis=-1, keepdims=True)
        lengths += _APART * np.eye(len(places))[..., None]  # None pushes itself.
        pushes = gaps / lengths * np.clip(_APART - lengths, 0, None)
        places = np.clip(places + 0.5 * pushes.sum(axis=1), 0.1, _SIDE - 0.1)
    return places
