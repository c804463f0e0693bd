"""Objectives of `VAE` under which latents come to stand for factors of the data."""

import math
from typing import TYPE_CHECKING, ClassVar

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from tfgen.losses import kl_divergence
from tfgen.objectives import Objective, ramp, require

if TYPE_CHECKING:
    from tfgen.base import GenerativeModel
    from tfgen.models.vae import VAE


class BetaELBO(Objective):
    """Minus the bound of a beta-VAE: that of a VAE with a weight on the divergence.

        loss of a row = weight * kl - log_likelihood

        weight = beta min(1, step / warm_up)

    The larger beta, the fewer nats codes may hold, and the more a latent is worth that
    shares none of its own with others. The terms have the divergence at weight 1: what
    is reported is the bound.

    Args:
        beta: The weight; 1 for `ELBO`.
        warm_up: After how many steps the weight is beta; 0 for throughout.

    Raises:
        ValueError: If a number makes no sense.

    References:
        Higgins, Matthey, Pal, Burgess, Glorot, Botvinick, Mohamed and Lerchner, 2017.
        beta-VAE: Learning Basic Visual Concepts with a Constrained Variational
        Framework. https://openreview.net/forum?id=Sy2fzU9gl
    """

    def __init__(self, beta: float = 4.0, warm_up: int = 0) -> None:
        _require_sense(beta=beta, warm_up=warm_up)
        self.beta = beta
        self.warm_up = warm_up

    def __call__(
        self,
        model: "GenerativeModel",
        inputs: dict[str, tf.Tensor],
        seeds: tf.Tensor,
        step: tf.Tensor,
    ) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        """The loss of each row, `[batch]` in nats, and all terms."""
        require(self, model, "kl")
        terms = model.terms(inputs, seeds)
        weight = self.beta * ramp(step, self.warm_up, terms["kl"].dtype)
        return weight * terms["kl"] - terms["log_likelihood"], terms


class CapacityELBO(Objective):
    """Holds the divergence at a capacity that grows: nats are let in little by little.

        loss of a row = gamma |kl - c| - log_likelihood

        c = capacity min(1, step / steps)

    With few nats a code holds what tells most of the data, and latents that are taken
    keep what they hold when there are more. As in the paper, it is the divergence of
    each row that is held there, and not the mean of a batch.

    Args:
        gamma: The weight of the distance, large enough to hold the divergence.
        capacity: Nats at the end.
        steps: After how many steps that is; 0 for throughout.

    Raises:
        ValueError: If a number makes no sense.

    References:
        Burgess, Higgins, Pal, Matthey, Watters, Desjardins and Lerchner, 2018.
        Understanding Disentangling in beta-VAE. https://arxiv.org/abs/1804.03599
    """

    def __init__(self, gamma: float, capacity: float, steps: int) -> None:
        _require_sense(gamma=gamma, capacity=capacity, steps=steps)
        self.gamma = gamma
        self.capacity = capacity
        self.steps = steps

    def __call__(
        self,
        model: "GenerativeModel",
        inputs: dict[str, tf.Tensor],
        seeds: tf.Tensor,
        step: tf.Tensor,
    ) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        """The loss of each row, `[batch]` in nats, and all terms."""
        require(self, model, "kl")
        terms = model.terms(inputs, seeds)
        capacity = self.capacity * ramp(step, self.steps, terms["kl"].dtype)
        distance = tf.abs(terms["kl"] - capacity)
        return self.gamma * distance - terms["log_likelihood"], terms


class TotalCorrelationELBO(Objective):
    """Minus the bound of a beta-TCVAE: a weight for each part of the divergence.

        loss of a row = kl - log_likelihood
                        + (alpha - 1) mi + (beta - 1) tc + (gamma - 1) dw

        mi = log q(z | x) - log q(z)             what a code says of its row
        tc = log q(z) - sum_d log q(z_d)         what latents say of each other
        dw = sum_d log q(z_d) - log p(z)         latents apart from their prior

    at the row's draw, `z ~ q(z | x)`. The mean of `mi + tc + dw` is that of `kl`, which
    is in closed form where there is one, as in `VAE`. The law of all codes is estimated
    from those of the batch, by minibatch-weighted sampling:

        q(z) = sum_j q(z | x_j) / batch          and so for each latent

    So a row's loss depends on the other rows and on how many they are, while its terms
    are its own. It is exact where the batch is the whole data set; elsewhere a row has
    too large a share in the law of its own code. The paper divides by the size of the
    data too, which changes the loss by a constant and its gradients not at all. Under
    a strategy each replica estimates from its own rows, and padding would count as
    rows: give `fit` whole batches.

    Costs `O(batch^2 latents)`, little beside networks.

    Args:
        alpha: Weight of the index-code mutual information.
        beta: Weight of the total correlation.
        gamma: Weight of the divergence of each latent.

    Raises:
        ValueError: If a weight makes no sense.

    References:
        Chen, Li, Grosse and Duvenaud, 2018. Isolating Sources of Disentanglement in
        Variational Autoencoders. https://arxiv.org/abs/1802.04942
    """

    rowwise: ClassVar[bool] = False

    def __init__(
        self, alpha: float = 1.0, beta: float = 6.0, gamma: float = 1.0
    ) -> None:
        _require_sense(alpha=alpha, beta=beta, gamma=gamma)
        self.alpha = alpha
        self.beta = beta
        self.gamma = gamma

    def __call__(
        self,
        model: "VAE",
        inputs: dict[str, tf.Tensor],
        seeds: tf.Tensor,
        step: tf.Tensor,
    ) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        """The loss of each row, `[batch]` in nats, and all terms.

        Raises:
            TypeError: If latents depend on each other given the data.
        """
        del step  # The same at every step.
        require(self, model, "kl")
        x, prior = model.data(inputs), model.prior.distribution()
        z, posterior = model.encoder.sample_and_distribution(seeds, x)
        if not isinstance(posterior, tfd.Independent):
            raise TypeError(
                f"{type(self).__name__} needs an encoder whose latents are independent "
                f"given the data; received a {type(model.encoder).__name__}. Take "
                "Gaussian, or BetaELBO."
            )
        # Draws along the first axis, rows whose posterior it is along the second.
        each = posterior.distribution.log_prob(z[:, tf.newaxis])
        each = tf.reshape(each, [*tf.unstack(tf.shape(each)[:2]), -1])
        log_q = _log_mean(tf.reduce_sum(each, axis=2))
        log_marginals = tf.reduce_sum(_log_mean(each), axis=1)
        log_q_given_x, log_p = posterior.log_prob(z), prior.log_prob(z)
        kl = kl_divergence(posterior, prior)
        if kl is None:
            kl = log_q_given_x - log_p
        terms = model.terms_at(x, z, kl)
        excess = (
            (self.alpha - 1) * (log_q_given_x - log_q)
            + (self.beta - 1) * (log_q - log_marginals)
            + (self.gamma - 1) * (log_marginals - log_p)
        )
        return excess - terms["elbo"], terms


def _log_mean(log_densities: tf.Tensor) -> tf.Tensor:
    """Logarithm of the mean density over the second axis."""
    rows = tf.cast(tf.shape(log_densities)[1], log_densities.dtype)
    return tf.reduce_logsumexp(log_densities, axis=1) - tf.math.log(rows)


def _require_sense(**numbers: float) -> None:
    for name, number in numbers.items():
        if not 0 <= number < math.inf:
            raise ValueError(
                "Weights, capacities and numbers of steps are finite and 0 or more; "
                f"received {name}={number}. Weights of 1 are those of the bound."
            )
