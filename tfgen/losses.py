"""Divergences and bounds, as functions of distributions and of log-densities."""

import math

import tensorflow as tf
from tensorflow_probability import distributions as tfd


def kl_divergence(p: tfd.Distribution, q: tfd.Distribution) -> tf.Tensor | None:
    """`KL(p || q)`, `[batch]` in nats; None where TFP has no closed form for them."""
    try:
        return tfd.kl_divergence(p, q)
    except NotImplementedError:
        return None


def importance_weighted_bound(log_weights: tf.Tensor) -> tf.Tensor:
    """Log of the mean weight, `log(sum_k w_k / K)`: `[batch]` from `[batch, K]`.

    With `w_k = p(x, z_k) / q(z_k | x)` and independent draws `z_k ~ q(z | x)` it is on
    average a lower bound on `log p(x)`: the evidence lower bound for `K = 1`, and the
    tighter the larger `K`.

    References:
        Burda, Grosse and Salakhutdinov, 2016. Importance Weighted Autoencoders.
        https://arxiv.org/abs/1509.00519

    Example:
        >>> import tensorflow as tf
        >>> float(importance_weighted_bound(tf.math.log([[1.0, 3.0]]))[0])  # log(2)
        0.6931...
    """
    return tf.reduce_logsumexp(log_weights, axis=1) - math.log(log_weights.shape[1])
