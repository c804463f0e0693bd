"""Variational autoencoder with an autoregressive decoder, a MADE, of binary images.

    python -m zoo.train --model=vae_autoregressive --data_dir=path/to/tfds

Each pixel sees the code and the pixels before it (Gulrajani et al., 2017, PixelVAE;
Chen et al., 2017, Variational Lossy Autoencoder): the code says only what these do not.
The warm-up of the divergence, in steps, keeps the decoder from ignoring the code: with
a divergence of 0 this is the `made` of the zoo. The mean of an image given its code has
no closed form, so that there are no reconstructions.
"""

import tfgen
from tfgen.distributions import Autoregressive, Bernoulli, Gaussian, StandardNormal
from tfgen.networks import MADE
from zoo.data import DataSpec
from zoo.parts import dense_encoder, features
from zoo.recipe import Recipe


def build(
    spec: DataSpec,
    *,
    latents: int = 32,
    hidden_units: tuple[int, ...] = (500, 500),
    decoder_hidden_units: tuple[int, ...] = (8000,),
    warm_up: int = 5000,
) -> tfgen.GenerativeModel:
    """Gaussian posteriors, a standard normal prior, a MADE given the code."""
    if spec.levels != 2:
        raise ValueError(
            "vae_autoregressive is a model of bits and needs data with 2 levels; "
            f"received {spec.name} with levels={spec.levels}. Take binarized_mnist, or "
            "vae for other data."
        )
    (size,) = features(spec)
    network = MADE(size, 1, decoder_hidden_units, context_features=latents)
    return tfgen.VAE(
        Gaussian([latents], dense_encoder(spec, hidden_units, "relu", 2 * latents)),
        Autoregressive(Bernoulli(spec.event_shape, network)),
        StandardNormal([latents]),
        tfgen.ELBO(warm_up),
    )


RECIPE = Recipe(
    build=build,
    dataset="binarized_mnist",
    batch_size=100,
    learning_rate=7e-4,
    epochs=24,
    patience=3,
    clip_norm=10.0,
    weight_averaging=0.999,
    tiny={"latents": 2, "hidden_units": (16,), "decoder_hidden_units": (16,)},
)
