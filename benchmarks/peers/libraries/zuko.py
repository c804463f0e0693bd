"""Flows of zuko."""

import zuko

from benchmarks.peers.cases import Case, Task
from benchmarks.peers.libraries.pytorch import flow_task

PACKAGES = ("torch", "zuko")


def prepare(case: Case, mode: str) -> Task:
    """`MAF` reverses the order between steps, `RealNVP` a checkered mask."""
    del mode
    make = {"maf": zuko.flows.MAF, "realnvp": zuko.flows.RealNVP}[case.model]
    flow = make(
        case.features,
        transforms=case.num_steps,
        hidden_features=(case.hidden, case.hidden),
    )
    return flow_task(
        case, flow, lambda x: flow().log_prob(x), lambda n: flow().sample((n,))
    )
