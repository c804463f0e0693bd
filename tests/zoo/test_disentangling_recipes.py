"""Recipes of disentangling: what they minimise, and networks that suit the data."""

import numpy as np
import pytest

from zoo.data import DataSpec
from zoo.models import beta_tcvae, beta_vae, beta_vae_capacity

BITS = DataSpec("bits", (2, 3), "uint8", levels=2)
OPTIONS = {
    beta_vae: {"beta": 2.0, "warm_up": 3},
    beta_vae_capacity: {"gamma": 7.0, "capacity": 2.0, "steps": 3},
    beta_tcvae: {"alpha": 0.5, "beta": 2.0, "gamma": 3.0},
}
SMALL = {"latents": 3, "filters": (2, 3, 4, 5), "hidden_units": (7, 6)}


@pytest.mark.parametrize("recipe", OPTIONS, ids=lambda recipe: recipe.__name__)
def test_options_are_those_of_the_objective(recipe):
    model = recipe.build(BITS, **OPTIONS[recipe], **SMALL)
    assert model.objective.get_config() == OPTIONS[recipe]
    assert model.kl_per_latent(np.zeros([2, 2, 3])).shape == (2, 3)


@pytest.mark.parametrize(
    ("shape", "convolutions"),
    [((64, 64), 4), ((64, 64, 3), 4), ((8, 8), 0), ((64, 32), 0), ((5,), 0)],
)
def test_images_of_side_64_have_convolutions(shape, convolutions):
    spec = DataSpec("sprites", shape, "uint8", levels=2)
    model = beta_vae.build(spec, **SMALL)
    for part in (model.encoder, model.decoder):
        kernels = [w.shape for w in part.trainable_weights if w.name == "kernel"]
        assert sum(len(kernel) == 4 for kernel in kernels) == convolutions
        # The dense layers of the decoder are those of the encoder turned round.
        assert {6, 7} <= {size for kernel in kernels for size in kernel}
    x = np.ones([2, *shape], np.uint8)
    assert model.encode(x)["loc"].shape == (2, 3)
    assert model.reconstruct(x).shape == (2, *shape)


def test_convolutions_may_be_left_out():
    spec = DataSpec("sprites", (64, 64), "uint8", levels=2)
    for recipe in OPTIONS:
        model = recipe.build(spec, convolutional=False, latents=3, hidden_units=(5, 4))
        shapes = [weight.shape for weight in model.trainable_weights]
        assert (4096, 5) in shapes
        assert (5, 4096) in shapes
