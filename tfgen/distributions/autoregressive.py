"""Autoregressive distributions over vectors and arrays."""

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from tfgen.base import Context, DistributionLayer
from tfgen.distributions.elementwise import Elementwise


class Autoregressive(DistributionLayer):
    """`p(x) = prod_i p(x_i | x_<i)`: exact; density in one pass, samples in `D` steps.

    With a network that takes a context, as `MADE` can, it is `p(x | context)`: as the
    decoder of a VAE, for one.

    With an elementwise conditional whose network has `incremental`, as `MADE` has, the
    steps of a sample are together about as much arithmetic as one pass of the network;
    with any other each step is a pass.

    Args:
        conditional: Distribution layer of independent elements given a context, which
            here is `x` itself, flattened. Its network is autoregressive, as `MADE` is,
            so that the parameters of element `i` depend on the elements before it.
        **kwargs: `name` and `dtype`.

    Example:
        >>> import tensorflow as tf
        >>> from tfgen.distributions import Bernoulli
        >>> from tfgen.networks import MADE
        >>> made = Autoregressive(Bernoulli([3], MADE(3, 1, hidden_units=[8])))
        >>> float(made(tf.constant([[0.0, 1.0, 1.0]]))[0])  # 3 log(1 / 2) at the start
        -2.0794415...

    References:
        Germain, Gregor, Murray and Larochelle, 2015. MADE: Masked Autoencoder for
        Distribution Estimation. https://arxiv.org/abs/1502.03509
    """

    def __init__(self, conditional: DistributionLayer, **kwargs: object) -> None:
        super().__init__(conditional.event_shape, **kwargs)
        self.conditional = conditional

    def distribution(self, context: Context = None) -> tfd.Distribution:
        """The distribution of the current weights."""
        self._check(context)
        return _AutoregressiveDistribution(self, context)

    def sample(self, seeds: tf.Tensor, context: Context = None) -> tf.Tensor:
        """One draw a row, element by element."""
        self._check(context)
        conditional = self.conditional
        if not isinstance(conditional, Elementwise) or not hasattr(
            conditional.network, "incremental"
        ):
            return self._sample_in_passes(seeds)
        noise = conditional.noise(seeds)
        steps = conditional.network.incremental(tf.shape(seeds), context)
        x, _ = steps.generate(
            lambda parameters, noise: (
                conditional.draw(conditional.elements(parameters), noise),
                0.0,
            ),
            self._flat(noise),
        )
        return tf.reshape(x, tf.shape(noise))

    def log_prob(self, x: tf.Tensor, context: Context = None) -> tf.Tensor:
        """`[batch]` in nats, in one pass of the network."""
        x = tf.cast(x, self.compute_dtype)
        if context is None:
            return self.conditional.distribution(self._flat(x)).log_prob(x)
        outputs = self.conditional.network(self._flat(x), context)
        return self.conditional.given(outputs).log_prob(x)

    def _sample_in_passes(self, seeds: tf.Tensor) -> tf.Tensor:
        size = tf.TensorShape(self.event_shape).num_elements()
        x = tf.zeros([tf.shape(seeds)[0], *self.event_shape], self.compute_dtype)
        # Every pass reads the same noise, so what has been drawn stays as it is.
        _, x = tf.while_loop(
            lambda i, _: i < size,
            lambda i, x: (i + 1, self.conditional.sample(seeds, self._flat(x))),
            (tf.constant(0), x),
        )
        return x

    def _flat(self, x: tf.Tensor) -> tf.Tensor:
        size = tf.TensorShape(self.event_shape).num_elements()
        return tf.reshape(x, [tf.shape(x)[0], size])

    def _check(self, context: Context) -> None:
        network = getattr(self.conditional, "network", None)
        takes_one = (
            isinstance(self.conditional, Elementwise)
            and hasattr(network, "incremental")
            and getattr(network, "context_features", 0) > 0
        )
        if context is not None and not takes_one:
            raise ValueError(
                "Autoregressive takes a context where its elements are independent and "
                "where its network does, coordinate by coordinate; received one for "
                f"{type(self.conditional).__name__} of {type(network).__name__}. Leave "
                "it out, or build a MADE with context_features."
            )


class _AutoregressiveDistribution(tfd.Distribution):
    """What `Autoregressive` builds; the layer answers."""

    def __init__(self, layer: Autoregressive, context: tf.Tensor | None) -> None:
        parameters = dict(locals())
        self._layer = layer
        self._context = context
        super().__init__(
            dtype=tf.as_dtype(layer.compute_dtype),
            reparameterization_type=tfd.NOT_REPARAMETERIZED,
            validate_args=False,
            allow_nan_stats=True,
            parameters=parameters,
            name="autoregressive",
        )

    def _log_prob(self, x: tf.Tensor) -> tf.Tensor:
        return self._layer.log_prob(x, self._context)

    def _event_shape(self) -> tf.TensorShape:
        return tf.TensorShape(self._layer.event_shape)

    def _batch_shape(self) -> tf.TensorShape:
        return tf.TensorShape([] if self._context is None else self._context.shape[:1])

    def _batch_shape_tensor(self) -> tf.Tensor:
        return tf.shape(self._context)[:1]
