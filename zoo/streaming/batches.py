"""Batches of rows on disk, read ahead in windows that fit in memory.

An epoch begins at a row that is drawn anew, runs through the file once as if it were a
ring, and is cut into blocks of about a mebibyte. Blocks are taken in random order, 16
of them make a window, and the rows of a window are put in random order. As the file
itself is in random order, each batch is a fair sample of all rows; what a window adds
is that no two epochs have the same batches.
"""

import contextlib
from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
import tensorflow as tf

from tfgen import random
from zoo.data import Split
from zoo.streaming.stored import StoredRows

_BLOCK_BYTES = 2**20
_WINDOW_BYTES = 2**24
# The rows of a window: ranges, and the order of all rows in them.
Window: TypeAlias = tuple[list[tuple[int, int]], np.ndarray]


def is_stored(split: Split) -> bool:
    """Whether the rows of a split are on disk."""
    return isinstance(split.x, StoredRows)


@contextlib.contextmanager
def plain_errors(*splits: Split) -> Iterator[None]:
    """Within it, where TensorFlow fails as rows cannot be read, that error is raised.

    Args:
        *splits: Those that are read.
    """
    try:
        yield
    except tf.errors.OpError:
        for split in splits:
            for rows in (split.x, split.context):
                if isinstance(rows, StoredRows) and rows.failure is not None:
                    raise rows.failure from None
        raise


def training_batches(
    split: Split,
    batch_size: int,
    steps: int,
    epochs: int,
    seed: int,
    *,
    done: int = 0,
) -> tf.data.Dataset:
    """Shuffled batches of all epochs; the order is a function of seed and epoch.

    Args:
        split: The rows, at least `steps * batch_size`.
        batch_size: Rows of a batch.
        steps: Batches of an epoch.
        epochs: How many.
        seed: Of the order.
        done: How many batches, at the beginning, are left out.
    """
    arrays = _arrays(split)
    block, blocks = _plan(split, batch_size)

    def read() -> Iterator[dict[str, np.ndarray]]:
        passed = done % steps
        for epoch in range(done // steps, epochs):
            for ranges, order in windows(
                len(split), block, blocks, batch_size * steps, seed, epoch
            ):
                skipped = min(passed * batch_size, len(order))
                passed -= skipped // batch_size
                if skipped == len(order):
                    continue
                yield {
                    key: _gather(values, ranges)[order[skipped:]].reshape(
                        -1, batch_size, *values.shape[1:]
                    )
                    for key, values in arrays.items()
                }

    return _batches(read, _signature(arrays, batch_size)).prefetch(tf.data.AUTOTUNE)


def windows(
    rows: int, block: int, blocks: int, used: int, seed: int, epoch: int
) -> Iterator[Window]:
    """The windows of an epoch.

    Args:
        rows: Of the file.
        block: Rows of a block; the last of an epoch may have fewer.
        blocks: Of a window; the last may have fewer.
        used: Rows of the epoch; which ones are left out changes with each.
        seed: Of the order.
        epoch: Of the order, too.
    """
    rng = np.random.default_rng([seed, epoch])
    start = int(rng.integers(rows))
    order = rng.permutation(-(-used // block))
    for number, first in enumerate(range(0, len(order), blocks)):
        ranges: list[tuple[int, int]] = []
        for low in order[first : first + blocks].tolist():
            here = (start + low * block) % rows
            there = here + min(block, used - low * block)
            ranges.append((here, min(there, rows)))
            if there > rows:
                ranges.append((0, there - rows))
        size = sum(stop - start for start, stop in ranges)
        mixed = np.random.default_rng([seed, epoch, number + 1]).permutation(size)
        yield ranges, mixed


def evaluation_batches(
    split: Split, batch_size: int, seed: int, first_row: int
) -> tf.data.Dataset:
    """Batches of equal size with a seed for each row; padding has weight zero.

    Args:
        split: The rows.
        batch_size: Rows of a batch.
        seed: Of the rows' seeds, with the number of each row.
        first_row: The number of the first row.
    """
    arrays = _arrays(split)
    block, _ = _plan(split, batch_size)
    signature = (
        _signature(arrays, batch_size),
        tf.TensorSpec([None, batch_size], tf.int32),
        tf.TensorSpec([None, batch_size], tf.float32),
    )

    def read() -> Iterator[tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]]:
        for start in range(0, len(split), block):
            count = min(block, len(split) - start)
            rows = np.arange(-(-count // batch_size) * batch_size)
            here = np.minimum(rows, count - 1)  # The padding repeats the last row.
            shape = (-1, batch_size)
            yield (
                {
                    key: values[start : start + count][here].reshape(
                        *shape, *values.shape[1:]
                    )
                    for key, values in arrays.items()
                },
                (first_row + start + here).astype(np.int32).reshape(shape),
                (rows < count).astype(np.float32).reshape(shape),
            )

    def with_seeds(
        inputs: dict[str, tf.Tensor], rows: tf.Tensor, weights: tf.Tensor
    ) -> tuple[dict[str, tf.Tensor], tf.Tensor, tf.Tensor]:
        return {**inputs, "seed": random.row_seeds(seed, rows)}, weights, weights

    count = -(-len(split) // batch_size)
    return (
        _batches(read, signature)
        .map(with_seeds)
        .apply(tf.data.experimental.assert_cardinality(count))
        .prefetch(tf.data.AUTOTUNE)
    )


def _batches(read: object, signature: object) -> tf.data.Dataset:
    """Batches, one by one, of what comes in stacks of them; one stack is read ahead."""
    stacks = tf.data.Dataset.from_generator(read, output_signature=signature)
    return stacks.prefetch(1).flat_map(
        lambda *stack: tf.data.Dataset.from_tensor_slices(
            stack[0] if len(stack) == 1 else stack
        )
    )


def _plan(split: Split, batch_size: int) -> tuple[int, int]:
    """Rows of a block, whole batches, and the blocks of a window."""
    row_bytes = sum(
        max(1, values.nbytes // len(values)) for values in _arrays(split).values()
    )
    block = max(1, _BLOCK_BYTES // (row_bytes * batch_size)) * batch_size
    return block, max(2, _WINDOW_BYTES // (block * row_bytes))


def _arrays(split: Split) -> dict[str, np.ndarray]:
    return {
        key: values
        for key, values in (("x", split.x), ("context", split.context))
        if values is not None
    }


def _gather(values: np.ndarray, ranges: list[tuple[int, int]]) -> np.ndarray:
    return np.concatenate([values[start:stop] for start, stop in ranges])


def _signature(
    arrays: dict[str, np.ndarray], batch_size: int
) -> dict[str, tf.TensorSpec]:
    return {
        key: tf.TensorSpec([None, batch_size, *values.shape[1:]], values.dtype)
        for key, values in arrays.items()
    }
