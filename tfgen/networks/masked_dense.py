"""The affine map of masked networks, without most of what the mask leaves out."""

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from tfgen.networks.dense import Dense
from tfgen.serialization import Serializable

# Narrower products take longer than the multiplications that they leave out.
_BLOCK_SIZE = 256


class MaskedDense(Serializable, keras.layers.Layer):
    """Affine map whose output of degree `n` sees the inputs of degrees up to `n`.

    Degrees are sorted, so the masked kernel is block-triangular: a block of columns
    sees a prefix of the inputs. Each block has a kernel of that size, which is masked;
    what lies below the blocks is neither stored nor multiplied. Layers of 1,024 units
    save three eighths.

    Args:
        in_degrees: Degrees of the inputs, in ascending order.
        out_degrees: Degrees of the outputs, in ascending order.
        strict: Whether outputs see inputs of lower degrees alone.
        zero_init: As for `Dense`.
        **kwargs: `name` and `dtype`.
    """

    def __init__(
        self,
        in_degrees: Sequence[int] | np.ndarray,
        out_degrees: Sequence[int] | np.ndarray,
        *,
        strict: bool = False,
        zero_init: bool = False,
        **kwargs: object,
    ) -> None:
        super().__init__(**kwargs)
        self.in_degrees = tuple(map(int, in_degrees))
        self.out_degrees = tuple(map(int, out_degrees))
        self.strict = strict
        self.zero_init = zero_init
        n_in, n_out = len(self.in_degrees), len(self.out_degrees)
        num_blocks = max(1, min(n_in, n_out) // _BLOCK_SIZE)
        self._edges = [n_out * i // num_blocks for i in range(num_blocks + 1)]
        # As many inputs as the last output of a block sees.
        seen = np.searchsorted(
            self.in_degrees,
            [self.out_degrees[stop - 1] for stop in self._edges[1:]],
            side="left" if strict else "right",
        )
        self._blocks = [
            Dense(int(n), stop - start, zero_init=zero_init, dtype=self.dtype_policy)
            for n, start, stop in zip(
                seen, self._edges[:-1], self._edges[1:], strict=True
            )
        ]
        self.built = True

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Outputs `[..., len(out_degrees)]` from `[..., len(in_degrees)]`."""
        outputs = [
            block(x[..., : block.in_features], mask)
            for block, mask in zip(self._blocks, self._masks(), strict=True)
        ]
        return outputs[0] if len(outputs) == 1 else tf.concat(outputs, axis=-1)

    def kernel_and_bias(self) -> tuple[tf.Tensor, tf.Tensor]:
        """The masked kernel as one matrix `[in, out]`, and the bias `[out]`."""
        kernels = [
            tf.pad(
                block.kernel * mask,
                [[0, len(self.in_degrees) - block.in_features], [0, 0]],
            )
            for block, mask in zip(self._blocks, self._masks(), strict=True)
        ]
        biases = [tf.convert_to_tensor(block.bias) for block in self._blocks]
        return tf.concat(kernels, axis=1), tf.concat(biases, axis=0)

    def _masks(self) -> list[tf.Tensor]:
        """One mask a block, of the shape of its kernel: 1 where a weight is used.

        They are compared from degrees where they are used: as constants of their size
        they would make up the larger part of every exported graph.
        """
        inputs, outputs = tf.constant(self.in_degrees), tf.constant(self.out_degrees)
        masks = []
        for block, start, stop in zip(
            self._blocks, self._edges[:-1], self._edges[1:], strict=True
        ):
            below = inputs[: block.in_features, tf.newaxis]
            above = outputs[start:stop]
            allowed = below < above if self.strict else below <= above
            masks.append(tf.cast(allowed, self.compute_dtype))
        return masks
