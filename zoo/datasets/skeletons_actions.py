"""Skeletons: who is moving, in 16 frames of joints? New actions; from an .npz.

The recordings and windows of `skeletons`, whose docstring describes them and the file
`msr_action3d.npz`, split otherwise: trained on the actions of odd number, tested on
those of even number, in all repetitions. Validated on two of the odd actions, 9 and 19,
which are held out as a whole, so that what is chosen is chosen for new actions. 1,436 /
435 / 1,786 windows of 213 / 60 / 287 sequences.
"""

from zoo.data import DataSet
from zoo.datasets import _skeletons


def load(*, data_dir: str | None, seed: int) -> DataSet:
    """The data set, with fixed splits.

    Args:
        data_dir: Directory of `msr_action3d.npz`.
        seed: Not used.

    Returns:
        The data set.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not in the format.
    """
    del seed
    found = _skeletons.read(data_dir)
    validation, test = found.action % 10 == 9, found.action % 2 == 0
    return _skeletons.dataset("skeletons_actions", found, validation, test)
