"""Small NORB: photographs of toys, 96 x 96 in grey, from five factors; through TFDS.

Source: LeCun, Huang and Bottou (2004), at https://cs.nyu.edu/~ylclab/data/norb-v1.0.
One image, that of the first of two cameras, for each of the 48,600 combinations of
category (5), instance within the category (10), elevation (9), azimuth (18) and
lighting (6); integers 0 to 255. The splits are not those of the source, which tests on
instances that training has not seen: 38,600 / 4,000 / 6,000 points of the grid, chosen
at random, always the same; `DataSet.factors` has all of them, in 0.5 GB of memory.
Papers on disentanglement have four factors and draw the instance at random.
`--data_dir` is the directory of TensorFlow Datasets, by default
`~/tensorflow_datasets`; the 250 MiB are downloaded when they are not there.
"""

from zoo import tfds_sets
from zoo.data import DataSet
from zoo.datasets import _grid

_ROWS = (38_600, 4_000, 6_000)
_FEATURES = {
    "category": "label_category",
    "instance": "instance",
    "elevation": "label_elevation",
    "azimuth": "label_azimuth",
    "lighting": "label_lighting",
}


def load(*, data_dir: str | None, seed: int) -> DataSet:
    """The data set, with fixed splits.

    Args:
        data_dir: Directory of TensorFlow Datasets.
        seed: Not used.

    Returns:
        The data set.

    Raises:
        FileNotFoundError: If it is not prepared and cannot be downloaded.
    """
    del seed
    factors = tfds_sets.load_factors(
        "smallnorb", _FEATURES, data_dir=data_dir, categorical=("category", "instance")
    )
    return _grid.dataset("smallnorb", factors, _ROWS, levels=256)
