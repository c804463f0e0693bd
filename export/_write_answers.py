"""Answers into files, as they come."""

import contextlib
import csv
import errno
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TextIO

import numpy as np

from zoo.model_dir import Replacing, save_arrays


def check_target(path: str | os.PathLike[str]) -> None:
    """Checks that answers can be written to a file of this name, and leaves no trace.

    Raises:
        ValueError: If the name ends in another way.
        OSError: If there can be no such file.
    """
    target = Path(path)
    if target.suffix.lower() not in (".csv", ".npz"):
        raise ValueError(
            f"Answers are written to .csv and .npz files; received {path}. Give "
            "another --output."
        )
    try:
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        with tempfile.TemporaryFile(dir=target.parent):
            pass
    except OSError as error:
        raise OSError(
            "Answers are written to a file in a directory that takes files; cannot "
            f"write {path} ({error.strerror}). Give another --output, or make the "
            "directory."
        ) from None


def write_answers(
    answers: Iterable[Mapping[str, np.ndarray]], path: str | os.PathLike[str]
) -> int:
    """Writes answers as they come, beside the file, which appears when it is whole.

    Args:
        answers: Arrays by the names of the outputs, each `[batch, ...]`.
        path: A `.csv`, written batch by batch: `row`, from 1, then a column for each
            output `[batch]`, and `name_0`, `name_1`, ... for the others. Or an `.npz`
            with an array for each output, held in memory until the end.

    Returns:
        The number of rows.

    Raises:
        OSError: If the answers end early; what came before is kept in `NAME.part.csv`
            or `NAME.part.npz`, unless it is nothing: then with the error that it was.
            If they cannot be written; then nothing is kept.
        ValueError: If the path ends otherwise.
    """
    check_target(path)
    target = Path(path)
    part = target.with_suffix(f".part{target.suffix}")
    kind = _Csv if target.suffix.lower() == ".csv" else _Npz
    received = _UntilFault(answers)
    with Replacing(target) as temporary:
        with _writing(target), kind(temporary) as sink:
            for answer in received:
                sink.add(answer)
        # Here what was answered is in the file, closed without an error.
        fault = received.fault
        if fault is not None:
            if not sink.rows:
                raise fault
            with _writing(part):
                os.replace(temporary, part)
            kept = f"The {sink.rows:,} rows that were answered are in {part}."
            if isinstance(fault, Exception):
                raise OSError(f"{fault} {kept}") from fault
            print(kept, file=sys.stderr)
            raise fault
    return sink.rows


class _UntilFault:
    """Answers up to a fault, which is kept apart from those of writing them."""

    def __init__(self, answers: Iterable[Mapping[str, np.ndarray]]) -> None:
        self._answers = answers
        self.fault: BaseException | None = None

    def __iter__(self) -> Iterator[Mapping[str, np.ndarray]]:
        try:
            yield from self._answers
        except (Exception, KeyboardInterrupt) as fault:
            self.fault = fault


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Makes the system's errors a sentence about the file."""
    try:
        yield
    except OSError as error:
        raise OSError(
            "Answers are written where there is room for all of them; cannot write "
            f"{path} ({error.strerror or error}). Make room, or give another --output."
        ) from None


class _Csv:
    """Rows of text; floats so that reading them gives the same floats."""

    def __init__(self, path: Path) -> None:
        self.rows = 0
        self._file: TextIO = path.open("w", newline="", encoding="utf-8")
        self._writer = csv.writer(self._file)

    def add(self, answer: Mapping[str, np.ndarray]) -> None:
        rows = len(next(iter(answer.values())))
        if not self._file.tell():
            names = [n for name, array in answer.items() for n in _names(name, array)]
            self._writer.writerow(["row", *names])
        flat = [array.reshape(rows, -1) if rows else array for array in answer.values()]
        self._writer.writerows(
            [self.rows + i + 1, *(str(value) for array in flat for value in array[i])]
            for i in range(rows)
        )
        self.rows += rows

    def __enter__(self) -> "_Csv":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def _names(name: str, array: np.ndarray) -> list[str]:
    if array.ndim == 1:
        return [name]
    return [f"{name}_{i}" for i in range(np.prod(array.shape[1:], dtype=int))]


class _Npz:
    """Arrays, each of all rows."""

    def __init__(self, path: Path) -> None:
        self.rows = 0
        self._path = path
        self._answers: list[Mapping[str, np.ndarray]] = []

    def add(self, answer: Mapping[str, np.ndarray]) -> None:
        self._answers.append(answer)
        self.rows += len(next(iter(answer.values())))

    def __enter__(self) -> "_Npz":
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        if error is not None:
            return
        names = self._answers[0] if self._answers else {}
        arrays = {n: np.concatenate([a[n] for a in self._answers]) for n in names}
        with self._path.open("wb") as file:
            save_arrays(file, arrays)
