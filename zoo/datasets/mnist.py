"""MNIST: handwritten digits, 28 x 28 pixels with 256 grey levels; through TFDS.

Source: LeCun, Cortes and Burges (1998). 70,000 images of ten classes, split
50,000 / 10,000 / 10,000: validation is the last 10,000 training images in the order of
TensorFlow Datasets, which shuffles. So the sizes and the test images are those of the
literature, the validation images are others. Integers 0 to 255; the context is the
class. `--data_dir` is the directory of TensorFlow Datasets, by default
`~/tensorflow_datasets`; the 11 MiB are downloaded when they are not there.
"""

from zoo import tfds_sets
from zoo.data import DataSet


def load(*, data_dir: str | None, seed: int) -> DataSet:
    """The data set, with fixed splits.

    Args:
        data_dir: Directory of TensorFlow Datasets.
        seed: Not used.

    Returns:
        The data set.
    """
    del seed
    return tfds_sets.load("mnist", data_dir=data_dir, num_validation=10_000)
