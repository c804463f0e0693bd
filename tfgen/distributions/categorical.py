"""Categorical whose logits a network computes."""

from collections.abc import Sequence

import keras
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from tfgen import random
from tfgen.base import Context, DistributionLayer
from tfgen.distributions.gaussian import element_parameters
from tfgen.distributions.standard import independent


class Categorical(DistributionLayer):
    """Independent categories given a context: `log P(x)` of `x` in `0 .. K - 1`.

    Args:
        event_shape: Shape of one example.
        num_categories: `K`.
        network: Keras layer from the context to logits, `K` for each element.
        **kwargs: `name` and `dtype`.
    """

    def __init__(
        self,
        event_shape: Sequence[int],
        num_categories: int,
        network: keras.layers.Layer,
        **kwargs: object,
    ) -> None:
        super().__init__(event_shape, **kwargs)
        self.num_categories = num_categories
        self.network = network

    def distribution(self, context: Context = None) -> tfd.Distribution:
        """The categorical distribution given a context."""
        logits = self._logits(context)
        return independent(
            tfd.Categorical(logits=logits, dtype=logits.dtype), self.event_shape
        )

    def sample(self, seeds: tf.Tensor, context: Context = None) -> tf.Tensor:
        """One draw a row, whole numbers as floats, as the network takes them."""
        draws = random.categorical(seeds, self._logits(context))
        return tf.cast(draws, self.compute_dtype)

    def _logits(self, context: Context) -> tf.Tensor:
        outputs = self.network(context)
        return element_parameters(outputs, self.event_shape, self.num_categories)
