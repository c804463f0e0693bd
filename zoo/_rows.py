"""Reads a file of rows for a model that is trained already, a batch at a time."""

import difflib
from collections.abc import Iterator

import numpy as np

from zoo import _columns, _files
from zoo.data import ContextSpec, DataSpec

Batch = tuple[int, np.ndarray, np.ndarray | None, list[tuple[int, str]]]


def iterate_rows(
    path: str,
    spec: DataSpec,
    batch_size: int,
    *,
    start: int = 0,
    stop: int | None = None,
    align: int | None = None,
) -> Iterator[Batch]:
    """Reads rows in the form a model takes, and tells which of them it cannot take.

    Columns of a .csv or .parquet are found by name and others are ignored; arrays, and
    data sets without column names, go by position. No more than a batch is held of a
    .csv, .parquet or .npy file.

    Args:
        path: A .csv, .parquet, .npz or .npy file, or `file.npz:array`.
        spec: The data the model was made for.
        batch_size: Largest number of rows of a batch.
        start: Row to start at, from 0.
        stop: Row to stop before; by default all are read.
        align: No batch crosses a multiple of this many rows of the file.

    Yields:
        `(first_row, x, context, bad)`: the number of the batch's first row, counted
        from 1; `x` `[rows, *event_shape]`; `context` `[rows, ...]` or None; and for
        each row with a missing, textual, infinite or otherwise impossible value its
        number and the reason. Such a row is NaN in `x` and a continuous context, and
        0 where they are integers.

    Raises:
        ValueError: If the file has no rows, lacks a column, or cannot be read.
        FileNotFoundError: If there is no such file.
    """
    names = () if spec.context is None else spec.context.columns
    first = start + 1
    for rows in _files.iterate(
        path, names, batch_size, start=start, stop=stop, align=align
    ):
        yield first, *_convert(rows, spec, path, first)
        first += len(rows)
    if first == 1:
        raise ValueError(
            f"A data file must hold rows; received none in {path}; add some."
        )


def _convert(
    rows: _files.Rows, spec: DataSpec, path: str, first: int
) -> tuple[np.ndarray, np.ndarray | None, list[tuple[int, str]]]:
    reasons: dict[int, str] = {}
    values = _values(rows, spec, path, reasons)
    context = None
    if spec.context is not None:
        context = _context(rows, spec.context, path, reasons)
    bad = sorted(reasons)
    values[bad] = 0.0 if spec.levels is not None else np.nan
    x = values.astype(spec.dtype).reshape(-1, *spec.event_shape)
    if context is not None:
        context[bad] = 0 if context.dtype == np.int32 else np.nan
    return x, context, [(first + row, reasons[row]) for row in bad]


def _values(
    rows: _files.Rows, spec: DataSpec, path: str, reasons: dict[int, str]
) -> np.ndarray:
    """The features as float64 `[rows, num_features]`."""
    if rows.images is None:
        names = _feature_names(list(rows.frame.columns), spec, path)
        values = _table(rows, names, path, reasons)
    else:
        shape = rows.images.shape[1:]
        if shape != spec.event_shape and shape != (*spec.event_shape, 1):
            raise ValueError(
                f"This model takes rows of shape {spec.event_shape}; received {shape} "
                f"in {path}; give such rows."
            )
        names = [f"{i}" for i in range(spec.num_features)]
        values = rows.images.reshape(len(rows), -1).astype(np.float64)
        _note(~np.isfinite(values), "a pixel is missing or infinite", reasons)
    if spec.levels is not None:
        inside = (values >= 0) & (values < spec.levels) & (values == np.round(values))
        reason = f"a value is not an integer from 0 to {spec.levels - 1}"
        _note(~inside, reason, reasons)
    for i, step in enumerate(spec.steps or ()):
        if step:
            off = _columns.off_grid(values[:, i], step, (spec.offsets or ())[i])
            _note(off, f"column '{names[i]}' is off its grid of step {step:g}", reasons)
    return values


def _note(wrong: np.ndarray, reason: str, reasons: dict[int, str]) -> None:
    for row in np.flatnonzero(wrong.reshape(len(wrong), -1).any(axis=1)):
        reasons.setdefault(int(row), reason)


def _table(
    rows: _files.Rows, names: list[str], path: str, reasons: dict[int, str]
) -> np.ndarray:
    for name in names:
        if name not in rows.frame.columns:
            close = difflib.get_close_matches(name, rows.frame.columns, n=1)
            near = f", but '{close[0]}'" if close else ""
            raise ValueError(
                f"This model needs the columns {', '.join(names)}; received {path} "
                f"without '{name}'{near}; add or rename the column."
            )
    frame = rows.frame[names]
    values = _columns.to_numbers(frame)
    bad = np.isnan(values)
    for row in np.flatnonzero(bad.any(axis=1)):
        column = int(bad[row].argmax())
        reason = _columns.describe(frame, int(row), column)
        reasons.setdefault(int(row), reason)
    return values


def _feature_names(known: list[str], spec: DataSpec, path: str) -> list[str]:
    names = list(spec.columns)
    is_named = not _files.is_array(path) or set(names) <= set(known)
    if names and is_named:
        return names
    context = () if spec.context is None else spec.context.columns
    rest = [name for name in known if name not in context]
    if len(rest) != spec.num_features:
        raise ValueError(
            f"This model takes {spec.num_features} columns; received {len(rest)} in "
            f"{path}; give the columns it was trained on, in their order."
        )
    return rest


def _context(
    rows: _files.Rows, spec: ContextSpec, path: str, reasons: dict[int, str]
) -> np.ndarray:
    if spec.optional and not set(spec.columns) <= set(rows.frame.columns):
        return np.full(len(rows), -1, np.int32)
    values = _table(rows, list(spec.columns), path, reasons)
    if spec.num_classes is None:
        return values.astype(np.float32)
    label = values[:, 0]
    low = -1 if spec.optional else 0
    known = np.isin(label, np.arange(low, spec.num_classes))
    reason = f"the label is not an integer from {low} to {spec.num_classes - 1}"
    _note(~known, reason, reasons)
    return np.where(known, label, 0).astype(np.int32)
