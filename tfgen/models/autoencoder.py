"""Deterministic autoencoders."""

import dataclasses
from collections.abc import Mapping

import keras
import tensorflow as tf

from tfgen.base import DistributionLayer
from tfgen.models.latent import LatentModel
from tfgen.objectives import Objective, Reconstruction
from tfgen.signatures import Signature, Tensors


class Autoencoder(LatentModel):
    """Deterministic autoencoder: no density of data, the baseline of `VAE`.

        reconstruction = log p(x | z),    code = log p(z),    z = encoder(x)

    `reconstruction` is what is maximised, and no bound on `log p(x)`: nothing keeps
    `z` from saying all of `x`. `code` teaches the prior what codes are like, and the
    encoder nothing, so that the prior can stand in for the encoder in samples.

    Args:
        encoder: Keras layer from data, in their own units, to codes.
        decoder: `p(x | z)`; its context is `z`.
        prior: `p(z)`, with weights to be fitted to the codes: a Gaussian, say, which is
            a `Mixture` of one component.
        objective: What `fit` minimises; by default `Reconstruction`.
        **kwargs: `name` and `dtype`.

    References:
        Hinton and Salakhutdinov, 2006. Reducing the Dimensionality of Data with Neural
        Networks. https://doi.org/10.1126/science.1127647

        Ghosh, Sajjadi, Vergari, Black and Schoelkopf, 2020. From Variational to
        Deterministic Autoencoders (on priors fitted to codes).
        https://arxiv.org/abs/1903.12436

    Example:
        >>> import tensorflow as tf
        >>> from tfgen.distributions import Bernoulli, Mixture
        >>> from tfgen.networks import MLP
        >>> encoder, decoder = MLP(9, [8], 2), Bernoulli([9], MLP(2, [8], 9))
        >>> model = Autoencoder(encoder, decoder, Mixture([2], 1, "full"))
        >>> model.reconstruct(tf.zeros([5, 9])).shape
        TensorShape([5, 9])
    """

    kind = "none"
    term_names = ("reconstruction", "code")
    encodes_by_chance = False

    def __init__(
        self,
        encoder: keras.layers.Layer,
        decoder: DistributionLayer,
        prior: DistributionLayer,
        objective: Objective | None = None,
        **kwargs: object,
    ) -> None:
        super().__init__(decoder, prior, objective or Reconstruction(), **kwargs)
        self.encoder = encoder

    def terms(
        self, inputs: dict[str, tf.Tensor], seeds: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """`reconstruction` and `code`, `[batch]` in nats; nothing is drawn."""
        del seeds
        x = self.data(inputs)
        z = self.encoder(x)
        return {
            "reconstruction": self.decoder.distribution(z).log_prob(x),
            "code": self.prior.distribution().log_prob(tf.stop_gradient(z)),
        }

    def codes(self, x: tf.Tensor, seeds: tf.Tensor) -> Tensors:
        """`z`, whatever the seeds."""
        del seeds
        return {"z": self.encoder(x)}

    def signatures(self, inputs: Mapping[str, tf.TensorSpec]) -> list[Signature]:
        """`reconstruction`, which takes no seed; the others as for every such model."""
        terms, *others = super().signatures(inputs)
        return [dataclasses.replace(terms, inputs=dict(inputs)), *others]

    def adapt_rows(self, inputs: dict[str, tf.Tensor], seeds: tf.Tensor) -> None:
        """Starts the encoder, if it takes its scale from data, and the decoder."""
        if hasattr(self.encoder, "adapt"):
            self.encoder.adapt(self.data(inputs))
        super().adapt_rows(inputs, seeds)
