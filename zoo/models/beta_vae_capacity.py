"""beta-VAE with a capacity that grows (Burgess et al., 2018).

    python -m zoo.train --model=beta_vae_capacity --set=capacity=25 --set=steps=2000

The divergence is held at a number of nats that grows from 0 to `capacity` in the first
`steps` steps: what tells most of the data is learnt first, and reconstructions end up
better than those of `beta_vae`. The networks are those of `beta_vae`, and what is
reported is the bound.

Equation:
    loss of a row = gamma |KL(q(z | x) || p(z)) - c| - log p(x | z),    z ~ q(z | x)
    c = capacity min(1, step / steps),    in nats

Good for:
    Codes that hold a number of nats which you choose. For a weight on the divergence in
    its place take `beta_vae`.

References:
    Burgess, Higgins, Pal, Matthey, Watters, Desjardins and Lerchner, 2018.
        Understanding Disentangling in beta-VAE. https://arxiv.org/abs/1804.03599
"""

import tfgen
from zoo.data import DataSpec
from zoo.parts import standard_vae
from zoo.recipe import Recipe


def build(
    spec: DataSpec,
    *,
    gamma: float = 30.0,
    capacity: float = 25.0,
    steps: int = 2000,
    latents: int = 10,
    convolutional: bool = True,
    filters: tuple[int, ...] = (16, 16, 32, 32),
    hidden_units: tuple[int, ...] = (256,),
    activation: str = "relu",
    likelihood: str = "auto",
) -> tfgen.GenerativeModel:
    """Gaussian posteriors, a standard normal prior."""
    objective = tfgen.CapacityELBO(gamma, capacity, steps)
    filters = filters if convolutional else ()
    return standard_vae(
        spec, latents, filters, hidden_units, activation, likelihood, objective
    )


RECIPE = Recipe(
    build=build,
    dataset="hearts_2d",
    batch_size=64,
    learning_rate=1e-3,
    epochs=50,
    jit_compile=False,  # On CPUs XLA is slower for strided convolutions.
    tiny={"latents": 2, "hidden_units": (16,), "capacity": 2.0, "steps": 10},
)
