"""Skeletons: who is moving, in 16 frames of joints? New repetitions; from an .npz.

TODO
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
    mixed = (found.action.astype(int) + found.subject) % 3 == 0
    validation = (found.repetition == 2) & mixed
    return _skeletons.dataset("skeletons", found, validation, test=found.repetition > 2)
