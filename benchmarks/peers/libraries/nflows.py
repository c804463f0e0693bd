"""Flows of nflows."""

import torch
from nflows import distributions, flows, transforms
from torch import nn

from benchmarks.peers.cases import Case, Task
from benchmarks.peers.libraries.pytorch import flow_task, mlp

PACKAGES = ("torch", "nflows")


class Network(nn.Module):
    """A network as couplings call it, with a context that is not there."""

    def __init__(self, features: int, hidden: int, outputs: int) -> None:
        super().__init__()
        self.layers = mlp(features, hidden, outputs)

    def forward(self, x: torch.Tensor, context: None = None) -> torch.Tensor:
        """The outputs."""
        del context
        return self.layers(x)


def prepare(case: Case, mode: str) -> Task:
    """Feed-forward blocks, not residual ones, as everybody else has them."""
    del mode
    layers = []
    for index in range(case.num_steps):
        if case.model == "maf":
            layers += [
                transforms.ReversePermutation(case.features),
                # The first hidden layer is not counted among the blocks.
                transforms.MaskedAffineAutoregressiveTransform(
                    case.features,
                    case.hidden,
                    num_blocks=1,
                    use_residual_blocks=False,
                ),
            ]
        else:
            layers.append(
                transforms.AffineCouplingTransform(
                    torch.arange(case.features) % 2 == index % 2,
                    lambda inputs, outputs: Network(inputs, case.hidden, outputs),
                )
            )
    flow = flows.Flow(
        transforms.CompositeTransform(layers),
        distributions.StandardNormal([case.features]),
    )
    return flow_task(case, flow, flow.log_prob, flow.sample)
