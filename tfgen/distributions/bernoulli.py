"""Bernoulli whose logits a network computes."""

import math
from collections.abc import Sequence
from typing import ClassVar

import keras
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
        return _Bits(logits=parameters[..., 0], dtype=parameters.dtype)

    def noise(self, seeds: tf.Tensor) -> tf.Tensor:
        """Uniform."""
        return random.uniform(seeds, self.event_shape, dtype=self.compute_dtype)

    def draw(self, elements: tfd.Distribution, noise: tf.Tensor) -> tf.Tensor:
        """Zeros and ones."""
        return tf.cast(noise < tf.sigmoid(elements.logits), self.compute_dtype)


class GreyBernoulli(Bernoulli):
    """Cross-entropy of grey pixels `x / (levels - 1)` and probabilities of white.

        t log(p) + (1 - t) log(1 - p),    t = x / (levels - 1),    p = sigmoid(logit)

    No likelihood: over the levels it does not sum to one. Many papers have it all the
    same, and show `p` as a picture. Draws are black or white.

    Args:
        event_shape: Shape of one example.
        levels: How many, 256 for 8-bit images.
        network: Keras layer from the context to logits, one for each element.
        **kwargs: `name` and `dtype`.
    """

    normalized: ClassVar[bool] = False

    def __init__(
        self,
        event_shape: Sequence[int],
        levels: int,
        network: keras.layers.Layer,
        **kwargs: object,
    ) -> None:
        super().__init__(event_shape, network, **kwargs)
        self.levels = levels

    def elements(self, parameters: tf.Tensor) -> tfd.Distribution:
        """Grey values of logits `[..., 1]`."""
        return _Greys(parameters[..., 0], self.levels - 1.0)

    def draw(self, elements: tfd.Distribution, noise: tf.Tensor) -> tf.Tensor:
        """The lowest and the highest level."""
        return (self.levels - 1.0) * super().draw(elements, noise)


class _Bits(tfd.Bernoulli):
    """TFP's distribution, with one logarithm for each bit in place of two."""

    def _log_prob(self, x: tf.Tensor) -> tf.Tensor:
        log_prob = -tf.math.softplus((1.0 - 2.0 * x) * self.logits)
        return log_prob + _impossible((x != 0) & (x != 1), x)


class _Greys(tfd.Distribution):
    """What `GreyBernoulli` says of an element."""

    def __init__(self, logits: tf.Tensor, white: float) -> None:
        parameters = dict(locals())
        self.logits = logits
        self._white = white
        super().__init__(
            dtype=logits.dtype,
            reparameterization_type=tfd.NOT_REPARAMETERIZED,
            validate_args=False,
            allow_nan_stats=True,
            parameters=parameters,
            name="greys",
        )

    def _log_prob(self, x: tf.Tensor) -> tf.Tensor:
        log_prob = x / self._white * self.logits - tf.math.softplus(self.logits)
        return log_prob + _impossible((x < 0) | (x > self._white), x)

    def _mean(self) -> tf.Tensor:
        return self._white * tf.sigmoid(self.logits)

    def _event_shape(self) -> tf.TensorShape:
        return tf.TensorShape([])

    def _batch_shape(self) -> tf.TensorShape:
        return self.logits.shape

    def _batch_shape_tensor(self) -> tf.Tensor:
        return tf.shape(self.logits)


def _impossible(is_outside: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
    """What is added where `x` is none of the values: a formula would take it for one.

    NaN is added to, and so stays NaN.
    """
    return tf.where(is_outside, -math.inf, tf.zeros_like(x))
