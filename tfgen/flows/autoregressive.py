"""Masked autoregressive layers."""

from collections.abc import Sequence

import tensorflow as tf
from tensorflow_probability import bijectors as tfb

from tfgen import bijectors
from tfgen.base import BijectorLayer, Context
from tfgen.bijectors import Affine, Transformer, compressed
from tfgen.networks import MADE, Incremental
from tfgen.networks.incremental import State


class AutoregressiveLayer(BijectorLayer):
    """What autoregressive layers share: a MADE, and what is done to a coordinate.

    Args:
        event_shape: `[features]`.
        hidden_units: Widths of the hidden layers of the network.
        transformer: What is done to a coordinate; affine by default.
        context_features: Size of the context vector, 0 for none.
        activation: Name of a Keras activation.
        **kwargs: `name` and `dtype`.

    Raises:
        ValueError: If the events are not vectors.
    """

    def __init__(
        self,
        event_shape: Sequence[int],
        hidden_units: Sequence[int],
        transformer: Transformer | None = None,
        *,
        context_features: int = 0,
        activation: str = "relu",
        **kwargs: object,
    ) -> None:
        super().__init__(event_shape, **kwargs)
        features = vector_size(event_shape, type(self).__name__)
        self.hidden_units = tuple(hidden_units)
        self.transformer = transformer or Affine()
        self.context_features = context_features
        self.activation = activation
        self._network = MADE(
            features,
            self.transformer.num_parameters,
            hidden_units,
            context_features=context_features,
            activation=activation,
            dtype=self.dtype_policy,
        )


class MaskedAutoregressive(AutoregressiveLayer):
    """Masked autoregressive step: density in one network pass, samples in `D` steps.

        x_i = f(z_i; MADE(x)_i),    MADE(x)_i sees x_1 .. x_{i-1} and the context

    The steps of a sample compute each unit of the network once, so that together they
    are about as much arithmetic as one pass.

    With the affine transformer this is MAF's layer, with the spline that of an
    autoregressive neural spline flow. It starts as the identity.

    Args:
        event_shape: `[features]`.
        hidden_units: Widths of the hidden layers of the network.
        transformer: What is done to a coordinate; affine by default.
        context_features: Size of the context vector, 0 for none.
        activation: Name of a Keras activation.
        **kwargs: `name` and `dtype`.

    Raises:
        ValueError: If the events are not vectors.

    References:
        Papamakarios, Pavlakou and Murray, 2017. Masked Autoregressive Flow for Density
        Estimation. https://arxiv.org/abs/1705.07057
    """

    def bijector(self, context: Context = None) -> tfb.Bijector:
        """The autoregressive bijector given `context`, `[batch, context_features]`."""
        return bijectors.Autoregressive(
            Conditioner(self._network, context), self.transformer
        )


class InverseAutoregressive(AutoregressiveLayer):
    """Inverse autoregressive step: samples in one network pass, density in `D` steps.

        x_i = f(z_i; MADE(z)_i),    MADE(z)_i sees z_1 .. z_{i-1} and the context

    The density of a draw comes with it in the same pass. That of other data takes the
    steps, which compute each unit of the network once, so that together they are about
    as much arithmetic as one pass.

    With the affine transformer this is IAF's layer, but for the paper's gate, which
    mixes `z_i` with the shift instead of scaling it freely. It starts as the identity.

    Args:
        event_shape: `[features]`.
        hidden_units: Widths of the hidden layers of the network.
        transformer: What is done to a coordinate; affine by default.
        context_features: Size of the context vector, 0 for none.
        activation: Name of a Keras activation.
        **kwargs: `name` and `dtype`.

    Raises:
        ValueError: If the events are not vectors.

    References:
        Kingma, Salimans, Jozefowicz, Chen, Sutskever and Welling, 2016. Improving
        Variational Inference with Inverse Autoregressive Flow.
        https://arxiv.org/abs/1606.04934
    """

    def bijector(self, context: Context = None) -> tfb.Bijector:
        """The bijector given `context`, `[batch, context_features]`."""
        return bijectors.InverseAutoregressive(
            Conditioner(self._network, context), self.transformer
        )


class Conditioner:
    """A network of compressed coordinates and a context."""

    def __init__(self, network: MADE, context: Context) -> None:
        self._network = network
        self._context = context

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        return self._network(compressed(x), self._context)

    def incremental(self, batch_shape: tf.Tensor) -> Incremental:
        steps = self._network.incremental(batch_shape, self._context)

        def step(
            i: tf.Tensor, previous: tf.Tensor, state: State
        ) -> tuple[tf.Tensor, State]:
            return steps.step(i, compressed(previous), state)

        return steps._replace(step=step)


def vector_size(event_shape: Sequence[int], name: str) -> int:
    """The number of features of vector events.

    Raises:
        ValueError: If the events are not vectors.
    """
    if len(event_shape) != 1 or event_shape[0] < 1:
        raise ValueError(
            f"{name} needs vectors, event_shape [features]; received event_shape="
            f"{list(event_shape)}. Put a Flatten layer before it."
        )
    return event_shape[0]
