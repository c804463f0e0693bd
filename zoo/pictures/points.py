"""Points as they come from data and models: checked, thinned, put in limits."""

from collections.abc import Sequence

import numpy as np

Limits = tuple[float, float]


def table(values: np.ndarray, what: str, columns: int | None = None) -> np.ndarray:
    """`values` as floats `[n, columns]`; a clear error if they are not a table."""
    values = np.asarray(values)
    wanted = "[n, columns]" if columns is None else f"[n, {columns}]"
    if values.ndim != 2 or 0 in values.shape or columns not in (None, values.shape[1]):
        raise ValueError(
            f"{what} must have shape {wanted}, n > 0; received {values.shape}."
        )
    return values.astype(np.float64)


def finite_rows(values: np.ndarray, what: str) -> tuple[np.ndarray, list[str]]:
    """The rows that are finite, and a note on how many are not, if any."""
    finite = np.isfinite(values).all(axis=1)
    bad = int(np.sum(~finite))
    note = f"{bad:,} of {len(values):,} {what} not finite, left out"
    return values[finite], [note] if bad else []


def some_rows(values: np.ndarray, limit: int) -> np.ndarray:
    """At most `limit` rows, the same ones every time."""
    if len(values) <= limit:
        return values
    return values[np.random.default_rng(0).permutation(len(values))[:limit]]


def robust_limits(values: np.ndarray) -> Limits:
    """Where the bulk of `values` `[n]` is, with no margin; `low < high` always.

    It reaches from the 0.5 % to the 99.5 % quantile, but beyond the central 90 % at
    most once its width, so that a few per cent of outliers do not squash the rest.
    """
    lowest, low, high, highest = np.quantile(values, [0.005, 0.05, 0.95, 0.995])
    if _apart(low, high):
        span = high - low
        return max(lowest, low - span), min(highest, high + span)
    for least, most in ((lowest, highest), (np.min(values), np.max(values))):
        if _apart(least, most):
            return least, most
    half = max(0.5, 0.05 * abs(low))
    return low - half, low + half


def plane(limits: Sequence[Limits]) -> tuple[Limits, Limits]:
    """Both limits with a margin; the same scale on both axes if the spans are alike."""
    spans = [high - low for low, high in limits]
    if max(spans) < 3 * min(spans):
        spans = [max(spans)] * 2
    x, y = (
        ((low + high) / 2 - 0.6 * span, (low + high) / 2 + 0.6 * span)
        for (low, high), span in zip(limits, spans, strict=True)
    )
    return x, y


def _apart(low: float, high: float) -> bool:
    """Whether two numbers differ by more than rounding."""
    return high - low > 1e-12 * max(abs(low), abs(high))


def share_outside(points: np.ndarray, limits: Sequence[Limits]) -> float:
    """The share of `points` `[n, d]` beyond `d` pairs of limits, 0 for no points."""
    low, high = np.transpose(limits)
    outside = np.any((points < low) | (points > high), axis=1)
    return float(np.mean(outside)) if len(points) else 0.0


def dots(count: int) -> tuple[float, float]:
    """Size (square points) and opacity of the dots of a cloud of `count` points."""
    size = np.clip(3_000 / max(count, 1), 2.0, 10.0)
    alpha = np.clip(16 / max(count, 1) ** 0.5, 0.3, 0.9)
    return float(size), float(alpha)
