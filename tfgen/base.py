"""The three kinds of parts: bijector layers, distribution layers, generative models.

Keras owns the weights; TensorFlow Probability (TFP) owns the maths. A layer holds the
weights and builds a TFP object from them each time it is asked; the object itself holds
no variable. Conditioning is an argument: `context`, a tensor or a dict of tensors.
"""

import math
import typing
from collections.abc import Mapping, Sequence
from typing import ClassVar, TypeAlias, TypeVar

import keras
import numpy as np
import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from tfgen import random
from tfgen.executions import (
    TrainFunction,
    in_one_program,
    in_parts,
    on_all_replicas,
)
from tfgen.gradients import equal_shares, global_norm
from tfgen.losses import kl_divergence
from tfgen.metrics.first_non_finite import FirstNonFinite
from tfgen.objectives import MaximumLikelihood, Objective
from tfgen.serialization import Serializable
from tfgen.signatures import Signature, Tensors

Context: TypeAlias = tf.Tensor | dict[str, tf.Tensor] | None
ArrayLike: TypeAlias = np.ndarray | tf.Tensor | Sequence
_Model = TypeVar("_Model", bound="GenerativeModel")

# How much `adapt` looks at: enough for means and scales, and little enough that what a
# flow computes on the way, some fifty arrays of that size, fits in memory.
ADAPT_ROWS = 50_000
ADAPT_NUMBERS = 2**23


class BijectorLayer(Serializable, keras.layers.Layer):
    """A Keras layer that builds a TFP bijector from its weights, and from a context.

    `forward` maps noise to data and `inverse` data to noise, in every layer. Layers
    that prepare data are named by what they do to data: `Logit.inverse` is the logit.

    Args:
        event_shape: Shape of one example on the data side, without the batch.
        **kwargs: `name` and `dtype`, as for every Keras layer.
    """

    def __init__(self, event_shape: Sequence[int], **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.event_shape = tuple(event_shape)
        # Weights are made in constructors, so there is nothing left to build.
        self.built = True

    @property
    def noise_event_shape(self) -> tuple[int, ...]:
        """Shape of one example on the noise side."""
        return self.event_shape

    def bijector(self, context: Context = None) -> tfb.Bijector:
        """The bijector of the current weights, noise to data."""
        raise NotImplementedError

    def adapt(self, x: tf.Tensor) -> None:
        """Starts the layer from data `[rows, *event_shape]`; most layers ignore it."""

    def call(self, z: tf.Tensor, context: Context = None) -> tf.Tensor:
        """Data `[batch, *event_shape]` from noise `[batch, *noise_event_shape]`."""
        return self.bijector(context).forward(z)


class DistributionLayer(Serializable, keras.layers.Layer):
    """A Keras layer that builds a TFP distribution, `p(x)` or `p(x | context)`.

    The distribution is built afresh on every call from the current weights and holds no
    variable of its own. Samples are drawn here and not by the distribution, as a pure
    function of row seeds (see `tfgen.random`).

    Args:
        event_shape: Shape of one example, without the batch.
        **kwargs: `name` and `dtype`, as for every Keras layer.

    Attributes:
        normalized: Whether probabilities sum to one. If not, models have no likelihood.
    """

    normalized: ClassVar[bool] = True

    def __init__(self, event_shape: Sequence[int], **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.event_shape = tuple(event_shape)
        self.built = True

    def distribution(self, context: Context = None) -> tfd.Distribution:
        """The distribution: batch shape `[batch]` given a context, else `[]`."""
        raise NotImplementedError

    def sample(self, seeds: tf.Tensor, context: Context = None) -> tf.Tensor:
        """One draw a row, `[batch, *event_shape]`, from int32 `seeds` `[batch]`."""
        raise NotImplementedError

    def sample_and_distribution(
        self, seeds: tf.Tensor, context: Context = None
    ) -> tuple[tf.Tensor, tfd.Distribution]:
        """Draws as `sample` gives them, and the distribution that they are of."""
        return self.sample(seeds, context), self.distribution(context)

    def sample_and_log_prob(
        self,
        seeds: tf.Tensor,
        context: Context = None,
        *,
        repeats: int | tf.Tensor = 1,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Draws as `sample` gives them, and their log-densities `[batch]` in nats.

        Args:
            seeds: int32 `[batch]`.
            context: What to condition on.
            repeats: How many draws in succession have the same row of the context,
                which then has `batch / repeats` rows.
        """
        x, distribution = self.sample_and_distribution(
            seeds, repeat_rows(context, repeats)
        )
        return x, distribution.log_prob(x)

    def sample_and_kl(
        self, seeds: tf.Tensor, other: tfd.Distribution, context: Context = None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Draws, and the divergence from another distribution, `[batch]` in nats.

        The closed form of `KL(p || other)` where TFP has one for the two distributions;
        else `log p(x) - log other(x)` at the draw, whose mean it is.
        """
        x, distribution = self.sample_and_distribution(seeds, context)
        divergence = kl_divergence(distribution, other)
        if divergence is None:
            divergence = distribution.log_prob(x) - other.log_prob(x)
        return x, divergence

    def adapt(self, x: tf.Tensor, context: Context = None) -> None:
        """Starts the layer from data `[rows, *event_shape]`; most layers ignore it."""

    def adapt_to_context(self, context: Context) -> None:
        """Starts the networks of the context from contexts; most layers ignore it."""

    def call(self, x: tf.Tensor, context: Context = None) -> tf.Tensor:
        """Log-density of each row of `x`, `[batch]` in nats."""
        return self.distribution(context).log_prob(x)


class GenerativeModel(Serializable, keras.Model):
    """A Keras model of data: terms to report, an objective to optimise, samples.

    Calling the model gives its terms, a dict of per-example tensors `[batch]` in nats.
    No row's terms depend on other rows. The first name in `term_names` is the model's
    answer: an exact log-density, a bound or an estimate of it, as `kind` says. What is
    optimised is the objective; what is reported are the terms.

    Inputs are a tensor `x` or a dict: `x`, `context` for conditional models, and
    `seed`, int32 `[batch]`, for the noise of each row. Without `seed`, as in a plain
    `fit(x)`, rows get seeds from `noise_seed`, the optimiser's step and their place:
    row `i` of replica `r` of `n` is row `i * n + r` of all.

    Args:
        objective: What `fit` minimises; by default minus the first term.
        **kwargs: `name` and `dtype`, as for every Keras layer.

    Attributes:
        clip_norm: Global norm to which `fit` clips gradients; 0, as at first, for no
            clipping. The optimiser could do so, but the norm is known here, from the
            search for numbers that are not finite. Under a strategy it is the norm of
            the gradient of all replicas, which is then added up twice.
        batch_parts: In how many parts `fit` computes a batch; 1 at first. XLA runs two
            side by side on a CPU, and leaves less of its cores idle.
    """

    kind: str
    term_names: ClassVar[tuple[str, ...]]
    test_function: TrainFunction | None

    def __init__(self, objective: Objective | None = None, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.objective = objective or MaximumLikelihood()
        self.noise_seed = 0
        self.clip_norm = 0.0
        self.batch_parts = 1
        self._loss_mean = keras.metrics.Mean(name="loss")
        self._term_means = [keras.metrics.Mean(name=name) for name in self.term_names]
        self.first_non_finite = FirstNonFinite((*self.term_names, "loss", "gradient"))
        # Eagerly, a sample of an autoregressive model would take minutes.
        self._draw_rows = tf.function(
            self.sample_rows, autograph=False, reduce_retracing=True
        )
        self.built = True

    @property
    def clip_norm(self) -> float:
        """Global norm to which `fit` clips gradients; 0 for no clipping."""
        return self._clip_norm

    @clip_norm.setter
    def clip_norm(self, value: float) -> None:
        if not 0.0 <= value < math.inf:
            raise ValueError(
                "Gradients are clipped to a norm of 0 or more, 0 for no clipping; "
                f"received clip_norm={value}. A usual norm is 1."
            )
        self._clip_norm = float(value)
        # It was traced with another norm.
        self.train_function: TrainFunction | None = None

    @property
    def batch_parts(self) -> int:
        """In how many parts `fit` computes a batch.

        Batches that it does not divide are computed as a whole, and so are those of an
        objective that looks at a batch as a whole. Leave it at 1 for layers that do so:
        with penalties on their outputs, or statistics of a batch.
        """
        return self._batch_parts

    @batch_parts.setter
    def batch_parts(self, value: int) -> None:
        if value < 1 or value != int(value):
            raise ValueError(
                "A batch is computed in a whole number of parts, 1 or more; received "
                f"batch_parts={value}. Give 1 for no division, or 2."
            )
        self._batch_parts = int(value)
        # It was traced with another number.
        self.train_function = None

    def get_config(self) -> dict[str, object]:
        """The constructor's arguments, and the norm to clip to."""
        return {**super().get_config(), "clip_norm": self.clip_norm}

    @classmethod
    def from_config(cls: type[_Model], config: dict[str, object]) -> _Model:
        """The model that `get_config` described."""
        arguments = {k: v for k, v in config.items() if k != "clip_norm"}
        model = super().from_config(arguments)
        norm = config.get("clip_norm", 0.0)
        model.clip_norm = typing.cast(float, norm)
        return model

    @property
    def event_shape(self) -> tuple[int, ...]:
        """Shape of one example `x`, without the batch."""
        raise NotImplementedError

    def terms(
        self, inputs: dict[str, tf.Tensor], seeds: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """Every term of `term_names`, `[batch]` in nats; `inputs` holds no seeds."""
        raise NotImplementedError

    def sample_rows(self, seeds: tf.Tensor, context: Context = None) -> tf.Tensor:
        """One draw a row, `[batch, *event_shape]`, from int32 `seeds` `[batch]`."""
        raise NotImplementedError

    def signatures(self, inputs: Mapping[str, tf.TensorSpec]) -> list[Signature]:
        """What the model answers when it is served, the main answer first.

        These are the model's terms, named after the first of them, which take a `seed`
        unless the model is exact; and `sample`, whose draws have the dtype of `x`.

        Args:
            inputs: Shape `[None, ...]` and dtype of `x`, and of `context` where the
                model is conditional.
        """
        x, given = inputs["x"], {k: spec for k, spec in inputs.items() if k != "x"}
        seed = {"seed": tf.TensorSpec([None], tf.int32)}

        def answer(inputs: Tensors) -> Tensors:
            # Without a seed nothing is drawn: any will do.
            no_seeds = tf.zeros(tf.shape(inputs["x"])[:1], tf.int32)
            rows = {name: rows for name, rows in inputs.items() if name != "seed"}
            return self.terms(rows, inputs.get("seed", no_seeds))

        def sample(inputs: Tensors) -> Tensors:
            draws = self.sample_rows(inputs["seed"], inputs.get("context"))
            return {"x": tf.cast(draws, x.dtype)}

        noise = {} if self.kind == "exact" else seed
        return [
            Signature(self.term_names[0], answer, {**inputs, **noise}),
            Signature("sample", sample, {**seed, **given}),
        ]

    def density_layer(self) -> DistributionLayer:
        """The layer whose density the terms are made of.

        Raises:
            TypeError: If the model has no such layer.
        """
        raise TypeError(
            "Only models of one density have a layer for it; received a "
            f"{type(self).__name__}. DensityModel and Dequantized are such models."
        )

    def sample(
        self, num_samples: int, *, seed: int = 0, context: ArrayLike | None = None
    ) -> tf.Tensor:
        """Draws `[num_samples, *event_shape]`; equal seeds give equal draws.

        Args:
            num_samples: How many.
            seed: Any integer.
            context: For conditional models, one context a sample.

        Raises:
            ValueError: If there can be no such number, or not one context for each.
        """
        if num_samples < 0:
            raise ValueError(
                f"sample draws 0 rows or more; received num_samples={num_samples}. "
                "Give a number such as 1000."
            )
        seeds = random.row_seeds(seed, tf.range(num_samples))
        if context is not None:
            given = tf.convert_to_tensor(context)
            if given.shape[:1] != (num_samples,):
                raise ValueError(
                    "sample needs one context for each sample; "
                    f"received num_samples={num_samples} and a context of shape "
                    f"{tuple(given.shape)}. Repeat the context as often as needed."
                )
            return self._draw_rows(seeds, given)
        return self._draw_rows(seeds)

    def adapt(
        self, x: ArrayLike, context: ArrayLike | None = None, *, seed: int = 0
    ) -> None:
        """Starts the layers that take their scale from data.

        Looks at no more than 50,000 rows, and at fewer of large examples: at 10,699 of
        28 x 28 pixels. To be called once: before `fit`, outside any strategy's replica,
        and not when training is resumed.

        Args:
            x: Training data `[rows, *event_shape]`.
            context: For conditional models `[rows, ...]`.
            seed: Chooses the rows, and the noise of models that add any.
        """
        most = min(ADAPT_ROWS, max(1, ADAPT_NUMBERS // math.prod(self.event_shape)))
        rows = np.arange(min(len(x), most))
        if len(x) > most:
            rows = np.random.default_rng(seed).choice(len(x), most, replace=False)
        inputs = {"x": _take(x, rows)}
        if context is not None:
            inputs["context"] = _take(context, rows)
        self.adapt_rows(inputs, random.row_seeds(seed, tf.constant(rows)))

    def adapt_rows(self, inputs: dict[str, tf.Tensor], seeds: tf.Tensor) -> None:
        """Starts the parts from data; without such parts there is nothing to do."""

    def check_x(self, x: ArrayLike) -> tf.Tensor:
        """`x` as a tensor `[batch, *event_shape]`.

        Raises:
            ValueError: If its shape is another one.
        """
        data = tf.convert_to_tensor(x)
        if data.shape.rank == 0 or tuple(data.shape[1:]) != self.event_shape:
            raise ValueError(
                f"{type(self).__name__} takes x of shape "
                f"[{', '.join(map(str, ['batch', *self.event_shape]))}]; received "
                f"{data.shape.as_list()}. "
                "One example alone needs a batch of one: x[None]."
            )
        return data

    def call(self, inputs: tf.Tensor | Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """The terms of each row: a dict of `[batch]`, in nats."""
        return self.terms(*self._split_seeds(inputs))

    def _maybe_symbolic_build(self, *_: object, **__: object) -> None:
        """Does nothing, where Keras would build: weights are made in constructors.

        To do so it takes the mean of a batch over workers, which works for no dict.
        """

    def make_train_function(self, force: bool = False) -> None:  # noqa: FBT001, FBT002
        """Keras calls this when `fit` begins; under XLA all steps are one program."""
        if self.train_function is not None and not force:
            return
        super().make_train_function(force)
        strategy = self.distribute_strategy
        if strategy.num_replicas_in_sync > 1:
            # Made within the first step, its variables would be made conditionally.
            with strategy.scope():
                self.optimizer.build(self.trainable_variables)
            self.train_function = on_all_replicas(self, self.train_step)
        elif self.jit_compile and self.steps_per_execution > 1:
            one_by_one = typing.cast(TrainFunction, self.train_function)
            self.train_function = in_one_program(
                lambda batch: strategy.run(self.train_step, args=(batch,)),
                self.steps_per_execution,
                one_by_one,
            )

    def make_test_function(self, force: bool = False) -> None:  # noqa: FBT001, FBT002
        """Keras calls this when `evaluate` begins."""
        if self.test_function is not None and not force:
            return
        super().make_test_function(force)
        if self.distribute_strategy.num_replicas_in_sync > 1:
            self.test_function = on_all_replicas(self, self.test_step)

    def train_step(self, data: object) -> dict[str, tf.Tensor]:
        """One step of the optimiser; where it is not finite, with gradients of zero."""
        inputs, _, weights = keras.utils.unpack_x_y_sample_weight(data)
        inputs, seeds = self._split_seeds(inputs)
        step = self.optimizer.iterations
        with tf.GradientTape() as tape:
            losses, terms = in_parts(
                lambda inputs, seeds: self.objective(
                    self, inputs, seeds, tf.convert_to_tensor(step)
                ),
                self.batch_parts if self.objective.rowwise else 1,
                inputs,
                seeds,
            )
            # The mean over the global batch: replicas have batches of equal size.
            replicas = tf.distribute.get_strategy().num_replicas_in_sync
            loss = _weighted_mean(losses, weights)
            if self.losses:
                loss += tf.add_n(self.losses)
            scaled_loss = self.optimizer.scale_loss(loss / replicas)
        gradients = tape.gradient(scaled_loss, self.trainable_weights)
        if self.clip_norm and replicas > 1:
            gradients = equal_shares(gradients)
        norm = global_norm(gradients)
        finite = self.first_non_finite.update((*terms.values(), losses, norm), step)
        if self.clip_norm:
            limit = tf.cast(self.clip_norm / replicas, norm.dtype)
            limit = self.optimizer.scale_loss(limit)
            clipping = limit / tf.maximum(limit, norm)
            gradients = [None if g is None else clipping * g for g in gradients]
        gradients = [
            None if g is None else tf.where(finite, g, tf.zeros_like(g))
            for g in gradients
        ]
        self.optimizer.apply(gradients, self.trainable_weights)
        # A step counts once, on however many replicas.
        self._loss_mean.update_state(loss, sample_weight=1.0 / replicas)
        return {"loss": self._loss_mean.result(), **self._update(terms, weights)}

    def test_step(self, data: object) -> dict[str, tf.Tensor]:
        """The terms of one batch, weighted by sample weights where there are any."""
        inputs, _, weights = keras.utils.unpack_x_y_sample_weight(data)
        return self._update(self(inputs), weights)

    def get_metrics_result(self) -> dict[str, tf.Tensor]:
        """The means so far, over all replicas.

        Keras takes these in place of what the last step returned, where both have the
        same names. Under a strategy a step returns the plain mean over replicas, which
        is wrong where padding leaves them with weights of different sums.
        """
        means = [self._loss_mean, *self._term_means]
        updated = [mean for mean in means if tf.convert_to_tensor(mean.count) > 0]
        return {mean.name: mean.result() for mean in updated}

    def _update(
        self, terms: dict[str, tf.Tensor], weights: tf.Tensor | None
    ) -> dict[str, tf.Tensor]:
        for mean in self._term_means:
            mean.update_state(terms[mean.name], sample_weight=weights)
        return {mean.name: mean.result() for mean in self._term_means}

    def _split_seeds(
        self, inputs: tf.Tensor | Mapping[str, tf.Tensor]
    ) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        """The inputs as a dict without `seed`, and the rows' seeds."""
        inputs = dict(inputs) if isinstance(inputs, Mapping) else {"x": inputs}
        seeds = inputs.pop("seed", None)
        if seeds is None:
            rows = tf.range(tf.shape(next(iter(inputs.values())))[0])
            replica = tf.distribute.get_replica_context()
            if replica is not None:  # None in the scope of a strategy, outside its run.
                rows *= replica.num_replicas_in_sync
                rows += tf.cast(replica.replica_id_in_sync_group, tf.int32)
            seeds = random.row_seeds(self.noise_seed, rows)
            if self.compiled:
                seeds = random.fold_in(seeds, self.optimizer.iterations.value)
            # Without a step, too, they are others than those of the rows of a data set.
            seeds = random.fold_in(seeds, 0)
        return inputs, seeds


def _take(values: ArrayLike, rows: np.ndarray) -> tf.Tensor:
    """Some rows. Of an array that is on disk, others are not read."""
    is_array = hasattr(values, "dtype") and not isinstance(values, tf.Tensor)
    array = typing.cast(np.ndarray, values) if is_array else np.asarray(values)
    return tf.convert_to_tensor(array[rows])


def repeat_rows(context: Context, repeats: int | tf.Tensor) -> Context:
    """Each row of a context so many times in succession."""
    if context is None or (isinstance(repeats, int) and repeats == 1):
        return context
    return tf.nest.map_structure(lambda rows: tf.repeat(rows, repeats, axis=0), context)


def _weighted_mean(losses: tf.Tensor, weights: tf.Tensor | None) -> tf.Tensor:
    if weights is None:
        return tf.reduce_mean(losses)
    weights = tf.cast(weights, losses.dtype)
    return tf.math.divide_no_nan(
        tf.reduce_sum(weights * losses), tf.reduce_sum(weights)
    )
