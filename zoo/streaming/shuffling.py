"""Shuffles rows that do not fit in memory: deals them to buckets, then shuffles each.

A row goes to a bucket chosen at random, and a bucket, which fits in memory, is put in
random order as it is read back. So every order of all rows is equally likely, whatever
order they came in. Each row is written twice and read once on the way.
"""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

BUCKET_BYTES = 2**24


class Shuffler:
    """Takes rows block by block, and gives all of them back in random order, once.

    The order is a function of the seed, the number of buckets and the rows' numbers;
    not of the blocks that they come in.

    Args:
        folder: Where buckets are written; they are removed as they are read.
        dtype: Of a row.
        buckets: How many.
        seed: Of the order.
    """

    def __init__(
        self, folder: Path, dtype: np.dtype, buckets: int, seed: list[int]
    ) -> None:
        self.rows = 0
        self._files = [folder / f"bucket-{number}" for number in range(buckets)]
        self._dtype = dtype
        self._seed = seed
        self._rng = np.random.default_rng([*seed, 0])

    def add(self, rows: np.ndarray) -> np.ndarray:
        """Takes rows; tells which of them went to the first bucket: a fair sample."""
        bucket = (self._rng.random(len(rows)) * len(self._files)).astype(np.int64)
        order = np.argsort(bucket, kind="stable")
        sizes = np.bincount(bucket, minlength=len(self._files))
        stops = np.cumsum(sizes)
        for number in np.flatnonzero(sizes):
            part = order[stops[number] - sizes[number] : stops[number]]
            # Buffered, as a full disk may take a part of what is written at once.
            with self._files[number].open("ab") as file:
                file.write(rows[part].tobytes())
        self.rows += len(rows)
        return bucket == 0

    def __iter__(self) -> Iterator[np.ndarray]:
        """The rows of one bucket after the other."""
        for number, path in enumerate(self._files):
            if path.exists():
                rows = np.fromfile(path, self._dtype)
                path.unlink()
                rng = np.random.default_rng([*self._seed, 1, number])
                yield rows[rng.permutation(len(rows))]


class ArrayWriter:
    """Writes an `.npy` file block by block.

    Args:
        path: The file.
        shape: Of the whole array.
        dtype: Of the array.
    """

    def __init__(self, path: Path, shape: tuple[int, ...], dtype: np.dtype) -> None:
        self.name = path.name
        self._dtype = dtype
        self._sha256 = hashlib.sha256()
        header = {
            "descr": np.lib.format.dtype_to_descr(dtype),
            "fortran_order": False,
            "shape": shape,
        }
        with path.open("wb") as file:
            np.lib.format.write_array_header_1_0(file, header)
        self._sha256.update(path.read_bytes())
        self._file = path.open("ab")

    def add(self, values: np.ndarray) -> None:
        """Appends rows."""
        content = np.ascontiguousarray(values, self._dtype).tobytes()
        self._sha256.update(content)
        self._file.write(content)

    def close(self) -> str:
        """Closes the file; its SHA-256, in hex."""
        self._file.close()
        return self._sha256.hexdigest()


def deal(
    shuffler: Shuffler,
    folder: Path,
    sizes: Mapping[str, int],
    kinds: Mapping[str, np.dtype],
) -> dict[str, str]:
    """Writes shuffled rows into files `SPLIT.FIELD.npy`.

    Args:
        shuffler: Has all rows.
        folder: Where to write.
        sizes: Rows of each split, which add up to all; the first rows are the first's.
        kinds: The fields of rows that are written, and what they become.

    Returns:
        SHA-256, in hex, of each file.
    """
    left = dict(sizes)
    writers = {
        (split, field): ArrayWriter(
            folder / f"{split}.{field}.npy",
            (size, *kind.shape),
            kind.base,
        )
        for split, size in sizes.items()
        for field, kind in kinds.items()
    }
    try:
        for rows in shuffler:
            for split in sizes:
                part, rows = rows[: left[split]], rows[left[split] :]
                left[split] -= len(part)
                for field, kind in kinds.items():
                    values = part[field].reshape(len(part), *kind.shape)
                    writers[split, field].add(values)
    finally:
        digests = {writer.name: writer.close() for writer in writers.values()}
    return digests
