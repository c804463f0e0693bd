"""Logistic over the levels of pixels, whose parameters a network computes."""

from collections.abc import Sequence
from typing import ClassVar

import keras
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from tfgen import random
from tfgen.bijectors import bounded
from tfgen.distributions.elementwise import Elementwise


class DiscretizedLogistic(Elementwise):
    """Integers `0 .. levels - 1` as a logistic variable rounded to them: `log P(x)`.

        P(x) = F(x + 1/2) - F(x - 1/2),    F(y) = sigmoid((y - loc) / scale)

    where the lowest level has all below it, and the highest all above it, so that the
    levels sum to one. Other values have probability zero. Location and scale are in
    units in which the levels run from -1 to 1.

    Args:
        event_shape: Shape of one example.
        levels: How many, 256 for 8-bit images.
        network: Keras layer from the context to `[batch, ..., 2]`: as many pairs of
            location and unbounded log-scale as the event has elements, or all of them
            in one axis. Log-scales are bounded to (-7, 3), and -2 where they are 0.
        **kwargs: `name` and `dtype`.

    Raises:
        ValueError: If there are less than 2 levels.

    References:
        Kingma, Salimans, Jozefowicz, Chen, Sutskever and Welling, 2016. Improving
        Variational Inference with Inverse Autoregressive Flow.
        https://arxiv.org/abs/1606.04934

        Salimans, Karpathy, Chen and Kingma, 2017. PixelCNN++: Improving the PixelCNN
        with Discretized Logistic Mixture Likelihood and Other Modifications.
        https://arxiv.org/abs/1701.05517
    """

    num_parameters: ClassVar[int] = 2

    def __init__(
        self,
        event_shape: Sequence[int],
        levels: int,
        network: keras.layers.Layer,
        **kwargs: object,
    ) -> None:
        super().__init__(event_shape, network, **kwargs)
        if levels < 2:
            raise ValueError(
                f"Discrete data have at least 2 levels; received levels={levels}. "
                "For 8-bit images give levels=256."
            )
        self.levels = levels

    def elements(self, parameters: tf.Tensor) -> tfd.Distribution:
        """Rounded logistic variables of `[..., 2]`: location, unbounded log-scale."""
        loc, log_scale = tf.unstack(parameters, axis=-1)
        half = 0.5 * (self.levels - 1)
        scale = half * tf.exp(bounded(log_scale) - 2.0)
        return _RoundedLogistic(half * (loc + 1.0), scale, self.levels)

    def noise(self, seeds: tf.Tensor) -> tf.Tensor:
        """Uniform."""
        return random.uniform(seeds, self.event_shape, dtype=self.compute_dtype)

    def draw(self, elements: tfd.Distribution, noise: tf.Tensor) -> tf.Tensor:
        """Levels as floats: a logistic draw, rounded."""
        logistic = tf.math.log(noise) - tf.math.log1p(-noise)
        draw = elements.loc + elements.scale * logistic
        return tf.clip_by_value(tf.round(draw), 0.0, self.levels - 1.0)


class _RoundedLogistic(tfd.Distribution):
    """What `DiscretizedLogistic` says of an element, in units of a level."""

    def __init__(self, loc: tf.Tensor, scale: tf.Tensor, levels: int) -> None:
        parameters = dict(locals())
        self.loc = loc
        self.scale = scale
        self._top = levels - 1
        super().__init__(
            dtype=loc.dtype,
            reparameterization_type=tfd.NOT_REPARAMETERIZED,
            validate_args=False,
            allow_nan_stats=True,
            parameters=parameters,
            name="rounded_logistic",
        )

    def _log_prob(self, x: tf.Tensor) -> tf.Tensor:
        # With a and b the edges in units of the scale, from the location on:
        # sigmoid(a) - sigmoid(b) = sigmoid(a) sigmoid(-b) (1 - exp(b - a)),
        # where no difference of close numbers is left.
        lowest, highest = x <= 0.0, x >= self._top
        zero = tf.zeros([], x.dtype)
        upper = -tf.math.softplus((self.loc - x - 0.5) / self.scale)
        lower = -tf.math.softplus((x - 0.5 - self.loc) / self.scale)
        width = tf.math.log(-tf.math.expm1(-1.0 / self.scale))
        log_prob = (
            tf.where(highest, zero, upper)
            + tf.where(lowest, zero, lower)
            + tf.where(lowest | highest, zero, width)
        )
        level = tf.clip_by_value(tf.round(x), 0.0, float(self._top))
        # Not `x != level`, which holds for NaN: what is unknown is not impossible.
        impossible = tf.abs(x - level) > 0.0
        return tf.where(impossible, -tf.ones_like(x) * float("inf"), log_prob)

    def _mean(self) -> tf.Tensor:
        """Of the variable held between the levels at both ends, before rounding.

        Less than half a level from the mean of the integers, and within 0.02 of it
        where the scale is a level or more.
        """
        upper = tf.math.softplus(self.loc / self.scale)
        lower = tf.math.softplus((self.loc - self._top) / self.scale)
        return self.scale * (upper - lower)

    def _event_shape(self) -> tf.TensorShape:
        return tf.TensorShape([])

    def _batch_shape(self) -> tf.TensorShape:
        return self.loc.shape

    def _batch_shape_tensor(self) -> tf.Tensor:
        return tf.shape(self.loc)
