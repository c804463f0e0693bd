"""Gaussian-mixture VAE with Concrete categories: finds clusters without labels.

    python -m zoo.train --model=gmvae
    python -m zoo.train --model=gmvae --dataset=mnist --binarize=dynamic

In two stages: a VAE without categories, with a small weight on its divergence, learns
codes; a mixture of Gaussians fitted to them, from clusters of neighbours, is where the
categories start. The bound reported is that of the relaxed model; that of the discrete
mixture, which compares with other models, stands beside it. Labels, where data have
them, serve for testing alone.
"""

import tfgen
from zoo.data import DataSpec
from zoo.parts import mixture_vae
from zoo.recipe import Recipe


def build(
    spec: DataSpec,
    *,
    num_categories: int = 10,
    latents: int = 10,
    hidden_units: tuple[int, ...] = (500, 500),
    activation: str = "relu",
    likelihood: str = "auto",
    temperature: float = 0.5,
    category_weight: float = 0.1,
    pretraining_weight: float = 0.05,
) -> tfgen.GenerativeModel:
    """Dense networks; the weights are of divergences in the objectives."""
    return mixture_vae(
        spec,
        num_categories,
        latents,
        hidden_units,
        activation,
        likelihood,
        temperature=temperature,
        objective=tfgen.ConcreteELBO(category_weight=category_weight),
        pretraining=tfgen.MixturePretraining(pretraining_weight),
    )


RECIPE = Recipe(
    build=build,
    dataset="digits",
    conditional=True,
    batch_size=128,
    learning_rate=1e-3,
    epochs=20,
    pretraining_epochs=20,
    num_labels=0,
    tiny={"num_categories": 3, "latents": 2, "hidden_units": (16,)},
)
