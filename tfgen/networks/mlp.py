"""Multilayer perceptron."""

from collections.abc import Sequence

import keras
import tensorflow as tf

from tfgen.networks.dense import Dense
from tfgen.serialization import Serializable


class MLP(Serializable, keras.layers.Layer):
    """Dense layers with a nonlinearity between them: `[..., in]` to `[..., out]`.

    Args:
        in_features: Size of the last axis of the input.
        hidden_units: Widths of the hidden layers; none makes an affine map.
        out_features: Size of the last axis of the output.
        activation: Name of a Keras activation, used after every hidden layer.
        zero_init: Start the last layer at zero, so that the outputs start at zero.
        **kwargs: `name` and `dtype`.

    Example:
        >>> import tensorflow as tf
        >>> MLP(3, [16], 2)(tf.zeros([5, 3])).shape
        TensorShape([5, 2])
    """

    def __init__(
        self,
        in_features: int,
        hidden_units: Sequence[int],
        out_features: int,
        *,
        activation: str = "relu",
        zero_init: bool = False,
        **kwargs: object,
    ) -> None:
        super().__init__(**kwargs)
        self.in_features = in_features
        self.hidden_units = tuple(hidden_units)
        self.out_features = out_features
        self.activation = activation
        self.zero_init = zero_init
        self._activation = keras.activations.get(activation)
        widths = (in_features, *self.hidden_units)
        self._hidden = [
            Dense(n_in, n_out, dtype=self.dtype_policy)
            for n_in, n_out in zip(widths[:-1], widths[1:], strict=True)
        ]
        self._output = Dense(
            widths[-1], out_features, zero_init=zero_init, dtype=self.dtype_policy
        )
        self.built = True

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Outputs `[..., out_features]` for inputs `[..., in_features]`."""
        for layer in self._hidden:
            x = self._activation(layer(x))
        return self._output(x)
