"""Models whose density is exact."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import tensorflow as tf

from tfgen.base import ArrayLike, Context, DistributionLayer, GenerativeModel
from tfgen.distributions.flow import Flow, FlowDistribution
from tfgen.objectives import Objective
from tfgen.signatures import Signature, Tensors

if TYPE_CHECKING:
    from tfgen.models.dequantized import Dequantized


class DensityModel(GenerativeModel):
    """A distribution layer as a model: reports the exact `log p(x)`.

    Args:
        distribution: `p(x)`, or `p(x | context)`. Any distribution layer.
        objective: What `fit` minimises; by default the negative log-likelihood.
        **kwargs: `name` and `dtype`.

    Example:
        >>> import numpy as np
        >>> import tfgen
        >>> model = tfgen.DensityModel(tfgen.maf([2], hidden_units=[8]))
        >>> model.compile("adam")
        >>> history = model.fit(np.zeros([8, 2], "float32"), verbose=0)
        >>> model.sample(3, seed=1).shape
        TensorShape([3, 2])
    """

    kind = "exact"
    term_names = ("log_prob",)

    def __init__(
        self,
        distribution: DistributionLayer,
        objective: Objective | None = None,
        **kwargs: object,
    ) -> None:
        super().__init__(objective, **kwargs)
        self.distribution = distribution

    @property
    def event_shape(self) -> tuple[int, ...]:
        """Shape of one example `x`, without the batch."""
        return self.distribution.event_shape

    def terms(
        self, inputs: dict[str, tf.Tensor], seeds: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """`log_prob`, `[batch]` in nats."""
        del seeds  # The density is exact: nothing is drawn.
        x = tf.cast(self.check_x(inputs["x"]), self.compute_dtype)
        distribution = self.distribution.distribution(inputs.get("context"))
        return {"log_prob": distribution.log_prob(x)}

    def sample_rows(self, seeds: tf.Tensor, context: Context = None) -> tf.Tensor:
        """One draw a row, from int32 `seeds` `[batch]`."""
        return self.distribution.sample(seeds, context)

    def signatures(self, inputs: Mapping[str, tf.TensorSpec]) -> list[Signature]:
        """`log_prob` and `sample`; for flows also `encode` and `decode`."""
        latent = latent_signatures(self, self.distribution, inputs)
        return [*super().signatures(inputs), *latent]

    def density_layer(self) -> DistributionLayer:
        """The layer of `p(x)`."""
        return self.distribution

    def adapt_rows(self, inputs: dict[str, tf.Tensor], seeds: tf.Tensor) -> None:
        """Starts the layers of the distribution."""
        del seeds
        x = tf.cast(self.check_x(inputs["x"]), self.compute_dtype)
        self.distribution.adapt(x, inputs.get("context"))

    def log_prob(self, x: ArrayLike, context: ArrayLike | None = None) -> tf.Tensor:
        """Log-density of each row of `x` `[batch, *event_shape]`: `[batch]`, nats."""
        context = None if context is None else tf.convert_to_tensor(context)
        x = tf.cast(self.check_x(x), self.compute_dtype)
        return self.distribution.distribution(context).log_prob(x)

    def encode(self, x: ArrayLike, context: ArrayLike | None = None) -> tf.Tensor:
        """Noise of each row of data, `[batch, *noise_event_shape]`; flows only."""
        x = tf.cast(self.check_x(x), self.compute_dtype)
        return flow_distribution(self.distribution, context).inverse(x)

    def decode(self, z: ArrayLike, context: ArrayLike | None = None) -> tf.Tensor:
        """Data of each row of noise, `[batch, *event_shape]`; flows only."""
        z = tf.cast(tf.convert_to_tensor(z), self.compute_dtype)
        return flow_distribution(self.distribution, context).forward(z)


def latent_signatures(
    model: "DensityModel | Dequantized",
    layer: DistributionLayer,
    inputs: Mapping[str, tf.TensorSpec],
) -> list[Signature]:
    """`encode` and `decode` of a model over a flow; of other models none.

    What is a flow for the sake of its preprocessing alone has no noise to speak of.
    """
    if not isinstance(layer, Flow) or not any(
        bijector.trainable_weights for bijector in layer.bijectors
    ):
        return []
    x, given = inputs["x"], {k: spec for k, spec in inputs.items() if k != "x"}
    z = tf.TensorSpec([None, *layer.base.event_shape], layer.compute_dtype)

    def encode(inputs: Tensors) -> Tensors:
        return {"z": model.encode(inputs["x"], inputs.get("context"))}

    def decode(inputs: Tensors) -> Tensors:
        decoded = model.decode(inputs["z"], inputs.get("context"))
        return {"x": tf.cast(decoded, x.dtype)}

    return [
        Signature("encode", encode, {"x": x, **given}),
        Signature("decode", decode, {"z": z, **given}),
    ]


def flow_distribution(
    layer: DistributionLayer, context: ArrayLike | None
) -> FlowDistribution:
    """The flow that `layer` builds.

    Raises:
        TypeError: If it is not a flow, and so has no noise to encode to.
    """
    if not isinstance(layer, Flow):
        raise TypeError(
            "Only flows encode data to noise and decode noise to data; received a "
            f"{type(layer).__name__}. It has log_prob and sample."
        )
    return layer.distribution(
        None if context is None else tf.convert_to_tensor(context)
    )
