"""Coupling bijectors."""

from collections.abc import Callable

import tensorflow as tf

from tfgen.bijectors.one_pass import (
    OnePassBijector,
    forward_and_log_det,
    inverse_and_log_det,
    total_log_det,
)
from tfgen.bijectors.transformers import Transformer


class Coupling(OnePassBijector):
    """Transforms the last coordinates given the first ones, which it leaves alone.

        forward:          x_1 = z_1,  x_2 = f(z_2; network(z_1))
        forward log det:  sum log f'(z_2)
        inverse:          z_1 = x_1,  z_2 = f^-1(x_2; network(x_1))
        inverse log det:  -sum log f'(z_2)

    Either direction runs the network once.

    Args:
        num_kept: How many coordinates, the first ones, are left alone.
        network: Maps `[..., num_kept]` to parameters `[..., rest, num_parameters]`.
        transformer: What is done to a coordinate.

    References:
        Dinh, Krueger and Bengio, 2015. NICE: Non-linear Independent Components
        Estimation. https://arxiv.org/abs/1410.8516
    """

    def __init__(
        self,
        num_kept: int,
        network: Callable[[tf.Tensor], tf.Tensor],
        transformer: Transformer,
    ) -> None:
        parameters = dict(locals())
        self._num_kept = num_kept
        self._network = network
        self._transformer = transformer
        super().__init__(
            forward_min_event_ndims=1, parameters=parameters, name="coupling"
        )

    def forward_and_log_det(self, z: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Data and log-determinant `[...]` from noise `[..., D]`."""
        kept, rest = z[..., : self._num_kept], z[..., self._num_kept :]
        inner = self._transformer(self._network(kept))
        changed, log_det = forward_and_log_det(inner, rest, event_ndims=0)
        return tf.concat([kept, changed], axis=-1), total_log_det(log_det, rest)

    def inverse_and_log_det(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Noise and log-determinant `[...]` from data `[..., D]`."""
        kept, rest = x[..., : self._num_kept], x[..., self._num_kept :]
        inner = self._transformer(self._network(kept))
        changed, log_det = inverse_and_log_det(inner, rest, event_ndims=0)
        return tf.concat([kept, changed], axis=-1), total_log_det(log_det, rest)
