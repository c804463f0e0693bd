"""Flows of normflows."""

import normflows as nf

from benchmarks.peers.cases import Case, Task
from benchmarks.peers.libraries.pytorch import flow_task

PACKAGES = ("torch", "normflows")


def prepare(case: Case, mode: str) -> Task:
    """Its masked layer is fast at sampling; reversed, it is that of a MAF."""
    del mode
    layers = []
    half = case.features // 2
    for _ in range(case.num_steps):
        if case.model == "maf":
            # The first hidden layer is not counted among the blocks. It has no
            # nonlinearity here, which the others have.
            step = nf.flows.MaskedAffineAutoregressive(
                case.features, case.hidden, num_blocks=1, use_residual_blocks=False
            )
            layers += [nf.flows.Reverse(step), nf.flows.Permute(case.features)]
        else:
            network = nf.nets.MLP(
                [half, case.hidden, case.hidden, 2 * (case.features - half)]
            )
            layers += [
                nf.flows.AffineCouplingBlock(network),
                nf.flows.Permute(case.features, mode="swap"),
            ]
    base = nf.distributions.DiagGaussian(case.features, trainable=False)
    flow = nf.NormalizingFlow(base, layers)
    return flow_task(case, flow, flow.log_prob, lambda n: flow.sample(n)[0])
