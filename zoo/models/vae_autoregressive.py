"""Variational autoencoder with an autoregressive decoder, a MADE, of binary images.

    python -m zoo.train --model=vae_autoregressive --data_dir=path/to/tfds

Each pixel sees the code and the pixels before it (Gulrajani et al., 2017, PixelVAE;
Chen et al., 2017, Variational Lossy Autoencoder): the code says only what these do not.
The mean of an image given its code has no closed form, so that there are no
reconstructions.

Expected on binarized_mnist: test bound -93.42 nats (s.e. 0.24), of which the divergence
is 20.8, in 324 s on two CPU cores that had little other work. With a warm-up of the
divergence over 5,000 steps the code takes over what the decoder could do itself, 32.8
nats, and the bound is -98.06. Without any code, `made` has -88.30: on 50,000 images
encoder and decoder overfit together.

Equation:
    elbo = log p(x | z) - KL(q(z | x) || N(0, I)),    z ~ q(z | x)
    p(x | z) = product_i Bernoulli(x_i; sigmoid(l_i)),    l = MADE(x, z)
    l_i sees x_1 .. x_{i-1} and z

Good for:
    Black and white images, where codes are to hold what neighbouring pixels do not say.
    It has no reconstructions.

References:
    Gulrajani, Kumar, Ahmed, Taiga, Visin, Vazquez and Courville, 2017. PixelVAE: a
        Latent Variable Model for Natural Images. https://arxiv.org/abs/1611.05013
    Chen, Kingma, Salimans, Duan, Dhariwal, Schulman, Sutskever and Abbeel, 2017.
        Variational Lossy Autoencoder. https://arxiv.org/abs/1611.02731
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
    decoder_hidden_units: tuple[int, ...] = (4000,),
    warm_up: int = 0,
) -> tfgen.GenerativeModel:
    """Gaussian posteriors, a standard normal prior; `warm_up` is in steps."""
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
    epochs=20,
    clip_norm=10.0,
    weight_averaging=0.999,
    tiny={"latents": 2, "hidden_units": (16,), "decoder_hidden_units": (16,)},
)
