"""Autoregressive networks, evaluated one coordinate after the other."""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import tensorflow as tf

# So few coordinates take no time, however they are computed.
_FEW = 16

State: TypeAlias = tuple[tf.Tensor, ...]


class Incremental(NamedTuple):
    """What `network.incremental` gives: all parameters for about the cost of one pass.

    Attributes:
        features: Number of coordinates.
        state: What is known before the first coordinate.
        grow: `grow(state, stop)` makes room for what the coordinates before number
            `stop` need. Less room is less to copy and to multiply.
        step: `step(i, previous, state)` gives the parameters of coordinate `i`,
            `[rows, num_parameters]`, and the next state. `previous`, `[rows]`, is
            coordinate `i - 1`, and zeros before the first.
    """

    features: int
    state: State
    grow: Callable[[State, int], State]
    step: Callable[[tf.Tensor, tf.Tensor, State], tuple[tf.Tensor, State]]

    def generate(
        self,
        draw: Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]],
        noise: tf.Tensor,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Coordinates, each given those before it, in one loop.

        Args:
            draw: From the parameters of a coordinate and its noise, `[rows]`, to the
                coordinate and to a number that is summed over coordinates.
            noise: `[rows, features]`.

        Returns:
            The coordinates `[rows, features]`, and the sums `[rows]`.
        """
        if tf.executing_eagerly() and self.features > _FEW:
            # Step by step it would take seconds.
            compiled = tf.function(self.generate, autograph=False)
            return compiled(draw, noise)
        if noise.shape[0] == 0:
            return noise, noise[:, 0]
        noise = tf.transpose(tf.ensure_shape(noise, [None, self.features]))
        zeros = tf.zeros_like(noise[0])

        def next_coordinate(
            i: tf.Tensor, x: tf.Tensor, state: State, drawn: tf.Tensor, total: tf.Tensor
        ) -> tuple:
            parameters, state = self.step(i, x, state)
            x, summand = draw(parameters, noise[i])
            # A graph of unknown batch may lose the shape, which the loop wants kept.
            x = tf.ensure_shape(x, zeros.shape)
            drawn = tf.tensor_scatter_nd_update(drawn, [[i]], x[tf.newaxis])
            return i + 1, x, state, drawn, total + summand

        # TensorFlow refuses to write rows where there are none.
        enough = tf.minimum(tf.size(zeros), 1)
        loop = (tf.constant(0), zeros, self.state, tf.zeros_like(noise), zeros)
        start = 0
        for stop in _stops(self.features):
            i, x, state, drawn, total = loop
            loop = tf.while_loop(
                lambda i, *_, stop=stop * enough: i < stop,
                next_coordinate,
                (i, x, self.grow(state, stop), drawn, total),
                # XLA needs to know it for gradients.
                maximum_iterations=stop - start,
            )
            start = stop
        _, _, _, drawn, total = loop
        return tf.transpose(drawn), total


def _stops(features: int) -> list[int]:
    """Where to make room anew: at each quarter, unless the whole takes little."""
    if features <= _FEW:
        return [features]
    # Rounded up, since there is no room for no coordinates.
    return sorted({-(-features * quarter // 4) for quarter in range(1, 5)})
