r"""beta-VAE (Higgins et al., 2017): a VAE with a weight on the divergence.

    python -m zoo.train --model=beta_vae --set=beta=4

The larger beta, the fewer nats codes may hold, and the more each latent comes to stand
for one factor of the data alone. What is reported is the bound, beta or not; reports
have the divergence of each latent too.

Expected on `hearts_2d`, medians of five seeds: with beta 8 the mutual information gap
is 0.42 (0.19 to 0.52) and the bound -60.5 nats, with beta 1 they are 0.17 (0.11 to
0.25) and -39.8; two minutes each on two CPU cores.

Images of side 64 have convolutions, half as wide as those that later papers take, which
are `--set filters=32,32,64,64`; other data have dense layers. With dense layers as in
this paper (which has Adagrad):

    python -m zoo.train --model=beta_vae --set=convolutional=false \
        --set=hidden_units=1200,1200

Equation:
    loss of a row = beta KL(q(z | x) || p(z)) - log p(x | z),    z ~ q(z | x)
    p(z) = N(0, I),    q(z | x) = N(m(x), diag(s(x)^2))

Good for:
    Codes whose latents stand for one factor of the data each, to look at and to steer
    by. A larger beta means blurred reconstructions and a lower bound.

References:
    Higgins, Matthey, Pal, Burgess, Glorot, Botvinick, Mohamed and Lerchner, 2017.
        beta-VAE: Learning Basic Visual Concepts with a Constrained Variational
        Framework. https://openreview.net/forum?id=Sy2fzU9gl
"""

import tfgen
from zoo.data import DataSpec
from zoo.parts import standard_vae
from zoo.recipe import Recipe


def build(
    spec: DataSpec,
    *,
    beta: float = 4.0,
    warm_up: int = 0,
    latents: int = 10,
    convolutional: bool = True,
    filters: tuple[int, ...] = (16, 16, 32, 32),
    hidden_units: tuple[int, ...] = (256,),
    activation: str = "relu",
    likelihood: str = "auto",
) -> tfgen.GenerativeModel:
    """Gaussian posteriors, a standard normal prior; `warm_up` is in steps."""
    objective = tfgen.BetaELBO(beta, warm_up)
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
    tiny={"latents": 2, "hidden_units": (16,)},
)
