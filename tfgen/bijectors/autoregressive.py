"""Autoregressive bijectors."""

from collections.abc import Callable

import tensorflow as tf

from tfgen.bijectors.one_pass import OnePassBijector, total_log_det
from tfgen.bijectors.transformers import Transformer


class Autoregressive(OnePassBijector):
    """`x_i = transformer(z_i; network(x)_i)`, where `network(x)_i` sees `x_<i` alone.

        forward:          x_i = f(z_i; network(x)_i), one coordinate after the other
        forward log det:  sum_i log f'(z_i)
        inverse:          z_i = f^-1(x_i; network(x)_i), all at once
        inverse log det:  -sum_i log f'(z_i)

    The inverse runs the network once, the forward direction once a coordinate.

    Args:
        network: Maps `[..., D]` to parameters `[..., D, num_parameters]`. The caller
            guarantees that it is autoregressive.
        transformer: What is done to a coordinate.
    """

    def __init__(
        self, network: Callable[[tf.Tensor], tf.Tensor], transformer: Transformer
    ) -> None:
        parameters = dict(locals())
        self._network = network
        self._transformer = transformer
        super().__init__(
            forward_min_event_ndims=1, parameters=parameters, name="autoregressive"
        )

    def inverse_and_log_det(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Noise and log-determinant `[...]` from data `[..., D]`; one network pass."""
        inner = self._transformer(self._network(x))
        log_det = inner.inverse_log_det_jacobian(x, event_ndims=0)
        return inner.inverse(x), total_log_det(log_det, x)

    def forward_and_log_det(self, z: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Data and log-determinant `[...]` from noise `[..., D]`; D network passes."""

        def improve(i: tf.Tensor, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            x = self._transformer(self._network(x)).forward(z)
            # A graph of unknown batch may lose the shape, which the loop wants kept.
            return i + 1, tf.ensure_shape(x, z.shape)

        # Pass i makes coordinate i right, given that those before it are.
        start = (tf.constant(0), tf.zeros_like(z))
        _, x = tf.while_loop(lambda i, _: i < tf.shape(z)[-1], improve, start)
        inner = self._transformer(self._network(x))
        log_det = inner.forward_log_det_jacobian(z, event_ndims=0)
        return x, total_log_det(log_det, z)
