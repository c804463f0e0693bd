"""Histograms of codes, a panel each, against the density of their prior."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from scipy.stats import norm

from zoo.pictures.paper import (
    DATA,
    DPI,
    LABEL_SIZE,
    SAMPLES,
    Heading,
    corner_note,
    paper,
    save,
    shorten,
)
from zoo.pictures.points import (
    Limits,
    finite_rows,
    robust_limits,
    share_outside,
    table,
)
from zoo.pictures.ticks import nice_ticks, set_ticks

_WIDTH, _HEIGHT, _COLUMNS = 1.55, 0.85, 4  # inches of a panel, panels of a row
_GAP, _BOTTOM, _LEGEND = 0.12, 0.36, 0.24  # inches
_HEADING, _APART = 0.2, 0.12  # inches of a panel's heading, and above it
_LEAST = 3.5  # standard deviations that are always seen
_BARS = (9, 18)  # on each side of the middle one, of few rows and of many


def code_histograms(
    path: str | os.PathLike[str],
    codes: np.ndarray,
    *,
    headings: Sequence[str],
    title: str | None = None,
) -> Path:
    """Writes a histogram of each code with its standard normal prior; returns `path`.

    All panels have the same axes, so that a code that is the same of all rows is a
    spike, cut at twice the height of the prior. Panels say what share of a code
    lies outside of them where it is 2 % or more. Rows that are not finite are left
    out, and the heading says how many.

    Args:
        path: A `.png` file, replaced atomically.
        codes: `[n, codes]`, in standard deviations of the prior.
        headings: Of the panels.
        title: Stands above the panels.

    Raises:
        ValueError: if the shapes do not fit, or no row is finite.
    """
    with paper():
        return save(path, _figure(codes, headings, title))


def _figure(codes: np.ndarray, headings: Sequence[str], title: str | None) -> Figure:
    codes = table(codes, "codes")
    number = codes.shape[1]
    if len(headings) != number:
        raise ValueError(
            f"headings must be those of all {number} codes; received {len(headings)}."
        )
    codes, notes = finite_rows(codes, "codes")
    if not len(codes):
        raise ValueError(
            "Histograms show codes that are finite; received none of them finite. "
            "Look at the training of the encoder."
        )
    most = max(abs(limit) for code in codes.T for limit in robust_limits(code))
    bars = int(np.clip(1.5 * len(codes) ** (1 / 3), *_BARS))
    # Bars are centred on multiples of their width, one of them on 0.
    width = max(most, _LEAST) / bars
    edges = width * (np.arange(-bars, bars + 2) - 0.5)
    heights = [np.histogram(code, edges)[0] / (len(codes) * width) for code in codes.T]
    highest, top = np.max(heights), 2 * norm.pdf(0.0)
    limits = 0.0, float(1.1 * np.clip(highest, norm.pdf(0.0), top))
    if highest > limits[1]:
        notes.append("bars that reach the top are cut")
    figure, panels = _page(number, Heading.of(title, notes, _page_width(number) - 0.2))
    span: Limits = (edges[0], edges[-1])
    ticks = nice_ticks(span, _WIDTH)
    for place, (axes, heading) in enumerate(zip(panels, headings, strict=True)):
        set_ticks(axes, "x", span, ticks, labels=place + _COLUMNS >= number)
        set_ticks(axes, "y", limits, ([], []))
        axes.set_title(shorten(heading, LABEL_SIZE, _WIDTH))
        _histogram(axes, heights[place], edges)
        outside = share_outside(codes[:, [place]], [span])
        if outside >= 0.02:
            corner_note(axes, f"{outside:.0%} outside")
    return figure


def _histogram(axes: Axes, heights: np.ndarray, edges: np.ndarray) -> None:
    axes.spines["left"].set_visible(False)
    axes.stairs(heights, edges, fill=True, color=DATA, alpha=0.35)
    points = np.linspace(edges[0], edges[-1], 200)
    axes.plot(points, norm.pdf(points), color=SAMPLES, linewidth=1.0)


def _page_width(number: int) -> float:
    return max(min(number, _COLUMNS) * (_WIDTH + _GAP) - _GAP + 0.2, 3.2)


def _page(number: int, heading: Heading) -> tuple[Figure, list[Axes]]:
    """A page with a legend and the name of the horizontal axis, and its panels."""
    columns = min(number, _COLUMNS)
    rows = -(-number // columns)
    width = _page_width(number)
    pitch = _HEIGHT + _HEADING + _APART
    height = _BOTTOM + rows * pitch - _APART + _LEGEND + heading.height
    figure = Figure(figsize=(width, height), dpi=DPI)
    heading.draw(figure)
    figure.legend(
        handles=[
            Patch(color=DATA, alpha=0.35, linewidth=0, label="test rows"),
            Line2D([], [], color=SAMPLES, linewidth=1.0, label="prior"),
        ],
        loc="upper center",
        bbox_to_anchor=(0.5, 1 - heading.height / height),
        ncols=2,
        borderaxespad=0.2,
    )
    figure.text(
        0.5, 0.06 / height, "prior standard deviations", ha="center", va="bottom"
    )
    left = (width - columns * (_WIDTH + _GAP) + _GAP) / 2
    panels = []
    for place in range(number):
        row, column = divmod(place, columns)
        x = left + column * (_WIDTH + _GAP)
        y = _BOTTOM + (rows - 1 - row) * pitch
        box = x / width, y / height, _WIDTH / width, _HEIGHT / height
        panels.append(figure.add_axes(box))
    return figure, panels
