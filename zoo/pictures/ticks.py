"""Ticks of small panels: few, round, and never in each other's way."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from zoo.pictures.paper import TICK_SIZE, text_width
from zoo.pictures.points import Limits

Ticks = tuple[list[float], list[str]]


def nice_ticks(
    limits: Limits, room: float, *, vertical: bool = False, integer: bool = False
) -> Ticks:
    """A few round values and labels that stay apart and within `room` inches."""
    low, high = limits
    most = int(np.clip(room / 0.24, 2, 5))
    spare: list[tuple[float, str]] = []
    for bins in range(7, 0, -1):
        locator = MaxNLocator(bins, steps=[1, 2, 5, 10], integer=integer)
        values = [float(v) for v in locator.tick_values(low, high) if low <= v <= high]
        labels = number_labels(values, high - low)
        # Where each label begins and ends. One at the very end of a panel may take
        # 0.02 inch of the gap to the next.
        places = [room * (v - low) / (high - low) for v in values]
        height = 1.2 * TICK_SIZE / 72
        widths = [height if vertical else text_width(t, TICK_SIZE) for t in labels]
        kept = [
            (place - width / 2, place + width / 2, value, label)
            for place, width, value, label in zip(
                places, widths, values, labels, strict=True
            )
            if width / 2 - 0.02 <= place <= room - width / 2 + 0.02
        ]
        apart = all(a[1] + 0.06 < b[0] for a, b in zip(kept, kept[1:], strict=False))
        spare += [(value, label) for _, _, value, label in kept]
        if 0 < len(kept) <= most and apart:
            return [value for _, _, value, _ in kept], [text for _, _, _, text in kept]
    # Long numbers: one of them, the shortest, then the most central.
    middle = (low + high) / 2
    spare = spare or [(middle, number_labels([middle], high - low)[0])]
    value, text = min(spare, key=lambda tick: (len(tick[1]), abs(tick[0] - middle)))
    return [value], [text]


def number_labels(values: Sequence[float], span: float) -> list[str]:
    """Labels with no more digits than tell values apart that are a `span` apart."""
    digits = 1
    while digits < 15 and any(
        abs(float(f"{v:.{digits}g}") - v) > 1e-3 * span for v in values
    ):
        digits += 1
    largest = max((abs(v) for v in values), default=0.0)
    texts = []
    for value in values:
        text, exponent = f"{value:.{digits}g}", ""
        if abs(value) < 1e-9 * span:
            text = "0"
        elif 1e-3 <= largest < 1e5:
            text = f"{float(text):.12f}"
        else:
            text, exponent = f"{value:.{digits - 1}e}".split("e")
            exponent = f"e{int(exponent)}"
        text = text.rstrip("0").rstrip(".") if "." in text else text
        texts.append((text + exponent).replace("-", "−"))
    return texts


def set_ticks(
    axes: Axes, which: str, limits: Limits, ticks: Ticks, *, labels: bool = True
) -> None:
    """Limits and ticks of one axis of a panel, "x" or "y"."""
    (axes.set_xlim if which == "x" else axes.set_ylim)(*limits)
    values, texts = ticks
    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_ticks(values, texts if labels else [""] * len(texts))


def tick_room(*ticks: Ticks) -> float:
    """Inches that ticks and their labels take at the left of a panel."""
    widths = [text_width(text, TICK_SIZE) for _, texts in ticks for text in texts]
    return max(widths, default=0.0) + 0.08
