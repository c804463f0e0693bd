"""Categories relaxed to the simplex, in log space."""

import keras
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from tfgen import random
from tfgen.base import Context, DistributionLayer


class Concrete(DistributionLayer):
    """A category relaxed to the simplex: the density of `log(s)`, where `sum(s) = 1`.

        log(s) = log_softmax((logits + g) / temperature),    g_i ~ Gumbel

    The largest `s_i` is a draw of the category itself, whatever the temperature; the
    lower it is, the nearer is `s` to a corner. An event is `log(s)`, which does not
    underflow. It has `K - 1` degrees of freedom: the density is that of the log-ratios
    `log(s_i / s_K)`, and that of `s` on the simplex times the product of all `s_i`.
    Gradients reach the logits through draws.

    Args:
        num_categories: `K`.
        temperature: Above 0.
        network: Keras layer from the context to logits `[batch, K]`; by default logits
            are weights, and categories start equally likely.
        **kwargs: `name` and `dtype`.

    Raises:
        ValueError: If there are less than 2 categories, or the temperature is not
            above 0.

    References:
        Maddison, Mnih and Teh, 2017. The Concrete Distribution.
        https://arxiv.org/abs/1611.00712

        Jang, Gu and Poole, 2017. Categorical Reparameterization with Gumbel-Softmax.
        https://arxiv.org/abs/1611.01144

    Example:
        >>> import tensorflow as tf
        >>> log_s = Concrete(3).sample(tf.range(5))
        >>> log_s.shape
        TensorShape([5, 3])
    """

    def __init__(
        self,
        num_categories: int,
        temperature: float = 0.5,
        network: keras.layers.Layer | None = None,
        **kwargs: object,
    ) -> None:
        super().__init__([num_categories], **kwargs)
        check_categories(num_categories)
        check_temperature(temperature)
        self.num_categories = num_categories
        self.temperature = temperature
        self.network = network
        self._logits = (
            self.add_weight(shape=(num_categories,), initializer="zeros", name="logits")
            if network is None
            else None
        )

    def distribution(self, context: Context = None) -> tfd.Distribution:
        """The distribution of `log(s)`."""
        return relaxed(self._get_logits(context), self.temperature)

    def sample(self, seeds: tf.Tensor, context: Context = None) -> tf.Tensor:
        """One draw of `log(s)` a row, `[batch, K]`."""
        return draw_log_s(seeds, self._get_logits(context), self.temperature)

    def sample_and_distribution(
        self, seeds: tf.Tensor, context: Context = None
    ) -> tuple[tf.Tensor, tfd.Distribution]:
        """Draws and their distribution, from one pass of the network."""
        logits = self._get_logits(context)
        draws = draw_log_s(seeds, logits, self.temperature)
        return draws, relaxed(logits, self.temperature)

    def _get_logits(self, context: Context) -> tf.Tensor:
        if self.network is None:
            return tf.convert_to_tensor(self._logits)
        return self.network(context)


def relaxed(
    logits: tf.Tensor, temperature: float | tf.Tensor
) -> tfd.ExpRelaxedOneHotCategorical:
    """The distribution of `log(s)` for logits `[..., K]`."""
    return tfd.ExpRelaxedOneHotCategorical(
        tf.cast(temperature, logits.dtype), logits=logits
    )


def draw_log_s(
    seeds: tf.Tensor,
    logits: tf.Tensor,
    temperature: float | tf.Tensor,
    *,
    stream: int = 0,
) -> tf.Tensor:
    """One draw of `log(s)` a row, `[batch, K]`.

    Args:
        seeds: int32 `[batch]`.
        logits: `[K]` or `[batch, K]`.
        temperature: A scalar.
        stream: Which of a row's independent streams to read.
    """
    u = random.uniform(seeds, logits.shape[-1:], stream=stream, dtype=logits.dtype)
    gumbel = -tf.math.log(-tf.math.log(u))
    return tf.nn.log_softmax((logits + gumbel) / tf.cast(temperature, logits.dtype))


def check_categories(num_categories: int) -> None:
    """Raises ValueError unless there is a choice."""
    if num_categories < 2:
        raise ValueError(
            "A category is one of at least 2; received num_categories="
            f"{num_categories}. Give as many as there are classes, or clusters to find."
        )


def check_temperature(temperature: float) -> None:
    """Raises ValueError unless it is above 0."""
    if not temperature > 0.0:
        raise ValueError(
            "Temperatures of relaxed categories are above 0; received temperature="
            f"{temperature}. Usual ones are 0.2 to 1."
        )
