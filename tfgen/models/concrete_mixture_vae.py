"""Variational autoencoders with a category."""

import dataclasses
from collections.abc import Mapping

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from tfgen import random
from tfgen.base import ArrayLike, Context, DistributionLayer, repeat_rows
from tfgen.distributions.concrete import check_temperature
from tfgen.distributions.concrete_mixture import (
    ConcreteMixture,
    RelaxedMixture,
    one_hot_draw,
)
from tfgen.models.latent import LatentModel
from tfgen.objectives import Objective
from tfgen.signatures import Signature, Tensors


class ConcreteMixtureVAE(LatentModel):
    term_names = ("elbo", "log_likelihood", "kl_z", "kl_s")
    encodes_by_chance = False

    def __init__(
        self,
        encoder: ConcreteMixture,
        decoder: DistributionLayer,
        prior: ConcreteMixture,
        temperature: float = 0.5,
        label_noise: float = 0.1,
        tie: float = 0.1,
        objective: Objective | None = None,
        **kwargs: object,
    ) -> None:
        super().__init__(decoder, prior, objective, **kwargs)
        check_temperature(temperature)
        self.kind = "lower_bound" if decoder.normalized else "none"
        self.encoder = encoder
        self.temperature = temperature
        self.label_noise = label_noise
        self.tie = tie

    def terms(self, inputs, seeds):
        return self.relaxed_terms(inputs, seeds, self.temperature)

    def relaxed_terms(self, inputs, seeds, temperature):
        x, label = self._split(inputs)
        q, p = self._posterior_and_prior(x, label, temperature)
        log_s, z = q.sample(seeds)
        kl_z = tfd.kl_divergence(q.given(log_s), p.given(log_s))
        kl_s = q.category().log_prob(log_s) - p.category().log_prob(log_s)
        log_likelihood = self.decoder.distribution(z).log_prob(x)
        return {
            "elbo": log_likelihood - kl_z - kl_s,
            "log_likelihood": log_likelihood,
            "kl_z": kl_z,
            "kl_s": kl_s,
        }

    def discrete_terms(self, inputs, seeds):
        x, label = self._split(inputs)
        q, p = self._posterior_and_prior(x, label, 1.0)
        k, rows = self.prior.num_categories, tf.shape(seeds)[0]
        noise = random.normal(seeds, self.prior.event_shape, stream=1, dtype=q.loc.dtype)
        z = tf.reshape(q.loc + q.scale * noise[:, tf.newaxis], [-1, z_size(q)])
        log_likelihood = tf.reshape(
            self.decoder.distribution(z).log_prob(repeat_rows(x, k)), [rows, k]
        )
        share = tf.nn.softmax(q.logits)
        kl_z = tfd.kl_divergence(q.components(), p.components())
        kl_s = tf.reduce_sum(
            share * (tf.nn.log_softmax(q.logits) - tf.nn.log_softmax(p.logits)), -1
        )
        log_likelihood = tf.reduce_sum(share * log_likelihood, -1)
        kl_z = tf.reduce_sum(share * kl_z, -1)
        return {
            "elbo": log_likelihood - kl_z - kl_s,
            "log_likelihood": log_likelihood,
            "kl_z": kl_z,
            "kl_s": kl_s,
        }

    def posterior(self, x, temperature):
        q = self.encoder.joint(x, temperature=temperature)
        if not self.tie:
            return q
        p = self.prior.joint(temperature=temperature)
        kl = tfd.kl_divergence(q.components(), p.components())
        share = tf.nn.softmax(p.logits - kl)
        share = (1 - self.tie) * share + self.tie / self.prior.num_categories
        return dataclasses.replace(q, logits=q.logits + tf.math.log(share))

    def category_prior(self, label):
        p = self.prior.joint(temperature=1.0)
        log_pi = tf.nn.log_softmax(p.logits)
        told = tf.one_hot(tf.cast(label, tf.int32), p.logits.shape[-1], dtype=log_pi.dtype)
        informed = tf.math.log(
            (1.0 - self.label_noise) * told + self.label_noise * tf.exp(log_pi)
        )
        return tf.where(label[:, tf.newaxis] < 0, log_pi, informed)

    def _posterior_and_prior(self, x, label, temperature):
        q = self.posterior(x, temperature)
        p = self.prior.joint(temperature=temperature)
        if label is not None:
            p = dataclasses.replace(p, logits=self.category_prior(label))
        return q, p

    def _split(self, inputs):
        x = tf.cast(self.check_x(inputs["x"]), self.compute_dtype)
        return x, inputs.get("context")

    def codes(self, x, seeds):
        posterior = self.posterior(x, 1.0).marginal()
        return {"loc": posterior.mean(), "scale": posterior.stddev()}

    def classify(self, x):
        x = tf.cast(self.check_x(x), self.compute_dtype)
        return tf.nn.softmax(self.posterior(x, 1.0).logits)

    def adapt_rows(self, inputs, seeds):
        self.encoder.adapt_to_context(self.data({"x": inputs["x"]}))
        self.decoder.adapt(self.data({"x": inputs["x"]}), self._draw_codes(seeds))

    def start_categories(self, x, *, seed=0, num_inits=5):
        from sklearn.mixture import GaussianMixture
        import numpy as np
        codes = []
        for start in range(0, len(x), 1000):
            codes.append(self.encoder.joint(tf.cast(x[start:start+1000], self.compute_dtype), temperature=1.0))
        loc = np.concatenate([c.loc.numpy()[:, 0] for c in codes])
        var = np.mean(np.concatenate([c.scale.numpy()[:, 0] for c in codes])**2, 0)
        em = GaussianMixture(self.prior.num_categories, covariance_type="diag", n_init=num_inits, random_state=seed, tol=1e-4, max_iter=200)
        em.fit(loc)
        self.prior.start(em.weights_, em.means_, np.sqrt(em.covariances_ + var))
        return em, loc


def z_size(q):
    return q.loc.shape[-1]
