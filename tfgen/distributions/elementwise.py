"""Distributions of independent elements, whose parameters a network computes."""

from collections.abc import Sequence

import keras
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from tfgen.base import Context, DistributionLayer, repeat_rows
from tfgen.distributions.standard import independent


class Elementwise(DistributionLayer):
    """Elements that are independent given a context, each with its own parameters.

    Subclasses say what an element is, and how noise becomes an element.

    Args:
        event_shape: Shape of one example.
        network: Keras layer from the context to `[batch, ..., num_parameters]`: as many
            parameter vectors as the event has elements, or all of them in one axis.
        **kwargs: `name` and `dtype`.
    """

    def __init__(
        self, event_shape: Sequence[int], network: keras.layers.Layer, **kwargs: object
    ) -> None:
        super().__init__(event_shape, **kwargs)
        self.network = network

    @property
    def num_parameters(self) -> int:
        """How many parameters an element has."""
        raise NotImplementedError

    def elements(self, parameters: tf.Tensor) -> tfd.Distribution:
        """Scalar distributions `[...]` of parameters `[..., num_parameters]`."""
        raise NotImplementedError

    def noise(self, seeds: tf.Tensor) -> tf.Tensor:
        """The random numbers of each row, one for each element."""
        raise NotImplementedError

    def draw(self, elements: tfd.Distribution, noise: tf.Tensor) -> tf.Tensor:
        """Values `[...]` of elements from their noise `[...]`."""
        raise NotImplementedError

    def distribution(self, context: Context = None) -> tfd.Distribution:
        """The distribution given a context."""
        return self.given(self.network(context))

    def given(self, outputs: tf.Tensor) -> tfd.Distribution:
        """The distribution of outputs of the network."""
        return independent(self._elements_of(outputs), self.event_shape)

    def sample(self, seeds: tf.Tensor, context: Context = None) -> tf.Tensor:
        """One draw a row."""
        return self.sample_and_distribution(seeds, context)[0]

    def sample_and_distribution(
        self, seeds: tf.Tensor, context: Context = None
    ) -> tuple[tf.Tensor, tfd.Distribution]:
        """Draws and their distribution, from one pass of the network."""
        return self._draw(seeds, self.network(context))

    def sample_and_log_prob(
        self,
        seeds: tf.Tensor,
        context: Context = None,
        *,
        repeats: int | tf.Tensor = 1,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Draws and their log-densities; the network sees each context once."""
        x, distribution = self._draw(seeds, repeat_rows(self.network(context), repeats))
        return x, distribution.log_prob(x)

    def adapt_to_context(self, context: Context) -> None:
        """Starts the network, if it takes its scale from data."""
        if hasattr(self.network, "adapt"):
            self.network.adapt(context)

    def _draw(
        self, seeds: tf.Tensor, outputs: tf.Tensor
    ) -> tuple[tf.Tensor, tfd.Distribution]:
        elements = self._elements_of(outputs)
        x = self.draw(elements, self.noise(seeds))
        return x, independent(elements, self.event_shape)

    def _elements_of(self, outputs: tf.Tensor) -> tfd.Distribution:
        shape = [tf.shape(outputs)[0], *self.event_shape, self.num_parameters]
        return self.elements(tf.reshape(outputs, shape))
