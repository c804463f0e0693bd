"""Frey faces: one man's face, 28 x 20 pixels with 256 grey levels; from an .npz.

Source: a film of Brendan Frey's face, which Sam Roweis published as `frey_rawface.mat`
at https://cs.nyu.edu/~roweis/data.html; no licence is known. 1,965 frames, split
1,565 / 200 / 200 by a fixed permutation. Integers 0 to 255, of which 8 to 238 occur;
no labels.

The sizes are those of the literature (van den Berg et al., 2018), which shuffles too,
by another permutation. As neighbours in the film are nearly equal, a test frame has its
like among the training frames.

Read from `freyfaces.npz` in `--data_dir`, or in `$TFGEN_DATA_DIR/npz`: the array
`image` [1965, 28, 20], the frames in the order of the film. They are the columns of the
matrix `ff` of the original: `ff.T.reshape(-1, 28, 20)`.
"""

import numpy as np

from zoo.data import DataSet, DataSpec, split_rows
from zoo.datasets import _npz

_FRAMES = 1_965
_HELD_OUT = 200
_ORIGIN = "frey_rawface.mat of https://cs.nyu.edu/~roweis/data.html"


def load(*, data_dir: str | None, seed: int) -> DataSet:
    """The data set, with fixed splits.

    Args:
        data_dir: Directory of `freyfaces.npz`.
        seed: Not used.

    Returns:
        The data set.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is not the one expected.
    """
    del seed
    shape = (28, 20)
    arrays = {"image": ((_FRAMES, *shape), 255)}
    found = _npz.read("freyfaces", arrays, data_dir=data_dir, origin=_ORIGIN)
    x = found["image"].astype(np.uint8)
    share = _HELD_OUT / _FRAMES
    splits = split_rows(x, None, seed=0, validation=share, test=share)
    spec = DataSpec("freyfaces", shape, "uint8", levels=256, num_train=len(splits[0]))
    return DataSet(spec, *splits)
