"""Objectives: what `fit` minimises, kept apart from the terms that are reported."""

from typing import TYPE_CHECKING

import tensorflow as tf

from tfgen.serialization import Serializable

if TYPE_CHECKING:
    from tfgen.base import GenerativeModel


class Objective(Serializable):
    """Maps a model, a batch and the step to one loss a row, and the terms beside it."""

    def __call__(
        self,
        model: "GenerativeModel",
        inputs: dict[str, tf.Tensor],
        seeds: tf.Tensor,
        step: tf.Tensor,
    ) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        """The loss of each row, `[batch]`, and the model's terms.

        Args:
            model: The model; an objective asks it for what it needs.
            inputs: The batch without seeds.
            seeds: int32 `[batch]`.
            step: How many updates the optimiser has made, a scalar integer.
        """
        raise NotImplementedError


class MaximumLikelihood(Objective):
    """Minus the model's first term: an exact log-density, or a bound on it."""

    def __call__(
        self,
        model: "GenerativeModel",
        inputs: dict[str, tf.Tensor],
        seeds: tf.Tensor,
        step: tf.Tensor,
    ) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        """Minus the first term, `[batch]` in nats, and all terms."""
        del step  # The same at every step.
        terms = model.terms(inputs, seeds)
        return -terms[model.term_names[0]], terms
