"""What flowjax needs to be measured, and a variational autoencoder in JAX."""

from collections.abc import Callable

import jax
import optax
from jax import numpy as jnp

from benchmarks.peers.cases import Case, Task

PACKAGES = ("jax", "optax")
_STEPS = 10


def training_task(
    case: Case,
    weights: object,
    loss_of: Callable[[object, object, jax.Array, jax.Array], jax.Array],
    constants: object = None,
) -> Task:
    """Steps of Adam, compiled, on batches that are there already.

    Args:
        case: The case.
        weights: A tree of arrays, all trained.
        loss_of: From weights, constants, a batch and a key to the loss.
        constants: A tree of arrays that are not trained.
    """
    parameters = count(weights)
    optimizer = optax.adam(1e-4)
    shape = (_STEPS, case.rows, case.features)
    batches = jax.random.uniform(jax.random.key(0), shape)

    def step(
        weights: object, state: object, constants: object, batches: object, i: object
    ) -> tuple:
        key = jax.random.fold_in(jax.random.key(1), i)
        loss, gradients = jax.value_and_grad(loss_of)(
            weights, constants, batches[i % _STEPS], key
        )
        updates, state = optimizer.update(gradients, state)
        return optax.apply_updates(weights, updates), state, i + 1, loss

    # Weights and state are written over in place.
    jitted = jax.jit(step, donate_argnums=(0, 1))
    # A copy of the weights, since the model they came from keeps its own.
    weights = jax.tree.map(jnp.copy, weights)
    now = [weights, optimizer.init(weights), jnp.zeros([], jnp.int32)]

    def run() -> None:
        for _ in range(_STEPS):
            now[0], now[1], now[2], loss = jitted(
                now[0], now[1], constants, batches, now[2]
            )
        loss.block_until_ready()

    return Task(parameters, run, units=_STEPS)


def calling_task(
    parameters: int, function: Callable[..., jax.Array], *arguments: object
) -> Task:
    """Calls of a function, compiled here and now."""
    compiled = jax.jit(function).lower(*arguments).compile()
    return Task(parameters, lambda: compiled(*arguments).block_until_ready())


def count(weights: object) -> int:
    """How many numbers are trained."""
    return sum(leaf.size for leaf in jax.tree.leaves(weights))


def vae_loss(weights: dict, constants: None, x: jax.Array, key: jax.Array) -> jax.Array:
    """Minus the evidence lower bound, one sample a row."""
    del constants
    loc, log_scale = jnp.split(mlp(weights["encoder"], x), 2, axis=-1)
    z = loc + jnp.exp(log_scale) * jax.random.normal(key, loc.shape)
    logits = mlp(weights["decoder"], z)
    error = optax.sigmoid_binary_cross_entropy(logits, x).sum(-1)
    kl = 0.5 * (loc**2 + jnp.exp(2 * log_scale) - 1.0) - log_scale
    return (error + kl.sum(-1)).mean()


def mlp(layers: list[tuple[jax.Array, jax.Array]], x: jax.Array) -> jax.Array:
    """Two hidden layers of rectifiers."""
    for kernel, bias in layers[:-1]:
        x = jax.nn.relu(x @ kernel + bias)
    kernel, bias = layers[-1]
    return x @ kernel + bias


def prepare(case: Case, mode: str) -> Task:
    """The variational autoencoder."""
    del mode
    latents = 50

    def layers(*widths: int) -> list[tuple[jax.Array, jax.Array]]:
        return [
            (jax.random.normal(jax.random.key(a + b), (a, b)) / a**0.5, jnp.zeros(b))
            for a, b in zip(widths[:-1], widths[1:], strict=True)
        ]

    weights = {
        "encoder": layers(case.features, case.hidden, case.hidden, 2 * latents),
        "decoder": layers(latents, case.hidden, case.hidden, case.features),
    }
    return training_task(case, weights, vae_loss)
