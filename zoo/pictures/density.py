"""Densities on the plane."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

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
    dots,
    finite_rows,
    plane,
    robust_limits,
    share_outside,
    some_rows,
    table,
)
from zoo.pictures.ticks import nice_ticks, set_ticks, tick_room

_CELLS = 200  # on each side of the map
_CHUNK = 4_000  # divides _CELLS ** 2: every call of log_prob sees the same shape
_PANEL, _GAP, _BOTTOM = 1.95, 0.14, 0.36  # inches


def density_2d(
    path: str | os.PathLike[str],
    data: np.ndarray,
    samples: np.ndarray,
    log_prob: Callable[[np.ndarray], np.ndarray],
    *,
    names: Sequence[str] = ("x1", "x2"),
    title: str | None = None,
) -> Path:
    """Writes test data, samples and the density of a model, in a row; returns `path`.

    The three panels share their limits, which follow the bulk of the data. Both
    clouds show equally many points where there are enough. Rows that are not finite
    are left out, and the heading says how many. Costs 40,000 evaluations of `log_prob`.

    Args:
        path: A `.png` file, replaced atomically.
        data: Test data `[n, 2]`.
        samples: Samples of the model `[m, 2]`.
        log_prob: Maps points, float32 `[k, 2]`, to log densities `[k]` in nats.
        names: Of the two columns.
        title: Stands above the panels.

    Raises:
        ValueError: if the shapes do not fit, or no row of the data is finite.
    """
    with paper():
        return save(path, _figure(data, samples, log_prob, names, title))


def _figure(
    data: np.ndarray,
    samples: np.ndarray,
    log_prob: Callable[[np.ndarray], np.ndarray],
    names: Sequence[str],
    title: str | None,
) -> Figure:
    if len(names) != 2:
        raise ValueError(f"names must be two; received {list(names)}.")
    data, notes = finite_rows(table(data, "data", 2), "test points")
    samples, more = finite_rows(table(samples, "samples", 2), "samples")
    if not len(data):
        raise ValueError("No row of the data is finite; there is nothing to compare.")
    limits = plane([robust_limits(column) for column in data.T])
    density = _density(log_prob, limits)
    bad = float(np.mean(np.ma.getmaskarray(density)))
    notes += more
    if bad:
        notes.append(f"density not finite on {bad:.1%} of the map, in grey")

    x_ticks = nice_ticks(limits[0], _PANEL)
    y_ticks = nice_ticks(limits[1], _PANEL, vertical=True)
    margin = 0.22 + tick_room(y_ticks)
    width = margin + 3 * _PANEL + 2 * _GAP + 0.75
    heading = Heading.of(title, notes, width - 0.2)
    height = _BOTTOM + _PANEL + 0.21 + heading.height
    figure = Figure(figsize=(width, height), dpi=DPI)
    heading.draw(figure)
    panels = []
    for number in range(3):
        left = (margin + number * (_PANEL + _GAP)) / width
        axes = figure.add_axes(
            (left, _BOTTOM / height, _PANEL / width, _PANEL / height)
        )
        set_ticks(axes, "x", limits[0], x_ticks)
        set_ticks(axes, "y", limits[1], y_ticks, labels=number == 0)
        axes.set_xlabel(shorten(names[0], LABEL_SIZE, _PANEL), labelpad=2)
        panels.append(axes)
    panels[0].set_ylabel(shorten(names[1], LABEL_SIZE, _PANEL), labelpad=2)
    # Both clouds are as dense as each other, unless one has only a few points.
    count = min(5_000, max(500, min(len(data), len(samples))))
    _cloud(panels[0], data, count, "test data", DATA)
    _cloud(panels[1], samples, count, "samples", SAMPLES)
    _map(panels[2], density)
    return figure


def _density(
    log_prob: Callable[[np.ndarray], np.ndarray], limits: tuple[Limits, Limits]
) -> np.ma.MaskedArray:
    """The density at the centres of the cells `[y, x]`, masked where not finite."""
    middles = (np.arange(_CELLS) + 0.5) / _CELLS
    x, y = (low + (high - low) * middles for low, high in limits)
    points = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2).astype(np.float32)
    chunks = []
    for start in range(0, len(points), _CHUNK):
        chunk = points[start : start + _CHUNK]
        values = np.asarray(log_prob(chunk), dtype=np.float64)
        if values.shape != (len(chunk),):
            raise ValueError(
                "log_prob must map points [k, 2] to log densities [k]; "
                f"received shape {values.shape} for k={len(chunk)}."
            )
        chunks.append(values)
    with np.errstate(over="ignore"):
        density = np.exp(np.concatenate(chunks)).reshape(_CELLS, _CELLS)
    return np.ma.masked_invalid(density)


def _top(density: np.ma.MaskedArray) -> float:
    """The top of the colour scale: 98 % of the mass has a density below it."""
    values = np.sort(density.compressed())
    if not len(values) or values[-1] <= 0:
        return 1.0
    mass = np.cumsum(values / values[-1])
    return float(values[np.searchsorted(mass, 0.98 * mass[-1])])


def _cloud(axes: Axes, points: np.ndarray, count: int, what: str, colour: str) -> None:
    size, alpha = dots(count)
    shown = some_rows(points, count)
    axes.scatter(
        shown[:, 0], shown[:, 1], s=size, alpha=alpha, color=colour, linewidths=0
    )
    axes.set_title(f"{what} ({len(shown):,})")
    outside = share_outside(points, (axes.get_xlim(), axes.get_ylim()))
    if outside >= 0.02:
        corner_note(axes, f"{outside:.0%} outside")


def _map(axes: Axes, density: np.ma.MaskedArray) -> None:
    """The density, and a bar that ends in an arrow if some cells lie above it."""
    top = _top(density)
    image = axes.imshow(
        density,
        norm=Normalize(0.0, top),
        cmap=matplotlib.colormaps["viridis"].with_extremes(bad="#BFBFBF"),
        origin="lower",
        extent=(*axes.get_xlim(), *axes.get_ylim()),
        aspect="auto",
        interpolation="nearest",
    )
    axes.set_title("density")
    above = bool(np.any(density.compressed() > 1.02 * top))
    colorbar = axes.figure.colorbar(
        image,
        cax=axes.inset_axes((1.04, 0.0, 0.045, 1.0)),
        extend="max" if above else "neither",
        extendfrac=0.04,
    )
    # The ends of the bar may carry a label: nothing is above or below it.
    ticks, labels = nice_ticks((-0.05 * top, 1.05 * top), _PANEL, vertical=True)
    colorbar.set_ticks(ticks, labels=labels)
    colorbar.set_label("density", labelpad=3)
