"""The course of a training."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from zoo.pictures.paper import DATA, DPI, FAINT, SAMPLES, Heading, paper, save
from zoo.pictures.points import Limits
from zoo.pictures.ticks import nice_ticks, set_ticks, tick_room

_UNITS = {
    "exact": "nats per example, exact",
    "lower_bound": "nats per example, lower bound",
    "estimate": "nats per example, estimate",
    "none": "",
}
# "NA" is what Keras' CSVLogger writes for a value that an epoch does not have.
_MISSING = ("", "NA")
_WIDTH, _HEIGHT = 4.5, 2.2  # inches: of the figure, of the axes
_BOTTOM, _LEGEND = 0.38, 0.24

History = Sequence[Mapping[str, str | float | None]]


def training_curve(
    path: str | os.PathLike[str],
    history: History,
    *,
    term: str,
    kind: str,
    lower_is_better: bool = False,
    title: str | None = None,
) -> Path:
    """Writes training and validation term for each epoch; returns `path`.

    The best epoch is marked: that of the validation term, or of the training term
    where there is no validation. Limits follow the later epochs; the heading says how
    many epochs leave the scale, and how many have a value that is not finite.

    Args:
        path: A `.png` file, replaced atomically.
        history: One mapping an epoch, as read from a CSV file: numbers or their texts
            under `term`, `val_<term>` (may be absent) and `epoch` (default 1, 2, ...).
        term: What to show, such as `log_prob` or `elbo`.
        kind: `exact`, `lower_bound`, `estimate` or `none`: printed beside the term.
        lower_is_better: For losses; log densities and bounds are the better the higher.
        title: Stands above the curves.

    Raises:
        ValueError: if the history is empty or lacks the term, or the kind is unknown.
    """
    with paper():
        figure = _figure(history, term, kind, title, lower_is_better=lower_is_better)
        return save(path, figure)


def _figure(
    history: History,
    term: str,
    kind: str,
    title: str | None,
    *,
    lower_is_better: bool,
) -> Figure:
    if kind not in _UNITS:
        raise ValueError(f"kind must be one of {', '.join(_UNITS)}; received {kind!r}.")
    if not history:
        raise ValueError("history is empty: there is no epoch to show.")
    keys = sorted(set().union(*history))
    if term not in keys:
        raise ValueError(f"history has no {term!r}; it has: {', '.join(keys)}.")
    epochs, _ = _column(history, "epoch")
    epochs = np.where(np.isnan(epochs), np.arange(1, len(history) + 1), epochs)
    curves = {"training": _column(history, term)}
    if f"val_{term}" in keys:
        curves["validation"] = _column(history, f"val_{term}")
    values = np.stack([curve for curve, _ in curves.values()])
    judged = values[-1] if np.isfinite(values[-1]).any() else values[0]
    best = _best(judged, lower_is_better=lower_is_better)
    limits = _limits(values, None if best is None else judged[best])

    notes = []
    bad = np.any([present & ~np.isfinite(v) for v, present in curves.values()], axis=0)
    off = np.any((values < limits[0]) | (values > limits[1]), axis=0) & ~bad
    for which, what in ((off, "off the scale"), (bad, "not finite")):
        if which.any():
            notes.append(f"{np.sum(which):,} of {len(history):,} epochs {what}")
    heading = Heading.of(title, notes, _WIDTH - 0.2)
    pad = 0.02 * np.ptp(epochs) or 1.0
    span = float(epochs.min() - pad), float(epochs.max() + pad)
    figure, axes = _page(heading, span, limits)
    for name, curve, colour in zip(curves, values, (FAINT, DATA), strict=False):
        _curve(axes, epochs, curve, name, colour)
    if best is not None:
        _mark(axes, epochs[best], judged[best])
    unit = _UNITS[kind]
    axes.set_xlabel("epoch", labelpad=2)
    axes.set_ylabel(f"{term} ({unit})" if unit else term, labelpad=2)
    top = 1 - heading.height / figure.get_figheight()
    figure.legend(
        loc="upper center",
        bbox_to_anchor=(0.5, top),
        ncols=3,
        borderaxespad=0.2,
        columnspacing=1.5,
    )
    return figure


def _page(heading: Heading, span: Limits, limits: Limits) -> tuple[Figure, Axes]:
    x_ticks = nice_ticks(span, _WIDTH - 0.9, integer=True)
    y_ticks = nice_ticks(limits, _HEIGHT, vertical=True)
    left = 0.22 + tick_room(y_ticks)
    width = _WIDTH - left - 0.12
    height = _BOTTOM + _HEIGHT + _LEGEND + heading.height
    figure = Figure(figsize=(_WIDTH, height), dpi=DPI)
    heading.draw(figure)
    axes = figure.add_axes(
        (left / _WIDTH, _BOTTOM / height, width / _WIDTH, _HEIGHT / height)
    )
    set_ticks(axes, "x", span, x_ticks)
    set_ticks(axes, "y", limits, y_ticks)
    axes.grid(axis="y", color="#E5E5E5", linewidth=0.5)
    axes.set_axisbelow(True)
    return figure, axes


def _curve(
    axes: Axes, epochs: np.ndarray, values: np.ndarray, name: str, colour: str
) -> None:
    shown = np.isfinite(values)
    (line,) = axes.plot(epochs[shown], values[shown], color=colour, label=name)
    line.set_linewidth(1.2)
    # A line needs two points; dots show the only one, and where there are few.
    if np.sum(shown) <= 20:
        line.set_marker("o")
        line.set_markersize(2.5)


def _mark(axes: Axes, epoch: float, value: float) -> None:
    """A dot on the best epoch, its number and value in the legend."""
    axes.axvline(epoch, color=SAMPLES, linewidth=0.7, linestyle=(0, (3, 3)), zorder=1)
    text = f"{value:,.2f}" if 1 <= abs(value) < 1e6 else f"{value:.4g}"
    label = f"best: epoch {epoch:g}, {text.replace('-', '−')}"
    axes.plot(epoch, value, "o", color=SAMPLES, markersize=5, label=label)


def _column(history: History, key: str) -> tuple[np.ndarray, np.ndarray]:
    """The numbers `[epochs]` under `key`, NaN where missing, and where they are not."""
    values = np.full(len(history), np.nan)
    present = np.zeros(len(history), bool)
    for index, row in enumerate(history):
        value = row.get(key)
        if value is None or value in _MISSING:
            continue
        try:
            values[index], present[index] = float(value), True
        except ValueError:
            raise ValueError(
                f"history must hold numbers; row {index} has {key}={value!r}."
            ) from None
    return values, present


def _best(values: np.ndarray, *, lower_is_better: bool) -> int | None:
    finite = np.isfinite(values)
    if not finite.any():
        return None
    worst = np.inf if lower_is_better else -np.inf
    ranked = np.where(finite, values, worst)
    return int(np.argmin(ranked) if lower_is_better else np.argmax(ranked))


def _limits(values: np.ndarray, best: float | None) -> Limits:
    """Limits of the last two thirds of the epochs, and a part of the way to them."""
    finite = values[np.isfinite(values)]
    if best is None or not len(finite):
        return 0.0, 1.0
    late = values[:, values.shape[1] // 3 :]
    late = late[np.isfinite(late)]
    low, high = np.quantile(late if len(late) else finite, [0.05, 0.95])
    low, high = min(low, best), max(high, best)
    span = high - low
    low, high = max(finite.min(), low - span), min(finite.max(), high + span)
    if np.ptp(finite) < 2.5 * (high - low):
        low, high = finite.min(), finite.max()
    margin = 0.06 * (high - low) or max(1e-3, 0.01 * abs(best))
    return float(low - margin), float(high + margin)
