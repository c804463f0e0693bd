"""Columns of a table: which to show, on which axis, in which bins."""

from dataclasses import dataclass

import numpy as np

from zoo.pictures.points import Limits, robust_limits, some_rows

_MOST_COLUMNS = 6
_ROWS = 3_000  # enough for a rank correlation


@dataclass(frozen=True)
class Column:
    """One column: its data and samples, and the axis that they share."""

    number: int  # in the table, from 1
    name: str
    data: np.ndarray
    samples: np.ndarray
    limits: Limits
    edges: np.ndarray
    integer: bool

    @classmethod
    def of(
        cls, number: int, name: str, data: np.ndarray, samples: np.ndarray
    ) -> "Column":
        """The axis and the bins follow from the bulk of the data."""
        low, high = robust_limits(data)
        step = _step(data[(data >= low) & (data <= high)])
        margin = 0.08 * (high - low)
        if step and high - low < 12 * step:
            # Few distinct values: bars of a third, so that what lies between shows.
            margin = max(margin, 0.4 * step)
            width = step / 3
        elif step:
            width = step * np.ceil((high - low) / (step * _bins(len(data))))
        else:
            width = (high - low) / _bins(len(data))
        # Bars are centred on the values of a discrete column.
        first = (low if step is None else data[data >= low].min()) - width / 2
        before = np.ceil((first - low + margin) / width)
        count = np.ceil((high + margin - first) / width) + before
        edges = first + width * (np.arange(count + 1) - before)
        integer = step is not None and step >= 1 and float(step).is_integer()
        limits = (low - margin, high + margin)
        return cls(number, name, data, samples, limits, edges, integer)


def _bins(count: int) -> int:
    return int(np.clip(2 * count ** (1 / 3), 8, 36))


def _step(values: np.ndarray) -> float | None:
    """The spacing of values that repeat and lie on a lattice, else None."""
    distinct = np.unique(values)
    if 2 * len(distinct) > len(values) or len(distinct) < 2:
        return None
    gaps = np.diff(distinct)
    step = float(gaps.min())
    on_lattice = np.allclose(gaps / step, np.rint(gaps / step), rtol=0, atol=0.02)
    return step if on_lattice and np.sum(gaps) < 1_000 * step else None


def strongest_columns(data: np.ndarray) -> list[int]:
    """At most 6 columns, in order: those of the most strongly correlated pairs."""
    number = data.shape[1]
    if number <= _MOST_COLUMNS:
        return list(range(number))
    ranks = np.stack([_ranks(c) for c in some_rows(data, _ROWS).T], axis=1)
    norms = np.linalg.norm(ranks, axis=0)
    varies = norms > 0
    ranks = ranks / np.where(varies, norms, 1.0)
    strength = np.abs(ranks.T @ ranks)
    strength[~varies] = strength[:, ~varies] = -1.0  # constant columns come last
    first, second = np.triu_indices(number, k=1)
    chosen: set[int] = set()
    for pair in np.argsort(-strength[first, second], kind="stable"):
        both = chosen | {int(first[pair]), int(second[pair])}
        if len(both) <= _MOST_COLUMNS:
            chosen = both
        if len(chosen) == _MOST_COLUMNS:
            break
    return sorted(chosen)


def _ranks(values: np.ndarray) -> np.ndarray:
    """Centred ranks, equal values sharing their mean rank."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - counts / 2)[inverse] - len(values) / 2
