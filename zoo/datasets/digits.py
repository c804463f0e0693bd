"""Handwritten digits, 8 x 8 pixels with 17 grey levels; comes with scikit-learn.

Source: UCI "Optical Recognition of Handwritten Digits" (Alpaydin and Kaynak, 1998), its
test part as packed with scikit-learn; CC BY 4.0 at UCI. 1,797 images of ten classes,
split 1,439 / 179 / 179 by a fixed permutation. Integers 0 to 16; the context is the
class.
"""

from sklearn import datasets

from zoo.data import DataSet
from zoo.datasets import _sklearn


def load(*, data_dir: str | None, seed: int) -> DataSet:
    """The data set, with fixed splits.

    Args:
        data_dir: Not used.
        seed: Not used.

    Returns:
        The data set.
    """
    del data_dir, seed
    source = datasets.load_digits()
    return _sklearn.labelled("digits", source.images, source.target, levels=17)
