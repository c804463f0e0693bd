"""Bernoulli whose logits a network computes."""

from typing import ClassVar

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from tfgen import random
from tfgen.distributions.elementwise import Elementwise


class Bernoulli(Elementwise):
    """Independent bits given a context: `log P(x | context)` of `x` in {0, 1}.

    Args:
        event_shape: Shape of one example.
        network: Keras layer from the context to logits, one for each element.
        **kwargs: `name` and `dtype`.
    """

    num_parameters: ClassVar[int] = 1

    def elements(self, parameters: tf.Tensor) -> tfd.Distribution:
        """Bits of logits `[..., 1]`."""
        return tfd.Bernoulli(logits=parameters[..., 0], dtype=parameters.dtype)

    def noise(self, seeds: tf.Tensor) -> tf.Tensor:
        """Uniform."""
        return random.uniform(seeds, self.event_shape, dtype=self.compute_dtype)

    def draw(self, parameters: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
        """Zeros and ones."""
        return tf.cast(noise < tf.sigmoid(parameters[..., 0]), self.compute_dtype)
