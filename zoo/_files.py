"""Reads .csv, .parquet, .npz and .npy: whole, or a batch of rows at a time.

Everything with columns comes out as a pandas frame whose columns are named by strings;
the columns of a bare array are named "0", "1", ... A batch of rows is all that is held
of a .csv, .parquet or .npy file that is read in batches.
"""

import bisect
import csv
import dataclasses
import glob
import itertools
import re
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow
from pyarrow import parquet

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
    if _suffix(file) == ".csv":
        return [Rows(next(_csv_chunks(file, None), pd.DataFrame()))]
    if _suffix(file) == ".parquet":
        with _parquet(file) as source:
            return [Rows(_named(source.read().to_pandas(), file))]
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
    if _suffix(file) == ".parquet":
        with _parquet(file) as source:
            starts = _group_starts(source)
            count = -(-source.metadata.num_rows // size)
        entries = sorted({-(-start // size) for start in starts})
        return [number for number in entries if number < count], count
    if _suffix(file) == ".npy":
        count = -(-len(_arrays(file)[""]) // size)
        return list(range(count)), count
    return [0], None


def is_array(path: str) -> bool:
    """Whether the file holds arrays, whose columns have no names of their own.

    Args:
        path: The path, perhaps `file.npz:array`.

    Returns:
        True for .npz and .npy.
    """
    return _suffix(split_array(path)[0]) in (".npz", ".npy")


def expand(pattern: str) -> list[str]:
    """The files that a pattern such as `data-*.parquet` or `data-*.npz:x` stands for.

    Args:
        pattern: A path with `*`, `?` or `[...]` in it, or without.

    Returns:
        Their paths in order, each with the name of the array if the pattern has one.
    """
    files, array = split_array(pattern)
    suffix = "" if array is None else f":{array}"
    return [file + suffix for file in sorted(glob.glob(files)) if Path(file).is_file()]


def split_array(path: str) -> tuple[str, str | None]:
    """The file of a path, and the array of `file.npz:array`."""
    match = _ARRAY.fullmatch(path)
    return (match[1], match[2]) if match else (path, None)


def _batches(
    path: str, context: Sequence[str], batch_size: int, start: int
) -> tuple[int, Iterator[Rows]]:
    """Batches from near the row `start`, not behind it, and the row they begin at."""
    file, array = _locate(path)
    if _suffix(file) == ".csv":
        return 0, map(Rows, _csv_chunks(file, batch_size))
    if _suffix(file) == ".parquet":
        return _parquet_batches(file, batch_size, start)
    rows = _pick(_arrays(file), array, context, path)
    starts = range(start, len(rows), batch_size)
    return start, (rows[first : first + batch_size] for first in starts)


def _suffix(file: str) -> str:
    return Path(file).suffix.lower()


def _locate(path: str) -> tuple[str, str | None]:
    file, array = split_array(path)
    if _suffix(file) not in (".csv", ".parquet", ".npz", ".npy"):
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


def _unreadable(file: str, error: Exception) -> ValueError:
    reason = " ".join(str(error).split())[:200]
    if "pickle" in reason:  # NumPy's words for anything that is no array of numbers.
        reason = "it holds no plain array"
    return ValueError(
        f"A {_suffix(file)} file must be readable as such; received {file!r}, which is "
        f"not ({reason}); write it again."
    )


def _named(frame: pd.DataFrame, file: str) -> pd.DataFrame:
    """Gives the columns string names and refuses names that occur twice or never."""
    frame.columns = pd.Index([str(name).strip() for name in frame.columns])
    twice = frame.columns[frame.columns.duplicated()]
    if len(twice):
        raise ValueError(
            "Each column needs a name of its own; "
            f"received two named '{twice[0]}' in {file}; rename one."
        )
    return frame


def _csv_chunks(file: str, rows: int | None) -> Iterator[pd.DataFrame]:
    """Frames of at most `rows` rows, or one frame of all rows."""
    try:
        names, separator = _csv_header(file)
        # With one column a blank line is a missing value, otherwise it is no row.
        reader = pd.read_csv(
            file,
            sep=separator,
            header=0,
            names=names,
            index_col=False,
            skip_blank_lines=len(names) > 1,
            low_memory=False,
            chunksize=rows or 2**62,
        )
        with reader, warnings.catch_warnings():
            # Rows longer than the header are a warning, and would be cut.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            yield from reader
    except pd.errors.ParserWarning as error:
        raise ValueError(
            "A row has as many values as the header has names; received longer rows "
            f"in {file}; name every column."
        ) from error
    except (pd.errors.ParserError, UnicodeDecodeError, csv.Error) as error:
        raise _unreadable(file, error) from error


def _csv_header(file: str) -> tuple[list[str], str]:
    with open(file, encoding="utf-8-sig", newline="") as text:
        first = next((line for line in text if line.strip()), "")
    if not first:
        raise ValueError(
            f"The first row names the columns; received blank lines alone in {file}; "
            "write the rows into it."
        )
    separator = max(",;\t", key=first.count)
    names = [name.strip() for name in next(csv.reader([first], delimiter=separator))]
    where = f"received {first.strip()[:60]!r} in {file}"
    if "" in names:
        raise ValueError(
            f"The first row names every column; {where}, where name "
            f"{names.index('') + 1} is missing; name the column, or write the file "
            "without an index."
        )
    twice = next((name for name in names if names.count(name) > 1), None)
    if all(map(_is_number, names)) and names != [str(i) for i in range(len(names))]:
        raise ValueError(
            f"The first row names the columns; {where}, which is numbers; "
            "put a row of names on top."
        )
    if twice is not None:
        raise ValueError(
            f"Each column needs a name of its own; {where}, with two columns "
            f"'{twice}'; rename one."
        )
    return names, separator


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _parquet_batches(
    file: str, batch_size: int, start: int
) -> tuple[int, Iterator[Rows]]:
    """Batches from the beginning of the row group that holds the row `start`."""
    source = _parquet(file)
    starts = _group_starts(source)
    group = max(bisect.bisect_right(starts, start) - 1, 0)
    groups = list(range(group, len(starts)))

    def batches() -> Iterator[Rows]:
        with source:
            for batch in source.iter_batches(batch_size, groups):
                yield Rows(_named(batch.to_pandas(), file))

    return starts[group] if starts else 0, batches()


def _group_starts(source: parquet.ParquetFile) -> list[int]:
    """The first row of each row group."""
    metadata = source.metadata
    sizes = [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)]
    return list(itertools.accumulate(sizes, initial=0))[:-1]


def _parquet(file: str) -> parquet.ParquetFile:
    try:
        # Row groups are read a page at a time: many files are one group of all rows.
        return parquet.ParquetFile(file, buffer_size=2**16, pre_buffer=False)
    except pyarrow.ArrowException as error:
        raise _unreadable(file, error) from error


def _arrays(file: str) -> dict[str, np.ndarray]:
    """The arrays of an .npz; the array of an .npy, not read yet, under no name."""
    try:
        if _suffix(file) == ".npy":
            return {"": np.load(file, mmap_mode="r", allow_pickle=False)}
        with np.load(file, allow_pickle=False) as arrays:
            return dict(arrays)
    except (ValueError, EOFError, OSError, zipfile.BadZipFile) as error:
        raise _unreadable(file, error) from error


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
