"""Normalising flows."""

from collections.abc import Sequence

import keras
import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from tfgen.base import BijectorLayer, Context, DistributionLayer, repeat_rows
from tfgen.bijectors import forward_and_log_det, inverse_and_log_det


class Flow(DistributionLayer):
    """A base distribution seen through bijectors: exact densities.

        log p(x) = log p_base(z) + sum_i log |det d z_i / d z_{i-1}|,    z_0 = x

    The list starts at the data end: its first bijector's `inverse` is applied to data
    first. Each conditioner runs once for a density.

    Args:
        base: Distribution layer of the noise.
        bijectors: Bijector layers, from data to noise.
        context_network: Keras layer whose output is the context of the base and of
            every bijector; by default they get the context as it is.
        **kwargs: `name` and `dtype`.

    Raises:
        ValueError: If the event shapes of neighbours do not agree.

    Example:
        >>> import tensorflow as tf
        >>> from tfgen.distributions import StandardNormal
        >>> from tfgen.flows import MaskedAutoregressive, Permute
        >>> steps = [MaskedAutoregressive([3], [8]), Permute([3])]
        >>> flow = Flow(StandardNormal([3]), steps)
        >>> flow(tf.zeros([5, 3])).shape
        TensorShape([5])

    References:
        Papamakarios, Nalisnick, Rezende, Mohamed and Lakshminarayanan, 2021.
        Normalizing Flows for Probabilistic Modeling and Inference.
        https://arxiv.org/abs/1912.02762
    """

    def __init__(
        self,
        base: DistributionLayer,
        bijectors: Sequence[BijectorLayer],
        context_network: keras.layers.Layer | None = None,
        **kwargs: object,
    ) -> None:
        event_shape = bijectors[0].event_shape if bijectors else base.event_shape
        super().__init__(event_shape, **kwargs)
        _check_shapes(base, bijectors)
        self.base = base
        self.bijectors = list(bijectors)
        self.context_network = context_network

    def distribution(self, context: Context = None) -> "FlowDistribution":
        """The flow given a context; `inverse` and `forward` give noise and data."""
        context = self._embed(context)
        return self._over(self.base.distribution(context), context)

    def sample(self, seeds: tf.Tensor, context: Context = None) -> tf.Tensor:
        """One draw a row: noise from the base, seen through the bijectors."""
        context = self._embed(context)
        x = self.base.sample(seeds, context)
        for layer in reversed(self.bijectors):
            x = layer.bijector(context).forward(x)
        return x

    def sample_and_distribution(
        self, seeds: tf.Tensor, context: Context = None
    ) -> tuple[tf.Tensor, "FlowDistribution"]:
        """Draws and their distribution; networks of the context run once."""
        context = self._embed(context)
        z, base = self.base.sample_and_distribution(seeds, context)
        distribution = self._over(base, context)
        return distribution.forward(z), distribution

    def sample_and_log_prob(
        self,
        seeds: tf.Tensor,
        context: Context = None,
        *,
        repeats: int | tf.Tensor = 1,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Draws and their log-densities `[batch]`, without inverting anything."""
        context = self._embed(context)
        x, log_prob = self.base.sample_and_log_prob(seeds, context, repeats=repeats)
        context = repeat_rows(context, repeats)
        for layer in reversed(self.bijectors):
            event_ndims = len(layer.noise_event_shape)
            x, log_det = forward_and_log_det(layer.bijector(context), x, event_ndims)
            log_prob -= log_det
        return x, log_prob

    def sample_and_kl(
        self, seeds: tf.Tensor, other: tfd.Distribution, context: Context = None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Draws, and `log p(x) - log other(x)` at them, without inverting anything."""
        x, log_prob = self.sample_and_log_prob(seeds, context)
        return x, log_prob - other.log_prob(x)

    def adapt(self, x: tf.Tensor, context: Context = None) -> None:
        """Starts each layer from what the data are when they reach it."""
        if context is not None:
            self.adapt_to_context(context)
        context = self._embed(context)
        for layer in self.bijectors:
            layer.adapt(x)
            x = layer.bijector(context).inverse(x)
        self.base.adapt(x, context)

    def adapt_to_context(self, context: Context) -> None:
        """Starts the context network, if it takes its scale from data."""
        network = self.context_network
        if network is not None and hasattr(network, "adapt"):
            network.adapt(context)

    def _over(self, base: tfd.Distribution, context: Context) -> "FlowDistribution":
        """The bijectors over a base, all given the same embedded context."""
        return FlowDistribution(
            base,
            [layer.bijector(context) for layer in self.bijectors],
            [len(layer.event_shape) for layer in self.bijectors],
            self.event_shape,
        )

    def _embed(self, context: Context) -> Context:
        if context is None or self.context_network is None:
            return context
        return self.context_network(context)


class FlowDistribution(tfd.Distribution):
    """The distribution that a `Flow` builds from its weights and a context."""

    def __init__(
        self,
        base: tfd.Distribution,
        bijectors: Sequence[tfb.Bijector],
        event_ndims: Sequence[int],
        event_shape: tuple[int, ...],
    ) -> None:
        parameters = dict(locals())
        self._base = base
        self._bijectors = bijectors
        self._event_ndims = event_ndims
        self._shape = event_shape
        super().__init__(
            dtype=base.dtype,
            reparameterization_type=base.reparameterization_type,
            validate_args=False,
            allow_nan_stats=True,
            parameters=parameters,
            name="flow",
        )

    def inverse(self, x: tf.Tensor) -> tf.Tensor:
        """Noise from data."""
        for bijector in self._bijectors:
            x = bijector.inverse(x)
        return x

    def forward(self, z: tf.Tensor) -> tf.Tensor:
        """Data from noise."""
        for bijector in reversed(self._bijectors):
            z = bijector.forward(z)
        return z

    def _log_prob(self, x: tf.Tensor) -> tf.Tensor:
        total = tf.zeros([], self.dtype)
        for bijector, event_ndims in zip(
            self._bijectors, self._event_ndims, strict=True
        ):
            x, log_det = inverse_and_log_det(bijector, x, event_ndims)
            total += log_det
        return self._base.log_prob(x) + total

    def _mean(self) -> tf.Tensor:
        """That of the base, seen through the bijectors, if these are affine."""
        for bijector in self._bijectors:
            if not bijector.is_constant_jacobian:
                raise NotImplementedError(
                    "The mean of a flow is known where its bijectors are affine; "
                    f"received {type(bijector).__name__}. Average samples instead."
                )
        return self.forward(self._base.mean())

    def _event_shape(self) -> tf.TensorShape:
        return tf.TensorShape(self._shape)

    def _batch_shape(self) -> tf.TensorShape:
        return self._base.batch_shape


def _check_shapes(base: DistributionLayer, bijectors: Sequence[BijectorLayer]) -> None:
    """Raises unless each part's noise is the next part's data."""
    parts: list[BijectorLayer | DistributionLayer] = [*bijectors, base]
    for part, following in zip(bijectors, parts[1:], strict=True):
        noise_shape = part.noise_event_shape
        if noise_shape != following.event_shape:
            raise ValueError(
                "In a flow the noise of each part is the data of the next; received "
                f"{part.name} with noise of shape {list(noise_shape)} before "
                f"{following.name} with events of shape {list(following.event_shape)}. "
                "List the parts from data to noise, with Flatten where arrays become "
                "vectors."
            )
