"""Densities of integers, by uniform dequantisation."""

import math
from collections.abc import Mapping, Sequence

import tensorflow as tf

from tfgen import random
from tfgen.base import ArrayLike, Context, DistributionLayer, GenerativeModel
from tfgen.models.density import flow_distribution, latent_signatures
from tfgen.objectives import Objective
from tfgen.signatures import Signature


class Dequantized(GenerativeModel):
    """A continuous density as a model of discrete data: a bound on `log P(x)`.

        log P(x) = log E_u[p(x + step u)] step  >=  E_u[log p(x + step u)] + log(step)

    with `u` uniform on (0, 1), one draw a call from the row's seed. The density sees
    `x + step u`, and the number is of the discrete data: nothing is left outside.

    Args:
        density: Distribution layer of `x + step u`, in units of `x`.
        levels: For integers `0 .. levels - 1`, 256 for 8-bit images; steps are 1.
            A row with another value has probability zero, `elbo` -inf.
        steps: For tables: distance of neighbouring values of each feature, 0 for a
            continuous feature, which gets no noise.
        offsets: With `steps`: one value of each feature.
        objective: What `fit` minimises; by default minus the bound.
        **kwargs: `name` and `dtype`.

    Raises:
        ValueError: Unless either `levels` or `steps` and `offsets` are given, these
            for each feature.

    References:
        Theis, van den Oord and Bethge, 2016. A Note on the Evaluation of Generative
        Models. https://arxiv.org/abs/1511.01844
    """

    kind = "lower_bound"
    term_names = ("elbo",)

    def __init__(
        self,
        density: DistributionLayer,
        levels: int | None = None,
        steps: Sequence[float] | None = None,
        offsets: Sequence[float] | None = None,
        objective: Objective | None = None,
        **kwargs: object,
    ) -> None:
        super().__init__(objective, **kwargs)
        if (levels is None) == (steps is None) or (steps is None) != (offsets is None):
            raise ValueError(
                "Dequantized takes levels, or steps and offsets; received "
                f"levels={levels}, steps={steps}, offsets={offsets}. "
                "For 8-bit images give levels=256."
            )
        if steps is not None and offsets is not None:
            features = math.prod(density.event_shape)
            if not len(steps) == len(offsets) == features or min(steps) < 0:
                raise ValueError(
                    f"Dequantized takes a step of 0 or more and an offset for each of "
                    f"the {features} features; received steps={steps}, "
                    f"offsets={offsets}. Give 0 for a continuous feature."
                )
        if levels is not None and levels < 2:
            raise ValueError(
                f"Discrete data have at least 2 levels; received levels={levels}. "
                "For 8-bit images give levels=256."
            )
        self.density = density
        self.levels = levels
        self.steps = None if steps is None else tuple(steps)
        self.offsets = None if offsets is None else tuple(offsets)

    @property
    def event_shape(self) -> tuple[int, ...]:
        """Shape of one example `x`, without the batch."""
        return self.density.event_shape

    def terms(
        self, inputs: dict[str, tf.Tensor], seeds: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """`elbo`, `[batch]` in nats."""
        x = self.dequantize(inputs["x"], seeds)
        log_prob = self.density.distribution(inputs.get("context")).log_prob(x)
        # Log-volume of a cell of the grid; nothing for continuous features.
        log_volume = sum(math.log(step) for step in self.steps or () if step > 0)
        elbo = log_prob + tf.cast(log_volume, log_prob.dtype)
        impossible = tf.constant(-math.inf, elbo.dtype)
        return {"elbo": tf.where(self._off_grid(inputs["x"]), impossible, elbo)}

    def sample_rows(self, seeds: tf.Tensor, context: Context = None) -> tf.Tensor:
        """One draw a row: a draw of the density, rounded down to the grid."""
        return self._quantize(self.density.sample(seeds, context))

    def signatures(self, inputs: Mapping[str, tf.TensorSpec]) -> list[Signature]:
        """`elbo` and `sample`; for flows also `encode` and `decode`."""
        latent = latent_signatures(self, self.density, inputs)
        return [*super().signatures(inputs), *latent]

    def density_layer(self) -> DistributionLayer:
        """The layer of the density of `x + step u`."""
        return self.density

    def adapt_rows(self, inputs: dict[str, tf.Tensor], seeds: tf.Tensor) -> None:
        """Starts the layers of the density, from dequantised data."""
        x = self.dequantize(inputs["x"], seeds)
        self.density.adapt(x, inputs.get("context"))

    def elbo(
        self, x: ArrayLike, context: ArrayLike | None = None, *, seed: int = 0
    ) -> tf.Tensor:
        """Bound on `log P(x)` of each row: `[batch]`, nats, from one draw of noise."""
        x = self.check_x(x)
        inputs = {"x": x}
        if context is not None:
            inputs["context"] = tf.convert_to_tensor(context)
        return self.terms(inputs, random.row_seeds(seed, tf.range(tf.shape(x)[0])))[
            "elbo"
        ]

    def dequantize(self, x: ArrayLike, seeds: tf.Tensor) -> tf.Tensor:
        """`x + step u`, what the density sees; `u` from int32 `seeds` `[batch]`."""
        x = tf.cast(self.check_x(x), self.compute_dtype)
        noise = random.uniform(seeds, self.event_shape, dtype=x.dtype)
        return x + self._cell(x.dtype) * noise

    def encode(self, x: ArrayLike, context: ArrayLike | None = None) -> tf.Tensor:
        """Noise of the centre of each row's cell; flows only."""
        x = tf.cast(self.check_x(x), self.compute_dtype)
        centre = x + 0.5 * self._cell(x.dtype)
        return flow_distribution(self.density, context).inverse(centre)

    def decode(self, z: ArrayLike, context: ArrayLike | None = None) -> tf.Tensor:
        """Discrete data of each row of noise; flows only."""
        z = tf.cast(tf.convert_to_tensor(z), self.compute_dtype)
        return self._quantize(flow_distribution(self.density, context).forward(z))

    def _quantize(self, x: tf.Tensor) -> tf.Tensor:
        if self.levels is not None:
            top = tf.constant(self.levels - 1, x.dtype)
            return tf.cast(tf.clip_by_value(tf.floor(x), 0.0, top), tf.int32)
        steps = self._cell(x.dtype)
        offsets = tf.reshape(tf.constant(self.offsets, x.dtype), self.event_shape)
        grid = offsets + steps * tf.floor(tf.math.divide_no_nan(x - offsets, steps))
        return tf.where(steps > 0.0, grid, x)

    def _off_grid(self, x: tf.Tensor) -> tf.Tensor:
        """Which rows have a value that discrete data never take; `[batch]`."""
        x = tf.cast(x, self.compute_dtype)
        if self.levels is not None:
            off = (x < 0.0) | (x > self.levels - 1.0) | (x != tf.round(x))
        else:
            steps = self._cell(x.dtype)
            offsets = tf.reshape(tf.constant(self.offsets, x.dtype), self.event_shape)
            index = tf.math.divide_no_nan(x - offsets, steps)
            # Far above what single precision does to values of a fine grid.
            off = tf.abs(index - tf.round(index)) > 0.1
        features = list(range(1, x.shape.rank))
        # What is no number at all is not impossible but unknown: NaN gives NaN.
        unknown = tf.reduce_any(tf.math.is_nan(x), features)
        return tf.reduce_any(off, features) & ~unknown

    def _cell(self, dtype: str | tf.DType) -> tf.Tensor:
        """Width of a cell: a scalar, or one number a feature."""
        if self.steps is None:
            return tf.constant(1.0, dtype)
        return tf.reshape(tf.constant(self.steps, dtype), self.event_shape)
