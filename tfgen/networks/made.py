"""Masked autoencoder for distribution estimation."""

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from tfgen.networks.dense import Dense
from tfgen.networks.incremental import Incremental, State
from tfgen.networks.masked_dense import MaskedDense
from tfgen.serialization import Serializable


class MADE(Serializable, keras.layers.Layer):
    """Network whose outputs for coordinate `i` see the coordinates before `i` alone.

    Input `i` has degree `i = 1 .. features`. A hidden unit of degree `m` sees inputs
    and hidden units of degree at most `m`; the outputs for coordinate `i` see hidden
    units of degree below `i`. Hidden degrees are spread evenly and *sorted*, so that
    the masked kernels are block-triangular. A context reaches every hidden unit, and
    with a context there are units of degree 0, so that even the first coordinate
    depends on it.

    All parameters of all coordinates come out together, and start at zero. Where
    coordinates become known one after the other, `incremental` computes each hidden
    unit once, when the coordinate of its degree is known.

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
        *layers, outputs = self.degrees()
        self._hidden = [
            MaskedDense(below, above, dtype=self.dtype_policy)
            for below, above in zip(layers[:-1], layers[1:], strict=True)
        ]
        self._context = [
            Dense(context_features, width, use_bias=False, dtype=self.dtype_policy)
            for width in (self.hidden_units if context_features else ())
        ]
        self._output = MaskedDense(
            layers[-1], outputs, strict=True, zero_init=True, dtype=self.dtype_policy
        )
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

    def call(self, x: tf.Tensor, context: tf.Tensor | None = None) -> tf.Tensor:
        """Parameters `[..., features, num_parameters]` from `[..., features]`.

        Args:
            x: The coordinates.
            context: `[..., context_features]`, given if and only if there is one.
        """
        self._check(context)
        for index, layer in enumerate(self._hidden):
            x = layer(x)
            if context is not None:
                x += self._context[index](context)
            x = self._activation(x)
        outputs = self._output(x)
        shape = tf.concat(
            [tf.shape(outputs)[:-1], [self.features, self.num_parameters]], axis=0
        )
        return tf.reshape(outputs, shape)

    def incremental(
        self, batch_shape: tf.Tensor, context: tf.Tensor | None = None
    ) -> Incremental:
        """The same parameters, coordinate by coordinate.

        Step `i` computes the units of degree `i` of each layer: a window of rows of the
        transposed kernel times the units of the layer below, written in place. Together
        these products are about as much arithmetic as one call.

        Args:
            batch_shape: The axes of the coordinates before the last; they become rows.
            context: As for a call, `[..., context_features]`.
        """
        self._check(context)
        num_rows = tf.reduce_prod(batch_shape)
        ones = tf.ones([1, num_rows], self.compute_dtype)
        always, kernels, state = [], [], []
        for index, layer in enumerate([*self._hidden, self._output]):
            # Bias and context are further weights, of inputs that are always known.
            weights, bias = layer.kernel_and_bias()
            kernel, known = [bias[tf.newaxis], weights], [ones]
            if context is not None and layer is not self._output:
                kernel.insert(0, self._context[index].kernel)
                known.insert(0, self._context_rows(context, batch_shape))
            kernels.append(tf.transpose(tf.concat(kernel, axis=0)))
            state.append(tf.concat(known, axis=0))
            always.append(state[-1].shape[0])
        # Rows of the state of a layer begin with what is always known.
        windows = self._windows()
        reads = [tf.constant(window) for window in windows[1:]]
        writes = [
            tf.constant(window + first)
            for window, first in zip(windows[:-1], always, strict=True)
        ]

        def grow(state: State, stop: int) -> State:
            ends = [np.max(window[:stop]) + 1 for window in windows[:-1]]
            return tuple(
                tf.pad(units, [[0, first + end - units.shape[0]], [0, 0]])
                for units, first, end in zip(state, always, ends, strict=True)
            )

        def step(
            i: tf.Tensor, previous: tf.Tensor, state: State
        ) -> tuple[tf.Tensor, State]:
            values, next_state = previous[tf.newaxis], []
            for index, (kernel, units) in enumerate(zip(kernels, state, strict=True)):
                if index > 0:
                    values = self._activation(values)
                units = tf.tensor_scatter_nd_update(units, writes[index][i], values)
                kernel = tf.gather_nd(kernel, reads[index][i])[:, : units.shape[0]]
                values = kernel @ units
                next_state.append(units)
            # Not tf.transpose, for whose sake XLA would choose slow layouts elsewhere.
            return tf.stack(tf.unstack(values), axis=-1), tuple(next_state)

        return Incremental(self.features, tuple(state), grow, step)

    def _context_rows(self, context: tf.Tensor, batch_shape: tf.Tensor) -> tf.Tensor:
        """The context of each row, `[context_features, rows]`."""
        context = tf.cast(context, self.compute_dtype)
        shape = tf.concat([batch_shape, tf.shape(context)[-1:]], axis=0)
        rows = tf.broadcast_to(context, shape)
        return tf.transpose(tf.reshape(rows, [-1, self.context_features]))

    def _windows(self) -> list[np.ndarray]:
        """For each layer the rows that a step writes, `[features, window, 1]`.

        Windows of a layer have one size, that of the largest block of equal degrees.
        Rows beyond the block are of other degrees: if lower, they stay as they are; if
        higher, no weight that is not zero reads them before their own step.
        """
        steps = np.arange(self.features)
        inputs, *hidden, outputs = self.degrees()
        windows = [np.maximum(steps - 1, 0)[:, np.newaxis]]
        for degrees in hidden:
            first = np.searchsorted(degrees, steps)
            size = np.max(np.searchsorted(degrees, steps, side="right") - first)
            first = np.minimum(first, len(degrees) - size)
            windows.append(first[:, np.newaxis] + np.arange(size))
        windows.append(np.arange(len(outputs)).reshape([self.features, -1]))
        return [window[..., np.newaxis].astype(np.int32) for window in windows]

    def _check(self, context: tf.Tensor | None) -> None:
        size = 0 if context is None else context.shape[-1]
        if size not in (None, self.context_features):
            raise ValueError(
                f"MADE was made for {self.context_features} context features; "
                f"received {'no context' if context is None else context.shape}. "
                "Set context_features to the size of the context, 0 for none."
            )
