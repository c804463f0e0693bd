"""Gaussian whose parameters a network computes."""

from collections.abc import Sequence

import keras
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from tfgen import random
from tfgen.base import Context, DistributionLayer
from tfgen.bijectors import bounded
from tfgen.distributions.standard import independent


class Gaussian(DistributionLayer):
    """`p(x | context) = N(x; loc, scale**2)`, elementwise, by a network of the context.

    Args:
        event_shape: Shape of one example.
        network: Keras layer from the context to `[batch, ..., 2]`: as many pairs of
            location and unbounded log-scale as the event has elements, or all of them
            in one axis. Log-scales are bounded to (-5, 5).
        **kwargs: `name` and `dtype`.
    """

    def __init__(
        self, event_shape: Sequence[int], network: keras.layers.Layer, **kwargs: object
    ) -> None:
        super().__init__(event_shape, **kwargs)
        self.network = network

    def distribution(self, context: Context = None) -> tfd.Distribution:
        """The Gaussian given a context."""
        return independent(tfd.Normal(*self._loc_and_scale(context)), self.event_shape)

    def sample(self, seeds: tf.Tensor, context: Context = None) -> tf.Tensor:
        """One draw a row, reparameterised: gradients reach the network."""
        loc, scale = self._loc_and_scale(context)
        noise = random.normal(seeds, self.event_shape, dtype=self.compute_dtype)
        return loc + scale * noise

    def _loc_and_scale(self, context: Context) -> tuple[tf.Tensor, tf.Tensor]:
        parameters = element_parameters(self.network(context), self.event_shape, 2)
        loc, log_scale = tf.unstack(parameters, axis=-1)
        return loc, tf.exp(bounded(log_scale))


def element_parameters(
    outputs: tf.Tensor, event_shape: Sequence[int], num_parameters: int
) -> tf.Tensor:
    """Outputs of a network as `[batch, *event_shape, num_parameters]`."""
    return tf.reshape(outputs, [tf.shape(outputs)[0], *event_shape, num_parameters])
