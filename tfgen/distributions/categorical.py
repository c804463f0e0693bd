"""Categorical whose logits a network computes."""

from collections.abc import Sequence

import keras
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from tfgen import random
from tfgen.distributions.elementwise import Elementwise


class Categorical(Elementwise):
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
        super().__init__(event_shape, network, **kwargs)
        self.num_categories = num_categories

    @property
    def num_parameters(self) -> int:
        """The logits of an element."""
        return self.num_categories

    def elements(self, parameters: tf.Tensor) -> tfd.Distribution:
        """Categories of logits `[..., K]`."""
        return _Categories(logits=parameters, dtype=parameters.dtype)

    def noise(self, seeds: tf.Tensor) -> tf.Tensor:
        """Uniform."""
        return random.uniform(seeds, self.event_shape, dtype=self.compute_dtype)

    def draw(self, elements: tfd.Distribution, noise: tf.Tensor) -> tf.Tensor:
        """Whole numbers as floats, as the network takes them."""
        return tf.cast(random.invert_cdf(elements.logits, noise), self.compute_dtype)


class _Categories(tfd.Categorical):
    """TFP's distribution, with a mean: categories are levels here."""

    def _mean(self) -> tf.Tensor:
        values = tf.range(self.logits.shape[-1], dtype=self.logits.dtype)
        return tf.linalg.matvec(tf.nn.softmax(self.logits), values)
