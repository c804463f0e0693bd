"""Checks the columns of a table: is there a density of them at all?

A column that is constant, that repeats or follows from others, or that takes few values
has no density: a model that is flexible enough makes the likelihood as large as it
likes, and the number it reports means nothing.
"""

import difflib
import hashlib
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

_FEW = 20
_SPIKE = 0.1
MAX_CLASSES = 100
# Of more columns a matrix of all pairs takes minutes, and gigabytes.
_MOST_COMPARED = 2_000
_LARGEST = float(np.finfo(np.float32).max)


def to_numbers(frame: pd.DataFrame) -> np.ndarray:
    """The values as float64, NaN where there is no number that float32 can hold.

    Args:
        frame: Columns of any kind.

    Returns:
        `[rows, columns]`.
    """
    values = np.empty(frame.shape)
    for i in range(frame.shape[1]):
        values[:, i] = _series_to_numbers(frame.iloc[:, i])
    with np.errstate(invalid="ignore"):
        values[~(np.abs(values) <= _LARGEST)] = np.nan
    return values


def _series_to_numbers(series: pd.Series) -> np.ndarray:
    kinds = pd.api.types
    if kinds.is_numeric_dtype(series.dtype) and not kinds.is_complex_dtype(series):
        return series.to_numpy(np.float64, na_value=np.nan)
    if kinds.is_datetime64_any_dtype(series.dtype) or series.dtype.kind in "mM":
        return np.full(len(series), np.nan)
    numbers = pd.to_numeric(series.astype(object), errors="coerce")
    return numbers.to_numpy(np.float64, na_value=np.nan)


def describe(frame: pd.DataFrame, row: int, column: int) -> str:
    """Says why a value is not a number that float32 can hold.

    Args:
        frame: The columns as given to `to_numbers`.
        row: Index of the row.
        column: Index of the column.

    Returns:
        A phrase such as `column 'age' is missing`.
    """
    name, value = frame.columns[column], frame.iat[row, column]
    if pd.api.types.is_scalar(value) and pd.isna(value):
        return f"column '{name}' is missing"
    if pd.notna(pd.to_numeric(str(value), errors="coerce")):
        return f"column '{name}' is {value}, which is no finite 32-bit float"
    return f"column '{name}' is the text {str(value)[:40]!r}"


def check_names(asked: Iterable[str], known: Sequence[str], option: str) -> None:
    """Checks that columns exist.

    Args:
        asked: The names to look for.
        known: The names of the file.
        option: The option that asks for them.

    Raises:
        ValueError: If a name is unknown.
    """
    for name in asked:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            meant = f"did you mean '{close[0]}'? " if close else ""
            more = ", ..." if len(known) > 20 else ""
            shown = (", ".join(known[:20]) or "none") + more
            raise ValueError(
                f"--{option} names columns of the file; received '{name}'; {meant}"
                f"It has: {shown}."
            )


def check_columns(values: np.ndarray, names: Sequence[str], grid: set[str]) -> None:
    """Checks that the columns have a density.

    Args:
        values: `[rows, columns]`, float64 and finite.
        names: Names of the columns.
        grid: Names of those that are to be dequantized.

    Raises:
        ValueError: Naming the column and the way out.
    """
    for name, column in zip(names, values.T, strict=True):
        _check_column(name, column, on_grid=name in grid)
    seen: dict[bytes, str] = {}
    for name, column in zip(names, values.T, strict=True):
        # Without the sign of a zero. Of very many columns all pairs would take hours.
        digest = hashlib.sha256((column + 0.0).tobytes()).digest()
        if digest in seen:
            raise ValueError(
                "Columns must differ for a density to exist; received the same values "
                f"in '{seen[digest]}' and '{name}'; leave one out with --drop={name}."
            )
        seen[digest] = name
    continuous = [i for i, name in enumerate(names) if name not in grid]
    _check_independent(values[:, continuous], [names[i] for i in continuous])


def _check_column(name: str, column: np.ndarray, *, on_grid: bool) -> None:
    distinct, counts = np.unique(column, return_counts=True)
    if len(distinct) == 1:
        raise ValueError(
            "A column must vary for a density to exist; received only "
            f"{distinct[0]:g} in column '{name}'; leave it out with --drop={name}."
        )
    error = np.abs(column.astype(np.float32) - column).max()
    if error > 1e-3 * column.std():
        raise ValueError(
            "Columns become 32-bit floats, which keep about seven digits; received "
            f"column '{name}' from {column.min()!s} to {column.max()!s}, whose "
            "differences would be lost; subtract a constant from it, or leave it out "
            f"with --drop={name}."
        )
    few = len(distinct) < _FEW and len(column) >= 2 * len(distinct)
    spike = counts.max() > max(_SPIKE * len(column), 10)
    if not on_grid and (few or spike):
        common, count = distinct[counts.argmax()], counts.max()
        raise ValueError(
            "A density needs values that hardly ever repeat; received "
            f"{len(distinct)} distinct values in the {len(column)} rows of column "
            f"'{name}' ({common:g} alone fills {count}); leave it out with "
            f"--drop={name}, or spread the values of an even grid with "
            f"--dequantize={name}."
        )


def _check_independent(values: np.ndarray, names: list[str]) -> None:
    rows, columns = values.shape
    if columns < 2 or rows <= columns or columns > _MOST_COMPARED:
        return
    standard = (values - values.mean(axis=0)) / values.std(axis=0)
    eigenvalues, vectors = np.linalg.eigh(standard.T @ standard / rows)
    if eigenvalues[0] > 1e-11:  # Rounding gives 1e-14, five exact digits 1e-10.
        return
    size = np.abs(vectors[:, 0])
    involved = [names[i] for i in np.flatnonzero(size > 0.05 * size.max())]
    raise ValueError(
        "No column may follow from others for a density to exist; received columns "
        f"whose weighted sum is constant: {', '.join(involved)}; leave one out with "
        f"--drop={involved[-1]}."
    )


def find_grid(name: str, column: np.ndarray) -> tuple[float, float]:
    """Finds the even grid that a column's values lie on.

    Its step is the smallest gap between distinct values, or the largest of its first
    dozen fractions that fits them all.

    Args:
        name: Name of the column.
        column: Its values `[rows]`, float64, not all equal.

    Returns:
        The step and the smallest value.

    Raises:
        ValueError: If there is no such grid.
    """
    low, high = float(column.min()), float(column.max())
    distinct = np.unique(column)
    gaps = np.diff(distinct)
    # Values that differ by rounding alone, such as 0.3 and 0.1 + 0.2, are one.
    smallest = gaps[gaps > 1e-9 * (high - low)].min()
    for fraction in range(1, 13):
        count = round((high - low) / (smallest / fraction))
        step = float(f"{(high - low) / count:.12g}")
        held = np.spacing(np.float32(max(abs(low), abs(high)))) < step / 100
        if held and not off_grid(distinct, step, low).any():
            return step, low
    raise ValueError(
        "--dequantize is for columns whose values lie on an even grid; received "
        f"column '{name}', whose gaps (the smallest is {smallest:g}) have no common "
        f"divisor; leave it out with --drop={name}."
    )


def off_grid(values: np.ndarray, step: float, offset: float) -> np.ndarray:
    """Tells which values lie off a grid by more than 0.005 of its step.

    Args:
        values: Any shape.
        step: Step of the grid.
        offset: A value on it.

    Returns:
        Booleans of the same shape.
    """
    index = (values - offset) / step
    return np.abs(index - np.round(index)) > 0.005


def num_classes(values: np.ndarray) -> int | None:
    """The number of classes, if a context column is a class label.

    It is one if its values are the integers from 0 to at most 99 without a hole, there
    are at least two of them, and at least twice as many rows with one. Beside them -1
    may stand for a class that is not known.

    Args:
        values: The column `[rows]`.

    Returns:
        The number of classes, or None for a continuous context.
    """
    labels = values[values != -1]
    return num_classes_of(np.unique(labels), len(labels))


def num_classes_of(distinct: np.ndarray, rows: int) -> int | None:
    """The same of the distinct labels, ascending, and how many rows have one."""
    classes = len(distinct)
    is_few = 2 <= classes <= min(MAX_CLASSES, rows // 2)
    return classes if is_few and (distinct == np.arange(classes)).all() else None
