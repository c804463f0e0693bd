"""Masked autoencoder for distribution estimation."""

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from tfgen.networks.dense import Dense
from tfgen.serialization import Serializable


class MADE(Serializable, keras.layers.Layer):
    """Network whose outputs for coordinate `i` see the coordinates before `i` alone.

    Input `i` has degree `i = 1 .. features`. A hidden unit of degree `m` sees inputs
    and hidden units of degree at most `m`; the outputs for coordinate `i` see hidden
    units of degree below `i`. Hidden degrees are spread evenly and *sorted*, so that
    the masked kernels are block-triangular. A context reaches every hidden unit, and
    with a context there are units of degree 0, so that even the first coordinate
    depends on it.

    All parameters of all coordinates come out of one product; they start at zero.

    Args:
        features: Number of coordinates.
        num_parameters: Outputs for each coordinate.
        hidden_units: Widths of the hidden layers, at least one.
        context_features: Size of the context vector, 0 for none.
        activation: Name of a Keras activation, used after every hidden layer.
        **kwargs: `name` and `dtype`.

    References:
        Germain, Gregor, Murray and Larochelle, 2015. MADE: Masked Autoencoder for
        Distribution Estimation. https://arxiv.org/abs/1502.03509

    Example:
        >>> import tensorflow as tf
        >>> MADE(3, 2, [16])(tf.zeros([5, 3])).shape
        TensorShape([5, 3, 2])
    """

    def __init__(
        self,
        features: int,
        num_parameters: int,
        hidden_units: Sequence[int],
        *,
        context_features: int = 0,
        activation: str = "relu",
        **kwargs: object,
    ) -> None:
        super().__init__(**kwargs)
        if not hidden_units:
            raise ValueError(
                "MADE needs at least one hidden layer; received hidden_units="
                f"{hidden_units}. Give a width for each, as in [64]."
            )
        self.features = features
        self.num_parameters = num_parameters
        self.hidden_units = tuple(hidden_units)
        self.context_features = context_features
        self.activation = activation
        self._activation = keras.activations.get(activation)
        widths = (features, *self.hidden_units)
        self._hidden = [
            Dense(n_in, n_out, dtype=self.dtype_policy)
            for n_in, n_out in zip(widths[:-1], widths[1:], strict=True)
        ]
        self._context = [
            Dense(context_features, width, use_bias=False, dtype=self.dtype_policy)
            for width in (self.hidden_units if context_features else ())
        ]
        self._output = Dense(
            widths[-1],
            features * num_parameters,
            zero_init=True,
            dtype=self.dtype_policy,
        )
        self._masks = self.masks()
        self.built = True

    def degrees(self) -> list[np.ndarray]:
        """Degrees of the inputs, of each hidden layer and of the outputs."""
        lowest = 0 if self.context_features or self.features == 1 else 1
        inputs = np.arange(1, self.features + 1)
        # Hidden degrees run from the lowest to features - 1.
        count = self.features - lowest
        hidden = [
            lowest + np.arange(width) * count // width for width in self.hidden_units
        ]
        outputs = np.repeat(inputs, self.num_parameters)
        return [inputs, *hidden, outputs]

    def masks(self) -> list[np.ndarray]:
        """One mask a kernel, `[in, out]`: 1 where a weight may be used."""
        *layers, outputs = self.degrees()
        masks = [
            below[:, np.newaxis] <= above
            for below, above in zip(layers[:-1], layers[1:], strict=True)
        ]
        masks.append(layers[-1][:, np.newaxis] < outputs)
        return [mask.astype(self.compute_dtype) for mask in masks]

    def call(self, x: tf.Tensor, context: tf.Tensor | None = None) -> tf.Tensor:
        """Parameters `[..., features, num_parameters]` from `[..., features]`.

        Args:
            x: The coordinates.
            context: `[..., context_features]`, given if and only if there is one.
        """
        if (context is not None) != bool(self.context_features):
            raise ValueError(
                f"MADE was made for {self.context_features} context features; "
                f"received {'no context' if context is None else context.shape}. "
                "Set context_features to the size of the context, 0 for none."
            )
        *hidden_masks, output_mask = self._masks
        for index, (layer, mask) in enumerate(
            zip(self._hidden, hidden_masks, strict=True)
        ):
            x = layer(x, mask)
            if context is not None:
                x += self._context[index](context)
            x = self._activation(x)
        outputs = self._output(x, output_mask)
        shape = tf.concat(
            [tf.shape(outputs)[:-1], [self.features, self.num_parameters]], axis=0
        )
        return tf.reshape(outputs, shape)
