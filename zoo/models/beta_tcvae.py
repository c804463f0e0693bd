"""beta-TCVAE (Chen et al., 2018): a VAE with a weight on the total correlation.

    python -m zoo.train --model=beta_tcvae --set=beta=6

The divergence has three parts: what a code says of its row (weight `alpha`), what
latents say of each other (`beta`), and how far each is from its prior (`gamma`).
Latents become independent of each other without saying less of the data, as they do in
`beta_vae`. The networks are those of `beta_vae`, and what is reported is the bound.

The total correlation is estimated from the other rows of a batch: larger batches
estimate it better.

Equation:
    q(z) = mean over rows of q(z | x)
    loss of a row = alpha I(x; z)                          what codes say of rows
                  + beta KL(q(z) || product_i q(z_i))      total correlation
                  + gamma sum_i KL(q(z_i) || p(z_i))
                  - log p(x | z)

Good for:
    Codes whose latents are independent of each other, to look at and to steer by. For
    a good bound take `vae_conv` or `vae_flow_prior`.

References:
    Chen, Li, Grosse and Duvenaud, 2018. Isolating Sources of Disentanglement in
        Variational Autoencoders. https://arxiv.org/abs/1802.04942
"""

import tfgen
from zoo.data import DataSpec
from zoo.parts import standard_vae
from zoo.recipe import Recipe


def build(
    spec: DataSpec,
    *,
    alpha: float = 1.0,
    beta: float = 6.0,
    gamma: float = 1.0,
    latents: int = 10,
    convolutional: bool = True,
    filters: tuple[int, ...] = (16, 16, 32, 32),
    hidden_units: tuple[int, ...] = (256,),
    activation: str = "relu",
    likelihood: str = "auto",
) -> tfgen.GenerativeModel:
    """Gaussian posteriors, a standard normal prior."""
    objective = tfgen.TotalCorrelationELBO(alpha, beta, gamma)
    filters = filters if convolutional else ()
    return standard_vae(
        spec, latents, filters, hidden_units, activation, likelihood, objective
    )


RECIPE = Recipe(
    build=build,
    dataset="hearts_2d",
    batch_size=128,
    learning_rate=1e-3,
    epochs=50,
    jit_compile=False,  # On CPUs XLA is slower for strided convolutions.
    tiny={"latents": 2, "hidden_units": (16,)},
)
