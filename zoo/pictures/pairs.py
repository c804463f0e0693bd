"""Tables, two columns at a time."""

import os
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from zoo.pictures.columns import Column, strongest_columns
from zoo.pictures.paper import (
    DATA,
    DPI,
    LABEL_SIZE,
    NOTE_SIZE,
    SAMPLES,
    Heading,
    corner_note,
    paper,
    save,
    text_width,
)
from zoo.pictures.points import (
    dots,
    finite_rows,
    share_outside,
    some_rows,
    table,
)
from zoo.pictures.ticks import nice_ticks, set_ticks, tick_room

_MOST_POINTS = 3_000
_GAP, _LEGEND = 0.07, 0.24  # inches


def pair_plot(
    path: str | os.PathLike[str],
    data: np.ndarray,
    samples: np.ndarray,
    *,
    names: Sequence[str],
    title: str | None = None,
) -> Path:
    """Writes all pairs of columns of a table, data against samples; returns `path`.

    On the diagonal the marginal histograms of both; below it the data, above it the
    samples, each pair in its own mirror place. Equal points join to a disc whose area
    is their share. Limits follow the bulk of the data; the diagonal says what share
    of a column lies outside them where it is 2 % or more. Rows that are not finite are
    left out, and the heading says how many.

    Of more than 6 columns the picture shows the 6 that make up the pairs with the
    largest absolute rank correlations in the data, in the order of the table: where
    there is dependence to get right. The choice does not depend on the samples, so
    that pictures of different models show the same columns.

    Args:
        path: A `.png` file, replaced atomically.
        data: Test data `[n, columns]`.
        samples: Samples of the model `[m, columns]`.
        names: Of all columns; long ones are shortened.
        title: Stands above the panels.

    Raises:
        ValueError: if the shapes do not fit, or no row of the data is finite.
    """
    with paper():
        return save(path, _figure(data, samples, names, title))


def _figure(
    data: np.ndarray, samples: np.ndarray, names: Sequence[str], title: str | None
) -> Figure:
    data = table(data, "data")
    samples = table(samples, "samples", data.shape[1])
    if len(names) != data.shape[1]:
        raise ValueError(
            f"names must name all {data.shape[1]} columns; received {len(names)}."
        )
    data, notes = finite_rows(data, "test rows")
    samples, more = finite_rows(samples, "samples")
    notes += more
    if not len(data):
        raise ValueError("No row of the data is finite; there is nothing to compare.")
    chosen = strongest_columns(data)
    if len(chosen) < len(names):
        notes.insert(
            0,
            f"{len(chosen)} of {len(names)} columns, those of the pairs with the "
            "strongest rank correlations",
        )
    columns = [Column.of(i + 1, names[i], data[:, i], samples[:, i]) for i in chosen]
    return _panels(columns, title, notes)


def _panels(
    columns: Sequence[Column], title: str | None, notes: Sequence[str]
) -> Figure:
    number = len(columns)
    panel = min(1.7 if number > 1 else 2.5, (6.2 + _GAP) / number - _GAP)
    x_ticks = [nice_ticks(c.limits, panel, integer=c.integer) for c in columns]
    y_ticks = [
        nice_ticks(c.limits, panel, vertical=True, integer=c.integer) for c in columns
    ]
    names = _labels(columns, panel)
    lines = 1 + max(name.count("\n") for name in names)
    size = LABEL_SIZE if lines == 1 else NOTE_SIZE
    thick = lines * 1.3 * size / 72
    numbers = tick_room(*y_ticks)
    left = thick + numbers + 0.12 if number > 1 else 0.15
    bottom = thick + 0.24
    side = number * panel + (number - 1) * _GAP
    width = left + side + 0.1
    heading = Heading.of(title, notes, width - 0.2)
    height = bottom + side + _LEGEND + heading.height
    figure = Figure(figsize=(width, height), dpi=DPI)
    heading.draw(figure)
    _legend(figure, 1 - heading.height / height, number)
    # Both clouds are as dense as each other, unless one has only a few points.
    fewer = min(len(columns[0].data), len(columns[0].samples))
    count = min(_MOST_POINTS, max(300, fewer))
    for row, vertical in enumerate(columns):
        for place, horizontal in enumerate(columns):
            x = left + place * (panel + _GAP)
            y = bottom + (number - 1 - row) * (panel + _GAP)
            box = (x / width, y / height, panel / width, panel / height)
            axes = figure.add_axes(box)
            last = row == number - 1
            set_ticks(axes, "x", horizontal.limits, x_ticks[place], labels=last)
            if row == place:
                _marginals(axes, horizontal)
            else:
                first = place == 0
                set_ticks(axes, "y", vertical.limits, y_ticks[row], labels=first)
                pair = (horizontal, vertical)
                below = row > place
                points = [c.data if below else c.samples for c in pair]
                _pair(axes, np.stack(points, 1), count, DATA if below else SAMPLES)
            if last:
                axes.set_xlabel(names[place], labelpad=2, size=size)
            if place == 0 and number > 1:
                # All names in one line, however wide the numbers beside them are.
                axes.set_ylabel(names[row], size=size, va="bottom")
                axes.yaxis.set_label_coords(-(numbers + 0.04) / panel, 0.5)
    return figure


def _marginals(axes: Axes, column: Column) -> None:
    heights = []
    for values in (column.data, column.samples):
        counts, _ = np.histogram(values, column.edges)
        # Divided by all values, so that what lies outside is missing, not spread.
        heights.append(counts / (max(len(values), 1) * np.diff(column.edges)))
    axes.stairs(heights[0], column.edges, fill=True, color=DATA, alpha=0.35)
    axes.stairs(heights[1], column.edges, color=SAMPLES, linewidth=1.0)
    # Samples that collapse on one value must not flatten the data.
    tallest = max(heights[0].max(), min(heights[1].max(), 3 * heights[0].max()))
    axes.set_ylim(0, 1.15 * tallest)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    line = 0
    for values, colour in ((column.data, DATA), (column.samples, SAMPLES)):
        outside = share_outside(values[:, None], [column.limits])
        if outside >= 0.02:
            corner_note(axes, f"{outside:.0%} out", line=line, colour=colour)
            line += 1


def _pair(axes: Axes, points: np.ndarray, count: int, colour: str) -> None:
    """`count` of the points; equal ones join to a disc whose area is their share."""
    points, counts = np.unique(some_rows(points, count), axis=0, return_counts=True)
    shares = counts.astype(np.float64) / max(int(counts.sum()), 1)
    size, alpha = dots(2 * count)  # the panels are small
    box = axes.get_window_extent()
    widest = (0.32 * 72 * box.width / DPI) ** 2  # square points
    colours = np.tile(to_rgba(colour), (len(points), 1))
    colours[:, 3] = 1 - (1 - alpha) ** np.minimum(counts, 4)
    axes.scatter(
        points[:, 0],
        points[:, 1],
        s=np.maximum(size, np.minimum(size * counts, widest * shares)),
        c=colours,
        linewidths=0,
    )


def _labels(columns: Sequence[Column], room: float) -> list[str]:
    """Names on at most two lines of `room` inches, told apart by number if need be."""
    labels = [_two_lines(column.name, room) for column in columns]
    if len(set(labels)) < len(labels):
        numbered = [f"{column.number}: {column.name}" for column in columns]
        labels = [_two_lines(name, room) for name in numbered]
    return labels


def _two_lines(name: str, room: float) -> str:
    """A name on one line, or two; the middle of what does not fit is left out."""
    if text_width(name, LABEL_SIZE) <= room:
        return name
    breaks = [match.end() for match in re.finditer(r"[\s_.:/-]+", name)]
    for middle in sorted(breaks, key=lambda place: abs(place - len(name) / 2)):
        lines = (name[:middle].rstrip(), name[middle:])
        if max(text_width(line, NOTE_SIZE) for line in lines) <= room:
            return "\n".join(lines)
    half = len(name) // 2
    while text_width(f"{name[:half]}…", NOTE_SIZE) > room:
        half -= 1
    head, half = name[:half], len(name) - half
    while text_width(name[-half:], NOTE_SIZE) > room:
        half -= 1
    return f"{head}…\n{name[-half:]}"


def _legend(figure: Figure, top: float, number: int) -> None:
    where = ("", "") if number == 1 else (" (below the diagonal)", " (above it)")
    figure.legend(
        handles=[
            Patch(color=DATA, alpha=0.35, linewidth=0, label=f"test data{where[0]}"),
            Line2D([], [], color=SAMPLES, label=f"samples{where[1]}"),
        ],
        loc="upper center",
        bbox_to_anchor=(0.5, top),
        ncols=2,
        borderaxespad=0.2,
    )
