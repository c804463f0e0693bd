"""What the PyTorch libraries share, and a variational autoencoder in PyTorch."""

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F

from benchmarks.peers.cases import THREADS, Case, Task

PACKAGES = ("torch",)
_STEPS = 10

torch.set_num_threads(THREADS)
torch.manual_seed(0)


def flow_task(
    case: Case,
    flow: nn.Module,
    log_prob: Callable[[torch.Tensor], torch.Tensor],
    sample: Callable[[int], torch.Tensor],
) -> Task:
    """The work of a case, for a flow that has these two functions."""
    parameters = count_parameters(flow)
    if case.work == "train":
        return training_task(case, flow, lambda x: -log_prob(x).mean())
    x = torch.randn(case.rows, case.features)

    @torch.no_grad()
    def run() -> torch.Tensor:
        return log_prob(x) if case.work == "density" else sample(case.rows)

    return Task(parameters, run)


def training_task(
    case: Case, model: nn.Module, loss_of: Callable[[torch.Tensor], torch.Tensor]
) -> Task:
    """Steps of Adam, in the usual loop, on batches that are there already."""
    batches = torch.rand(_STEPS, case.rows, case.features)
    # The fused update is the fastest of the three that PyTorch has for a CPU.
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4, fused=True)

    def run() -> float:
        for x in batches:
            optimizer.zero_grad(set_to_none=True)
            loss = loss_of(x)
            loss.backward()
            optimizer.step()
        return loss.item()

    return Task(count_parameters(model), run, units=_STEPS)


def count_parameters(model: nn.Module) -> int:
    """How many numbers are trained."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


class VAE(nn.Module):
    """784-300-300-50 and back; the divergence from the prior in closed form."""

    def __init__(self, features: int, hidden: int, latents: int) -> None:
        super().__init__()
        self.encoder = mlp(features, hidden, 2 * latents)
        self.decoder = mlp(latents, hidden, features)

    def loss(self, x: torch.Tensor) -> torch.Tensor:
        """Minus the evidence lower bound, one sample a row."""
        loc, log_scale = self.encoder(x).chunk(2, dim=-1)
        z = loc + log_scale.exp() * torch.randn_like(loc)
        error = F.binary_cross_entropy_with_logits(
            self.decoder(z), x, reduction="none"
        ).sum(-1)
        kl = 0.5 * (loc**2 + (2 * log_scale).exp() - 1.0) - log_scale
        return (error + kl.sum(-1)).mean()


def mlp(features: int, hidden: int, outputs: int) -> nn.Sequential:
    """Two hidden layers of rectifiers."""
    return nn.Sequential(
        nn.Linear(features, hidden),
        nn.ReLU(),
        nn.Linear(hidden, hidden),
        nn.ReLU(),
        nn.Linear(hidden, outputs),
    )


def prepare(case: Case, mode: str) -> Task:
    """The variational autoencoder."""
    del mode
    model = VAE(case.features, case.hidden, latents=50)
    return training_task(case, model, model.loss)
