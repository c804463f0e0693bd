"""Reads .csv, .parquet, .npz and .npy: whole, or a batch of rows at a time.

Everything with columns comes out as a pandas frame whose columns are named by strings;
the columns of a bare array are named "0", "1", ... A batch of rows is all that is held
of a .csv, .parquet or .npy file that is read in batches.
"""

import dataclasses
import glob
import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from zoo import _frames
from zoo._arrays import open_npy, read_npz
from zoo._frames import suffix, unreadable

_ARRAY = re.compile(r"(.+\.npz):([^:/\\]+)", re.IGNORECASE)
_SPLITS = ("train", "validation", "test")


@dataclasses.dataclass(frozen=True)
class Rows:
    """Some rows: a table, or images with their context in a table.

    Args:
        frame: The columns; for images only those of the context.
        images: `[rows, height, width]` or `[rows, height, width, channels]`.
    """

    frame: pd.DataFrame
    images: np.ndarray | None = None

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.frame if self.images is None else self.images)

    def __getitem__(self, part: slice) -> "Rows":
        """The rows of a slice."""
        images = None if self.images is None else self.images[part]
        return Rows(self.frame[part], images)


def read(path: str, context: Sequence[str]) -> list[Rows]:
    """Reads a whole file.

    Args:
        path: A .csv, .parquet, .npz or .npy file, or `file.npz:array`.
        context: Names of the context columns; in an .npz also of arrays.

    Returns:
        One set of rows, or three if the file is an .npz with the arrays `train`,
        `validation` and `test`.

    Raises:
        ValueError: If the file cannot be understood.
        FileNotFoundError: If there is no such file.
    """
    file, array = _locate(path)
    if suffix(file) == ".csv":
        return [Rows(next(_frames.csv_chunks(file, None), pd.DataFrame()))]
    if suffix(file) == ".parquet":
        return [Rows(_frames.read_parquet(file))]
    arrays = _arrays(file)
    if array is None and set(_SPLITS) <= set(arrays):
        return [_rows(arrays[name], {}, f"{path}:{name}") for name in _SPLITS]
    return [_pick(arrays, array, context, path)]


def iterate(
    path: str,
    context: Sequence[str],
    batch_size: int,
    *,
    start: int = 0,
    stop: int | None = None,
    align: int | None = None,
) -> Iterator[Rows]:
    """Reads a file in batches.

    Args:
        path: A .csv, .parquet, .npz or .npy file, or `file.npz:array`.
        context: Names of the context columns; in an .npz also of arrays.
        batch_size: Largest number of rows of a batch.
        start: Row to start at, from 0.
        stop: Row to stop before; by default all are read.
        align: No batch crosses a multiple of this many rows of the file.

    Yields:
        The rows, batch by batch.
    """
    first, batches = _batches(path, context, batch_size, start)
    for rows in batches:
        last = len(rows) if stop is None else min(len(rows), stop - first)
        here = max(start - first, 0)
        while here < last:
            room = last if align is None else align - (first + here) % align
            there = min(last, here + room)
            yield rows[here:there]
            here = there
        first += len(rows)
        if stop is not None and first >= stop:
            return


def blocks(path: str, size: int) -> tuple[list[int], int | None]:
    """Where a file can be entered, if it is read in blocks of `size` rows.

    Args:
        path: A .csv, .parquet, .npz or .npy file, or `file.npz:array`.
        size: Rows of a block; the last of a file may have fewer.

    Returns:
        The blocks that can be read without much of what comes before them, and how
        many there are; None where only reading all rows would tell.
    """
    file, _ = _locate(path)
    if suffix(file) == ".parquet":
        starts, rows = _frames.parquet_groups(file)
        count = -(-rows // size)
        entries = sorted({-(-start // size) for start in starts})
        return [number for number in entries if number < count], count
    if suffix(file) == ".npy":
        count = -(-len(_arrays(file)[""]) // size)
        return list(range(count)), count
    return [0], None


def array_size(file: str) -> int:
    """Bytes of the array of an .npy file, with no more than four for a number."""
    array = _arrays(file)[""]
    return array.size * min(array.itemsize, 4)


def row_size(file: str) -> int:
    """Numbers of a row of the array of an .npy file."""
    return math.prod(_arrays(file)[""].shape[1:])


def is_array(path: str) -> bool:
    """Whether the file holds arrays, whose columns have no names of their own.

    Args:
        path: The path, perhaps `file.npz:array`.

    Returns:
        True for .npz and .npy.
    """
    return suffix(split_array(path)[0]) in (".npz", ".npy")


def expand(pattern: str) -> list[str]:
    """The files that a pattern such as `data-*.parquet` or `data-*.npz:x` stands for.

    Args:
        pattern: A path with `*`, `?` or `[...]` in it, or without.

    Returns:
        Their paths in order, each with the name of the array if the pattern has one.
    """
    files, array = split_array(pattern)
    ending = "" if array is None else f":{array}"
    return [file + ending for file in sorted(glob.glob(files)) if Path(file).is_file()]


def split_array(path: str) -> tuple[str, str | None]:
    """The file of a path, and the array of `file.npz:array`."""
    match = _ARRAY.fullmatch(path)
    return (match[1], match[2]) if match else (path, None)


def _batches(
    path: str, context: Sequence[str], batch_size: int, start: int
) -> tuple[int, Iterator[Rows]]:
    """Batches from near the row `start`, not behind it, and the row they begin at."""
    file, array = _locate(path)
    if suffix(file) == ".csv":
        return 0, map(Rows, _frames.csv_chunks(file, batch_size))
    if suffix(file) == ".parquet":
        first, frames = _frames.parquet_batches(file, batch_size, start)
        return first, map(Rows, frames)
    rows = _pick(_arrays(file), array, context, path)
    starts = range(start, len(rows), batch_size)
    return start, (rows[first : first + batch_size] for first in starts)


def _locate(path: str) -> tuple[str, str | None]:
    file, array = split_array(path)
    if suffix(file) not in (".csv", ".parquet", ".npz", ".npy"):
        raise ValueError(
            "A data file ends with .csv, .parquet, .npz or .npy; "
            f"received {path!r}; convert it to one of them."
        )
    if not Path(file).is_file():
        raise FileNotFoundError(
            f"A data file must exist; received {file!r}, where there is none; "
            "check the path."
        )
    if not Path(file).stat().st_size:
        raise ValueError(
            f"A data file must hold rows; received {file!r}, which is empty; "
            "write the rows into it."
        )
    return file, array


def _arrays(file: str) -> dict[str, np.ndarray]:
    """The arrays of an .npz; the array of an .npy, not read yet, under no name."""
    try:
        return {"": open_npy(file)} if suffix(file) == ".npy" else read_npz(file)
    except ValueError as error:
        raise unreadable(file, error) from error


def _pick(
    arrays: dict[str, np.ndarray], name: str | None, context: Sequence[str], path: str
) -> Rows:
    """The named array, or the only one that is not a context."""
    others = [key for key in arrays if key not in context]
    if name is None and len(others) == 1:
        name = others[0]
    if name is None or name not in arrays:
        received = path if name is None else f"'{name}'"
        file, _ = split_array(path)
        raise ValueError(
            f"One array of an .npz is the data; received {received} of the arrays "
            f"{', '.join(arrays)}; choose one, as {file}:{(others or ['x'])[0]}."
        )
    extra = {key: arrays[key] for key in context if key in arrays}
    return _rows(arrays[name], extra, path)


def _rows(x: np.ndarray, extra: dict[str, np.ndarray], path: str) -> Rows:
    if x.dtype.kind not in "biuf" or x.ndim not in (2, 3, 4):
        raise ValueError(
            "An array of data is a table [rows, columns] of numbers or images "
            f"[rows, height, width]; received shape {x.shape}, dtype {x.dtype} in "
            f"{path}; reshape or convert it."
        )
    if x.ndim == 2:
        _frames.check_width(x.shape[1], path)
    for key, array in extra.items():
        if array.shape != x.shape[:1]:
            raise ValueError(
                f"A context array has one number a row, shape {x.shape[:1]}; received "
                f"'{key}' of shape {array.shape} in {path}; put it into this form."
            )
    if x.ndim == 2:
        frame = pd.DataFrame(x, columns=[str(i) for i in range(x.shape[1])], copy=False)
        return Rows(frame.assign(**extra))
    return Rows(pd.DataFrame(extra, index=range(len(x))), x)
