"""Layers that move coordinates and keep volumes."""

import math
from collections.abc import Sequence

from tensorflow_probability import bijectors as tfb

from tfgen.base import BijectorLayer, Context


class Permute(BijectorLayer):
    """Another order of the coordinates: `z[i] = x[order[i]]` on the way to noise.

    Args:
        event_shape: `[features]`.
        order: A permutation of `0 .. features - 1`; by default the reversed order.
        **kwargs: `name` and `dtype`.
    """

    def __init__(
        self,
        event_shape: Sequence[int],
        order: Sequence[int] | None = None,
        **kwargs: object,
    ) -> None:
        super().__init__(event_shape, **kwargs)
        features = self.event_shape[-1]
        self.order = tuple(range(features))[::-1] if order is None else tuple(order)
        if sorted(self.order) != list(range(features)):
            raise ValueError(
                f"Permute needs each of 0 .. {features - 1} once; received order="
                f"{list(self.order)}. Leave the order out to reverse the coordinates."
            )

    def bijector(self, context: Context = None) -> tfb.Bijector:
        """The permutation; the context is not used."""
        return tfb.Invert(tfb.Permute(self.order))


class Flatten(BijectorLayer):
    """Arrays as vectors, in row-major order.

    Args:
        event_shape: Shape of one example.
        **kwargs: `name` and `dtype`.
    """

    @property
    def noise_event_shape(self) -> tuple[int, ...]:
        """`[features]`, the number of elements."""
        return (math.prod(self.event_shape),)

    def bijector(self, context: Context = None) -> tfb.Bijector:
        """The reshaping; the context is not used."""
        return tfb.Reshape(
            event_shape_out=self.event_shape, event_shape_in=self.noise_event_shape
        )
