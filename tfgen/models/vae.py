"""Variational autoencoders."""

import math

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from tfgen import random
from tfgen.base import ArrayLike, DistributionLayer, repeat_rows
from tfgen.losses import kl_divergence
from tfgen.models.latent import LatentModel, known
from tfgen.objectives import Objective
from tfgen.signatures import Tensors

# While importance samples are drawn: rows, and decoded features, at a time.
_ROWS = 50
_FEATURES = 500_000


class VAE(LatentModel):
    """Variational autoencoder: a bound on `log p(x)` from one draw of the code `z`.

        log p(x) >= elbo = log p(x | z) - kl,    z ~ q(z | x)

    `kl` is the divergence of the posterior `q(z | x)` from the prior `p(z)` in closed
    form, where TFP has one for the two, as for Gaussians. Otherwise, as for flows, it
    is the log-ratio `log q(z | x) - log p(z)` at the draw. On average over draws the
    bound is the same.

    Each part is any distribution layer: a flow in the place of the prior or the encoder
    makes it a more flexible one. Data are in their own units, for the encoder too.

    With a decoder that is no likelihood, such as `GreyBernoulli`, the kind of the model
    is `none`: its terms are no bound on anything.

    Args:
        encoder: `q(z | x)`; its context is `x`.
        decoder: `p(x | z)`; its context is `z`.
        prior: `p(z)`.
        objective: What `fit` minimises; by default minus the bound. See `ELBO`,
            `ImportanceWeighted`, `BetaELBO`, `CapacityELBO`, `TotalCorrelationELBO`.
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

    term_names = ("elbo", "log_likelihood", "kl")

    def __init__(
        self,
        encoder: DistributionLayer,
        decoder: DistributionLayer,
        prior: DistributionLayer,
        objective: Objective | None = None,
        **kwargs: object,
    ) -> None:
        super().__init__(decoder, prior, objective, **kwargs)
        if encoder.event_shape != prior.event_shape:
            raise ValueError(
                "Encoder and prior are distributions of the same codes; received an "
                f"encoder of shape {list(encoder.event_shape)} and a prior of shape "
                f"{list(prior.event_shape)}. Give both the same event_shape."
            )
        self.kind = "lower_bound" if decoder.normalized else "none"
        self.encoder = encoder
        self._estimate = tf.function(
            self.importance_rows, autograph=False, reduce_retracing=True
        )

    def terms(
        self, inputs: dict[str, tf.Tensor], seeds: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """`elbo`, `log_likelihood` and `kl`, `[batch]` in nats, from one draw."""
        x = self.data(inputs)
        z, kl = self.encoder.sample_and_kl(seeds, self.prior.distribution(), x)
        return self.terms_at(x, z, kl)

    def terms_at(
        self, x: tf.Tensor, z: tf.Tensor, kl: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """The terms of data, given a code `z` of each row and the divergence `kl`."""
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
        x = self.data(inputs)
        numbers = first + tf.range(num_draws)
        shape = [tf.shape(seeds)[0], num_draws]
        seeds = tf.reshape(random.fold_in(seeds[:, tf.newaxis], numbers), [-1])
        z, log_q = self.encoder.sample_and_log_prob(seeds, x, repeats=num_draws)
        log_p = self.decoder.distribution(z).log_prob(repeat_rows(x, num_draws))
        log_likelihood = tf.reshape(log_p, shape)
        kl = tf.reshape(log_q - self.prior.distribution().log_prob(z), shape)
        return {"elbo": log_likelihood - kl, "log_likelihood": log_likelihood, "kl": kl}

    @property
    def encodes_by_chance(self) -> bool:
        """Whether the posterior has no closed form for its mean and deviation."""
        one = tf.zeros([1, *self.event_shape], self.compute_dtype)
        return "z" in self.codes(one, tf.zeros([1], tf.int32))

    def codes(self, x: tf.Tensor, seeds: tf.Tensor) -> Tensors:
        """`loc` and `scale` of the posterior, or a draw `z` where they are unknown."""
        posterior = self.encoder.distribution(x)
        loc, scale = known(posterior.mean), known(posterior.stddev)
        if loc is None or scale is None:
            return {"z": self.encoder.sample(seeds, x)}
        return {"loc": loc, "scale": scale}

    def kl_per_latent(self, x: ArrayLike) -> tf.Tensor | None:
        """Divergence of each latent from its prior: `[batch, *code_shape]`, nats.

        Over the latents of a row they add up to `kl`. None unless latents are
        independent, in the prior and given `x`, with a closed form as Gaussians have.
        """
        x = self.data({"x": tf.convert_to_tensor(x)})
        posterior, prior = self.encoder.distribution(x), self.prior.distribution()
        for codes in (posterior, prior):
            if not isinstance(codes, tfd.Independent):
                return None
        return kl_divergence(posterior.distribution, prior.distribution)

    def adapt_rows(self, inputs: dict[str, tf.Tensor], seeds: tf.Tensor) -> None:
        """Starts the encoder's networks, which see the data, and the decoder."""
        self.encoder.adapt_to_context(self.data(inputs))
        super().adapt_rows(inputs, seeds)

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

        On average a lower bound, and the nearer the more samples there are. Memory does
        not grow with them. A row's estimate is a function of the seed and of its place,
        whatever the other rows are.

        Args:
            x: Data `[batch, *event_shape]`.
            num_samples: Draws for each row; papers have 500 to 5,000.
            seed: Any integer.

        Raises:
            ValueError: If there is not even one sample.
        """
        if num_samples < 1:
            raise ValueError(
                "Importance sampling takes at least 1 draw a row; received "
                f"num_samples={num_samples}. Usual numbers are 500 to 5,000."
            )
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
        """The estimates of `importance_log_prob`, from int32 `seeds` `[batch]`."""
        rows = tf.maximum(tf.shape(seeds)[0], 1)
        affordable = tf.maximum(_FEATURES // (rows * math.prod(self.event_shape)), 1)
        num_draws = tf.minimum(affordable, num_samples)

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
