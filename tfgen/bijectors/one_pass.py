"""Values and log-determinants together, so that a network behind them runs once."""

import tensorflow as tf
from tensorflow_probability import bijectors as tfb


class OnePassBijector(tfb.Bijector):
    """A bijector that computes a value and its log-determinant in one pass.

    TFP asks for them separately, which runs a network behind them twice. Subclasses
    give the two `..._and_log_det` methods; log-determinants are over `min_event_ndims`
    axes.
    """

    def forward_and_log_det(self, z: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """`x = f(z)` and `log |det df/dz|`."""
        raise NotImplementedError

    def inverse_and_log_det(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """`z = f^-1(x)` and `log |det df^-1/dx|`."""
        raise NotImplementedError

    def _forward(self, z: tf.Tensor) -> tf.Tensor:
        return self.forward_and_log_det(z)[0]

    def _inverse(self, x: tf.Tensor) -> tf.Tensor:
        return self.inverse_and_log_det(x)[0]

    def _forward_log_det_jacobian(self, z: tf.Tensor) -> tf.Tensor:
        return self.forward_and_log_det(z)[1]

    def _inverse_log_det_jacobian(self, x: tf.Tensor) -> tf.Tensor:
        return self.inverse_and_log_det(x)[1]


def forward_and_log_det(
    bijector: tfb.Bijector, z: tf.Tensor, event_ndims: int
) -> tuple[tf.Tensor, tf.Tensor]:
    """`x = f(z)` and its log-determinant over the last `event_ndims` axes of `z`."""
    if isinstance(bijector, OnePassBijector):
        x, log_det = bijector.forward_and_log_det(z)
        return x, _summed(log_det, event_ndims - bijector.forward_min_event_ndims)
    return bijector.forward(z), bijector.forward_log_det_jacobian(z, event_ndims)


def inverse_and_log_det(
    bijector: tfb.Bijector, x: tf.Tensor, event_ndims: int
) -> tuple[tf.Tensor, tf.Tensor]:
    """`z = f^-1(x)` and its log-determinant over the last `event_ndims` axes of `x`."""
    if isinstance(bijector, OnePassBijector):
        z, log_det = bijector.inverse_and_log_det(x)
        return z, _summed(log_det, event_ndims - bijector.inverse_min_event_ndims)
    return bijector.inverse(x), bijector.inverse_log_det_jacobian(x, event_ndims)


def total_log_det(elementwise: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
    """The sum over the last axis of log-slopes, which may be constant in `x`."""
    return tf.reduce_sum(tf.broadcast_to(elementwise, tf.shape(x)), axis=-1)


def _summed(log_det: tf.Tensor, num_axes: int) -> tf.Tensor:
    """The sum over the last `num_axes` axes, of which there may be none."""
    if num_axes == 0:
        return log_det
    return tf.reduce_sum(log_det, axis=list(range(-num_axes, 0)))
