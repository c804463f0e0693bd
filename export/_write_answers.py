"""Answers into files, as they come."""

import csv
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TextIO

import numpy as np

from zoo.model_dir import Replacing, save_arrays


def check_target(path: str | os.PathLike[str]) -> None:
    """Raises ValueError unless answers can be written to a file of this name."""
    if Path(path).suffix.lower() not in (".csv", ".npz"):
        raise ValueError(
            f"Answers are written to .csv and .npz files; received {path}. Give "
            "another --output."
        )


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
        ValueError: If the path ends otherwise.
    """
    check_target(path)
    target = Path(path)
    part = target.with_suffix(f".part{target.suffix}")
    with Replacing(target) as temporary:
        csv_wanted = target.suffix.lower() == ".csv"
        sink = _Csv(temporary) if csv_wanted else _Npz(temporary)
        try:
            try:
                for answer in answers:
                    sink.add(answer)
            finally:
                sink.close()
        except BaseException as error:
            if not sink.rows:
                raise
            os.replace(temporary, part)
            kept = f"The {sink.rows:,} rows that were answered are in {part}."
            if isinstance(error, Exception):
                raise OSError(f"{error} {kept}") from error
            print(kept, file=sys.stderr)
            raise
    return sink.rows


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

    def close(self) -> None:
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

    def close(self) -> None:
        names = self._answers[0] if self._answers else {}
        arrays = {n: np.concatenate([a[n] for a in self._answers]) for n in names}
        with self._path.open("wb") as file:
            save_arrays(file, arrays)
