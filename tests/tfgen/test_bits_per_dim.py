"""Bits per dimension."""

import math

import numpy as np
import pytest

from tfgen.metrics import bits_per_dim


@pytest.mark.parametrize("event_shape", [[1], [784], [32, 32, 3]])
def test_a_fair_coin_has_one_bit_and_a_pixel_eight(event_shape):
    size = math.prod(event_shape)
    assert bits_per_dim(size * math.log(1 / 2), event_shape) == pytest.approx(1.0)
    assert bits_per_dim(size * math.log(1 / 256), event_shape) == pytest.approx(8.0)


def test_arrays_are_taken_element_by_element():
    log_prob = np.array([0.0, -math.log(2.0), math.log(4.0)])
    np.testing.assert_allclose(bits_per_dim(log_prob, [2]), [0.0, 0.5, -1.0])
