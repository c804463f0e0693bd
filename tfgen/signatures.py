"""What a model answers when it is served: named functions of named tensors."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import TypeAlias

import tensorflow as tf

Tensors: TypeAlias = dict[str, tf.Tensor]

# What the tensors of signatures mean and are measured in; models may say it better.
UNITS = {
    "x": "data, in their own units",
    "z": "noise of the base distribution",
    "context": "context, as in the training data",
    "seed": "seed of the row's noise, any integer",
    "log_prob": "nats",
    "elbo": "nats",
    "log_likelihood": "nats, a part of elbo",
    "kl": "nats, a part of elbo",
    "loc": "mean of the latent code",
    "scale": "standard deviation of the latent code",
    "mean": "mean of x, in its own units",
}


@dataclasses.dataclass(frozen=True)
class Signature:
    """A function that a served model offers, with named inputs and outputs.

    Every input and output has the batch as its first axis, and row `i` of the outputs
    depends on row `i` of the inputs alone; so a batch of zero rows gets zero rows.

    Args:
        name: What callers ask for, such as `log_prob`.
        function: From a dict of tensors, named as in `inputs`, to a dict of tensors.
        inputs: Shape `[None, ...]` and dtype of each input.
        units: What inputs and outputs are measured in, by their names.
    """

    name: str
    function: Callable[[Tensors], Tensors]
    inputs: Mapping[str, tf.TensorSpec]
    units: Mapping[str, str] = dataclasses.field(default_factory=lambda: UNITS)

    def __post_init__(self) -> None:
        """Refuses inputs that cannot be batched."""
        for name, spec in self.inputs.items():
            if spec.shape.rank in (None, 0) or spec.shape[0] is not None:
                raise ValueError(
                    "Inputs of a signature have a first axis of any size, the batch; "
                    f"received {name} of shape {spec.shape} for {self.name}. "
                    "Use tf.TensorSpec([None, ...])."
                )

    def concrete(self) -> tf.types.experimental.ConcreteFunction:
        """The function, traced for batches of any size."""

        # XLA would save the model all the same, and every call of it would then fail:
        # servers have it switched off.
        @tf.function(autograph=False)
        def answer(**inputs: tf.Tensor) -> Tensors:
            return self.function(self._checked(inputs))

        specs = {
            name: tf.TensorSpec(spec.shape, spec.dtype, name)
            for name, spec in self.inputs.items()
        }
        return answer.get_concrete_function(**specs)

    def _checked(self, inputs: Tensors) -> Tensors:
        """The inputs, or an error when the graph runs: servers check no shapes.

        Rows of one number instead of two, or one seed instead of one a row, would be
        broadcast, and answered.
        """
        rows = [tf.shape(tensor)[0] for tensor in inputs.values()]
        checks = [
            tf.debugging.assert_equal(
                number, rows[0], f"{', '.join(inputs)} need one row for each example."
            )
            for number in rows[1:]
        ]
        with tf.control_dependencies(checks):
            return {
                name: tf.ensure_shape(tensor, self.inputs[name].shape)
                for name, tensor in inputs.items()
            }
