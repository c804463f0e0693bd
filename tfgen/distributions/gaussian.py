"""Gaussian whose parameters a network computes."""

from typing import ClassVar

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from tfgen import random
from tfgen.bijectors import bounded
from tfgen.distributions.elementwise import Elementwise


class Gaussian(Elementwise):
    """`p(x | context) = N(x; loc, scale**2)`, elementwise, by a network of the context.

    Args:
        event_shape: Shape of one example.
        network: Keras layer from the context to `[batch, ..., 2]`: as many pairs of
            location and unbounded log-scale as the event has elements, or all of them
            in one axis. Log-scales are bounded to (-5, 5).
        **kwargs: `name` and `dtype`.
    """

    num_parameters: ClassVar[int] = 2

    def elements(self, parameters: tf.Tensor) -> tfd.Distribution:
        """Gaussians of `[..., 2]`: location and unbounded log-scale."""
        loc, log_scale = tf.unstack(parameters, axis=-1)
        return tfd.Normal(loc, tf.exp(bounded(log_scale)))

    def noise(self, seeds: tf.Tensor) -> tf.Tensor:
        """Standard normal."""
        return random.normal(seeds, self.event_shape, dtype=self.compute_dtype)

    def draw(self, elements: tfd.Distribution, noise: tf.Tensor) -> tf.Tensor:
        """Reparameterised: gradients reach the network."""
        return elements.loc + elements.scale * noise
