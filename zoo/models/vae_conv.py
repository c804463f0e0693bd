"""Variational autoencoder with gated convolutions, as van den Berg et al. (2018).

    python -m zoo.train --model=vae_conv --data_dir=path/to/tfds

The networks of the paper are larger: `--set filters=32,32,64,64,64 --set
strides=1,2,1,2,1`. Images of more than two levels have a discretised logistic.
"""

import tfgen
from tfgen.distributions import Gaussian, StandardNormal
from tfgen.networks import ConvolutionalDecoder, ConvolutionalEncoder
from zoo.data import DataSpec
from zoo.parts import decoder, encoder_network
from zoo.recipe import Recipe


def build(
    spec: DataSpec,
    *,
    latents: int = 64,
    filters: tuple[int, ...] = (16, 32),
    strides: tuple[int, ...] = (2, 2),
    gated: bool = True,
    likelihood: str = "auto",
    warm_up: int = 0,
) -> tfgen.GenerativeModel:
    """Convolutions down and transposed ones up; `warm_up` is in steps."""
    if not spec.is_image:
        raise ValueError(
            f"vae_conv is a model of images; received {spec.name} with examples of "
            f"shape {list(spec.event_shape)}. Take vae."
        )
    network = ConvolutionalEncoder(
        spec.event_shape, filters, 2 * latents, strides=strides, gated=gated
    )

    def pixels(num_parameters: int) -> ConvolutionalDecoder:
        return ConvolutionalDecoder(
            latents,
            spec.event_shape,
            filters[::-1],
            num_parameters,
            strides=strides[::-1],
            gated=gated,
        )

    return tfgen.VAE(
        Gaussian([latents], encoder_network(spec, network)),
        decoder(spec, pixels, likelihood),
        StandardNormal([latents]),
        tfgen.ELBO(warm_up),
    )


RECIPE = Recipe(
    build=build,
    dataset="binarized_mnist",
    batch_size=100,
    learning_rate=1e-3,
    epochs=30,
    jit_compile=False,  # On CPUs XLA is slower for strided convolutions.
    tiny={"latents": 2, "filters": (4,), "strides": (2,)},
)
