"""Autoregressive bijectors."""

from typing import Protocol

import tensorflow as tf

from tfgen.bijectors.one_pass import (
    OnePassBijector,
    forward_and_log_det,
    inverse_and_log_det,
    total_log_det,
)
from tfgen.bijectors.transformers import Transformer


class Network(Protocol):
    """Maps `[..., D]` to parameters `[..., D, num_parameters]`.

    It may have a method `incremental(batch_shape)`, which gives a
    `tfgen.networks.Incremental`.
    """

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        """The parameters of every coordinate."""


class Autoregressive(OnePassBijector):
    """`x_i = transformer(z_i; network(x)_i)`, where `network(x)_i` sees `x_<i` alone.

        forward:          x_i = f(z_i; network(x)_i), one coordinate after the other
        forward log det:  sum_i log f'(z_i)
        inverse:          z_i = f^-1(x_i; network(x)_i), all at once
        inverse log det:  -sum_i log f'(z_i)

    The inverse runs the network once. The forward direction takes D steps: with a
    network that has `incremental`, as MADE does, they cost about as much arithmetic as
    one pass; with any other each step is a pass.

    Args:
        network: From coordinates to parameters. The caller guarantees that it is
            autoregressive.
        transformer: What is done to a coordinate.
    """

    def __init__(self, network: Network, transformer: Transformer) -> None:
        parameters = dict(locals())
        self._network = network
        self._transformer = transformer
        super().__init__(
            forward_min_event_ndims=1, parameters=parameters, name="autoregressive"
        )

    def inverse_and_log_det(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Noise and log-determinant `[...]` from data `[..., D]`; one network pass."""
        inner = self._transformer(self._network(x))
        z, log_det = inverse_and_log_det(inner, x, event_ndims=0)
        return z, total_log_det(log_det, x)

    def forward_and_log_det(self, z: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Data and log-determinant `[...]` from noise `[..., D]`; D steps."""
        incremental = getattr(self._network, "incremental", None)
        if incremental is None:
            return self._forward_in_passes(z)
        batch_shape = tf.shape(z)[:-1]
        steps = incremental(batch_shape)
        x, log_det = steps.generate(self._draw, tf.reshape(z, [-1, steps.features]))
        x = tf.ensure_shape(tf.reshape(x, tf.shape(z)), z.shape)
        return x, tf.reshape(log_det, batch_shape)

    def _draw(self, parameters: tf.Tensor, z: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return forward_and_log_det(self._transformer(parameters), z, event_ndims=0)

    def _forward_in_passes(self, z: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        def improve(i: tf.Tensor, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            x = self._transformer(self._network(x)).forward(z)
            # A graph of unknown batch may lose the shape, which the loop wants kept.
            return i + 1, tf.ensure_shape(x, z.shape)

        # Pass i makes coordinate i right, given that those before it are.
        start = (tf.constant(0), tf.zeros_like(z))
        _, x = tf.while_loop(lambda i, _: i < tf.shape(z)[-1], improve, start)
        inner = self._transformer(self._network(x))
        x, log_det = forward_and_log_det(inner, z, event_ndims=0)
        return x, total_log_det(log_det, z)
