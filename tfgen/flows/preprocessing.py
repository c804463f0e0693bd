"""Preparation of data, as layers: densities stay in the data's own units.

Each layer is named by what its `inverse` does to data on the way to noise.
"""

from collections.abc import Sequence

import tensorflow as tf
from tensorflow_probability import bijectors as tfb

from tfgen.base import BijectorLayer, Context
from tfgen.networks.normalize import mean_and_scale


class Standardize(BijectorLayer):
    """Subtracts the mean and divides by the standard deviation of the training data.

        inverse:  z = (x - loc) / scale

    `adapt` sets both, for each coordinate; training does not change them.

    Args:
        event_shape: Shape of one example.
        **kwargs: `name` and `dtype`.
    """

    def __init__(self, event_shape: Sequence[int], **kwargs: object) -> None:
        super().__init__(event_shape, **kwargs)
        self._loc = self.add_weight(
            shape=self.event_shape, initializer="zeros", trainable=False, name="loc"
        )
        self._scale = self.add_weight(
            shape=self.event_shape, initializer="ones", trainable=False, name="scale"
        )

    def bijector(self, context: Context = None) -> tfb.Bijector:
        """The elementwise affine map; the context is not used."""
        loc, scale = (tf.convert_to_tensor(w) for w in (self._loc, self._scale))
        return tfb.Shift(loc)(tfb.Scale(scale=scale))

    def adapt(self, x: tf.Tensor) -> None:
        """Takes mean and standard deviation of the rows of `x`."""
        loc, scale = mean_and_scale(x)
        self._loc.assign(loc)
        self._scale.assign(scale)


class Scale(BijectorLayer):
    """Multiplies data by a constant: `z = scale * x` on the way to noise.

    Args:
        event_shape: Shape of one example.
        scale: The constant, not 0; `1 / 256` brings 8-bit pixels to the unit interval.
        **kwargs: `name` and `dtype`.

    Raises:
        ValueError: If the constant is 0.
    """

    def __init__(
        self, event_shape: Sequence[int], scale: float, **kwargs: object
    ) -> None:
        super().__init__(event_shape, **kwargs)
        if scale == 0:
            raise ValueError(
                f"Scale needs a factor other than 0; received scale={scale}. "
                "For 8-bit pixels it is 1 / 256."
            )
        self.scale = scale

    def bijector(self, context: Context = None) -> tfb.Bijector:
        """The elementwise map; the context is not used."""
        return tfb.Scale(scale=tf.constant(1.0 / self.scale, self.compute_dtype))


class Logit(BijectorLayer):
    """The logit of data in the unit interval, shrunk so that 0 and 1 stay finite.

        inverse:  z = logit(alpha + (1 - 2 alpha) x)

    Args:
        event_shape: Shape of one example.
        alpha: The shrinkage, `lambda` in the MAF paper: 1e-6 for MNIST, 0.05 for
            CIFAR-10.
        **kwargs: `name` and `dtype`.

    Raises:
        ValueError: Unless `0 < alpha < 0.5`.

    References:
        Papamakarios, Pavlakou and Murray, 2017. Masked Autoregressive Flow for Density
        Estimation. https://arxiv.org/abs/1705.07057
    """

    def __init__(
        self, event_shape: Sequence[int], alpha: float = 1e-6, **kwargs: object
    ) -> None:
        super().__init__(event_shape, **kwargs)
        if not 0.0 < alpha < 0.5:
            raise ValueError(
                "Logit shrinks the unit interval at both ends by 0 < alpha < 0.5; "
                f"received alpha={alpha}. The MAF paper has 1e-6 and 0.05."
            )
        self.alpha = alpha

    def bijector(self, context: Context = None) -> tfb.Bijector:
        """The elementwise map; the context is not used."""
        width = tf.constant(1.0 - 2.0 * self.alpha, self.compute_dtype)
        unshrink = tfb.Scale(1.0 / width)(
            tfb.Shift(tf.constant(-self.alpha, width.dtype))
        )
        return unshrink(tfb.Sigmoid())
