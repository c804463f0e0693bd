"""Mixtures of Gaussians."""

from collections.abc import Sequence

import keras
import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from tfgen import random
from tfgen.base import Context, DistributionLayer
from tfgen.bijectors import bounded


class Mixture(DistributionLayer):
    """Mixture of Gaussians, `p(x) = sum_k w_k N(x; loc_k, scale_k scale_k^T)`.

    The parameters are weights of the layer, or outputs of a network of the context,
    which makes it a mixture density network. Log-scales are bounded to (-5, 5).

    Args:
        event_shape: `[features]`.
        num_components: How many Gaussians.
        covariance: `diagonal`, or `full` for lower-triangular scales.
        network: Keras layer from the context to
            `[batch, num_parameters(event_shape, num_components, covariance)]`.
        **kwargs: `name` and `dtype`.

    Raises:
        ValueError: If the covariance is neither, or the events are not vectors.

    References:
        Bishop, 1994. Mixture Density Networks.
        https://publications.aston.ac.uk/id/eprint/373/

    Example:
        >>> import tensorflow as tf
        >>> Mixture([2], 5, covariance="full")(tf.zeros([7, 2])).shape
        TensorShape([7])
    """

    def __init__(
        self,
        event_shape: Sequence[int],
        num_components: int,
        covariance: str = "diagonal",
        network: keras.layers.Layer | None = None,
        **kwargs: object,
    ) -> None:
        super().__init__(event_shape, **kwargs)
        size = num_parameters(event_shape, num_components, covariance)
        self.num_components = num_components
        self.covariance = covariance
        self.network = network
        # Components start apart, or they would never come apart.
        features = self.event_shape[0]
        self._start = self.add_weight(
            shape=(num_components, features),
            initializer=keras.initializers.RandomNormal(stddev=1.0),
            trainable=False,
            name="start",
        )
        self._parameters = (
            self.add_weight(shape=(size,), initializer="zeros", name="parameters")
            if network is None
            else None
        )

    def distribution(self, context: Context = None) -> tfd.Distribution:
        """The mixture, given a context if there is a network."""
        logits, loc, scale = self._components(context)
        if self.covariance == "diagonal":
            components = tfd.MultivariateNormalDiag(loc, scale)
        else:
            components = tfd.MultivariateNormalTriL(loc, scale)
        return tfd.MixtureSameFamily(tfd.Categorical(logits=logits), components)

    def sample(self, seeds: tf.Tensor, context: Context = None) -> tf.Tensor:
        """One draw a row: a component, then a Gaussian draw from it."""
        logits, loc, scale = self._components(context)
        if self.network is None:
            logits, loc, scale = logits[tf.newaxis], loc[tf.newaxis], scale[tf.newaxis]
        component = random.categorical(seeds, logits, stream=0)
        choice = tf.one_hot(component, self.num_components, dtype=loc.dtype)
        noise = random.normal(seeds, self.event_shape, stream=1, dtype=loc.dtype)
        # By sums over components: a gather would need the broadcast parameters.
        loc = tf.reduce_sum(choice[..., tf.newaxis] * loc, axis=1)
        if self.covariance == "diagonal":
            return loc + tf.reduce_sum(choice[..., tf.newaxis] * scale, axis=1) * noise
        scale = tf.reduce_sum(choice[..., tf.newaxis, tf.newaxis] * scale, axis=1)
        return loc + tf.linalg.matvec(scale, noise)

    def _components(self, context: Context) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Logits `[..., K]`, locations `[..., K, D]` and scales."""
        if self.network is None:
            # As a base, a mixture may be told the context of its flow.
            parameters = tf.convert_to_tensor(self._parameters)
        elif context is None:
            raise ValueError(
                "A mixture with a network needs a context; received none. Give one "
                "context a row."
            )
        else:
            parameters = self.network(context)
        k, d = self.num_components, self.event_shape[0]
        scale_size = num_parameters([d], 1, self.covariance) - 1 - d
        logits, loc, scale = tf.split(parameters, [k, k * d, k * scale_size], axis=-1)
        batch = tf.shape(parameters)[:-1]
        loc = self._start + tf.reshape(loc, tf.concat([batch, [k, d]], axis=0))
        scale = tf.reshape(scale, tf.concat([batch, [k, scale_size]], axis=0))
        if self.covariance == "diagonal":
            return logits, loc, tf.exp(bounded(scale))
        triangle = tfb.FillTriangular()(scale)
        diagonal = tf.exp(bounded(tf.linalg.diag_part(triangle)))
        return logits, loc, tf.linalg.set_diag(triangle, diagonal)


def num_parameters(
    event_shape: Sequence[int], num_components: int, covariance: str
) -> int:
    """How many numbers a mixture has: logits, locations and scales, in this order."""
    if covariance not in ("diagonal", "full"):
        raise ValueError(
            "The covariance of a mixture is 'diagonal' or 'full'; received "
            f"covariance={covariance!r}. Take 'full' for correlated features."
        )
    if num_components < 1:
        raise ValueError(
            "A mixture has at least 1 component; received num_components="
            f"{num_components}. Usual values are 5 to 50."
        )
    if len(event_shape) != 1:
        raise ValueError(
            "A mixture needs vectors, event_shape [features]; received event_shape="
            f"{list(event_shape)}. Put it behind a Flatten layer in a Flow."
        )
    features = event_shape[0]
    scales = features if covariance == "diagonal" else features * (features + 1) // 2
    return num_components * (1 + features + scales)
