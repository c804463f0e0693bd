"""Class labels as vectors."""

import keras
import tensorflow as tf

from tfgen.serialization import Serializable


class OneHot(Serializable, keras.layers.Layer):
    """Integer labels `[batch]` as unit vectors `[batch, num_classes]`.

    A label outside `0 .. num_classes - 1` becomes a vector of zeros: no class at all.

    Args:
        num_classes: How many classes there are.
        **kwargs: `name` and `dtype`.
    """

    def __init__(self, num_classes: int, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.num_classes = num_classes
        self.built = True

    def call(self, labels: tf.Tensor) -> tf.Tensor:
        """The unit vectors."""
        labels = tf.cast(labels, tf.int32)
        return tf.one_hot(labels, self.num_classes, dtype=self.compute_dtype)
