"""What all tests share."""

import keras
import pytest
import tensorflow as tf

# Two logical devices for the tests of strategies. TensorFlow takes them only before it
# has done anything else.
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0],
    [tf.config.LogicalDeviceConfiguration()] * 2,
)


@pytest.fixture(autouse=True)
def _seed_everything():
    """The same initial weights for a test, whichever tests ran before it."""
    keras.utils.set_random_seed(0)
