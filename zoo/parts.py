"""What recipes share: parts that depend on the data."""

import math
from collections.abc import Callable, Sequence
from typing import TypeAlias

import keras

import tfgen
from tfgen.base import BijectorLayer, DistributionLayer, GenerativeModel
from tfgen.distributions import (
    Bernoulli,
    Categorical,
    ConcreteMixture,
    DiscretizedLogistic,
    Flow,
    Gaussian,
    GreyBernoulli,
    StandardNormal,
)
from tfgen.flows import Flatten, Logit, Scale, Standardize
from tfgen.networks import (
    MLP,
    Chain,
    ConvolutionalDecoder,
    ConvolutionalEncoder,
    Normalize,
    OneHot,
)
from zoo.data import DataSpec

ContextNetwork: TypeAlias = OneHot | Normalize


def preprocessing(spec: DataSpec, *, logit_alpha: float = 0.0) -> list[BijectorLayer]:
    """Layers at the data end: vectors with mean 0 and variance 1 come out.

    Args:
        spec: The data.
        logit_alpha: For integers with levels: scale them to the unit interval and take
            the logit, shrunk by this; 0 leaves it out.
    """
    shape = spec.event_shape
    layers: list[BijectorLayer] = []
    if spec.levels is not None and logit_alpha != 0:
        layers += [Scale(shape, 1.0 / spec.levels), Logit(shape, logit_alpha)]
    layers.append(Standardize(shape))
    if len(shape) != 1:
        layers.append(Flatten(shape))
    return layers


def flow_model(
    spec: DataSpec,
    builder: Callable[..., Flow],
    *,
    logit_alpha: float,
    **options: object,
) -> GenerativeModel:
    """A flow that `builder` makes, with preprocessing, as a model of the data.

    Args:
        spec: The data.
        builder: A builder of `tfgen`, such as `tfgen.maf`.
        logit_alpha: As for `preprocessing`.
        **options: Further arguments of the builder.
    """
    layers = preprocessing(spec, logit_alpha=logit_alpha)
    flow = builder(spec.event_shape, preprocessing=layers, **options)
    return as_model(spec, flow)


def features(spec: DataSpec) -> list[int]:
    """Event shape of the data as vectors: `[features]`."""
    return [math.prod(spec.event_shape)]


def context_network(spec: DataSpec, model: str) -> tuple[ContextNetwork, int]:
    """A network from the data's context to a vector, and the size of that vector.

    Raises:
        ValueError: If the data have no context.
    """
    if spec.context is None:
        raise ValueError(
            f"{model} is conditional and needs data with a context; received "
            f"{spec.name}, which has none. Take digits or mnist (the class label), "
            "inverse_sinusoid, or a table with --context=column."
        )
    if spec.context.num_classes is not None:
        return OneHot(spec.context.num_classes), spec.context.num_classes
    (size,) = spec.context.shape
    return Normalize(size), size


def as_model(spec: DataSpec, density: DistributionLayer) -> GenerativeModel:
    """The density as a model of the data: exact if continuous, else a bound."""
    if spec.levels is not None:
        return tfgen.Dequantized(density, levels=spec.levels)
    if spec.steps is not None:
        return tfgen.Dequantized(density, steps=spec.steps, offsets=spec.offsets)
    return tfgen.DensityModel(density)


def encoder_network(spec: DataSpec, network: keras.layers.Layer) -> Chain:
    """The network of an encoder, behind layers that take data in their own units.

    Args:
        spec: The data.
        network: From vectors: levels from 0 to 1, or numbers of mean 0 and variance 1.
    """
    flatten = keras.layers.Flatten()
    if spec.levels is None:
        return Chain([flatten, Normalize(spec.num_features), network])
    return Chain([keras.layers.Rescaling(1.0 / (spec.levels - 1)), flatten, network])


def dense_encoder(
    spec: DataSpec, hidden_units: Sequence[int], activation: str, out_features: int
) -> Chain:
    """Dense layers from data in their own units to a vector."""
    network = MLP(spec.num_features, hidden_units, out_features, activation=activation)
    return encoder_network(spec, network)


def dense_decoder(
    spec: DataSpec,
    hidden_units: Sequence[int],
    activation: str,
    latents: int,
    likelihood: str,
) -> DistributionLayer:
    """`p(x | z)` by dense layers, which are those of `dense_encoder` turned round."""

    def network(num_parameters: int) -> MLP:
        return MLP(
            latents,
            hidden_units[::-1],
            spec.num_features * num_parameters,
            activation=activation,
        )

    return decoder(spec, network, likelihood)


def standard_vae(
    spec: DataSpec,
    latents: int,
    filters: Sequence[int],
    hidden_units: Sequence[int],
    activation: str,
    likelihood: str,
    objective: tfgen.Objective,
) -> tfgen.VAE:
    """A VAE with Gaussian posteriors and a standard normal prior.

    For images of side 64 by convolutions, of which each halves the side, and dense
    layers between them and the codes. For other data, or without convolutions, by dense
    layers alone.

    Args:
        spec: The data.
        latents: Size of the code.
        filters: Width of each convolution, from the image on; none for no convolutions.
        hidden_units: Of the dense layers, from the data on, at least one.
        activation: Of hidden layers.
        likelihood: As for `decoder`.
        objective: What is minimised.
    """
    if not (filters and spec.is_image and spec.event_shape[:2] == (64, 64)):
        encoding = dense_encoder(spec, hidden_units, activation, 2 * latents)
        decoding = dense_decoder(spec, hidden_units, activation, latents, likelihood)
    else:
        between, *inner = hidden_units
        convolutions = ConvolutionalEncoder(
            spec.event_shape, filters, between, kernel_size=4, activation=activation
        )
        dense = MLP(between, inner, 2 * latents, activation=activation)
        bend = keras.layers.Activation(activation)
        encoding = encoder_network(spec, Chain([convolutions, bend, dense]))
        # Turned round; the last makes whole images, so it has half the width.
        widths = (*filters[:0:-1], max(filters[0] // 2, 1))

        def pixels(num_parameters: int) -> Chain:
            return Chain(
                [
                    MLP(latents, inner[::-1], between, activation=activation),
                    keras.layers.Activation(activation),
                    ConvolutionalDecoder(
                        between,
                        spec.event_shape,
                        widths,
                        num_parameters,
                        kernel_size=4,
                        activation=activation,
                    ),
                ]
            )

        decoding = decoder(spec, pixels, likelihood)
    return tfgen.VAE(
        Gaussian([latents], encoding), decoding, StandardNormal([latents]), objective
    )


def num_classes(spec: DataSpec, model: str) -> int:
    """How many classes the labels of the data have.

    Raises:
        ValueError: If they have none.
    """
    if spec.context is None or spec.context.num_classes is None:
        raise ValueError(
            f"{model} needs data with a class label; received {spec.name}, which have "
            "none. Take digits or mnist, or a table with --context=column."
        )
    return spec.context.num_classes


def mixture_vae(
    spec: DataSpec,
    num_categories: int,
    latents: int,
    hidden_units: Sequence[int],
    activation: str,
    likelihood: str,
    temperature: float,
    objective: tfgen.Objective,
    pretraining: tfgen.Objective | None = None,
    *,
    code_evidence: bool = True,
) -> tfgen.ConcreteMixtureVAE:
    """A Gaussian-mixture VAE by dense layers, with one Gaussian `q(z | x)` a row.

    Args:
        spec: The data.
        num_categories: How many categories.
        latents: Size of the code.
        hidden_units: Of the encoder; those of the decoder are the same, turned round.
        activation: Of hidden layers.
        likelihood: As for `decoder`.
        temperature: Of the categories.
        objective: What is minimised.
        pretraining: What a first stage minimises.
        code_evidence: Whether the code tells the encoder of the category.
    """
    if spec.context is not None and spec.context.num_classes is None:
        raise ValueError(
            "Gaussian-mixture VAEs take class labels, or no context; received "
            f"{spec.name}, whose context is numbers. Leave --context out."
        )
    outputs = num_categories + 2 * latents
    network = dense_encoder(spec, hidden_units, activation, outputs)
    return tfgen.ConcreteMixtureVAE(
        ConcreteMixture([latents], num_categories, network),
        dense_decoder(spec, hidden_units, activation, latents, likelihood),
        ConcreteMixture([latents], num_categories),
        temperature=temperature,
        objective=objective,
        pretraining=pretraining,
        code_evidence=code_evidence,
    )


def decoder(
    spec: DataSpec,
    network: Callable[[int], keras.layers.Layer],
    likelihood: str,
) -> DistributionLayer:
    """`p(x | z)` as it suits the data, in their own units.

    Args:
        spec: The data.
        network: Makes a network from codes, with so many outputs for each feature.
        likelihood: `auto`, which is `bernoulli` for bits, `discretized_logistic` for
            more levels, and else `gaussian`. For levels also `categorical`; and
            `bernoulli`, which for more than 2 is no likelihood.

    Raises:
        ValueError: If the likelihood does not suit the data, or none does.
    """
    shape, levels = spec.event_shape, spec.levels
    if spec.steps is not None:
        raise ValueError(
            "Decoders have likelihoods of levels or of continuous columns; received "
            f"{spec.name}, with columns on a grid. Leave these out (--drop), or take a "
            "flow."
        )
    if levels is None:
        suitable = ["gaussian"]
    else:
        suitable = ["bernoulli", "discretized_logistic", "categorical"]
    if likelihood == "auto":
        likelihood = suitable[0 if levels in (None, 2) else 1]
    if likelihood not in suitable:
        raise ValueError(
            f"Likelihoods of {spec.name} are auto, {', '.join(suitable)}; received "
            f"likelihood={likelihood}. Leave it out for one that suits the data."
        )
    if levels is None:
        return Flow(Gaussian(shape, network(2)), [Standardize(shape)])
    if likelihood == "discretized_logistic":
        return DiscretizedLogistic(shape, levels, network(2))
    if likelihood == "categorical":
        return Categorical(shape, levels, network(levels))
    if levels == 2:
        return Bernoulli(shape, network(1))
    return GreyBernoulli(shape, levels, network(1))
