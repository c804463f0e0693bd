"""Deterministic autoencoder: the networks of `vae`, and no density of data.

    python -m zoo.train --model=ae --data_dir=path/to/tfds

Reports the log-likelihood of each example at its own code, which is no likelihood of
the model and not to be compared with a bound. For samples, a Gaussian is fitted to the
codes.

Equation:
    z = encoder(x)
    reported:  log p(x | decoder(z))
    samples:   z ~ N(m, C), fitted to the codes of training rows

Good for:
    Codes and reconstructions, and as the baseline that variational ones are held
    against. It gives no density: for anomaly scores take `vae` or a flow.

References:
    Hinton and Salakhutdinov, 2006. Reducing the Dimensionality of Data with Neural
        Networks. https://doi.org/10.1126/science.1127647
"""

import tfgen
from tfgen.distributions import Mixture
from zoo.data import DataSpec
from zoo.parts import dense_decoder, dense_encoder
from zoo.recipe import Recipe


def build(
    spec: DataSpec,
    *,
    latents: int = 50,
    hidden_units: tuple[int, ...] = (300, 300),
    activation: str = "softplus",
    likelihood: str = "auto",
) -> tfgen.GenerativeModel:
    """Dense networks, and a Gaussian with full covariance over codes."""
    return tfgen.Autoencoder(
        dense_encoder(spec, hidden_units, activation, latents),
        dense_decoder(spec, hidden_units, activation, latents, likelihood),
        Mixture([latents], 1, covariance="full"),
    )


RECIPE = Recipe(
    build=build,
    dataset="binarized_mnist",
    batch_size=100,
    learning_rate=1e-3,
    epochs=30,
    tiny={"latents": 2, "hidden_units": (16,)},
)
