"""dSprites: a square, ellipse or heart, 64 x 64 bits, from five factors; through TFDS.

Source: Matthey, Higgins, Hassabis and Lerchner (2017), with its licence at
https://github.com/google-deepmind/dsprites-dataset. One image for each of the 737,280
combinations of shape (3), scale (6), orientation (40) and the two positions (32 each),
the grid of `sprites_2d`. 40,000 / 4,000 / 10,000 points of it, chosen at random, always
the same; `DataSet.factors` has all of them, in 3 GB of memory. `--data_dir` is the
directory of TensorFlow Datasets, by default `~/tensorflow_datasets`; the 26 MiB are
downloaded when they are not there.
"""

from zoo import tfds_sets
from zoo.data import DataSet
from zoo.datasets import _grid

_ROWS = (40_000, 4_000, 10_000)
_FEATURES = {
    "shape": "label_shape",
    "scale": "label_scale",
    "orientation": "label_orientation",
    "position_x": "label_x_position",
    "position_y": "label_y_position",
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
        "dsprites", _FEATURES, data_dir=data_dir, categorical=("shape",)
    )
    return _grid.dataset("dsprites", factors, _ROWS, levels=2)
