"""Where training went wrong: the first step with a value that is not finite."""

from collections.abc import Sequence

import keras
import tensorflow as tf


class FirstNonFinite(keras.metrics.Metric):
    """Remembers the first step, and what at that step, was not finite.

    With several steps in one execution a failure is seen late; so it is written down
    where it happens. Unlike other metrics it outlives epochs: resetting leaves it as it
    is.

    Args:
        names: What is watched, in the order in which `update` gets it.
    """

    def __init__(self, names: Sequence[str], name: str = "first_non_finite") -> None:
        super().__init__(name=name)
        self.names = tuple(names)
        # Step and index of what failed; -1 while all is well.
        self._step = self._latch("step")
        self._index = self._latch("index")

    def update(self, values: Sequence[tf.Tensor], step: tf.Tensor) -> tf.Tensor:
        """Takes the values of one step; a scalar boolean, whether all are finite."""
        finite = tf.stack([tf.reduce_all(tf.math.is_finite(value)) for value in values])
        if tf.distribute.get_strategy().num_replicas_in_sync > 1:
            # A failure on one replica is a failure of the step on all of them.
            context = tf.distribute.get_replica_context()
            failures = context.all_reduce("SUM", 1.0 - tf.cast(finite, tf.float32))
            finite = failures < 0.5
        all_finite = tf.reduce_all(finite)
        first = tf.argmin(tf.cast(finite, tf.int32), output_type=tf.int32)
        news = tf.logical_and(self._step.value < 0, tf.logical_not(all_finite))
        step = tf.cast(step, tf.int32)
        self._step.assign(tf.where(news, step, self._step.value))
        self._index.assign(tf.where(news, first, self._index.value))
        return all_finite

    def failure(self) -> tuple[int, str] | None:
        """The step (from 0) and the name of what failed first, or None."""
        # Read as tensors: under a strategy the variables have a part on each device.
        step = int(tf.convert_to_tensor(self._step))
        index = int(tf.convert_to_tensor(self._index))
        return None if step < 0 else (step, self.names[index])

    def result(self) -> tf.Tensor:
        """The first bad step, -1 if there is none."""
        return self._step.value

    def reset_state(self) -> None:
        """Does nothing: see the class."""

    def _latch(self, name: str) -> keras.Variable:
        return self.add_variable(
            shape=(),
            initializer=keras.initializers.Constant(-1),
            dtype="int32",
            name=name,
            aggregation="only_first_replica",
        )
