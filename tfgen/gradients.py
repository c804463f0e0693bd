"""The norm of gradients, and their sum over replicas."""

from collections.abc import Sequence

import tensorflow as tf

# XLA adds the numbers of a sum one after the other, and vectors element by element at
# once: as eight vectors, which are added first, a sum takes a fifth of the time.
_LANES = 8


def global_norm(gradients: Sequence[tf.Tensor | None]) -> tf.Tensor:
    """The Euclidean norm of all gradients together, a scalar; None counts as zero."""
    squares = [_sum_of_squares(g) for g in gradients if g is not None]
    return tf.sqrt(tf.add_n(squares))


def equal_shares(gradients: Sequence[tf.Tensor | None]) -> list[tf.Tensor | None]:
    """For each replica, inside its run, the same share of the sum of all gradients.

    Optimisers add up what replicas give them: of these shares that is the same sum.
    """
    replica = tf.distribute.get_replica_context()
    given = [tf.convert_to_tensor(g) for g in gradients if g is not None]
    sums = iter(replica.all_reduce("SUM", given))
    replicas = replica.num_replicas_in_sync
    return [None if g is None else next(sums) / replicas for g in gradients]


def _sum_of_squares(gradient: tf.Tensor) -> tf.Tensor:
    numbers = tf.square(tf.reshape(gradient, [-1]))
    if numbers.shape[0] is None:
        return tf.reduce_sum(numbers)
    size = numbers.shape[0] // _LANES * _LANES
    lanes = tf.add_n(tf.split(numbers[:size], _LANES))
    return tf.reduce_sum(lanes) + tf.reduce_sum(numbers[size:])
