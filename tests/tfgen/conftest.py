"""What the tests of the library share."""

import numpy as np
import pytest


@pytest.fixture
def randomize():
    """A function that gives a layer seeded random weights and returns it.

    Flows start as the identity, for which laws hold even where the code is wrong. And
    what holds for these weights does not depend on how layers start theirs.
    """

    def randomize(layer, stddev=0.5, seed=0):
        rng = np.random.default_rng(seed)
        for weight in layer.trainable_weights:
            weight.assign(stddev * rng.standard_normal(weight.shape))
        return layer

    return randomize
