"""Rows of data that are larger than memory, block by block, in the order they have.

- Tables: one file, or several that a pattern (`rows-*.parquet`) or a directory, which
  ends with `/`, stands for: `.csv`, `.parquet`, `.npy` or TFRecord files, all of one
  kind. Of `.npy` files with images these come out.
- TFRecord files have `tf.train.Example`s. Each feature is a column of floats or
  integers, one number a row; a feature `x` of several numbers is the columns `x_0`,
  `x_1`, and so on. What features there are, the first example of a file tells.
- Splits of TensorFlow Datasets, in the order that they are stored in.
"""

import collections
import dataclasses
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from zoo import _files, _frames
from zoo._files import Rows

if TYPE_CHECKING:
    import tensorflow as tf
    from tensorflow_datasets.core import DatasetBuilder

ROWS = 2**15
# Of the size as 32-bit floats: these beside the 64-bit ones that are checked.
_MEMORY = 3
KINDS = (".csv", ".parquet", ".npy", ".tfrecord")


@dataclasses.dataclass(frozen=True)
class Block:
    """Rows that are in memory.

    Attributes:
        rows: They.
        path: Where they are from.
        first: Number of the first one there, from 0.
    """

    rows: Rows
    path: str
    first: int


@dataclasses.dataclass(frozen=True)
class Source:
    """Where rows come from.

    Attributes:
        blocks: Reads all of them, block by block.
        identity: What changes if the rows do: paths, sizes and times of files.
        size: About how many bytes they take as 32-bit floats, or as pixels.
    """

    blocks: Callable[[], Iterator[Block]]
    identity: list[list[object]]
    size: int


def files(name: str, context: Sequence[str]) -> Source:
    """The rows of the user's own files.

    Args:
        name: A file, a pattern, or a directory that ends with `/`.
        context: Names of the context columns.

    Raises:
        ValueError: If the files are of no kind that can be read in blocks, or of two.
        FileNotFoundError: If there are none.
        PermissionError: If one is not for this user to read.
    """
    paths = _paths(name)
    identity: list[list[object]] = [
        [str(Path(path).resolve()), stat.st_size, stat.st_mtime_ns]
        for path in paths
        for stat in [Path(path).stat()]
    ]

    def blocks() -> Iterator[Block]:
        for path in paths:
            first = 0
            for rows in _iterate(path, context):
                yield Block(rows, path, first)
                first += len(rows)

    return Source(blocks, identity, sum(map(_size, paths)))


def require_room(path: str) -> None:
    """Refuses a file that cannot be read into memory, before that is tried.

    Raises:
        ValueError: If it is larger than all memory there is.
    """
    if kind(path) not in KINDS or not Path(path).is_file():
        return
    needed, there = _MEMORY * _size(path) / 2**30, _memory() / 2**30
    if needed > there:
        raise ValueError(
            "Data are read into memory unless they are to stay on disk; received "
            f"{path}, which would take {needed:.1f} GiB at least, of {there:.1f} GiB "
            "that there are; give --stream."
        )


def _memory() -> float:
    """Bytes of the machine's memory; infinity where it does not tell."""
    try:
        return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, OSError, ValueError):
        return math.inf


def kind(path: str) -> str:
    """The kind of a file, as `.csv`; of TFRecord files, however they are numbered."""
    return ".tfrecord" if ".tfrecord" in Path(path).name else _frames.suffix(path)


def _paths(name: str) -> list[str]:
    if name.endswith("/"):
        found = sorted(str(path) for path in Path(name).glob("*") if path.is_file())
        paths = [path for path in found if kind(path) in KINDS]
    elif Path(name).is_file():  # Also where its name has brackets.
        paths = [name]
    else:
        paths = _files.expand(name)
    if not paths:
        raise FileNotFoundError(
            f"Data must exist; received {name!r}, where there is no "
            f"{', '.join(KINDS[:-1])} or TFRecord file; check the path."
        )
    kinds = sorted({kind(path) for path in paths})
    if len(kinds) > 1 or kinds[0] not in KINDS:
        raise ValueError(
            "Data are read in blocks from .csv, .parquet, .npy or TFRecord files, all "
            f"of one kind; received {' and '.join(kinds)} in {name}; convert them, or "
            "give a pattern of some."
        )
    for path in paths:
        if not Path(path).stat().st_size:
            raise ValueError(
                f"A data file must hold rows; received {path!r}, which is empty; "
                "write the rows into it, or remove it."
            )
        if not os.access(path, os.R_OK):
            raise PermissionError(
                f"A data file must be readable; received {path!r}, which is not for "
                "this user; change its permissions."
            )
    return paths


def _iterate(path: str, context: Sequence[str]) -> Iterator[Rows]:
    if kind(path) == ".tfrecord":
        yield from _tfrecord(path)
    elif kind(path) == ".npy":
        # Mapped anew for each block: what was read of a map counts as memory.
        start, size = 0, _frames.affordable_rows(ROWS, max(1, _files.row_size(path)))
        while rows := list(
            _files.iterate(path, context, size, start=start, stop=start + size)
        ):
            yield from rows
            start += size
    else:
        yield from _files.iterate(path, context, ROWS)


def _size(path: str) -> int:
    if kind(path) == ".npy":
        return _files.array_size(path)
    if kind(path) == ".parquet":
        return _frames.parquet_size(path) * 4
    return Path(path).stat().st_size


def _tfrecord(path: str) -> Iterator[Rows]:
    import tensorflow as tf

    records = tf.data.TFRecordDataset(path)
    first = 0
    try:
        example = next(iter(records.take(1).as_numpy_iterator()))
        features = _features(example, path)
        width = len(_columns(features))
        size = _frames.affordable_rows(ROWS // 8, width)
        for batch in records.batch(size).as_numpy_iterator():
            try:
                yield _parse(batch, features)
            except tf.errors.InvalidArgumentError:
                raise _misfit(batch, features, path, first) from None
            first += len(batch)
    except tf.errors.DataLossError as error:
        reason = f"a record after row {first} is damaged or cut short"
        raise _frames.unreadable(path, ValueError(reason)) from error


def _features(example: bytes, path: str) -> dict[str, "tf.io.FixedLenFeature"]:
    """How to parse the examples of a file, as the first one tells."""
    import tensorflow as tf
    from google.protobuf.message import DecodeError

    try:
        found = tf.train.Example.FromString(example).features.feature
    except DecodeError as error:
        raise _frames.unreadable(path, error) from error
    features: dict[str, tf.io.FixedLenFeature] = {}
    for name in sorted(found):
        which = found[name].WhichOneof("kind")
        values = getattr(found[name], which).value if which else ()
        if which not in ("float_list", "int64_list") or not len(values):
            raise ValueError(
                "Each feature of an example is floats or integers; received "
                f"{'bytes' if which == 'bytes_list' else 'nothing'} in '{name}' in row "
                f"1 of {path}; write numbers."
            )
        dtype = tf.float32 if which == "float_list" else tf.int64
        features[name] = tf.io.FixedLenFeature([len(values)], dtype)
    if not features:
        raise ValueError(
            "Examples have features; received none in row 1 of "
            f"{path}; write tf.train.Example records."
        )
    counts = collections.Counter(_columns(features))
    _frames.check_width(counts.total(), path)
    twice, count = counts.most_common(1)[0]
    if count > 1:
        raise ValueError(
            "Each column needs a name of its own; received features of which two are "
            f"the column '{twice}' in {path}; rename one."
        )
    return features


def _columns(features: Mapping[str, "tf.io.FixedLenFeature"]) -> list[str]:
    """The names of the columns that features are, in their order."""
    return [
        name if feature.shape == [1] else f"{name}_{i}"
        for name, feature in features.items()
        for i in range(feature.shape[0])
    ]


def _parse(batch: np.ndarray, features: Mapping[str, "tf.io.FixedLenFeature"]) -> Rows:
    import tensorflow as tf

    parsed = tf.io.parse_example(batch, dict(features))
    columns = [column for name in features for column in parsed[name].numpy().T]
    frame = dict(zip(_columns(features), columns, strict=True))
    return Rows(pd.DataFrame(frame, copy=False))


def _misfit(
    batch: np.ndarray,
    features: Mapping[str, "tf.io.FixedLenFeature"],
    path: str,
    first: int,
) -> ValueError:
    """Names the first example that has not the features of the first one."""
    import tensorflow as tf

    for row in range(len(batch)):
        try:
            _parse(batch[row : row + 1], features)
        except tf.errors.InvalidArgumentError as error:
            # TensorFlow puts the name of an operation on both sides of its reason.
            reason = error.message.partition("}} ")[2].partition(" [Op:")[0]
            reason = reason.removeprefix("Name: <unknown>, ").rstrip(".")[:120]
            return ValueError(
                "All examples of a file have the features of the first one; received "
                f"row {first + row + 1} of {path} ({reason}); write it again."
            )
    return _frames.unreadable(path, ValueError("examples cannot be parsed"))


def tfds(builder: "DatasetBuilder", split: str, name: str) -> Source:
    """The rows of a split of TensorFlow Datasets, or of a slice of one.

    Images come out as these, vectors as columns "0", "1", ..., both with the class
    label, if there is one, as a column.

    Args:
        builder: That of the data set, which is prepared.
        split: As TFDS takes it, such as `train[:90%]`.
        name: The data set's.
    """
    from zoo import tfds_sets

    key, label = tfds_sets.choose_features(builder)
    info = builder.info.splits[split]
    shape = builder.info.features[key].shape
    keys = (key,) if label is None else (key, label)

    def blocks() -> Iterator[Block]:
        first = 0
        for batch in tfds_sets.batches(builder, split, keys):
            x = batch[key]
            extra = {} if label is None else {label: batch[label]}
            if x.ndim > 2:
                rows = Rows(pd.DataFrame(extra, index=range(len(x))), x)
            else:
                columns = [str(i) for i in range(x.shape[1])]
                rows = Rows(
                    pd.DataFrame(x, columns=columns, copy=False).assign(**extra)
                )
            yield Block(rows, f"tfds:{name} ({split})", first)
            first += len(x)

    stored = [path for path in map(Path, info.filepaths) if path.exists()]
    identity: list[list[object]] = [
        [split, info.num_examples],
        *([path.name, path.stat().st_size, path.stat().st_mtime_ns] for path in stored),
    ]
    width = 1 if len(shape) > 1 else 4
    return Source(blocks, identity, info.num_examples * math.prod(shape) * width)
