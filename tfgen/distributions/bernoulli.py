"""Bernoulli whose logits a network computes."""

from collections.abc import Sequence

import keras
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from tfgen import random
from tfgen.base import Context, DistributionLayer
from tfgen.distributions.gaussian import element_parameters
from tfgen.distributions.standard import independent


class Bernoulli(DistributionLayer):
    """Independent bits given a context: `log P(x | context)` of `x` in {0, 1}.

    Args:
        event_shape: Shape of one example.
        network: Keras layer from the context to logits, one for each element.
        **kwargs: `name` and `dtype`.
    """

    def __init__(
        self, event_shape: Sequence[int], network: keras.layers.Layer, **kwargs: object
    ) -> None:
        super().__init__(event_shape, **kwargs)
        self.network = network

    def distribution(self, context: Context = None) -> tfd.Distribution:
        """The Bernoulli given a context."""
        logits = self._logits(context)
        return independent(
            tfd.Bernoulli(logits=logits, dtype=logits.dtype), self.event_shape
        )

    def sample(self, seeds: tf.Tensor, context: Context = None) -> tf.Tensor:
        """One draw a row, zeros and ones."""
        u = random.uniform(seeds, self.event_shape, dtype=self.compute_dtype)
        return tf.cast(u < tf.sigmoid(self._logits(context)), self.compute_dtype)

    def _logits(self, context: Context) -> tf.Tensor:
        outputs = self.network(context)
        return element_parameters(outputs, self.event_shape, 1)[..., 0]
