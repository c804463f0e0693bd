"""Convolutional networks between images and vectors."""

from collections.abc import Sequence

import keras
import tensorflow as tf

from tfgen.networks.dense import Dense
from tfgen.serialization import Serializable


class ConvolutionalEncoder(Serializable, keras.layers.Layer):
    """Convolutions, then an affine map: `[batch, *event_shape]` to `[batch, out]`.

    A gated convolution has twice the filters, and one half of them decides how much of
    the other passes: `a * sigmoid(b)`.

    Args:
        event_shape: `[height, width]` or `[height, width, channels]`.
        filters: Width of each convolution, at least one.
        out_features: Size of the output vector.
        strides: Step of each convolution, 2 to halve height and width; by default 2
            throughout.
        kernel_size: Height and width of the kernels.
        activation: Name of a Keras activation, used after every convolution.
        gated: Whether convolutions are gated, in place of the activation.
        **kwargs: `name` and `dtype`.

    Raises:
        ValueError: If the examples are no images, or there is not one stride for each
            convolution.

    References:
        Van den Berg, Hasenclever, Tomczak and Welling, 2018. Sylvester Normalizing
        Flows for Variational Inference. https://arxiv.org/abs/1803.05649

    Example:
        >>> import tensorflow as tf
        >>> ConvolutionalEncoder([28, 28], [4, 8], 3, gated=True)(
        ...     tf.zeros([5, 28, 28])
        ... ).shape
        TensorShape([5, 3])
    """

    def __init__(
        self,
        event_shape: Sequence[int],
        filters: Sequence[int],
        out_features: int,
        *,
        strides: Sequence[int] | None = None,
        kernel_size: int = 5,
        activation: str = "relu",
        gated: bool = False,
        **kwargs: object,
    ) -> None:
        super().__init__(**kwargs)
        self.event_shape = tuple(event_shape)
        self.filters = tuple(filters)
        self.out_features = out_features
        self.strides = _strides(filters, strides)
        self.kernel_size = kernel_size
        self.activation = activation
        self.gated = gated
        self._activation = keras.activations.get("glu" if gated else activation)
        self._image_shape = _image_shape(event_shape)
        shape, self._convolutions = self._image_shape, []
        for width, stride in zip(self.filters, self.strides, strict=True):
            convolution = keras.layers.Conv2D(
                width * (1 + gated),
                kernel_size,
                stride,
                padding="same",
                kernel_initializer="he_normal",
                dtype=self.dtype_policy,
            )
            convolution.build((None, *shape))
            self._convolutions.append(convolution)
            shape = (-(-shape[0] // stride), -(-shape[1] // stride), width)
        self._size = shape[0] * shape[1] * shape[2]
        self._output = Dense(self._size, out_features, dtype=self.dtype_policy)
        self.built = True

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Vectors `[batch, out_features]`."""
        rows = tf.shape(x)[0]
        # TensorFlow on CPUs gives convolutions of no rows the shape of their input, so
        # there is always one.
        x = tf.pad(
            tf.reshape(x, [rows, *self._image_shape]),
            [[0, tf.maximum(1 - rows, 0)], [0, 0], [0, 0], [0, 0]],
        )
        for convolution in self._convolutions:
            x = self._activation(convolution(x))
        return self._output(tf.reshape(x, [-1, self._size]))[:rows]


class ConvolutionalDecoder(Serializable, keras.layers.Layer):
    """An affine map, then transposed convolutions: vectors to parameters of pixels.

    `ConvolutionalEncoder` turned round, with a last convolution of single pixels.

    Args:
        in_features: Size of the input vector.
        event_shape: `[height, width]` or `[height, width, channels]`.
        filters: Width of each transposed convolution, from the vector on.
        num_parameters: Outputs for each channel of a pixel.
        strides: Step of each, 2 to double height and width; by default 2 throughout.
        kernel_size: Height and width of the kernels.
        activation: Name of a Keras activation, used before every convolution.
        gated: Whether gates take the place of the activation.
        **kwargs: `name` and `dtype`.

    Raises:
        ValueError: If the examples are no images, or there is not one stride for each
            convolution.

    Example:
        >>> import tensorflow as tf
        >>> ConvolutionalDecoder(3, [28, 20], [8, 4], 2)(tf.zeros([5, 3])).shape
        TensorShape([5, 28, 20, 2])
    """

    def __init__(
        self,
        in_features: int,
        event_shape: Sequence[int],
        filters: Sequence[int],
        num_parameters: int,
        *,
        strides: Sequence[int] | None = None,
        kernel_size: int = 5,
        activation: str = "relu",
        gated: bool = False,
        **kwargs: object,
    ) -> None:
        super().__init__(**kwargs)
        self.in_features = in_features
        self.event_shape = tuple(event_shape)
        self.filters = tuple(filters)
        self.num_parameters = num_parameters
        self.strides = _strides(filters, strides)
        self.kernel_size = kernel_size
        self.activation = activation
        self.gated = gated
        self._activation = keras.activations.get("glu" if gated else activation)
        height, width, channels = _image_shape(event_shape)
        # Height and width on the way, from the image back to the first map.
        self._sizes = [(height, width)]
        for stride in reversed(self.strides):
            height, width = -(-height // stride), -(-width // stride)
            self._sizes.insert(0, (height, width))
        before = filters[0]
        self._first_shape = (*self._sizes[0], before * (1 + gated))
        self._input = Dense(
            in_features,
            self._first_shape[0] * self._first_shape[1] * self._first_shape[2],
            dtype=self.dtype_policy,
        )
        self._convolutions = []
        for size, after, stride in zip(
            self._sizes[:-1], self.filters, self.strides, strict=True
        ):
            convolution = keras.layers.Conv2DTranspose(
                after * (1 + gated),
                kernel_size,
                stride,
                padding="same",
                kernel_initializer="he_normal",
                dtype=self.dtype_policy,
            )
            convolution.build((None, *size, before))
            self._convolutions.append(convolution)
            before = after
        self._output = Dense(before, channels * num_parameters, dtype=self.dtype_policy)
        self.built = True

    def call(self, z: tf.Tensor) -> tf.Tensor:
        """Parameters `[batch, height, width, channels * num_parameters]`."""
        x = tf.reshape(self._input(z), [tf.shape(z)[0], *self._first_shape])
        for convolution, (height, width) in zip(
            self._convolutions, self._sizes[1:], strict=True
        ):
            x = convolution(self._activation(x))
            # A map of odd size was halved upwards.
            x = x[:, :height, :width]
        return self._output(self._activation(x))


def _image_shape(event_shape: Sequence[int]) -> tuple[int, int, int]:
    """Height, width and channels."""
    if len(event_shape) not in (2, 3):
        raise ValueError(
            "Convolutions need images, event_shape [height, width] or [height, width, "
            f"channels]; received event_shape={list(event_shape)}. Take an MLP."
        )
    height, width, *channels = event_shape
    return height, width, channels[0] if channels else 1


def _strides(filters: Sequence[int], strides: Sequence[int] | None) -> tuple[int, ...]:
    strides = (2,) * len(filters) if strides is None else tuple(strides)
    if len(strides) != len(filters) or not filters or min(strides) < 1:
        raise ValueError(
            "Each convolution has a width and a stride, and there is at least one; "
            f"received filters={list(filters)}, strides={list(strides)}. Give as many "
            "strides as filters, or none for 2 throughout."
        )
    return strides
