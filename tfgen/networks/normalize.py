"""Contexts of mean 0 and variance 1."""

import keras
import tensorflow as tf

from tfgen.serialization import Serializable


class Normalize(Serializable, keras.layers.Layer):
    """`(x - loc) / scale`, the mean and the standard deviation that `adapt` took.

    Args:
        features: Size of the last axis.
        **kwargs: `name` and `dtype`.
    """

    def __init__(self, features: int, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.features = features
        self._loc = self.add_weight(
            shape=(features,), initializer="zeros", trainable=False, name="loc"
        )
        self._scale = self.add_weight(
            shape=(features,), initializer="ones", trainable=False, name="scale"
        )
        self.built = True

    def adapt(self, x: tf.Tensor) -> None:
        """Takes mean and standard deviation of the rows of `x`, `[rows, features]`."""
        loc, scale = mean_and_scale(tf.cast(x, self.compute_dtype))
        self._loc.assign(loc)
        self._scale.assign(scale)

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Normalised `[..., features]`."""
        return (tf.cast(x, self.compute_dtype) - self._loc) / self._scale


def mean_and_scale(x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Mean and standard deviation of each coordinate; 1 where it is constant."""
    # In double precision: a large mean swamps a small spread in single.
    loc, variance = tf.nn.moments(tf.cast(x, tf.float64), axes=[0])
    scale = tf.where(variance > 0.0, tf.sqrt(variance), tf.ones_like(variance))
    return tf.cast(loc, x.dtype), tf.cast(scale, x.dtype)
