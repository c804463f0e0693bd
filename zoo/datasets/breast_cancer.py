"""Breast cancer: 30 measurements of 569 cell nuclei images; comes with scikit-learn.

Source: UCI "Breast Cancer Wisconsin (Diagnostic)" (Wolberg et al., 1995), CC BY 4.0 at
UCI. 569 rows, split 457 / 56 / 56 by a fixed permutation; 30 continuous columns in raw
units; the context is the class, 0 malignant and 1 benign. No row occurs twice, and a
column has at least 411 distinct values; the six columns of concavity are exactly 0 in
the same 13 rows, which a flexible model can turn into a spike.
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
    source = datasets.load_breast_cancer()
    columns = tuple(str(name) for name in source.feature_names)
    return _sklearn.labelled(
        "breast_cancer", source.data, source.target, columns=columns
    )
