r"""Gaussian-mixture VAE whose categories are classes: a generative classifier.

    python -m zoo.train --model=gmvae_supervised
    python -m zoo.train --model=gmvae_supervised --dataset=mnist --binarize=dynamic

All training rows have their label, as the prior of their category. No stage comes
before: labels keep the categories apart.

Who is moving? The persons of skeletons, whose windows vary by more than the person:

    python -m zoo.train --model=gmvae_supervised --dataset=skeletons \
        --set hidden_units=256,256 --set label_weight=100 --set code_evidence=false \
        --epochs=80 --weight_decay=3.0 --monitor=accuracy

and with `--set hidden_units=512 --set label_weight=30` for `skeletons_actions`.

Equation:
    p(x, z, s | y) = p(x | z) p(z | s) p(s | y),    p(s | y) nearly certain of y
    class of a row: the largest of q(s | x)
    elbo = log p(x | z) - KL(q(z | s, x) || p(z | s)) - (log q(s | x) - log p(s | y))

Good for:
    A classifier that also draws from each class and knows how likely a row is. Where
    classes are all that matters, a plain classifier is less work.

References:
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
    hidden_units: tuple[int, ...] = (500, 500),
    activation: str = "relu",
    likelihood: str = "auto",
    temperature: float = 0.5,
    label_weight: float = 1.0,
    code_evidence: bool = True,
) -> tfgen.GenerativeModel:
    """Dense networks and a category a class.

    The weight is of `kl_s`; the evidence, whether the code tells of the category too.
    """
    return mixture_vae(
        spec,
        num_classes(spec, "gmvae_supervised"),
        latents,
        hidden_units,
        activation,
        likelihood,
        temperature=temperature,
        objective=tfgen.ConcreteELBO(label_weight=label_weight),
        code_evidence=code_evidence,
    )


RECIPE = Recipe(
    build=build,
    dataset="digits",
    conditional=True,
    batch_size=128,
    learning_rate=1e-3,
    epochs=30,
    num_labels=-1,
    tiny={"latents": 2, "hidden_units": (16,)},
)
