"""Transformers: families of increasing functions of one variable.

Coupling and autoregressive bijectors differ in who sees whom; what they do to a
coordinate is a transformer, whose parameters come from a network.
"""

from typing import ClassVar

import numpy as np
import tensorflow as tf
from tensorflow_probability import bijectors as tfb

from tfgen.bijectors.spline import RationalQuadraticSpline
from tfgen.serialization import Serializable


class Transformer(Serializable):
    """A family of elementwise bijectors; all parameters zero give the identity."""

    @property
    def num_parameters(self) -> int:
        """How many parameters a coordinate has."""
        raise NotImplementedError

    def __call__(self, parameters: tf.Tensor) -> tfb.Bijector:
        """The elementwise bijector of `parameters`, `[..., num_parameters]`."""
        raise NotImplementedError


class Affine(Transformer):
    """`x = exp(log_scale) * z + shift`, the log-scale bounded to (-5, 5).

    The bound, `5 tanh(a / 5)`, keeps a bad batch from overflowing what follows.
    """

    num_parameters: ClassVar[int] = 2

    def __call__(self, parameters: tf.Tensor) -> tfb.Bijector:
        """The affine map of `parameters`, `[..., 2]`: shift, unbounded log-scale."""
        shift, log_scale = tf.unstack(parameters, axis=-1)
        return tfb.Shift(shift)(tfb.Scale(log_scale=bounded(log_scale)))


class Additive(Transformer):
    """`x = z + shift`: keeps volumes."""

    num_parameters: ClassVar[int] = 1

    def __call__(self, parameters: tf.Tensor) -> tfb.Bijector:
        """The shift by `parameters`, `[..., 1]`."""
        return tfb.Shift(parameters[..., 0])


class RationalQuadratic(Transformer):
    """Monotone rational-quadratic spline on `(-bound, bound)`, identity outside.

    Args:
        num_bins: Number of bins, at least 2.
        bound: Half the width of the interval.
        min_bin: Smallest width and height of a bin, as a share of the interval.
        min_slope: Smallest slope at a knot.

    References:
        Durkan, Bekasov, Murray and Papamakarios, 2019. Neural Spline Flows.
        https://arxiv.org/abs/1906.04032
    """

    def __init__(
        self,
        num_bins: int = 8,
        bound: float = 3.0,
        min_bin: float = 1e-3,
        min_slope: float = 1e-3,
    ) -> None:
        if num_bins < 2 or bound <= 0 or num_bins * min_bin >= 1:
            raise ValueError(
                "A spline needs at least 2 bins, with room for their smallest size, on "
                "an interval of positive width; "
                f"received num_bins={num_bins}, bound={bound}, min_bin={min_bin}. "
                "Usual values are 8 bins and a bound of 3."
            )
        self.num_bins = num_bins
        self.bound = bound
        self.min_bin = min_bin
        self.min_slope = min_slope

    @property
    def num_parameters(self) -> int:
        """Widths, heights, and the slopes at inner knots."""
        return 3 * self.num_bins - 1

    def __call__(self, parameters: tf.Tensor) -> tfb.Bijector:
        """The spline of `parameters`, `[..., 3 * num_bins - 1]`."""
        bins = self.num_bins
        widths, heights, slopes = tf.split(parameters, [bins, bins, bins - 1], axis=-1)
        # softplus(offset) = 1 - min_slope, so that a zero gives the slope 1.
        offset = np.log(np.expm1(1.0 - self.min_slope))
        return RationalQuadraticSpline(
            self._sizes(widths),
            self._sizes(heights),
            tf.math.softplus(slopes + offset) + self.min_slope,
            start=-self.bound,
        )

    def _sizes(self, logits: tf.Tensor) -> tf.Tensor:
        """Bin sizes that are at least `min_bin` of the interval and fill it."""
        shares = tf.nn.softmax(logits, axis=-1)
        shares = self.min_bin + (1.0 - self.min_bin * self.num_bins) * shares
        return 2.0 * self.bound * shares


def bounded(log_scale: tf.Tensor) -> tf.Tensor:
    """A log-scale in (-5, 5): `5 tanh(a / 5)`, close to `a` where `a` is small."""
    return 5.0 * tf.tanh(log_scale / 5.0)


def compressed(x: tf.Tensor) -> tf.Tensor:
    """What a conditioner sees of coordinates: `asinh(x)`, about `x` where it is small.

    Far outliers would drive a network of rectifiers, which grows linearly, to extreme
    scales, step after step. Seen on a logarithmic scale they stay within reach, and the
    bijector is as exact as before: its parameters may be any function.
    """
    return tf.asinh(x)
