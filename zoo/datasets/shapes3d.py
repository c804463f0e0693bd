"""3D shapes: an object in a room, 64 x 64 in colour, from six factors; through TFDS.

Source: Burgess and Kim (2018), with its licence at
https://github.com/google-deepmind/3d-shapes. One image for each of the 480,000
combinations of the hues of floor, wall and object (10 each), scale (8), shape (4) and
orientation (15); integers 0 to 255. 40,000 / 4,000 / 10,000 points of the grid, chosen
at random, always the same; `DataSet.factors` has all of them, in 6 GB of memory.
`--data_dir` is the directory of TensorFlow Datasets, by default
`~/tensorflow_datasets`; the 255 MiB are downloaded when they are not there.
"""

from zoo import tfds_sets
from zoo.data import DataSet
from zoo.datasets import _grid

_ROWS = (40_000, 4_000, 10_000)
_FEATURES = {
    "floor_hue": "label_floor_hue",
    "wall_hue": "label_wall_hue",
    "object_hue": "label_object_hue",
    "scale": "label_scale",
    "shape": "label_shape",
    "orientation": "label_orientation",
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
        "shapes3d", _FEATURES, data_dir=data_dir, categorical=("shape",)
    )
    return _grid.dataset("shapes3d", factors, _ROWS, levels=256)
