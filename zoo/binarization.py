"""Dynamic binarization: bits of grey images, drawn anew in each epoch of training.

A pixel of grey level `x` becomes 1 with probability `x / 255`, to within 2**-17. The
validation and test splits are drawn once and for all, so that numbers compare with each
other. They compare neither with those on grey levels nor with those on the fixed
binarization of MNIST: fresh bits leave less to overfit, which is worth some nats. So
the data set gets another name.

References:
    Burda, Grosse and Salakhutdinov, 2016. Importance Weighted Autoencoders.
    https://arxiv.org/abs/1509.00519
"""

import dataclasses

import numpy as np
import tensorflow as tf

from tfgen import random
from zoo.data import DataSet, Split

_LEVELS = 256
_CHUNK = 1_000
# Far from the streams of models: a model's noise must not be that of its data.
_STREAM = 1_000
_SEEDS = {"train": 0, "validation": 1, "test": 2}


def binarize(data: DataSet) -> DataSet:
    """The data set in bits, with those of all splits drawn from fixed seeds.

    The training split keeps the grey images, from which `zoo.fitting` draws anew.

    Args:
        data: Grey images of 256 levels.

    Raises:
        ValueError: If they are something else.
    """
    spec = data.spec
    if spec.levels != _LEVELS or len(spec.event_shape) != 2:
        raise ValueError(
            f"--binarize=dynamic is for grey images of {_LEVELS} levels; received "
            f"{spec.name} with levels={spec.levels} and rows of shape "
            f"{spec.event_shape}; leave it out, or take mnist, fashion_mnist or "
            "freyfaces."
        )
    train, validation, test = (
        Split(_draw_all(split.x, _SEEDS[name]), split.context)
        for name, split in data.splits.items()
    )
    train = dataclasses.replace(train, grey=data.train.x)
    name = f"{spec.name} (dynamically binarized)"
    spec = dataclasses.replace(spec, name=name, levels=2)
    return DataSet(spec, train, validation, test)


def draw_bits(grey: tf.Tensor, seeds: tf.Tensor) -> tf.Tensor:
    """Bits of grey images, uint8 of the same shape; the same with XLA and without.

    Args:
        grey: uint8 `[batch, height, width]`.
        seeds: int32 `[batch]`, one seed a row.
    """
    # u < 65536 x / 255, rounded: never where x is 0, always where it is 255.
    draws = random.integers(seeds, grey.shape[1:], stream=_STREAM)
    below = 255 * (2 * draws + 1) < 2**17 * tf.cast(grey, tf.int32)
    return tf.cast(below, tf.uint8)


def _draw_all(grey: np.ndarray, seed: int) -> np.ndarray:
    """Bits of all rows of a split, in chunks to spare memory."""
    draw = tf.function(draw_bits, reduce_retracing=True)
    seeds = random.row_seeds(seed, tf.range(len(grey)))
    parts = [
        draw(tf.constant(grey[start : start + _CHUNK]), seeds[start : start + _CHUNK])
        for start in range(0, len(grey), _CHUNK)
    ]
    return np.concatenate([part.numpy() for part in parts])
