"""Reads the columns of a .csv or .parquet file, a part of its rows at a time."""

import bisect
import collections
import csv
import itertools
import warnings
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pyarrow
from pyarrow import parquet

# What a frame of a part of the rows may have, whatever the width: 128 MiB.
_MOST_CELLS = 2**24
# Of a .parquet file: values for each byte of it, from a gibibyte in memory on.
_MOST_REPEATS = 100
MOST_COLUMNS = 100_000


def csv_chunks(file: str, rows: int | None) -> Iterator[pd.DataFrame]:
    """Frames of at most `rows` rows, or one frame of all rows."""
    names, separator = _csv_header(file)
    if rows is None:
        _check_lines(file, len(names))
        most = 2**62
    else:
        most = affordable_rows(rows, len(names))
    try:
        # With one column a blank line is a missing value, otherwise it is no row.
        reader = pd.read_csv(
            file,
            sep=separator,
            header=0,
            names=names,
            index_col=False,
            skip_blank_lines=len(names) > 1,
            low_memory=False,
            chunksize=most,
        )
        with reader:
            while (frame := _next(reader)) is not None:
                yield frame
    except pd.errors.ParserWarning as error:
        raise ValueError(
            "A row has as many values as the header has names; received longer rows "
            f"in {file}; name every column."
        ) from error
    except Exception as error:  # Of a broken file parsers raise whatever they like.
        raise unreadable(file, error) from error


def _next(reader: Iterator[pd.DataFrame]) -> pd.DataFrame | None:
    with warnings.catch_warnings():
        # Rows longer than the header are a warning, and would be cut.
        warnings.simplefilter("error", pd.errors.ParserWarning)
        return next(reader, None)


def _csv_header(file: str) -> tuple[list[str], str]:
    try:
        with open(file, encoding="utf-8-sig", newline="") as text:
            first = next((line for line in text if line.strip()), "")
        separator = max(",;\t", key=first.count)
        header = next(csv.reader([first], delimiter=separator), [])
    except (UnicodeDecodeError, csv.Error) as error:
        raise unreadable(file, error) from error
    if not first:
        raise ValueError(
            f"The first row names the columns; received blank lines alone in {file}; "
            "write the rows into it."
        )
    names = [name.strip() for name in header]
    check_width(len(names), file)
    where = f"received {first.strip()[:60]!r} in {file}"
    if "" in names:
        raise ValueError(
            f"The first row names every column; {where}, where name "
            f"{names.index('') + 1} is missing; name the column, or write the file "
            "without an index."
        )
    counts = collections.Counter(names)
    twice = next((name for name in names if counts[name] > 1), None)
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


def _check_lines(file: str, columns: int) -> None:
    """Raises ValueError where short rows would be filled up beyond all measure."""
    lines = 0
    with open(file, "rb") as source:
        while part := source.read(2**20):
            lines += part.count(b"\n")
    # A row takes a byte a value at least: a separator, or the end of the line.
    if lines * columns > max(8 * _MOST_CELLS, 2 * Path(file).stat().st_size):
        raise ValueError(
            "A row has as many values as the header has names; received "
            f"{lines:,} lines below {columns:,} names in {file}, which has not as many "
            "bytes; write the rows whole."
        )


def affordable_rows(rows: int, numbers: int) -> int:
    """So many rows, or fewer, where each of them has many numbers."""
    return min(rows, max(1, _MOST_CELLS // numbers))


def check_width(columns: int, path: str) -> None:
    """Refuses tables of too many columns, before anything is done for each of them.

    Args:
        columns: How many.
        path: The file, for the message.

    Raises:
        ValueError: If they are too many.
    """
    if columns > MOST_COLUMNS:
        raise ValueError(
            f"A table has at most {MOST_COLUMNS:,} columns; received {columns:,} in "
            f"{path}; leave some out of the file, or write images as an array [rows, "
            "height, width]."
        )


def read_parquet(file: str) -> pd.DataFrame:
    """The whole file."""
    with _open_parquet(file) as source:
        metadata, size = source.metadata, Path(file).stat().st_size
        cells = _num_values(metadata)
        # Repeated values take next to nothing in a file, and 8 bytes each in memory.
        if cells > max(8 * _MOST_CELLS, _MOST_REPEATS * size):
            raise ValueError(
                "A table whose values hardly ever repeat takes about a byte for each; "
                f"received {cells:,} values in {metadata.num_rows:,} rows, in the "
                f"{size:,} bytes of {file}; leave columns or rows out."
            )
        try:
            frame = source.read().to_pandas()
        except Exception as error:
            raise unreadable(file, error) from error
        return _named(frame, file)


def _num_values(metadata: parquet.FileMetaData) -> int:
    """How many values a file holds; a row of a list has any number of them."""
    groups = map(metadata.row_group, range(metadata.num_row_groups))
    return sum(
        group.column(i).num_values for group in groups for i in range(group.num_columns)
    )


def parquet_batches(
    file: str, rows: int, start: int
) -> tuple[int, Iterator[pd.DataFrame]]:
    """Frames of at most `rows` rows, and the row of the file that they begin at.

    It is the first of the row group that holds the row `start`.
    """
    starts, _ = parquet_groups(file)
    group = max(bisect.bisect_right(starts, start) - 1, 0)

    def batches() -> Iterator[pd.DataFrame]:
        with _open_parquet(file) as source:
            most = affordable_rows(rows, source.metadata.num_columns)
            parts = source.iter_batches(most, range(group, len(starts)))
            while True:
                try:
                    batch = next(parts, None)
                    frame = None if batch is None else batch.to_pandas()
                except Exception as error:
                    raise unreadable(file, error) from error
                if frame is None:
                    return
                yield _named(frame, file)

    return starts[group] if starts else 0, batches()


def parquet_groups(file: str) -> tuple[list[int], int]:
    """The first row of each row group, and the number of all rows."""
    with _open_parquet(file) as source:
        metadata = source.metadata
    sizes = [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)]
    return list(itertools.accumulate(sizes, initial=0))[:-1], metadata.num_rows


def parquet_size(file: str) -> int:
    """How many values it holds: rows times columns."""
    with _open_parquet(file) as source:
        return source.metadata.num_rows * source.metadata.num_columns


def _open_parquet(file: str) -> parquet.ParquetFile:
    try:
        # Row groups are read a page at a time: many files are one group of all rows.
        options = {"buffer_size": 2**16, "pre_buffer": False}
        with parquet.ParquetFile(file, **options) as source:
            texts = [field.name for field in source.schema_arrow if _is_text(field)]
        # A long text that repeats is in the file once, and so in memory.
        source = parquet.ParquetFile(file, read_dictionary=texts, **options)
    except Exception as error:
        raise unreadable(file, error) from error
    check_width(source.metadata.num_columns, file)
    if not source.metadata.num_columns:
        raise ValueError(
            f"A table has at least one column; received none in {file}; write the rows "
            "again."
        )
    return source


def _is_text(field: pyarrow.Field) -> bool:
    kinds = pyarrow.types
    return any(
        is_kind(field.type)
        for is_kind in (
            kinds.is_string,
            kinds.is_large_string,
            kinds.is_binary,
            kinds.is_large_binary,
        )
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


def suffix(file: str) -> str:
    """The kind of a file, as `.csv`."""
    return Path(file).suffix.lower()


def unreadable(file: str, error: Exception) -> ValueError:
    """What to raise where a file is not what its name says."""
    reason = " ".join(str(error).split())[:200]
    if "pickle" in reason:  # NumPy's words for anything that is no array of numbers.
        reason = "it holds no plain array"
    return ValueError(
        f"A {suffix(file)} file must be readable as such; received {file!r}, which is "
        f"not ({reason}); write it again."
    )
