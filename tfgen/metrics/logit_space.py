"""Nats in logit space, the unit in which the MAF paper reports on images."""

import math

import tensorflow as tf


def logit_space_log_prob(
    log_prob: tf.Tensor, x: tf.Tensor, *, levels: int, alpha: float
) -> tf.Tensor:
    """The log-density of the logits of pixels, from that of the pixels themselves.

        y = logit(s),  s = alpha + (1 - 2 alpha) x / levels

        log p(y) = log p(x) - sum_i log dy_i/dx_i
        log dy/dx = log(1 / levels)                              the scale
                    + log(1 - 2 alpha) - log(s) - log(1 - s)     the logit

    Such numbers depend on `alpha` and on how many pixels are black: compare them with
    numbers of the same data and the same `alpha` alone. Bits per dimension do not.

    Args:
        log_prob: Log-density of each row in units of `x`, `[batch]` in nats.
        x: Dequantised pixels, `[batch, ...]`, from 0 to `levels`.
        levels: Levels of a pixel, 256 for 8-bit images.
        alpha: The shrinkage, `lambda` in the paper, where it is 1e-6 for MNIST.

    Returns:
        `[batch]` in nats, float64.

    References:
        Papamakarios, Pavlakou and Murray, 2017. Masked Autoregressive Flow for Density
        Estimation. https://arxiv.org/abs/1705.07057
    """
    # Near white pixels single precision would lose 1 - s.
    x = tf.cast(x, tf.float64)
    s = alpha + (1.0 - 2.0 * alpha) * (x / levels)
    scale = -math.log(levels)
    logit = math.log(1.0 - 2.0 * alpha) - tf.math.log(s) - tf.math.log1p(-s)
    pixels = list(range(1, x.shape.rank))
    log_det = tf.reduce_sum(scale + logit, axis=pixels)
    return tf.cast(log_prob, tf.float64) - log_det
