"""Wine: 13 chemical measurements of 178 wines; comes with scikit-learn.

Source: UCI "Wine" (Aeberhard and Forina, 1992), CC BY 4.0 at UCI. 178 rows, split
144 / 17 / 17 by a fixed permutation: small, so test numbers have large standard errors.
13 columns in raw units, rounded to two or three digits (a column has 39 to 133 distinct
values, no row occurs twice); the context is the cultivar, 0 to 2.
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
    source = datasets.load_wine()
    columns = tuple(str(name) for name in source.feature_names)
    return _sklearn.labelled("wine", source.data, source.target, columns=columns)
