"""Distributions without weights, the usual bases of flows."""

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from tfgen import random
from tfgen.base import Context, DistributionLayer


class StandardNormal(DistributionLayer):
    """Independent standard normal coordinates.

    Args:
        event_shape: Shape of one example.
        **kwargs: `name` and `dtype`.

    Example:
        >>> import tensorflow as tf
        >>> float(StandardNormal([2])(tf.zeros([1, 2]))[0])  # -log(2 pi)
        -1.8378770...
    """

    def distribution(self, context: Context = None) -> tfd.Distribution:
        """The distribution, the same whatever the context."""
        loc = tf.zeros(self.event_shape, self.compute_dtype)
        return independent(tfd.Normal(loc, tf.ones_like(loc)), self.event_shape)

    def sample(self, seeds: tf.Tensor, context: Context = None) -> tf.Tensor:
        """One draw a row."""
        return random.normal(seeds, self.event_shape, dtype=self.compute_dtype)


class Logistic(DistributionLayer):
    """Independent standard logistic coordinates: heavier tails than the normal's.

    Args:
        event_shape: Shape of one example.
        **kwargs: `name` and `dtype`.
    """

    def distribution(self, context: Context = None) -> tfd.Distribution:
        """The distribution, the same whatever the context."""
        loc = tf.zeros(self.event_shape, self.compute_dtype)
        return independent(tfd.Logistic(loc, tf.ones_like(loc)), self.event_shape)

    def sample(self, seeds: tf.Tensor, context: Context = None) -> tf.Tensor:
        """One draw a row, the logit of a uniform draw."""
        u = random.uniform(seeds, self.event_shape, dtype=self.compute_dtype)
        return tf.math.log(u) - tf.math.log1p(-u)


def independent(
    elementwise: tfd.Distribution, event_shape: tuple[int, ...]
) -> tfd.Distribution:
    """A distribution over events whose elements are independent."""
    return tfd.Independent(elementwise, reinterpreted_batch_ndims=len(event_shape))
