"""Omniglot: handwritten characters of 50 alphabets, 28 x 28 bits; from an .npz.

Source: Lake, Salakhutdinov and Tenenbaum (2015), MIT licence;
`images_background.zip` and `images_evaluation.zip` in the folder `python` of
https://github.com/brendenlake/omniglot. 1,623 characters, each drawn by 20 people, in
images of 105 x 105 bits, of which the nearest pixels are kept (Pillow's `NEAREST`); 1
for ink and 0 for paper. The 19,280 images of the 30 background alphabets are split
17,352 / 1,928 into train and validation by a fixed permutation; the 13,180 images of
the 20 evaluation alphabets are the test split. So all characters of the test split are
new to a model, and there is no label that the splits share: the images have no context.

These are not the 24,345 / 8,070 grey images of 28 x 28 pixels on which the literature
of variational autoencoders reports (Burda et al., 2016): pixels and splits are others,
and numbers do not compare.

Read from `omniglot28.npz` in `--data_dir`, or in `$TFGEN_DATA_DIR/npz`: the array
`image` [32460, 28, 28] in the order of alphabet, character and drawer, and the array
`split` [32460], 0 for background and 1 for evaluation.
"""

import numpy as np

from zoo.data import DataSet, DataSpec, Split
from zoo.datasets import _npz

_IMAGES = 32_460
_EVALUATION = 13_180
_VALIDATION = 1_928
_ORIGIN = (
    "images_background.zip (split 0) and images_evaluation.zip (split 1) of "
    "https://github.com/brendenlake/omniglot, resized, 1 for ink"
)


def load(*, data_dir: str | None, seed: int) -> DataSet:
    """The data set, with fixed splits.

    Args:
        data_dir: Directory of `omniglot28.npz`.
        seed: Not used.

    Returns:
        The data set.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is not the one expected.
    """
    del seed
    shape = (28, 28)
    arrays = {"image": ((_IMAGES, *shape), 1), "split": ((_IMAGES,), 1)}
    found = _npz.read("omniglot28", arrays, data_dir=data_dir, origin=_ORIGIN)
    x, is_test = found["image"].astype(np.uint8), found["split"] == 1
    if is_test.sum() != _EVALUATION:
        raise ValueError(
            f"omniglot28 has {_EVALUATION} evaluation images, where split is 1; "
            f"received {is_test.sum()}; write omniglot28.npz again, from {_ORIGIN}."
        )
    background = x[~is_test]
    order = np.random.default_rng(0).permutation(len(background))
    train = Split(background[order[_VALIDATION:]])
    validation = Split(background[order[:_VALIDATION]])
    spec = DataSpec("omniglot28", shape, "uint8", levels=2, num_train=len(train))
    return DataSet(spec, train, validation, Split(x[is_test]))
