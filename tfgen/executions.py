"""Steps of a model: several as one program of XLA, in parts, or on several replicas."""

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeAlias, TypeVar

import keras
import tensorflow as tf

from tfgen.signatures import Tensors

# Batches of an execution lie side by side in memory. Where they take more than this, a
# step takes so long that nothing is gained.
_MOST_BYTES = 2**28
# Where they are stacked ahead, those of so many executions are in memory at once.
_AT_ONCE = 4

TrainFunction: TypeAlias = Callable[[tf.data.Iterator], Tensors]
_Rows = TypeVar("_Rows")


class Execution(NamedTuple):
    """Batches of consecutive steps, an element of a data set that `stacked` made.

    Attributes:
        batches: Their nest, each tensor `[steps, rows, ...]`.
    """

    batches: object


def stacked(batches: tf.data.Dataset, num_steps: int) -> tf.data.Dataset:
    """The batches of each execution in one element, which `in_one_program` takes.

    Asking a data set for an element takes longer than a step of a small model, and is
    done once then. The batches are copied while the steps before them run.

    Args:
        batches: Without an end, as Keras would count the elements of others: tell
            `fit` the steps of an epoch. Those of unknown shapes, and large ones, come
            back as they are: up to some size the model stacks them itself, as it reads.
        num_steps: Steps of an execution, the same as of the model, which is compiled
            with XLA.
    """
    if num_steps == 1 or not _stackable(batches, _AT_ONCE * num_steps):
        return batches
    groups = batches.batch(num_steps).map(
        lambda *batch: Execution(batch if len(batch) > 1 else batch[0])
    )
    return groups.prefetch(1)


def in_one_program(
    step: Callable[[object], Mapping[str, tf.Tensor]],
    num_steps: int,
    otherwise: TrainFunction,
) -> TrainFunction:
    """A train function for Keras that runs its steps in a loop inside of XLA.

    Keras compiles one step and loops around it, so that weights and the optimiser's
    moments go in and out of XLA at every step; here they stay. Small models gain the
    most. Fewer steps are run where the data end.

    Args:
        step: From a batch to the logs; compiled together with the loop.
        num_steps: How many steps an execution has, at most.
        otherwise: The function for batches that cannot be stacked: of unknown shape
            (those of arrays that the batch size does not divide), or too large.
    """
    traced = tf.function(step, autograph=False)

    @tf.function(jit_compile=True, autograph=False)
    def run(batches: object, count: tf.Tensor) -> Tensors:
        def batch(number: tf.Tensor) -> object:
            return tf.nest.map_structure(lambda rows: rows[number], batches)

        specs = tf.nest.map_structure(
            lambda rows: tf.TensorSpec(rows.shape[1:], rows.dtype), batches
        )
        outputs = traced.get_concrete_function(specs).structured_outputs
        logs = tf.nest.map_structure(
            lambda log: tf.zeros(log.shape, log.dtype), outputs
        )
        return tf.while_loop(
            lambda number, _: number < count,
            lambda number, _: (number + 1, traced(batch(number))),
            (0, logs),
        )[1]

    @tf.function(autograph=False)
    def read_and_run(iterator: tf.data.Iterator) -> tuple[tf.Tensor, Tensors]:
        batches, count = _read(iterator, num_steps)
        return count, run(batches, count)

    def train_function(iterator: tf.data.Iterator) -> Tensors:
        # What Keras makes of a single batch is no iterator of a data set.
        if isinstance(getattr(iterator, "element_spec", None), Execution):
            element = iterator.get_next_as_optional()
            if not element.has_value():
                raise StopIteration
            batches = element.get_value().batches
            steps = tf.nest.flatten(batches)[0].shape[0]
            if steps > num_steps:
                raise ValueError(
                    f"Batches are stacked for the model's steps_per_execution, which "
                    f"is {num_steps}; received stacks of {steps}. Give both the same."
                )
            return run(batches, tf.constant(steps))
        if not _stackable(iterator, num_steps):
            return otherwise(iterator)
        count, logs = read_and_run(iterator)
        if count == 0:
            raise StopIteration
        return logs

    return train_function


def on_all_replicas(
    model: keras.Model, step: Callable[[object], object]
) -> TrainFunction:
    """A function for Keras that runs steps of a model on all replicas of its strategy.

    Keras takes the mean over replicas of what a step returns. That is wrong where their
    weights differ, fails for scalars with several workers, and costs a round of talk
    for each number. Here the logs are the means that the model keeps, once for all
    steps of an execution. Fewer steps are run where the data end.

    Args:
        model: A compiled model, made in the scope of its strategy.
        step: Of one replica, which updates the model's means.
    """
    strategy = model.distribute_strategy

    def run(batch: object) -> None:
        strategy.run(step, args=(batch,))

    if not model.run_eagerly:
        run = tf.function(run, autograph=False, reduce_retracing=True)

    def function(iterator: tf.data.Iterator) -> Tensors:
        for number in range(model.steps_per_execution):
            # Read here, as replicas cannot meet inside a condition of a graph.
            batch = iterator.get_next_as_optional()
            if not batch.has_value():
                if number == 0:
                    raise StopIteration
                break
            run(batch.get_value())
        return model.get_metrics_result()

    return function


def in_parts(function: Callable[..., _Rows], num_parts: int, *batch: object) -> _Rows:
    """What a function of rows gives for a batch, from equal parts of it.

    XLA computes parts side by side, as they do not depend on each other: while one
    waits for a product, or does what only one core can, another has the other cores.

    Args:
        function: From the rows of each of `batch` to tensors of as many rows.
        num_parts: How many; where they would not be equal, the batch is left whole.
        *batch: Nests of tensors `[rows, ...]`.
    """
    if num_parts == 1:
        return function(*batch)
    flat = tf.nest.flatten(batch)
    if any(rows is None or rows % num_parts for rows in (t.shape[0] for t in flat)):
        return function(*batch)
    split = [tf.split(tensor, num_parts) for tensor in flat]
    parts = [
        function(*tf.nest.pack_sequence_as(batch, tensors))
        for tensors in zip(*split, strict=True)
    ]
    return tf.nest.map_structure(lambda *tensors: tf.concat(tensors, axis=0), *parts)


def _stackable(batches: tf.data.Dataset | tf.data.Iterator, num_steps: int) -> bool:
    """Whether batches have known shapes, and those of an execution fit in memory."""
    specs = tf.nest.flatten(getattr(batches, "element_spec", None))
    if not all(
        isinstance(spec, tf.TensorSpec) and spec.shape.is_fully_defined()
        for spec in specs
    ):
        return False
    sizes = [math.prod(spec.shape) * spec.dtype.size for spec in specs]
    return num_steps * sum(sizes) <= _MOST_BYTES


def _read(iterator: tf.data.Iterator, num_steps: int) -> tuple[object, tf.Tensor]:
    """The next batches, stacked to `[num_steps, ...]`, and how many there were."""
    spec = iterator.element_spec
    stacks = [
        tf.TensorArray(leaf.dtype, num_steps, element_shape=leaf.shape)
        for leaf in tf.nest.flatten(spec)
    ]

    def body(
        count: tf.Tensor,
        element: tf.experimental.Optional,
        stacks: list[tf.TensorArray],
    ) -> tuple[tf.Tensor, tf.experimental.Optional, list[tf.TensorArray]]:
        leaves = tf.nest.flatten(element.get_value())
        stacks = [
            stack.write(count, x) for stack, x in zip(stacks, leaves, strict=True)
        ]
        # The batch after the last one belongs to the next execution.
        following = tf.cond(
            count + 1 < num_steps,
            iterator.get_next_as_optional,
            lambda: tf.experimental.Optional.empty(spec),
        )
        return count + 1, following, stacks

    count, _, stacks = tf.while_loop(
        lambda _, element, __: element.has_value(),
        body,
        (0, iterator.get_next_as_optional(), stacks),
    )
    return tf.nest.pack_sequence_as(spec, [stack.stack() for stack in stacks]), count
