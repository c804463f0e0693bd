"""What all tests share."""

import keras
import pytest
import tensorflow as tf

from zoo import strategies

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


@pytest.fixture(scope="session")
def mirrored():
    """The strategy of two devices of this process.

    Collective operations fail in the second one that a process makes: this is the one
    of runs with `--strategy=mirrored`.
    """
    with strategies.devices("mirrored").scope():
        return tf.distribute.get_strategy()
