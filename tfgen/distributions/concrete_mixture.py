"""Mixtures of Gaussians whose category is relaxed to the simplex."""

import dataclasses
from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from tfgen import random
from tfgen.base import Context, DistributionLayer
from tfgen.bijectors import bounded
from tfgen.distributions.concrete import check_categories, draw_log_s, relaxed
from tfgen.distributions.standard import independent


@dataclasses.dataclass(frozen=True)
class RelaxedMixture:
    """The joint distribution of a relaxed category `s` and a vector `z`.

        p(z, s) = p(z | s) p(s)
        p(s)    = Concrete(logits, temperature)
        p(z | s) proportional to  product_i N(z; loc_i, scale_i**2) ** s_i

    The product of experts is a Gaussian, elementwise of

        precision = sum_i s_i / scale_i**2
        loc       = sum_i s_i loc_i / scale_i**2 / precision

    For one-hot `s` it is the component that `s` names. No layer and no weights: maths
    of tensors alone.

    Attributes:
        logits: Of the categories, `[batch, K]` or `[K]`.
        loc: Of the components, `[batch, K, D]` or `[K, D]`.
        scale: Likewise.
        temperature: A scalar, above 0.

    References:
        Hinton, 2002. Training Products of Experts by Minimizing Contrastive Divergence.
        https://doi.org/10.1162/089976602760128018
    """

    logits: tf.Tensor
    loc: tf.Tensor
    scale: tf.Tensor
    temperature: float | tf.Tensor

    def category(self) -> tfd.ExpRelaxedOneHotCategorical:
        """`p(s)`, as the distribution of `log(s)`."""
        return relaxed(self.logits, self.temperature)

    def given(self, log_s: tf.Tensor) -> tfd.Distribution:
        """`p(z | s)` for `log(s)` `[batch, K]`: a Gaussian."""
        precisions = tf.square(1.0 / self.scale)
        s = tf.exp(log_s)[..., tf.newaxis]
        precision = tf.reduce_sum(s * precisions, axis=-2)
        loc = tf.reduce_sum(s * precisions * self.loc, axis=-2) / precision
        return independent(tfd.Normal(loc, tf.math.rsqrt(precision)), (loc.shape[-1],))

    def sample(self, seeds: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """One draw of `log(s)` and of `z` a row, `[batch, K]` and `[batch, D]`."""
        log_s = draw_log_s(seeds, self.logits, self.temperature, stream=0)
        return log_s, self.sample_given(seeds, log_s)

    def sample_given(self, seeds: tf.Tensor, log_s: tf.Tensor) -> tf.Tensor:
        """One draw of `z` for each row of `log(s)`: `[batch, D]`."""
        normal = self.given(log_s).distribution
        shape = self.loc.shape[-1:]
        noise = random.normal(seeds, shape, stream=1, dtype=self.loc.dtype)
        return normal.loc + normal.scale * noise

    def log_prob(self, log_s: tf.Tensor, z: tf.Tensor) -> tf.Tensor:
        """`log p(z, s)` `[batch]` in nats; of `s`, the density of `log(s)`."""
        return self.category().log_prob(log_s) + self.given(log_s).log_prob(z)

    def components(self) -> tfd.Distribution:
        """`p(z | s)` for each of the one-hot `s`: batch shape `[batch, K]`."""
        return independent(tfd.Normal(self.loc, self.scale), self.loc.shape[-1:])

    def marginal(self) -> tfd.Distribution:
        """`p(z)` of the mixture whose category is not relaxed."""
        categories = tfd.Categorical(logits=self.logits)
        return tfd.MixtureSameFamily(categories, self.components())


class ConcreteMixture(DistributionLayer):
    """Mixture of Gaussians with diagonal covariances, and with a relaxed category.

    As a distribution of `z` it is the mixture itself; `joint` is that of `z` and the
    relaxed `s`. Log-scales are bounded to (-5, 5).

    Args:
        event_shape: `[D]`, the shape of `z`.
        num_categories: `K`.
        network: Keras layer from the context to logits, locations and unbounded
            log-scales, `[batch, K + 2 K D]`; or `[batch, K + 2 D]`, for one Gaussian
            whatever the category. By default they are weights, with locations that
            start apart.
        **kwargs: `name` and `dtype`.

    Raises:
        ValueError: If there are less than 2 categories, or events are not vectors.

    Example:
        >>> import tensorflow as tf
        >>> joint = ConcreteMixture([2], 5).joint(temperature=0.5)
        >>> log_s, z = joint.sample(tf.range(7))
        >>> log_s.shape, z.shape
        (TensorShape([7, 5]), TensorShape([7, 2]))
    """

    def __init__(
        self,
        event_shape: Sequence[int],
        num_categories: int,
        network: keras.layers.Layer | None = None,
        **kwargs: object,
    ) -> None:
        super().__init__(event_shape, **kwargs)
        check_categories(num_categories)
        if len(self.event_shape) != 1:
            raise ValueError(
                "A mixture needs vectors, event_shape [features]; received event_shape="
                f"{list(event_shape)}. Give the size of the code alone."
            )
        self.num_categories = num_categories
        self.network = network
        if network is None:
            shape = (num_categories, *self.event_shape)
            # Components start apart, or they would never come apart.
            apart = keras.initializers.RandomNormal(stddev=1.0)
            self._logits = self.add_weight(
                shape=shape[:1], initializer="zeros", name="logits"
            )
            self._loc = self.add_weight(shape=shape, initializer=apart, name="loc")
            self._log_scale = self.add_weight(
                shape=shape, initializer="zeros", name="log_scale"
            )

    def joint(
        self, context: Context = None, *, temperature: float | tf.Tensor
    ) -> RelaxedMixture:
        """The joint distribution of `z` and the relaxed category."""
        if self.network is None:
            weights = (self._logits, self._loc, self._log_scale)
            logits, loc, log_scale = map(tf.convert_to_tensor, weights)
        else:
            logits, loc, log_scale = self._split(self.network(context))
        return RelaxedMixture(logits, loc, tf.exp(bounded(log_scale)), temperature)

    def distribution(self, context: Context = None) -> tfd.Distribution:
        """The mixture, with a category that is not relaxed."""
        return self.joint(context, temperature=1.0).marginal()

    def sample(self, seeds: tf.Tensor, context: Context = None) -> tf.Tensor:
        """One draw of `z` a row: a category, then a draw of its Gaussian."""
        joint = self.joint(context, temperature=1.0)
        log_s = one_hot_draw(seeds, joint.logits)
        return joint.sample_given(seeds, log_s)

    def adapt_to_context(self, context: Context) -> None:
        """Starts the network, if it takes its scale from data."""
        if self.network is not None and hasattr(self.network, "adapt"):
            self.network.adapt(context)

    def start(self, weights: np.ndarray, loc: np.ndarray, scale: np.ndarray) -> None:
        """Starts the weights of a mixture without a network.

        Args:
            weights: Probabilities of the components, `[K]`.
            loc: `[K, D]`.
            scale: `[K, D]`.
        """
        self._logits.assign(np.log(weights))
        self._loc.assign(loc)
        # The inverse of `bounded`, whose range is open.
        log_scale = np.clip(np.log(scale) / 5.0, -0.99, 0.99)
        self._log_scale.assign(5.0 * np.arctanh(log_scale))

    def _split(self, outputs: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        k, d = self.num_categories, self.event_shape[0]
        logits, rest = outputs[..., :k], outputs[..., k:]
        rows = tf.shape(outputs)[0]
        gaussians = k if rest.shape[-1] == 2 * k * d else 1
        loc, log_scale = tf.unstack(tf.reshape(rest, [rows, 2, gaussians, d]), axis=1)
        if gaussians == 1:
            loc, log_scale = (tf.repeat(part, k, axis=1) for part in (loc, log_scale))
        return logits, loc, log_scale


def one_hot_draw(seeds: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """`log(s)` of one-hot draws of the categories, `[batch, K]`."""
    # The largest coordinate of a relaxed draw is a draw of the category itself.
    choice = tf.argmax(draw_log_s(seeds, logits, 1.0), axis=-1)
    return tf.math.log(tf.one_hot(choice, logits.shape[-1], dtype=logits.dtype))
