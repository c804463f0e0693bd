"""The affine map that the networks here are made of."""

import math

import keras
import tensorflow as tf

from tfgen.serialization import Serializable


class Dense(Serializable, keras.layers.Layer):
    """`x @ kernel + bias`, with weights made at once and, if wished, a mask.

    Args:
        in_features: Size of the last axis of the input; with 0 there is the bias alone.
        out_features: Size of the last axis of the output, at least 1.
        zero_init: Start with all weights zero; otherwise He initialisation, and
            biases uniform on `+-1 / sqrt(in_features)`.
        use_bias: Whether to add a bias.
        **kwargs: `name` and `dtype`.

    Raises:
        ValueError: If a size is no size.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        zero_init: bool = False,
        use_bias: bool = True,
        **kwargs: object,
    ) -> None:
        super().__init__(**kwargs)
        if in_features < 0 or out_features < 1:
            raise ValueError(
                "The layers of a network have at least 1 unit, and see 0 or more of "
                f"those before; received out_features={out_features}, in_features="
                f"{in_features}. Widths such as 64 or 256 are usual."
            )
        self.in_features = in_features
        self.out_features = out_features
        self.zero_init = zero_init
        self.use_bias = use_bias
        self.kernel = self.add_weight(
            shape=(in_features, out_features),
            initializer="zeros" if zero_init else "he_normal",
            name="kernel",
        )
        self.bias = None
        if use_bias:
            # With all biases zero the kinks of rectifiers would lie at the origin, and
            # functions of few inputs would be slow to learn elsewhere.
            spread = 0.0 if zero_init else 1.0 / math.sqrt(max(in_features, 1))
            self.bias = self.add_weight(
                shape=(out_features,),
                initializer=keras.initializers.RandomUniform(-spread, spread),
                name="bias",
            )
        self.built = True

    def call(self, x: tf.Tensor, kernel_mask: tf.Tensor | None = None) -> tf.Tensor:
        """Outputs `[..., out_features]`; the mask has the shape of the kernel."""
        kernel = self.kernel if kernel_mask is None else self.kernel * kernel_mask
        if self.in_features == 0:
            # As a product in a graph it would end the process: oneDNN aborts.
            outputs = tf.reduce_sum(x[..., tf.newaxis] * kernel, axis=-2)
        else:
            outputs = tf.linalg.matmul(x, kernel)
        return outputs if self.bias is None else outputs + self.bias
