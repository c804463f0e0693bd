"""Masked autoregressive flow with a mixture of Gaussians as its base.

    python -m zoo.train --model=maf_mog

Equation:
    x = f(z),    f the steps of `maf`
    p(z) = sum_k w_k N(z; m_k, diag(s_k^2))

Good for:
    Tables whose rows come in clusters: the flow need not tear one Gaussian apart.

References:
    Papamakarios, Pavlakou and Murray, 2017. Masked Autoregressive Flow for Density
        Estimation. https://arxiv.org/abs/1705.07057
"""

import tfgen
from tfgen.distributions import Mixture
from zoo.data import DataSpec
from zoo.parts import features, flow_model
from zoo.recipe import Recipe


def build(
    spec: DataSpec,
    *,
    num_components: int = 10,
    num_steps: int = 10,
    hidden_units: tuple[int, ...] = (128, 128),
    activation: str = "relu",
    logit_alpha: float = 0.01,
) -> tfgen.GenerativeModel:
    """The steps of `maf` over a trainable mixture in place of the standard normal."""
    return flow_model(
        spec,
        tfgen.maf,
        num_steps=num_steps,
        hidden_units=hidden_units,
        activation=activation,
        logit_alpha=logit_alpha,
        base=Mixture(features(spec), num_components),
    )


RECIPE = Recipe(
    build=build,
    dataset="digits",
    batch_size=256,
    learning_rate=1e-3,
    epochs=100,
    patience=30,
    tiny={"num_components": 3, "num_steps": 2, "hidden_units": (16,)},
)
