"""Coupling layers."""

from collections.abc import Sequence

import tensorflow as tf
from tensorflow_probability import bijectors as tfb

from tfgen import bijectors
from tfgen.base import BijectorLayer, Context
from tfgen.bijectors import Affine, Transformer, compressed
from tfgen.flows.autoregressive import vector_size
from tfgen.networks import MLP


class Coupling(BijectorLayer):
    """Coupling step: one network pass in either direction.

    The first half of the coordinates stays as it is and decides, with the context, how
    the other half is transformed. Put a `Permute` between couplings, so that every
    coordinate gets its turn. It starts as the identity.

    Args:
        event_shape: `[features]`.
        hidden_units: Widths of the hidden layers of the network.
        transformer: `Affine()` (RealNVP, the default), `Additive()` (NICE) or
            `RationalQuadratic()` (neural spline flow).
        context_features: Size of the context vector, 0 for none.
        activation: Name of a Keras activation.
        **kwargs: `name` and `dtype`.

    Raises:
        ValueError: If the events are not vectors, or have one feature and no context.

    References:
        Dinh, Sohl-Dickstein and Bengio, 2017. Density Estimation Using Real NVP.
        https://arxiv.org/abs/1605.08803
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
        if features < 2 and not context_features:
            raise ValueError(
                "A coupling needs at least 2 features, one to transform given the "
                f"other; received event_shape={list(event_shape)}. For one feature "
                "take a mixture, or give a context."
            )
        self.hidden_units = tuple(hidden_units)
        self.transformer = transformer or Affine()
        self.context_features = context_features
        self.activation = activation
        self._num_kept = features // 2
        self._num_changed = features - self._num_kept
        self._network = MLP(
            self._num_kept + context_features,
            hidden_units,
            self._num_changed * self.transformer.num_parameters,
            activation=activation,
            zero_init=True,
            dtype=self.dtype_policy,
        )

    def bijector(self, context: Context = None) -> tfb.Bijector:
        """The coupling given `context`, `[batch, context_features]`."""
        if (context is not None) != bool(self.context_features):
            raise ValueError(
                f"Coupling was made for {self.context_features} context features; "
                f"received {'no context' if context is None else 'a context'}. "
                "Set context_features to the size of the context, 0 for none."
            )

        def network(kept: tf.Tensor) -> tf.Tensor:
            inputs = compressed(kept)
            if context is not None:
                inputs = tf.concat([inputs, context], axis=-1)
            outputs = self._network(inputs)
            parameters = [self._num_changed, self.transformer.num_parameters]
            shape = tf.concat([tf.shape(outputs)[:-1], parameters], axis=0)
            return tf.reshape(outputs, shape)

        return bijectors.Coupling(self._num_kept, network, self.transformer)
