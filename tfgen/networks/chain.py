"""Networks one after the other."""

from collections.abc import Sequence

import keras
import tensorflow as tf

from tfgen.serialization import Serializable


class Chain(Serializable, keras.layers.Layer):
    """Keras layers one after the other, as one network.

    For layers that have all their weights: those of this package, and layers of Keras
    without any, such as `Flatten` and `Rescaling`.

    Args:
        layers: From the input on.
        **kwargs: `name` and `dtype`.

    Example:
        >>> import keras
        >>> import tensorflow as tf
        >>> from tfgen.networks import MLP
        >>> Chain([keras.layers.Flatten(), MLP(4, [8], 3)])(tf.zeros([5, 2, 2])).shape
        TensorShape([5, 3])
    """

    def __init__(self, layers: Sequence[keras.layers.Layer], **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.layers = list(layers)
        self.built = True

    def adapt(self, x: tf.Tensor) -> None:
        """Starts each layer that takes its scale from data, from what reaches it."""
        adaptable = [
            i for i, layer in enumerate(self.layers) if hasattr(layer, "adapt")
        ]
        # No further: the networks behind them may be large, and the rows many.
        for index in range(max(adaptable, default=-1) + 1):
            if index in adaptable:
                self.layers[index].adapt(x)
            x = self.layers[index](x)

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """The outputs of the last layer."""
        for layer in self.layers:
            x = layer(x)
        return x
