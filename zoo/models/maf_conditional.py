"""Class-conditional masked autoregressive flow: p(x | label).

    python -m zoo.train --model=maf_conditional

Equation:
    x_i = z_i exp(s_i) + m_i,    (m_i, s_i) = MADE(x, c)_i, which sees x_1 .. x_{i-1}, c
    log p(x | c) = log N(z; 0, I) - sum_i s_i,    step after step

Good for:
    Densities and samples given a class or a vector: anomalies within a class, rows as
    they would be under other conditions. With few columns `mdn` may do.

References:
    Papamakarios, Pavlakou and Murray, 2017. Masked Autoregressive Flow for Density
        Estimation. https://arxiv.org/abs/1705.07057
"""

import tfgen
from zoo.data import DataSpec
from zoo.parts import context_network, flow_model
from zoo.recipe import Recipe


def build(
    spec: DataSpec,
    *,
    num_steps: int = 10,
    hidden_units: tuple[int, ...] = (128, 128),
    activation: str = "relu",
    logit_alpha: float = 0.01,
) -> tfgen.GenerativeModel:
    """The steps of `maf`, each of which sees the context."""
    embed, context_features = context_network(spec, "maf_conditional")
    return flow_model(
        spec,
        tfgen.maf,
        num_steps=num_steps,
        hidden_units=hidden_units,
        activation=activation,
        logit_alpha=logit_alpha,
        context_network=embed,
        context_features=context_features,
    )


RECIPE = Recipe(
    build=build,
    dataset="digits",
    conditional=True,
    batch_size=256,
    learning_rate=1e-3,
    epochs=100,
    patience=30,
    tiny={"num_steps": 2, "hidden_units": (16,)},
)
