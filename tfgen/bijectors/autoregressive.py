"""Autoregressive bijectors."""

from collections.abc import Callable
from typing import Protocol, TypeAlias

import tensorflow as tf
from tensorflow_probability import bijectors as tfb

from tfgen.bijectors.one_pass import (
    OnePassBijector,
    forward_and_log_det,
    inverse_and_log_det,
    total_log_det,
)
from tfgen.bijectors.transformers import Transformer

# `forward_and_log_det` or `inverse_and_log_det`: what is done with a transformer.
_Apply: TypeAlias = Callable[
    [tfb.Bijector, tf.Tensor, int], tuple[tf.Tensor, tf.Tensor]
]


class Network(Protocol):
    """Maps `[..., D]` to parameters `[..., D, num_parameters]`.

    It may have a method `incremental(batch_shape)`, which gives a
    `tfgen.networks.Incremental`.
    """

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        """The parameters of every coordinate."""


class _NetworkBijector(OnePassBijector):
    """Transforms each coordinate by parameters from those before it.

    Where the network sees what is given, all coordinates are transformed at once. Where
    it sees what comes out, they come out one after the other: with a network that has
    `incremental`, as MADE does, for about the arithmetic of one pass; with any other
    each is a pass.

    Args:
        network: From coordinates to parameters. The caller guarantees that it is
            autoregressive.
        transformer: What is done to a coordinate.
    """

    def __init__(self, network: Network, transformer: Transformer) -> None:
        parameters = dict(locals())
        self._network = network
        self._transformer = transformer
        super().__init__(forward_min_event_ndims=1, parameters=parameters)

    def _at_once(self, apply: _Apply, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """`y_i = apply(network(x)_i, x_i)`."""
        y, log_det = apply(self._transformer(self._network(x)), x, 0)
        return y, total_log_det(log_det, x)

    def _one_by_one(self, apply: _Apply, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """`y_i = apply(network(y)_i, x_i)`."""
        incremental = getattr(self._network, "incremental", None)
        if incremental is None:
            return self._in_passes(apply, x)

        def draw(parameters: tf.Tensor, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            return apply(self._transformer(parameters), x, 0)

        batch_shape = tf.shape(x)[:-1]
        steps = incremental(batch_shape)
        y, log_det = steps.generate(draw, tf.reshape(x, [-1, steps.features]))
        y = tf.ensure_shape(tf.reshape(y, tf.shape(x)), x.shape)
        return y, tf.reshape(log_det, batch_shape)

    def _in_passes(self, apply: _Apply, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        def improve(i: tf.Tensor, y: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            y, _ = apply(self._transformer(self._network(y)), x, 0)
            # A graph of unknown batch may lose the shape, which the loop wants kept.
            return i + 1, tf.ensure_shape(y, x.shape)

        # Pass i makes coordinate i right, given that those before it are.
        start = (tf.constant(0), tf.zeros_like(x))
        _, y = tf.while_loop(lambda i, _: i < tf.shape(x)[-1], improve, start)
        y, log_det = apply(self._transformer(self._network(y)), x, 0)
        return y, total_log_det(log_det, x)


class Autoregressive(_NetworkBijector):
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

    def inverse_and_log_det(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Noise and log-determinant `[...]` from data `[..., D]`; one network pass."""
        return self._at_once(inverse_and_log_det, x)

    def forward_and_log_det(self, z: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Data and log-determinant `[...]` from noise `[..., D]`; D steps."""
        return self._one_by_one(forward_and_log_det, z)


class InverseAutoregressive(_NetworkBijector):
    """`x_i = transformer(z_i; network(z)_i)`, where `network(z)_i` sees `z_<i` alone.

        forward:          x_i = f(z_i; network(z)_i), all at once
        forward log det:  sum_i log f'(z_i)
        inverse:          z_i = f^-1(x_i; network(z)_i), one coordinate after the other
        inverse log det:  -sum_i log f'(z_i)

    The directions of `Autoregressive` change places: forward runs the network once, and
    the inverse takes the D steps.

    Args:
        network: From coordinates to parameters. The caller guarantees that it is
            autoregressive.
        transformer: What is done to a coordinate.
    """

    def forward_and_log_det(self, z: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Data and log-determinant `[...]` from noise `[..., D]`; one network pass."""
        return self._at_once(forward_and_log_det, z)

    def inverse_and_log_det(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Noise and log-determinant `[...]` from data `[..., D]`; D steps."""
        return self._one_by_one(inverse_and_log_det, x)
