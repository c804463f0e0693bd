"""Normalisation inside flows."""

from collections.abc import Sequence

import tensorflow as tf
from tensorflow_probability import bijectors as tfb

from tfgen.base import BijectorLayer, Context
from tfgen.networks.normalize import mean_and_scale


class ActNorm(BijectorLayer):
    """Trainable scale and shift of each coordinate, `x = exp(log_scale) * z + loc`.

    `adapt` starts it from data so that its noise side has mean 0 and variance 1.

    Args:
        event_shape: Shape of one example.
        **kwargs: `name` and `dtype`.

    References:
        Kingma and Dhariwal, 2018. Glow: Generative Flow with Invertible 1x1
        Convolutions. https://arxiv.org/abs/1807.03039
    """

    def __init__(self, event_shape: Sequence[int], **kwargs: object) -> None:
        super().__init__(event_shape, **kwargs)
        self._loc = self.add_weight(
            shape=self.event_shape, initializer="zeros", name="loc"
        )
        self._log_scale = self.add_weight(
            shape=self.event_shape, initializer="zeros", name="log_scale"
        )

    def bijector(self, context: Context = None) -> tfb.Bijector:
        """The elementwise affine map; the context is not used."""
        loc, log_scale = (tf.convert_to_tensor(w) for w in (self._loc, self._log_scale))
        return tfb.Shift(loc)(tfb.Scale(log_scale=log_scale))

    def adapt(self, x: tf.Tensor) -> None:
        """Takes mean and standard deviation of the rows of `x`."""
        loc, scale = mean_and_scale(x)
        self._loc.assign(loc)
        self._log_scale.assign(tf.math.log(scale))
