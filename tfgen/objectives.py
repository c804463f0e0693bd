"""Objectives: what `fit` minimises, kept apart from the terms that are reported."""

from typing import TYPE_CHECKING, ClassVar

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from tfgen.losses import importance_weighted_bound
from tfgen.serialization import Serializable

if TYPE_CHECKING:
    from tfgen.base import ArrayLike, DistributionLayer, GenerativeModel
    from tfgen.models.vae import VAE


class Objective(Serializable):
    """Maps a model, a batch and the step to one loss a row, and the terms beside it.

    Attributes:
        rowwise: Whether the loss of a row looks at no other row of the batch.
    """

    rowwise: ClassVar[bool] = True

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


class ELBO(Objective):
    """Minus the evidence lower bound, with a weight on the divergence that warms up.

        loss of a row = weight * kl - log_likelihood,    weight = min(1, step / warm_up)

    Without a warm-up the divergence may win at once, and codes then say nothing. The
    terms have the whole divergence at every step: what is reported is the bound.

    Args:
        warm_up: After how many steps the weight is 1; 0 for a weight of 1 throughout.

    Raises:
        ValueError: If there are less than 0 steps.

    References:
        Sonderby, Raiko, Maaloe, Sonderby and Winther, 2016. Ladder Variational
        Autoencoders. https://arxiv.org/abs/1602.02282
    """

    def __init__(self, warm_up: int = 0) -> None:
        if warm_up < 0:
            raise ValueError(
                f"A warm-up takes 0 steps or more; received warm_up={warm_up}. "
                "Give 0 for none."
            )
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
        weight = ramp(step, self.warm_up, terms["kl"].dtype)
        return weight * terms["kl"] - terms["log_likelihood"], terms


class Reconstruction(Objective):
    """Minus the log-likelihood at the code, and minus the log-density of the code.

    For an `Autoencoder`, whose encoder and decoder learn from the first and whose prior
    learns from the second.
    """

    def __call__(
        self,
        model: "GenerativeModel",
        inputs: dict[str, tf.Tensor],
        seeds: tf.Tensor,
        step: tf.Tensor,
    ) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        """The loss of each row, `[batch]` in nats, and all terms."""
        del step  # The same at every step.
        require(self, model, "reconstruction")
        terms = model.terms(inputs, seeds)
        return -terms["reconstruction"] - terms["code"], terms


class ImportanceWeighted(Objective):
    """Minus the importance-weighted bound of several draws: that of an IWAE.

        loss of a row = -log(mean_k p(x, z_k) / q(z_k | x)),    z_k ~ q(z | x)

    The encoder sees each row once, the decoder each draw. The terms are the means over
    the draws, so that the `elbo` is that of one draw, and not this bound.

    Args:
        num_samples: Draws for each row.

    Raises:
        ValueError: If there is not even one.

    References:
        Burda, Grosse and Salakhutdinov, 2016. Importance Weighted Autoencoders.
        https://arxiv.org/abs/1509.00519
    """

    def __init__(self, num_samples: int) -> None:
        if num_samples < 1:
            raise ValueError(
                "An importance-weighted bound takes at least 1 draw; received "
                f"num_samples={num_samples}. Usual numbers are 5 and 50."
            )
        self.num_samples = num_samples

    def __call__(
        self,
        model: "VAE",
        inputs: dict[str, tf.Tensor],
        seeds: tf.Tensor,
        step: tf.Tensor,
    ) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        """Minus the bound, `[batch]` in nats, and all terms."""
        del step  # The same at every step.
        require(self, model, "kl")
        draws = model.draws(inputs, seeds, self.num_samples)
        terms = {name: tf.reduce_mean(rows, axis=1) for name, rows in draws.items()}
        return -importance_weighted_bound(draws["elbo"]), terms


class Distillation(Objective):
    """Divergence from a teacher, from draws of the student: no direction is inverted.

        loss of a row = log q(x) - log p(x),    x ~ q, drawn from the row's seed

    Its mean is `KL(q || p)`, in nats, of the student `q` from the teacher `p`, and its
    gradient reaches the student through the draws. A student that draws in one pass
    (`tfgen.iaf`) and a teacher that scores in one (`tfgen.maf`) cost a pass of each.

    The data of a batch serve for the terms, which are no part of the loss, and for
    their contexts. Where the student is slow to score data, the terms take more of a
    step than the rest of it. The divergence is
    that of the densities: of `Dequantized` models before rounding, which can only make
    it smaller.

    The teacher is not trained, and not saved with the student: its weights are not the
    student's. A model loaded with this objective has everything but the teacher.

    Args:
        teacher: A trained model of the same data, of the student's class.

    References:
        Van den Oord et al., 2018. Parallel WaveNet: Fast High-Fidelity Speech
        Synthesis. https://arxiv.org/abs/1711.10433

    Example:
        >>> import tfgen
        >>> teacher = tfgen.DensityModel(tfgen.maf([2], hidden_units=[8]))
        >>> student = tfgen.DensityModel(tfgen.iaf([2], hidden_units=[8]))
        >>> student.objective = tfgen.Distillation(teacher)
    """

    def __init__(self, teacher: "GenerativeModel | None") -> None:
        self.teacher = teacher

    def __call__(
        self,
        model: "GenerativeModel",
        inputs: dict[str, tf.Tensor],
        seeds: tf.Tensor,
        step: tf.Tensor,
    ) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        """The log-ratio at each row's draw, `[batch]` in nats, and all terms."""
        del step  # The same at every step.
        context = inputs.get("context")
        teacher = self.check(model, context).distribution(context)
        x, log_q = model.density_layer().sample_and_log_prob(seeds, context)
        log_p = teacher.log_prob(tf.cast(x, teacher.dtype))
        return log_q - tf.cast(log_p, log_q.dtype), model.terms(inputs, seeds)

    def check(
        self, student: "GenerativeModel", context: "ArrayLike | None" = None
    ) -> "DistributionLayer":
        """The teacher's density, which `student` can learn.

        Args:
            student: The model to be trained.
            context: What conditional models are given.

        Raises:
            ValueError: If there is no teacher, or it models other data.
            TypeError: If draws of the student are no differentiable functions of its
                weights.
        """
        if self.teacher is None:
            raise ValueError(
                "Distillation needs a teacher, which is not saved with its student; "
                "received None. Set model.objective = Distillation(teacher)."
            )
        grids = [_grid(self.teacher), _grid(student)]
        if grids[0] != grids[1]:
            raise ValueError(
                "A teacher and its student are models of the same data; received a "
                f"teacher {grids[0]} and a student {grids[1]}. Build both for one "
                "data set, and of one kind."
            )
        given = None if context is None else tf.convert_to_tensor(context)
        draws = student.density_layer().distribution(given).reparameterization_type
        if draws != tfd.FULLY_REPARAMETERIZED:
            raise TypeError(
                "Distillation needs a student whose draws are differentiable functions "
                f"of its weights; received {type(student.density_layer()).__name__}, "
                "which chooses among values or components. Take a flow over a standard "
                "base, such as tfgen.iaf or tfgen.realnvp."
            )
        return self.teacher.density_layer()

    def get_config(self) -> dict[str, object]:
        """Nothing of the teacher: its weights would be missing."""
        return {"teacher": None}


def ramp(step: tf.Tensor, steps: int, dtype: str | tf.DType) -> tf.Tensor:
    """From 0 at the first step to 1 after so many, and 1 from then on; a scalar."""
    if steps == 0:
        return tf.ones([], dtype)
    return tf.minimum(tf.cast(step, dtype) / steps, 1.0)


def require(objective: Objective, model: "GenerativeModel", term: str) -> None:
    """Raises TypeError if the model has no such term."""
    if term not in model.term_names:
        raise TypeError(
            f"{type(objective).__name__} needs a model with the term {term}; received "
            f"a {type(model).__name__}, with {', '.join(model.term_names)}. VAE has "
            "elbo, log_likelihood and kl, Autoencoder reconstruction and code."
        )


def _grid(model: "GenerativeModel") -> str:
    """What kind of data a model is of, in words that are equal for equal kinds."""
    grid = {
        name: getattr(model, name)
        for name in ("levels", "steps", "offsets")
        if getattr(model, name, None) is not None
    }
    words = [f"{name}={value}" for name, value in grid.items()]
    shape = f"event_shape={list(model.event_shape)}"
    return f"{type(model).__name__}({', '.join([shape, *words])})"
