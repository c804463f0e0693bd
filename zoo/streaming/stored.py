"""Rows that stay on disk: an `.npy` file, read where and when rows are asked for."""

import hashlib
import os
from pathlib import Path
from typing import BinaryIO, SupportsIndex, TypeAlias

import numpy as np

_CHUNK = 2**22
Index: TypeAlias = SupportsIndex | slice | np.ndarray | list[int]


class StoredRows:
    """An array in an `.npy` file of which no more is in memory than is asked for.

    Rows are read, not mapped: pages of a mapped file count as memory of the process.

    Args:
        path: The file, in C order.
        sha256: Of the file, in hex, where it is known.

    Attributes:
        path: As given.
        sha256: As given.
        shape: Of the array.
        dtype: Of the array.
        failure: The error of the last read that failed, as TensorFlow, where it reads
            ahead, passes on no more than words.
    """

    def __init__(self, path: Path, sha256: str = "") -> None:
        self.path = path
        self.sha256 = sha256
        self.failure: OSError | None = None
        with path.open("rb") as file:
            version = np.lib.format.read_magic(file)
            header = getattr(np.lib.format, f"read_array_header_{version[0]}_0")
            self.shape, _, self.dtype = header(file)
            self._offset = file.tell()
            self._found = _identity(file)
        self._row_bytes = self[0:0].dtype.itemsize * int(np.prod(self.shape[1:]))

    @property
    def ndim(self) -> int:
        """Number of dimensions of the array."""
        return len(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes of the whole array."""
        return len(self) * self._row_bytes

    def __len__(self) -> int:
        """Number of rows."""
        return self.shape[0]

    def __getitem__(self, index: Index) -> np.ndarray:
        """The rows of a slice without a step, of numbers, of a mask, or a single one.

        Raises:
            OSError: If the file is not what it was as it was opened.
        """
        if isinstance(index, slice):
            start, stop, step = index.indices(len(self))
            if step != 1:
                raise ValueError(
                    "Stored rows are read in their order; received a slice with the "
                    f"step {step}. Read the rows first, then take that step."
                )
            return self._read([(start, max(start, stop))])
        chosen = np.asarray(index)
        if chosen.dtype == bool:
            chosen = np.flatnonzero(chosen)
        rows = np.atleast_1d(np.where(chosen < 0, chosen + len(self), chosen))
        if len(rows) and not 0 <= rows.min() <= rows.max() < len(self):
            raise IndexError(
                f"Rows are numbered from 0 to {len(self) - 1}; received "
                f"{rows.min()} to {rows.max()}. Ask for rows that there are."
            )
        order = np.argsort(rows, kind="stable")  # Disks read forwards.
        values = np.empty((len(rows), *self.shape[1:]), self.dtype)
        values[order] = self._read([(row, row + 1) for row in rows[order]])
        return values if chosen.ndim else values[0]

    def __array__(
        self, dtype: np.dtype | None = None, copy: object = None
    ) -> np.ndarray:
        """The whole array, in memory."""
        del copy  # It always is one.
        return np.asarray(self[:], dtype)

    def _read(self, ranges: list[tuple[int, int]]) -> np.ndarray:
        rows = sum(stop - start for start, stop in ranges)
        values = np.empty((rows, *self.shape[1:]), self.dtype)
        if not values.size:
            return values
        content = values.view(np.uint8).reshape(-1).data
        try:
            with self.path.open("rb", buffering=0) as file:
                if _identity(file) != self._found:
                    raise self._failed("was changed")
                there = 0
                for start, stop in ranges:
                    here, there = there, there + (stop - start) * self._row_bytes
                    file.seek(self._offset + start * self._row_bytes)
                    while here < there:
                        count = file.readinto(content[here:there])
                        if not count:
                            raise self._failed("was cut short")
                        here += count
        except FileNotFoundError:
            raise self._failed("is not there any more") from None
        except OSError as error:
            if error.errno is None:
                raise
            raise self._failed(f"cannot be read ({error.strerror})") from error
        return values

    def _failed(self, what: str) -> OSError:
        self.failure = OSError(
            "Prepared data must stay as they are until a run ends; received "
            f"{self.path}, which {what}. Checkpoints are kept: the same command "
            "prepares the data anew, and goes on from the last one."
        )
        return self.failure


def digest(path: Path) -> str:
    """SHA-256, in hex, of a file."""
    found = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        while chunk := file.read(_CHUNK):
            found.update(chunk)
    return found.hexdigest()


def _identity(file: BinaryIO) -> tuple[int, int, int]:
    """What tells a file from another one, or from itself before it was changed."""
    found = os.fstat(file.fileno())
    return found.st_ino, found.st_size, found.st_mtime_ns
