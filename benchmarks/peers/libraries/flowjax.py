"""Flows of flowjax."""

import equinox as eqx
import jax
from flowjax import flows
from flowjax.distributions import StandardNormal

from benchmarks.peers.cases import Case, Task
from benchmarks.peers.libraries.jax import calling_task, count, training_task

PACKAGES = ("jax", "flowjax", "equinox", "optax")


def prepare(case: Case, mode: str) -> Task:
    """Coordinates are shuffled between steps."""
    del mode
    make = {
        "maf": flows.masked_autoregressive_flow,
        "realnvp": flows.coupling_flow,
    }[case.model]
    flow = make(
        jax.random.key(0),
        base_dist=StandardNormal((case.features,)),
        flow_layers=case.num_steps,
        nn_width=case.hidden,
        nn_depth=2,
    )
    weights, rest = eqx.partition(flow, eqx.is_inexact_array)
    # Masks and orders are arguments too: as constants they would be folded for long.
    constants, static = eqx.partition(rest, eqx.is_array)

    def loss(
        weights: object, constants: object, x: jax.Array, key: jax.Array
    ) -> jax.Array:
        del key
        return -eqx.combine(weights, constants, static).log_prob(x).mean()

    def density(weights: object, constants: object, x: jax.Array) -> jax.Array:
        return eqx.combine(weights, constants, static).log_prob(x)

    def sample(weights: object, constants: object, key: jax.Array) -> jax.Array:
        return eqx.combine(weights, constants, static).sample(key, (case.rows,))

    if case.work == "train":
        return training_task(case, weights, loss, constants)
    if case.work == "density":
        x = jax.random.normal(jax.random.key(2), (case.rows, case.features))
        return calling_task(count(weights), density, weights, constants, x)
    key = jax.random.key(3)
    return calling_task(count(weights), sample, weights, constants, key)
