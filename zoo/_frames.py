"""Reads the columns of a .csv or .parquet file, a part of its rows at a time."""

import bisect
import csv
import itertools
import warnings
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pyarrow
from pyarrow import parquet


def csv_chunks(file: str, rows: int | None) -> Iterator[pd.DataFrame]:
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
        raise unreadable(file, error) from error


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


def read_parquet(file: str) -> pd.DataFrame:
    """The whole file."""
    with _open_parquet(file) as source:
        return _named(source.read().to_pandas(), file)


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
            for batch in source.iter_batches(rows, range(group, len(starts))):
                yield _named(batch.to_pandas(), file)

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
        return parquet.ParquetFile(file, buffer_size=2**16, pre_buffer=False)
    except pyarrow.ArrowException as error:
        raise unreadable(file, error) from error


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
