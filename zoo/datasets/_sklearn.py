"""Data sets that come inside scikit-learn: fixed splits, class label as context."""

import numpy as np

from zoo.data import ContextSpec, DataSet, DataSpec, split_rows


def labelled(
    name: str,
    x: np.ndarray,
    label: np.ndarray,
    *,
    levels: int | None = None,
    columns: tuple[str, ...] = (),
) -> DataSet:
    """A data set with a class label as context, split 80/10/10 by a fixed permutation.

    Args:
        name: Its name.
        x: The examples, `[rows, *event_shape]`.
        label: Class labels `[rows]`, from 0.
        levels: Number of values of integer data; None for continuous data.
        columns: Names of the features.

    Returns:
        The data set.
    """
    dtype = "float32" if levels is None else "uint8"
    splits = split_rows(x.astype(dtype), label.astype(np.int32), seed=0)
    classes = int(label.max()) + 1
    spec = DataSpec(
        name=name,
        event_shape=x.shape[1:],
        dtype=dtype,
        levels=levels,
        context=ContextSpec((), "int32", num_classes=classes, columns=("label",)),
        num_train=len(splits[0]),
        columns=columns,
    )
    return DataSet(spec, *splits)
