"""Objectives of `ConcreteMixtureVAE`: how categories are found, and not lost."""

from typing import TYPE_CHECKING

import tensorflow as tf

from tfgen.objectives import Objective, ramp, require

if TYPE_CHECKING:
    from tfgen.models.concrete_mixture_vae import ConcreteMixtureVAE


class ConcreteELBO(Objective):
    """Minus the bound of a relaxed model, weighted so that its category is not lost.

        loss of a row = w_z kl_z + w_s kl_s - log_likelihood

        w_z = min(1, step / warm_up)
        w_s = category_weight; in rows that have a label, label_weight

    `kl_s` is a divergence of densities with `K - 1` degrees of freedom, and grows with
    all of them where a posterior is sure of its category: at weight 1 it costs more
    nats than a category is worth, and the bound is highest where there are none. The
    terms of training are those at the temperature of the step, with weights of 1.

    Args:
        warm_up: After how many steps the weight of `kl_z` is 1; 0 for throughout.
        category_weight: Of `kl_s`.
        label_weight: Of `kl_s` in rows whose label is known, for which it says how far
            the posterior is from the label.
        start_temperature: Temperature at the first step; None for the model's own.
        cooling: After how many steps it is the model's own, on a geometric path.

    Raises:
        ValueError: If a number makes no sense.

    References:
        Bowman, Vilnis, Vinyals, Dai, Jozefowicz and Bengio, 2016. Generating Sentences
        from a Continuous Space (on weights of divergences that follow the step).
        https://arxiv.org/abs/1511.06349
    """

    def __init__(
        self,
        warm_up: int = 0,
        category_weight: float = 1.0,
        label_weight: float = 1.0,
        start_temperature: float | None = None,
        cooling: int = 0,
    ) -> None:
        numbers = {
            "warm_up": warm_up,
            "category_weight": category_weight,
            "label_weight": label_weight,
            "cooling": cooling,
        }
        for name, number in numbers.items():
            if number < 0:
                raise ValueError(
                    "Weights, and steps of a schedule, are 0 or more; received "
                    f"{name}={number}. Leave it out for its default."
                )
        if (start_temperature is None) != (cooling == 0):
            raise ValueError(
                "A schedule of temperatures has a start and a number of steps; "
                f"received start_temperature={start_temperature}, cooling={cooling}. "
                "Give both, or none for one temperature."
            )
        self.warm_up = warm_up
        self.category_weight = category_weight
        self.label_weight = label_weight
        self.start_temperature = start_temperature
        self.cooling = cooling

    def __call__(
        self,
        model: "ConcreteMixtureVAE",
        inputs: dict[str, tf.Tensor],
        seeds: tf.Tensor,
        step: tf.Tensor,
    ) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        """The loss of each row, `[batch]` in nats, and all terms."""
        require(self, model, "kl_s")
        step = tf.cast(step, model.compute_dtype)
        temperature = self.temperature(step, model.temperature)
        terms = model.relaxed_terms(inputs, seeds, temperature)
        weight_z = ramp(step, self.warm_up, step.dtype)
        weight_s = tf.fill(tf.shape(terms["kl_s"]), self.category_weight)
        if "context" in inputs:
            is_known = model.is_known(inputs["context"])
            weight_s = tf.where(is_known, self.label_weight, weight_s)
        weight_s = tf.cast(weight_s, step.dtype)
        divergences = weight_z * terms["kl_z"] + weight_s * terms["kl_s"]
        return divergences - terms["log_likelihood"], terms

    def temperature(self, step: tf.Tensor, final: float) -> tf.Tensor:
        """The temperature of a step: from the start's to the final one."""
        if self.start_temperature is None:
            return tf.constant(final, step.dtype)
        progress = ramp(step, self.cooling, step.dtype)
        return self.start_temperature * (final / self.start_temperature) ** progress


class MixturePretraining(Objective):
    """Learns codes for a `ConcreteMixtureVAE` before there are categories.

        loss of a row = weight KL(q(z | x) || N(0, 1)) - log p(x | z) - log p(z)

    With `s` in the middle of the simplex the model is a VAE without categories, whose
    divergence has a weight: the smaller, the further are unlike data apart. The last
    part teaches the prior where codes are, and nothing else: none is drawn to it.

    Args:
        weight: Of the divergence.

    Raises:
        ValueError: If it is below 0.

    References:
        Jiang, Zheng, Tan, Tang and Zhou, 2017. Variational Deep Embedding.
        https://arxiv.org/abs/1611.05148
    """

    def __init__(self, weight: float = 0.05) -> None:
        if weight < 0:
            raise ValueError(
                f"The weight of a divergence is 0 or more; received weight={weight}. "
                "Give 0 for an autoencoder, 1 for a VAE."
            )
        self.weight = weight

    def __call__(
        self,
        model: "ConcreteMixtureVAE",
        inputs: dict[str, tf.Tensor],
        seeds: tf.Tensor,
        step: tf.Tensor,
    ) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        """The loss of each row, `[batch]` in nats, and all terms without categories."""
        del step  # The same at every step.
        require(self, model, "kl_s")
        terms = model.plain_terms(inputs, seeds)
        code = terms.pop("code")
        return self.weight * terms["kl_z"] - terms["log_likelihood"] - code, terms
