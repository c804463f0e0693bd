"""What the tests of the library share."""

import numpy as np
import pytest


@pytest.fixture
def perturb():
    """A function that adds seeded noise to all weights of a layer and returns it.

    Flows start as the identity, for which laws hold even where the code is wrong.
    """

    def perturb(layer, stddev=0.5, seed=0):
        rng = np.random.default_rng(seed)
        for weight in layer.trainable_weights:
            weight.assign_add(stddev * rng.standard_normal(weight.shape))
        return layer

    return perturb
