r"""Variational autoencoder with gated convolutions, as van den Berg et al. (2018).

    python -m zoo.train --model=vae_conv --data_dir=path/to/tfds

trains a standard normal prior for 30 epochs, of which no number is claimed. The
networks of the paper are larger: `--set filters=32,32,64,64,64 --set
strides=1,2,1,2,1`. With `--set prior_steps=4` the prior is a flow. Images of more than
two levels have a discretised logistic.

    python -m zoo.train --model=vae_conv --data_dir=path/to/tfds --epochs=75 \
        --learning_rate=2e-3 --weight_averaging=0.999 --set=latents=32 \
        --set=warm_up=500 --set=prior_steps=4

Expected on binarized_mnist: test bound -85.10 nats (s.e. 0.22), log p(x) -82.09 (s.e.
0.21, 100 importance samples), in 46 minutes on two CPU cores that had some other work.
The paper has a bound of -86.55 with a standard normal prior, its larger networks and up
to 2,000 epochs, and -83.32 with flows in the posterior.

    python -m zoo.train --model=vae_conv --dataset=freyfaces --data_dir=path/to/npz \
        --epochs=400 --learning_rate=2e-3 --weight_averaging=0.99 --set=latents=32 \
        --set=prior_steps=4

Expected: 4.38 bits/dim on the test set, -1702.1 nats (s.e. 17.2, of 200 images), in 9
minutes of CPU time. The paper has 4.53 with a standard normal prior, with which 200
epochs at the recipe's own settings give 4.89 here.

Equation:
    elbo = log p(x | z) - KL(q(z | x) || p(z)),    z ~ q(z | x)
    p(z) = N(0, I), or with prior_steps the density of `maf`
    each layer: h = conv(x) sigmoid(conv'(x))

Good for:
    The best bounds on black and white images here, with codes and reconstructions; it
    takes many minutes where `vae` takes one or two.

References:
    van den Berg, Hasenclever, Tomczak and Welling, 2018. Sylvester Normalizing Flows
        for Variational Inference. https://arxiv.org/abs/1803.05649
"""

import tfgen
from tfgen.base import DistributionLayer
from tfgen.distributions import Gaussian, StandardNormal
from tfgen.networks import ConvolutionalDecoder, ConvolutionalEncoder
from zoo.data import DataSpec
from zoo.parts import decoder, encoder_network
from zoo.recipe import Recipe, Reference


def build(
    spec: DataSpec,
    *,
    latents: int = 64,
    filters: tuple[int, ...] = (16, 32),
    strides: tuple[int, ...] = (2, 2),
    gated: bool = True,
    likelihood: str = "auto",
    warm_up: int = 0,
    prior_steps: int = 0,
    prior_hidden_units: tuple[int, ...] = (128, 128),
) -> tfgen.GenerativeModel:
    """Convolutions down and transposed ones up; `warm_up` is in steps.

    With `prior_steps` above 0 the prior is `tfgen.maf`, else a standard normal.
    """
    if not spec.is_image:
        raise ValueError(
            f"vae_conv is a model of images; received {spec.name} with examples of "
            f"shape {list(spec.event_shape)}. Take vae."
        )
    if prior_steps < 0:
        raise ValueError(
            "A prior has 0 steps of a flow, for a standard normal, or more; received "
            f"prior_steps={prior_steps} for {spec.name}. Take 4."
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

    prior: DistributionLayer = StandardNormal([latents])
    if prior_steps > 0:
        prior = tfgen.maf(
            [latents], num_steps=prior_steps, hidden_units=prior_hidden_units
        )
    return tfgen.VAE(
        Gaussian([latents], encoder_network(spec, network)),
        decoder(spec, pixels, likelihood),
        prior,
        tfgen.ELBO(warm_up),
    )


RECIPE = Recipe(
    build=build,
    dataset="binarized_mnist",
    batch_size=100,
    learning_rate=1e-3,
    epochs=30,
    jit_compile=False,  # On CPUs XLA is slower for strided convolutions.
    references=(
        Reference(
            "binarized_mnist",
            -86.55,
            "van den Berg et al., 2018, standard normal prior, larger networks",
        ),
        Reference(
            "freyfaces",
            -1758.4,
            "van den Berg et al., 2018, standard normal prior: 4.53 bits/dim",
        ),
    ),
    tiny={"latents": 2, "filters": (4,), "strides": (2,)},
)
