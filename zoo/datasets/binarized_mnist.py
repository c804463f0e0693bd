"""Binarized MNIST: handwritten digits, 28 x 28 pixels of 0 or 1; through TFDS.

Source: the fixed binarization of Larochelle (Salakhutdinov and Murray, 2008), on which
the literature of variational autoencoders reports. 50,000 / 10,000 / 10,000 images in
its own splits, without labels; two levels. `--data_dir` is the directory of TensorFlow
Datasets, by default `~/tensorflow_datasets`; the 105 MiB are downloaded when they are
not there.
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
    return tfds_sets.load("binarized_mnist", data_dir=data_dir, levels=2)
