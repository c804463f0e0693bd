"""Gaussian-mixture VAE that is told the classes of few rows: semi-supervised.

    python -m zoo.train --model=gmvae_semisupervised
    python -m zoo.train --model=gmvae_semisupervised --dataset=mnist --binarize=dynamic

Of all training rows 100 have a label, as many of each class, chosen by the seed; the
others have -1. A label is the prior of the row's category, so that all are in one
batch. The stages are those of `gmvae`: clusters of codes, which start at the means of
the labelled rows, are what the others are told.

Expected on MNIST, with `--batch_size=256 --epochs=12 --pretraining_epochs=20`: accuracy
0.947 (median of five seeds, 0.927 to 0.956), discrete bound -98.2 nats; twelve
minutes on two CPU cores with much else on them.

Equation:
    p(x, z, s | y) = p(x | z) p(z | s) p(s | y)
    p(s | y): of a row with label y nearly certain of it, of one with y = -1 it is p(s)
    elbo = log p(x | z) - KL(q(z | s, x) || p(z | s)) - (log q(s | x) - log p(s | y))

Good for:
    Classes of many rows from the labels of few, with samples of each class.

References:
    Kingma, Rezende, Mohamed and Welling, 2014. Semi-supervised Learning with Deep
        Generative Models. https://arxiv.org/abs/1406.5298
    Maddison, Mnih and Teh, 2017. The Concrete Distribution: a Continuous Relaxation of
        Discrete Random Variables. https://arxiv.org/abs/1611.00712
"""

import tfgen
from zoo.data import DataSpec
from zoo.parts import mixture_vae, num_classes
from zoo.recipe import Recipe


def build(
    spec: DataSpec,
    *,
    latents: int = 10,
    hidden_units: tuple[int, ...] = (500, 500, 2000),
    activation: str = "relu",
    likelihood: str = "auto",
    temperature: float = 0.5,
    category_weight: float = 0.1,
    label_weight: float = 3.0,
    pretraining_weight: float = 0.05,
) -> tfgen.GenerativeModel:
    """Dense networks; the weights are of divergences.

    Guesses weigh as labels do (`label_weight`), and without a first stage there are
    none: `category_weight` is for rows without either.
    """
    return mixture_vae(
        spec,
        num_classes(spec, "gmvae_semisupervised"),
        latents,
        hidden_units,
        activation,
        likelihood,
        temperature=temperature,
        objective=tfgen.ConcreteELBO(0, category_weight, label_weight),
        pretraining=tfgen.MixturePretraining(pretraining_weight),
    )


RECIPE = Recipe(
    build=build,
    dataset="digits",
    conditional=True,
    batch_size=128,
    learning_rate=1e-3,
    epochs=30,
    pretraining_epochs=30,
    num_labels=100,
    tiny={"latents": 2, "hidden_units": (16,)},
)
