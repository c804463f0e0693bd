"""Variational autoencoders with a category, known or to be found."""

import dataclasses
import typing
from collections.abc import Mapping

import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from tfgen import random
from tfgen.base import ArrayLike, Context, DistributionLayer, repeat_rows
from tfgen.clusters import neighbourhoods
from tfgen.distributions.concrete import check_temperature
from tfgen.distributions.concrete_mixture import (
    ConcreteMixture,
    RelaxedMixture,
    one_hot_draw,
)
from tfgen.mixture_objectives import ConcreteELBO, MixturePretraining
from tfgen.models.latent import LatentModel
from tfgen.objectives import Objective
from tfgen.signatures import Signature, Tensors

_CHUNK = 1_000
# Of a category that starts from one row.
_LEAST_SCALE = 0.01


class ConcreteMixtureVAE(LatentModel):
    """Gaussian-mixture VAE: a code `z`, and a category `s` relaxed to the simplex.

        p(x, z, s) = p(x | z) p(z | s) p(s)
        elbo = log p(x | z) - kl_z - kl_s,    (s, z) ~ q(s | x) q(z | s, x)

        kl_z = KL(q(z | s, x) || p(z | s))         of Gaussians, in closed form
        kl_s = log q(s | x) - log p(s)             of Concrete densities, at the draw

    Prior and posterior are each a `RelaxedMixture`: Concrete categories, and for
    relaxed `s` the product of Gaussian experts. Gradients flow through both draws. The
    category speaks to the data through the code alone.

    **The bound is that of the relaxed model.** It compares with bounds of other relaxed
    models of the same temperature, and not with that of a discrete mixture: `kl_s` is a
    divergence of densities with `K - 1` degrees of freedom, and may exceed `log(K)`.
    `discrete_terms` is the bound of the discrete mixture, with `s` summed out exactly.
    Samples, codes and classes are of the discrete mixture too.

    **Labels** are the prior of their row. With the context `y`, int32 `[batch]`,

        p(s | y) = (1 - smoothing) [s = y] + smoothing p(s),    for y = -1 it is p(s)

    are the probabilities of the Concrete prior; so rows with and without labels may be
    in one batch. Whatever is no category is as good as -1. The posterior never sees the
    label.

    **The posterior of the category** is what the encoder adds to the best answer for
    its Gaussians and the prior's, which maximises the discrete bound where `q(z | s,
    x)` is the same for all `s`:

        q(s | x) ~ exp(encoder's logits) ((1 - smoothing) r(s | x) + smoothing / K)
        r(s | x) ~ p(s) exp(-KL(q(z | s, x) || p(z | s)))

    Without `code_evidence` it is `softmax(encoder's logits)`. Where all rows have a
    label, `r` is soon sure of it and leaves the encoder's logits nothing to learn.

    Args:
        encoder: `q(z, s | x)`: a mixture with a network, whose context is `x`.
        decoder: `p(x | z)`; its context is `z`.
        prior: `p(z, s)`: a mixture without a network.
        temperature: Of both Concrete densities, in what is reported. Objectives may
            train with another.
        smoothing: Between 0 and 1: how far labels, and `r`, are from certainty.
        objective: What `fit` minimises; by default minus the relaxed bound, with which
            categories are lost. See `ConcreteELBO`.
        pretraining: What a first stage minimises, after which `start_categories` looks
            for categories; by default `MixturePretraining`.
        code_evidence: Whether `r` is a part of the posterior of the category.
        **kwargs: `name` and `dtype`.

    Raises:
        ValueError: If encoder and prior do not fit each other, or a number makes no
            sense.

    References:
        Jiang, Zheng, Tan, Tang and Zhou, 2017. Variational Deep Embedding.
        https://arxiv.org/abs/1611.05148

        Kingma, Rezende, Mohamed and Welling, 2014. Semi-supervised Learning with Deep
        Generative Models. https://arxiv.org/abs/1406.5298

        Maddison, Mnih and Teh, 2017. The Concrete Distribution.
        https://arxiv.org/abs/1611.00712

    Example:
        >>> import tensorflow as tf
        >>> from tfgen.distributions import Bernoulli, ConcreteMixture
        >>> from tfgen.networks import MLP
        >>> encoder = ConcreteMixture([2], 3, MLP(9, [8], 3 + 2 * 2))
        >>> decoder = Bernoulli([9], MLP(2, [8], 9))
        >>> model = ConcreteMixtureVAE(encoder, decoder, ConcreteMixture([2], 3))
        >>> model.classify(tf.zeros([5, 9])).shape
        TensorShape([5, 3])
    """

    term_names = ("elbo", "log_likelihood", "kl_z", "kl_s")
    encodes_by_chance = False

    def __init__(
        self,
        encoder: ConcreteMixture,
        decoder: DistributionLayer,
        prior: ConcreteMixture,
        temperature: float = 0.5,
        smoothing: float = 0.1,
        objective: Objective | None = None,
        pretraining: Objective | None = None,
        *,
        code_evidence: bool = True,
        **kwargs: object,
    ) -> None:
        super().__init__(decoder, prior, objective or ConcreteELBO(), **kwargs)
        check_temperature(temperature)
        if not 0.0 < smoothing < 1.0:
            raise ValueError(
                "What is smoothed is neither certain nor unknown; received smoothing="
                f"{smoothing}. Give a number between 0 and 1, such as 0.1."
            )
        sizes = [(part.num_categories, part.event_shape) for part in (encoder, prior)]
        if sizes[0] != sizes[1] or encoder.network is None or prior.network is not None:
            raise ValueError(
                "Encoder and prior are mixtures of as many categories and of the same "
                "codes, the first with a network and the second without; received "
                f"{_described(encoder)} and {_described(prior)}. Give both the same "
                "sizes, and a network to the encoder."
            )
        self.kind = "lower_bound" if decoder.normalized else "none"
        self.encoder = encoder
        self.temperature = temperature
        self.smoothing = smoothing
        self.pretraining = pretraining or MixturePretraining()
        self.code_evidence = code_evidence

    def terms(
        self, inputs: dict[str, tf.Tensor], seeds: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """The relaxed bound and its parts, `[batch]` in nats, from one draw."""
        return self.relaxed_terms(inputs, seeds, self.temperature)

    def relaxed_terms(
        self,
        inputs: dict[str, tf.Tensor],
        seeds: tf.Tensor,
        temperature: float | tf.Tensor,
    ) -> dict[str, tf.Tensor]:
        """The terms at a temperature; bounds of different ones do not compare.

        Args:
            inputs: `x`, and `context` where labels are known.
            seeds: int32 `[batch]`.
            temperature: A scalar above 0.
        """
        x, q, p = self._parts(inputs, temperature)
        log_s, z = q.sample(seeds)
        kl_z = tfd.kl_divergence(q.given(log_s), p.given(log_s))
        kl_s = q.category().log_prob(log_s) - p.category().log_prob(log_s)
        return _as_terms(self.decoder.distribution(z).log_prob(x), kl_z, kl_s)

    def discrete_terms(
        self, inputs: dict[str, tf.Tensor], seeds: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """The same of the discrete mixture, with `s` summed out exactly.

            elbo = sum_k q(k | x) (log p(x | z_k) - KL(q(z | k, x) || p(z | k)))
                   - KL(q(s | x) || p(s)),    z_k ~ q(z | k, x)

        A bound on `log p(x)` that compares with those of other models. The decoder runs
        once for each category.

        Args:
            inputs: `x`, and `context` where labels are known.
            seeds: int32 `[batch]`.
        """
        x, q, p = self._parts(inputs, 1.0)
        k, d = q.loc.shape[1:]
        noise = random.normal(seeds, [d], stream=1, dtype=q.loc.dtype)
        z = tf.reshape(q.loc + q.scale * noise[:, tf.newaxis], [-1, d])
        log_likelihood = self.decoder.distribution(z).log_prob(repeat_rows(x, k))
        shares = tf.nn.softmax(q.logits)
        kl_z = tfd.kl_divergence(q.components(), p.components())
        categories = [tfd.Categorical(logits=part.logits) for part in (q, p)]
        return _as_terms(
            tf.reduce_sum(shares * tf.reshape(log_likelihood, [-1, k]), axis=1),
            tf.reduce_sum(shares * kl_z, axis=1),
            tfd.kl_divergence(*categories),
        )

    def plain_terms(
        self, inputs: dict[str, tf.Tensor], seeds: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """The terms of a VAE without categories, whose prior is a standard normal.

        `s` is in the middle of the simplex, and `kl_s` is zero. One more term, `code`,
        is the log-density of `z` under the mixture of the prior, which learns from it
        and teaches nothing else: it is what `MixturePretraining` needs.

        Args:
            inputs: `x`; whatever labels are known is left out.
            seeds: int32 `[batch]`.
        """
        x = self._floats(inputs["x"])
        q = self.encoder.joint(x, temperature=1.0)
        log_s = tf.nn.log_softmax(tf.zeros_like(q.logits))
        z = q.sample_given(seeds, log_s)
        normal = tfd.Independent(tfd.Normal(tf.zeros_like(z), tf.ones_like(z)), 1)
        log_likelihood = self.decoder.distribution(z).log_prob(x)
        kl_z = tfd.kl_divergence(q.given(log_s), normal)
        terms = _as_terms(log_likelihood, kl_z, tf.zeros_like(kl_z))
        return {**terms, "code": self.prior(tf.stop_gradient(z))}

    def posterior(self, x: tf.Tensor, temperature: float | tf.Tensor) -> RelaxedMixture:
        """`q(z, s | x)` for data `[batch, *event_shape]`, as floats."""
        q = self.encoder.joint(x, temperature=temperature)
        if not self.code_evidence:
            return q
        p = self.prior.joint(temperature=temperature)
        kl = tfd.kl_divergence(q.components(), p.components())
        best = tf.nn.softmax(p.logits - kl)
        smooth = (1.0 - self.smoothing) * best + self.smoothing / p.logits.shape[-1]
        return dataclasses.replace(q, logits=q.logits + tf.math.log(smooth))

    def category_logits(self, label: tf.Tensor) -> tf.Tensor:
        """Logits of the prior of the category for labels `[batch]`: `[batch, K]`."""
        log_p = tf.nn.log_softmax(self.prior.joint(temperature=1.0).logits)
        told = tf.one_hot(label, log_p.shape[-1], dtype=log_p.dtype)
        smooth = (1.0 - self.smoothing) * told + self.smoothing * tf.exp(log_p)
        is_known = self.is_known(label)[:, tf.newaxis]
        return tf.where(is_known, tf.math.log(smooth), log_p)

    def is_known(self, label: tf.Tensor) -> tf.Tensor:
        """Whether a label is a category; those that are none are as good as -1."""
        return (label >= 0) & (label < self.prior.num_categories)

    def classify(self, x: ArrayLike) -> tf.Tensor:
        """`q(s | x)`, probabilities of the categories of each row: `[batch, K]`."""
        return tf.nn.softmax(self.posterior(self._floats(x), 1.0).logits)

    def category_log_prob(self, x: ArrayLike) -> tf.Tensor:
        """`log q(s | x)`, finite also where a probability rounds to 0: `[batch, K]`."""
        return tf.nn.log_softmax(self.posterior(self._floats(x), 1.0).logits)

    def codes(self, x: tf.Tensor, seeds: tf.Tensor) -> Tensors:
        """`loc` and `scale` of `q(z | x)`, a mixture over the categories."""
        del seeds
        mixture = self.posterior(x, 1.0).marginal()
        return {"loc": mixture.mean(), "scale": mixture.stddev()}

    def signatures(self, inputs: Mapping[str, tf.TensorSpec]) -> list[Signature]:
        """As those of a VAE; and `classify`, with the probabilities of categories.

        Where data have labels, the terms take one, -1 if unknown, and `sample` takes
        one to draw from.
        """

        def classify(inputs: Tensors) -> Tensors:
            return {"probabilities": self.classify(inputs["x"])}

        signatures = super().signatures(inputs)
        units = {
            **signatures[0].units,
            "context": "label, -1 for unknown",
            "kl_z": "nats, a part of elbo",
            "kl_s": "nats, a part of elbo",
            "probabilities": "q(s | x), of each category",
        }
        signatures.append(Signature("classify", classify, {"x": inputs["x"]}))
        return [dataclasses.replace(s, units=units) for s in signatures]

    def adapt_rows(self, inputs: dict[str, tf.Tensor], seeds: tf.Tensor) -> None:
        """Starts the encoder's network, which sees the data, and the decoder."""
        x = self._floats(inputs["x"])
        self.encoder.adapt_to_context(x)
        self.decoder.adapt(x, self._draw_codes(seeds))

    def start_categories(
        self, x: ArrayLike, context: ArrayLike | None = None, *, seed: int = 0
    ) -> np.ndarray:
        """Guesses the category of each row, and starts the prior from the guesses.

        To be called once, when codes have been learnt without categories. The guesses
        are clusters of codes, found as `tfgen.clusters.neighbourhoods` says; the
        Gaussians of the prior have their means and variances. Told as labels in
        training, in the context, guesses reach the encoder too.

        Args:
            x: Training data `[rows, *event_shape]`.
            context: Labels `[rows]`, -1 where unknown.
            seed: Of the search for clusters.

        Returns:
            Categories int32 `[rows]`; labels that are known are among them.
        """
        k = self.prior.num_categories
        # Rows on disk are read a part at a time.
        x = typing.cast(np.ndarray, x) if hasattr(x, "dtype") else np.asarray(x)
        label = np.full(len(x), -1) if context is None else np.asarray(context)
        label = np.where(self.is_known(label), label, -1)
        # Draws, where means of equal rows would be equal: islands of their own.
        z = self._plain_codes(x, seed)
        guess = neighbourhoods(z, k, label, seed)
        # Where no row is left, a category starts as wide as all codes.
        parts = [z[guess == i] if (guess == i).any() else z for i in range(k)]
        counts = np.maximum(np.bincount(guess, minlength=k), 1)
        means = np.stack([part.mean(axis=0) for part in parts])
        scale = np.stack([part.std(axis=0) for part in parts])
        scale = np.maximum(scale, _LEAST_SCALE)
        self.prior.start(counts / counts.sum(), means, scale)
        return guess

    def data(self, inputs: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """The data as floats, in their own units, whatever labels come with them."""
        return self._floats(inputs["x"])

    def _floats(self, x: ArrayLike) -> tf.Tensor:
        return tf.cast(self.check_x(x), self.compute_dtype)

    def _plain_codes(self, x: np.ndarray, seed: int) -> np.ndarray:
        """A draw of the code of each row, without categories: `[rows, D]`."""

        @tf.function(autograph=False, reduce_retracing=True)
        def draw(x: tf.Tensor, seeds: tf.Tensor) -> tf.Tensor:
            q = self.encoder.joint(self._floats(x), temperature=1.0)
            return q.sample_given(seeds, tf.nn.log_softmax(tf.zeros_like(q.logits)))

        seeds = random.row_seeds(seed, tf.range(len(x)))
        starts = range(0, len(x), _CHUNK)
        chunks = [slice(start, start + _CHUNK) for start in starts]
        parts = [draw(tf.constant(x[rows]), seeds[rows]) for rows in chunks]
        return np.concatenate(parts).astype("float64")

    def _parts(
        self, inputs: dict[str, tf.Tensor], temperature: float | tf.Tensor
    ) -> tuple[tf.Tensor, RelaxedMixture, RelaxedMixture]:
        """The data, posterior and prior of each row."""
        x, label = self._floats(inputs["x"]), inputs.get("context")
        q = self.posterior(x, temperature)
        p = self.prior.joint(temperature=temperature)
        # One prior for each row, label or no label.
        label = tf.fill(tf.shape(x)[:1], -1) if label is None else label
        return x, q, dataclasses.replace(p, logits=self.category_logits(label))

    def _draw_codes(self, seeds: tf.Tensor, context: Context = None) -> tf.Tensor:
        """Codes of the prior: of the category in the context, where it is known."""
        seeds = random.fold_in(seeds, 0)
        p = self.prior.joint(temperature=1.0)
        log_s = one_hot_draw(seeds, p.logits)
        if context is not None:
            told = tf.one_hot(context, log_s.shape[-1], dtype=log_s.dtype)
            is_known = self.is_known(context)[:, tf.newaxis]
            log_s = tf.where(is_known, tf.math.log(told), log_s)
        return p.sample_given(seeds, log_s)


def _as_terms(
    log_likelihood: tf.Tensor, kl_z: tf.Tensor, kl_s: tf.Tensor
) -> dict[str, tf.Tensor]:
    return {
        "elbo": log_likelihood - kl_z - kl_s,
        "log_likelihood": log_likelihood,
        "kl_z": kl_z,
        "kl_s": kl_s,
    }


def _described(mixture: ConcreteMixture) -> str:
    network = "with" if mixture.network is not None else "without"
    return (
        f"{mixture.num_categories} categories of codes {list(mixture.event_shape)} "
        f"{network} a network"
    )
