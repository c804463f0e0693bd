"""Noise as a pure function of seeds, one seed a row.

Every draw in this library is `f(seed of the row, stream, position in the row)`,
computed by the counter-based generator Threefry-2x32 in plain integer operations. So
equal seeds give equal draws in any batch, process or SavedModel, row `i` never depends
on the rest of the batch, and no generator state has to be saved.

`stream` separates the draws that one part makes for the same row. A part that hands
seeds to several children gives each its own with `fold_in`.

References:
    Salmon, Moraes, Dror and Shaw, 2011. Parallel Random Numbers: As Easy as 1, 2, 3.
    https://doi.org/10.1145/2063384.2063405
"""

import math
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_PARITY = 0x1BD11BDA
# Vectorised float kernels treat the tail of a buffer differently from its body. With
# rows padded to a multiple of this width no row has a tail, whatever the batch size.
_LANES = 32


def threefry(
    key: tuple[tf.Tensor, tf.Tensor], counter: tuple[tf.Tensor, tf.Tensor]
) -> tuple[tf.Tensor, tf.Tensor]:
    """Threefry-2x32 with 20 rounds: two random words for each key and counter.

    Args:
        key: Two uint32 tensors.
        counter: Two uint32 tensors; all four broadcast against each other.

    Returns:
        Two uint32 tensors of the broadcast shape.
    """
    keys = (*key, key[0] ^ key[1] ^ tf.constant(_PARITY, tf.uint32))
    x0, x1 = counter[0] + keys[0], counter[1] + keys[1]
    for group in range(5):
        for rotation in _ROTATIONS[group % 2]:
            x0 = x0 + x1
            x1 = x0 ^ _rotate_left(x1, rotation)
        x0 = x0 + keys[(group + 1) % 3]
        x1 = x1 + keys[(group + 2) % 3] + tf.constant(group + 1, tf.uint32)
    return x0, x1


def row_seeds(seed: int, rows: tf.Tensor) -> tf.Tensor:
    """Seeds for the given rows of a run: int32, of the shape of `rows`.

    Different rows of a run always get different seeds.

    Args:
        seed: The seed of the run, an integer or a scalar tensor.
        rows: Integer tensor, the number of each row (for a data set its example index).
    """
    return _scrambled(rows, seed, purpose=0)


def fold_in(seeds: tf.Tensor, data: int | tf.Tensor) -> tf.Tensor:
    """New row seeds from old ones and a number, such as a child's index or a step.

    Different seeds stay different.
    """
    return _scrambled(seeds, data, purpose=1)


def _scrambled(words: tf.Tensor, key: int | tf.Tensor, *, purpose: int) -> tf.Tensor:
    """A permutation of the 32-bit words, chosen by the key and the purpose."""
    zero = tf.constant(0, tf.uint32)
    masks = threefry((_word(key), tf.constant(purpose, tf.uint32)), (zero, zero))
    scrambled = _word(words)
    for mask in masks:
        scrambled = _avalanche(scrambled ^ mask)
    return tf.bitcast(scrambled, tf.int32)


def _avalanche(word: tf.Tensor) -> tf.Tensor:
    """The finaliser of MurmurHash3: each step of it can be undone."""
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        word = word ^ tf.bitwise.right_shift(word, tf.constant(shift, tf.uint32))
        word = word * tf.constant(factor, tf.uint32)
    return word ^ tf.bitwise.right_shift(word, tf.constant(16, tf.uint32))


def uniform(
    seeds: tf.Tensor,
    shape: Sequence[int],
    *,
    stream: int = 0,
    dtype: str | tf.DType = "float32",
) -> tf.Tensor:
    """Uniform draws in the open interval (0, 1): `[batch, *shape]`.

    Args:
        seeds: int32 `[batch]`, one seed a row.
        shape: Shape of the draws of one row.
        stream: Which of a row's independent streams to read.
        dtype: `float32` (23 random bits a draw) or `float64` (52).
    """
    return _join(*_uniform_pairs(seeds, shape, stream, dtype), seeds, shape)


def normal(
    seeds: tf.Tensor,
    shape: Sequence[int],
    *,
    stream: int = 0,
    dtype: str | tf.DType = "float32",
) -> tf.Tensor:
    """Standard normal draws by the Box-Muller transform: `[batch, *shape]`.

    A pair of uniforms gives the pair `sqrt(-2 log(u)) * (cos(2 pi v), sin(2 pi v))`.
    Arguments as for `uniform`.
    """
    u, v = _uniform_pairs(seeds, shape, stream, dtype)
    radius = tf.sqrt(-2.0 * tf.math.log(u))
    angle = 2.0 * math.pi * v
    return _join(radius * tf.cos(angle), radius * tf.sin(angle), seeds, shape)


def integers(seeds: tf.Tensor, shape: Sequence[int], *, stream: int = 0) -> tf.Tensor:
    """Uniform integers 0 .. 65535: int32 `[batch, *shape]`.

    Four to a call of the generator, where `uniform` takes two. Arguments as for it.
    """
    size = math.prod(shape)
    positions = tf.constant(np.arange(-(-size // 4), dtype=np.uint32))[tf.newaxis]
    words = threefry(_key(seeds, stream), (positions, tf.constant(0, tf.uint32)))
    mask, shift = tf.constant(0xFFFF, tf.uint32), tf.constant(16, tf.uint32)
    quarters = [word & mask for word in words]
    quarters += [tf.bitwise.right_shift(word, shift) for word in words]
    draws = tf.bitcast(tf.concat(quarters, axis=1)[:, :size], tf.int32)
    return tf.reshape(draws, [tf.shape(seeds)[0], *shape])


def categorical(seeds: tf.Tensor, logits: tf.Tensor, *, stream: int = 0) -> tf.Tensor:
    """Categories by inverting the distribution function: int32 `[batch, ...]`.

    Args:
        seeds: int32 `[batch]`, one seed a row.
        logits: `[batch, ..., categories]` or `[1, ..., categories]`.
        stream: Which of a row's independent streams to read.
    """
    shape = logits.shape[1:-1]
    draws = uniform(seeds, shape, stream=stream, dtype=logits.dtype)
    return invert_cdf(logits, draws)


def invert_cdf(logits: tf.Tensor, draws: tf.Tensor) -> tf.Tensor:
    """Categories of logits `[..., categories]` from uniform draws `[...]`: int32."""
    cumulative = tf.cumsum(tf.nn.softmax(logits, axis=-1), axis=-1)
    # The last step is left out: rounding may leave it below one.
    below = tf.cast(draws[..., tf.newaxis] > cumulative[..., :-1], tf.int32)
    return tf.reduce_sum(below, axis=-1)


def _uniform_pairs(
    seeds: tf.Tensor, shape: Sequence[int], stream: int, dtype: str | tf.DType
) -> tuple[tf.Tensor, tf.Tensor]:
    """Enough uniforms for `shape`, in two halves: each `[batch, padded half size]`."""
    half = (math.prod(shape) + 1) // 2
    width = -(-half // _LANES) * _LANES
    positions = tf.constant(np.arange(width, dtype=np.uint32))[tf.newaxis]
    key = _key(seeds, stream)
    words = threefry(key, (positions, tf.constant(0, tf.uint32)))
    if tf.as_dtype(dtype) == tf.float32:
        return _uniform32(words[0]), _uniform32(words[1])
    more_words = threefry(key, (positions, tf.constant(1, tf.uint32)))
    return _uniform64(*words), _uniform64(*more_words)


def _key(seeds: tf.Tensor, stream: int) -> tuple[tf.Tensor, tf.Tensor]:
    """The generator's key for a stream of each row."""
    # Streams 0 and 1 of a key belong to `row_seeds` and `fold_in`.
    return _word(seeds)[:, tf.newaxis], tf.constant(stream + 2, tf.uint32)


def _uniform32(word: tf.Tensor) -> tf.Tensor:
    """The upper 23 bits as the centre of one of 2**23 equal bins of (0, 1)."""
    bits = tf.bitwise.right_shift(word, tf.constant(9, tf.uint32))
    return (tf.cast(tf.bitcast(bits, tf.int32), tf.float32) + 0.5) * 2.0**-23


def _uniform64(high: tf.Tensor, low: tf.Tensor) -> tf.Tensor:
    """The upper 26 bits of both words as the centre of one of 2**52 equal bins."""
    shift = tf.constant(6, tf.uint32)
    upper = tf.cast(tf.bitwise.right_shift(high, shift), tf.float64)
    lower = tf.cast(tf.bitwise.right_shift(low, shift), tf.float64)
    return (upper * 2.0**26 + lower + 0.5) * 2.0**-52


def _join(
    first: tf.Tensor, second: tf.Tensor, seeds: tf.Tensor, shape: Sequence[int]
) -> tf.Tensor:
    """Both halves of a row's draws, without the padding: `[batch, *shape]`."""
    size = math.prod(shape)
    half = (size + 1) // 2
    draws = tf.concat([first[:, :half], second[:, : size - half]], axis=1)
    rows = tf.shape(seeds)[0]
    return tf.reshape(draws, [rows, *shape])


def _word(value: int | tf.Tensor) -> tf.Tensor:
    """An integer as an unsigned word, modulo 2**32."""
    if isinstance(value, (int, np.integer)):
        return tf.constant(int(value) % 2**32, tf.uint32)
    value = tf.convert_to_tensor(value)
    if value.dtype == tf.int32:
        return tf.bitcast(value, tf.uint32)
    return tf.cast(value, tf.uint32)


def _rotate_left(word: tf.Tensor, bits: int) -> tf.Tensor:
    return tf.bitwise.left_shift(word, tf.constant(bits, tf.uint32)) | (
        tf.bitwise.right_shift(word, tf.constant(32 - bits, tf.uint32))
    )
