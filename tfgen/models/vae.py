"""Variational autoencoders."""

import math
from collections.abc import Mapping

import tensorflow as tf

from tfgen import random
from tfgen.base import (
    ArrayLike,
    Context,
    DistributionLayer,
    GenerativeModel,
    repeat_rows,
)
from tfgen.objectives import Objective
from tfgen.signatures import Signature

# Rows in the networks at a time while importance samples are drawn.
_ROWS = 100
_DRAWS = 2000


class VAE(GenerativeModel):
    """Variational autoencoder: a bound on `log p(x)` from one draw of the code `z`.

        log p(x) >= elbo = log p(x | z) - kl,    z ~ q(z | x)

    `kl` is the divergence of the posterior `q(z | x)` from the prior `p(z)` in closed
    form, where TFP has one for the two, as for Gaussians. Otherwise, as for flows, it
    is the log-ratio `log q(z | x) - log p(z)` at the draw. On average over draws the
    bound is the same.

    Each part is any distribution layer: a flow in the place of the prior or the encoder
    makes it a more flexible one. Data are in their own units, for the encoder too.

    Args:
        encoder: `q(z | x)`; its context is `x`.
        decoder: `p(x | z)`; its context is `z`.
        prior: `p(z)`.
        objective: What `fit` minimises; by default minus the bound. See `ELBO` and
            `ImportanceWeighted`.
        **kwargs: `name` and `dtype`.

    Raises:
        ValueError: If encoder and prior are of codes of different shapes.

    References:
        Kingma and Welling, 2014. Auto-Encoding Variational Bayes.
        https://arxiv.org/abs/1312.6114

    Example:
        >>> import tensorflow as tf
        >>> from tfgen.distributions import Bernoulli, Gaussian, StandardNormal
        >>> from tfgen.networks import MLP
        >>> encoder = Gaussian([2], MLP(9, [8], 4))
        >>> decoder = Bernoulli([9], MLP(2, [8], 9))
        >>> model = VAE(encoder, decoder, StandardNormal([2]))
        >>> model.elbo(tf.zeros([5, 9])).shape
        TensorShape([5])
    """

    kind = "lower_bound"
    term_names = ("elbo", "log_likelihood", "kl")

    def __init__(
        self,
        encoder: DistributionLayer,
        decoder: DistributionLayer,
        prior: DistributionLayer,
        objective: Objective | None = None,
        **kwargs: object,
    ) -> None:
        super().__init__(objective, **kwargs)
        if encoder.event_shape != prior.event_shape:
            raise ValueError(
                "Encoder and prior are distributions of the same codes; received an "
                f"encoder of shape {list(encoder.event_shape)} and a prior of shape "
                f"{list(prior.event_shape)}. Give both the same event_shape."
            )
        self.encoder = encoder
        self.decoder = decoder
        self.prior = prior
        self._estimate = tf.function(
            self.importance_rows, autograph=False, reduce_retracing=True
        )

    @property
    def event_shape(self) -> tuple[int, ...]:
        """Shape of one example `x`, without the batch."""
        return self.decoder.event_shape

    def terms(
        self, inputs: dict[str, tf.Tensor], seeds: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """`elbo`, `log_likelihood` and `kl`, `[batch]` in nats, from one draw."""
        x = self._data(inputs)
        z, kl = self.encoder.sample_and_kl(seeds, self.prior.distribution(), x)
        log_likelihood = self.decoder.distribution(z).log_prob(x)
        return {"elbo": log_likelihood - kl, "log_likelihood": log_likelihood, "kl": kl}

    def draws(
        self,
        inputs: dict[str, tf.Tensor],
        seeds: tf.Tensor,
        num_draws: int | tf.Tensor,
        first: int | tf.Tensor = 0,
    ) -> dict[str, tf.Tensor]:
        """The terms of several draws, `[batch, num_draws]` in nats.

        `kl` is always the log-ratio at the draw, so that `exp(elbo)` are importance
        weights, `p(x, z) / q(z | x)`. The encoder sees each row once.

        Args:
            inputs: `x`.
            seeds: int32 `[batch]`.
            num_draws: Draws for each row.
            first: The number of the first: equal numbers are equal draws.
        """
        x = self._data(inputs)
        numbers = first + tf.range(num_draws)
        shape = [tf.shape(seeds)[0], num_draws]
        seeds = tf.reshape(random.fold_in(seeds[:, tf.newaxis], numbers), [-1])
        z, log_q = self.encoder.sample_and_log_prob(seeds, x, repeats=num_draws)
        kl = tf.reshape(log_q - self.prior.distribution().log_prob(z), shape)
        likelihood = self.decoder.distribution(z)
        log_likelihood = tf.reshape(
            likelihood.log_prob(repeat_rows(x, num_draws)), shape
        )
        return {"elbo": log_likelihood - kl, "log_likelihood": log_likelihood, "kl": kl}

    def sample_rows(self, seeds: tf.Tensor, context: Context = None) -> tf.Tensor:
        """One draw a row: a code from the prior, and data from the decoder."""
        _refuse(context)
        return self.decoder.sample(random.fold_in(seeds, 1), self._codes(seeds))

    def signatures(self, inputs: Mapping[str, tf.TensorSpec]) -> list[Signature]:
        """`elbo`, `sample`, `encode`; and `decode`, `reconstruct` if there is a mean.

        A posterior without a mean, such as a flow, is answered for by one draw, so that
        `encode` and `reconstruct` take a `seed`.
        """
        elbo, sample = super().signatures(inputs)
        return [elbo, sample]

    def adapt_rows(self, inputs: dict[str, tf.Tensor], seeds: tf.Tensor) -> None:
        """Starts the encoder's networks, which see the data, and the decoder."""
        x = self._data(inputs)
        self.encoder.adapt_to_context(x)
        self.decoder.adapt(x, self._codes(seeds))

    def elbo(self, x: ArrayLike, *, seed: int = 0) -> tf.Tensor:
        """Bound on `log p(x)` of each row: `[batch]`, nats, from one draw a row."""
        x = self.check_x(x)
        seeds = random.row_seeds(seed, tf.range(tf.shape(x)[0]))
        return self.terms({"x": x}, seeds)["elbo"]

    def importance_log_prob(
        self, x: ArrayLike, num_samples: int, *, seed: int = 0
    ) -> tf.Tensor:
        """Estimates `log p(x)` of each row by importance sampling: `[batch]`, nats.

            log p(x) ~ log(mean_k p(x, z_k) / q(z_k | x)),    z_k ~ q(z | x)

        On average a lower bound, which no number of further draws makes worse. Memory
        does not grow with `num_samples`, and a row's estimate depends on its own draws
        alone.

        Args:
            x: Data `[batch, *event_shape]`.
            num_samples: Draws for each row; papers have 500 to 5,000.
            seed: Any integer.
        """
        x = self.check_x(x)
        parts = []
        for start in range(0, max(len(x), 1), _ROWS):
            rows = x[start : start + _ROWS]
            seeds = random.row_seeds(seed, tf.range(start, start + len(rows)))
            parts.append(self._estimate({"x": rows}, seeds, tf.constant(num_samples)))
        return tf.concat(parts, axis=0)

    def importance_rows(
        self, inputs: dict[str, tf.Tensor], seeds: tf.Tensor, num_samples: tf.Tensor
    ) -> tf.Tensor:
        """The estimates of `importance_log_prob` from int32 `seeds` `[batch]`."""
        num_draws = tf.maximum(_DRAWS // tf.maximum(tf.shape(seeds)[0], 1), 1)

        def add(first: tf.Tensor, total: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            log_weights = self.draws(inputs, seeds, num_draws, first)["elbo"]
            surplus = first + tf.range(num_draws) >= num_samples
            nothing = tf.constant(-math.inf, log_weights.dtype)
            log_weights = tf.where(surplus, nothing, log_weights)
            log_weights = tf.concat([total[:, tf.newaxis], log_weights], axis=1)
            return first + num_draws, tf.reduce_logsumexp(log_weights, axis=1)

        nothing = tf.fill(tf.shape(seeds), tf.constant(-math.inf, self.compute_dtype))
        _, total = tf.while_loop(
            lambda first, _: first < num_samples, add, (tf.constant(0), nothing)
        )
        return total - tf.math.log(tf.cast(num_samples, total.dtype))

    def _data(self, inputs: dict[str, tf.Tensor]) -> tf.Tensor:
        _refuse(inputs.get("context"))
        return tf.cast(self.check_x(inputs["x"]), self.compute_dtype)

    def _codes(self, seeds: tf.Tensor) -> tf.Tensor:
        return self.prior.sample(random.fold_in(seeds, 0))


def _refuse(context: Context) -> None:
    if context is not None:
        raise ValueError(
            "A VAE models the data alone and takes no context; received one. Leave it "
            "out, or take a flow, which can be conditional."
        )
