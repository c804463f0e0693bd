"""How far each latent is from its prior: which of them say something of the data."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from tfgen import VAE

_CHUNK = 1_000
_SHOWN = 10


def kl_per_latent(model: VAE, x: np.ndarray) -> list[float] | None:
    """Means over rows in nats, in the order of the latents; None without closed form.

    Args:
        model: The model.
        x: Data `[rows, *event_shape]`.
    """
    if model.kl_per_latent(x[:1]) is None:
        return None
    divergences = tf.function(model.kl_per_latent, reduce_retracing=True)
    parts = [
        divergences(tf.constant(x[start : start + _CHUNK])).numpy()
        for start in range(0, len(x), _CHUNK)
    ]
    means = np.concatenate(parts).mean(axis=0, dtype=np.float64)
    return means.ravel().tolist()


def describe(means: Sequence[float]) -> list[str]:
    """The largest in one line, the first latent being z0, and the sum of the others."""
    if not means:
        return []
    order = np.argsort(-np.asarray(means), kind="stable")
    shown = "  ".join(f"z{i} {means[i]:.2f}" for i in order[:_SHOWN])
    others = [means[i] for i in order[_SHOWN:]]
    if others:
        shown += f"  and {len(others)} others {sum(others):.2f}"
    return [f"  {'test':10} {'kl by latent':14} {shown}"]
