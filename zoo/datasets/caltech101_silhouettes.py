"""Caltech 101 silhouettes: outlines of objects, 28 x 28 bits; from an .npz.

Source: Marlin, Swersky, Chen and de Freitas (2010), from the outlines of Caltech 101;
`caltech101_silhouettes_28.mat` at https://people.cs.umass.edu/~marlin/data.shtml, where
no licence is known. 8,671 images of 101 classes, 0 for the object and 1 around it; the
context is the class. Split 4,100 / 2,264 / 2,307 by a fixed permutation: the sizes are
those of the literature, whose `caltech101_silhouettes_28_split1.mat` has other rows in
each split. 46 images repeat an earlier one, and 20 of the test images are training
images too.

Read from `caltech101_silhouettes.npz` in `--data_dir`, or in `$TFGEN_DATA_DIR/npz`: the
array `image` [8671, 28, 28], upright, and the array `label` [8671], 0 to 100 (the
original counts from 1), both in the order of the original.
"""

import numpy as np

from zoo.data import ContextSpec, DataSet, DataSpec, split_rows
from zoo.datasets import _npz

_IMAGES = 8_671
_VALIDATION = 2_264
_TEST = 2_307
_CLASSES = 101
_ORIGIN = (
    "caltech101_silhouettes_28.mat of https://people.cs.umass.edu/~marlin/data.shtml"
)


def load(*, data_dir: str | None, seed: int) -> DataSet:
    """The data set, with fixed splits.

    Args:
        data_dir: Directory of `caltech101_silhouettes.npz`.
        seed: Not used.

    Returns:
        The data set.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is not the one expected.
    """
    del seed
    name, shape = "caltech101_silhouettes", (28, 28)
    arrays = {"image": ((_IMAGES, *shape), 1), "label": ((_IMAGES,), _CLASSES - 1)}
    found = _npz.read(name, arrays, data_dir=data_dir, origin=_ORIGIN)
    splits = split_rows(
        found["image"].astype(np.uint8),
        found["label"].astype(np.int32),
        seed=0,
        validation=_VALIDATION / _IMAGES,
        test=_TEST / _IMAGES,
    )
    spec = DataSpec(
        name,
        shape,
        "uint8",
        levels=2,
        context=ContextSpec((), "int32", num_classes=_CLASSES, columns=("label",)),
        num_train=len(splits[0]),
    )
    return DataSet(spec, *splits)
