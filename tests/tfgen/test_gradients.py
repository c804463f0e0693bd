"""The norm of gradients."""

import numpy as np
import pytest
import tensorflow as tf

from tfgen.gradients import global_norm


@pytest.mark.parametrize("shape", [[], [1], [7], [8], [3, 5, 11]])
def test_global_norm_is_that_of_all_numbers(shape):
    rng = np.random.default_rng(0)
    parts = [rng.normal(size=shape), rng.normal(size=[13])]
    expected = np.sqrt(sum(np.sum(part**2) for part in parts))
    gradients = [tf.constant(parts[0]), None, tf.constant(parts[1])]
    np.testing.assert_allclose(global_norm(gradients), expected, rtol=1e-12)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("place", [0, 8, 16])
def test_global_norm_is_not_finite_where_a_number_is_not(bad, place):
    numbers = np.ones([17], np.float32)
    numbers[place] = bad
    assert not np.isfinite(global_norm([tf.constant(numbers)]))
