"""The last checks that the data of every source must pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from zoo.data import ContextSpec, DataSet


def check(dataset: DataSet) -> DataSet:
    """Checks what every source must fulfil and returns the data set.

    Args:
        dataset: The data set.

    Returns:
        The same data set.

    Raises:
        ValueError: If a split is empty or its values do not fit the spec.
    """
    spec = dataset.spec
    for name, split in dataset.splits.items():
        where = f"the {name} split of {spec.name}"
        if not len(split):
            raise ValueError(
                "Each split needs at least one row; "
                f"received none in {where}; give more rows."
            )
        _check_array(split.x, spec.event_shape, spec.dtype, where)
        if spec.levels is not None and split.x.max() >= spec.levels:
            raise ValueError(
                f"Integers with levels={spec.levels} end at {spec.levels - 1}; "
                f"received {split.x.max()} in {where}; raise levels, or mend the data."
            )
        if (split.context is None) != (spec.context is None):
            raise ValueError(
                "All splits have the context that the spec names, or none has; "
                f"received another in {where}; give every split the same context."
            )
        if split.context is not None and spec.context is not None:
            _check_context(split.context, spec.context, len(split), where)
    return dataset


def _check_array(
    array: np.ndarray, shape: tuple[int, ...], dtype: str, where: str
) -> None:
    if array.shape[1:] != shape or array.dtype != np.dtype(dtype):
        raise ValueError(
            f"Each row needs shape {shape} and dtype {dtype}; received "
            f"{array.shape[1:]} and {array.dtype} in {where}; reshape or convert it."
        )
    finite = np.isfinite(array.reshape(len(array), -1)).all(axis=1)
    if not finite.all():
        row = int(np.argmin(finite)) + 1
        raise ValueError(
            "All values must be finite; "
            f"received NaN or infinity in row {row} of {where}; leave such rows out."
        )


def _check_context(
    context: np.ndarray, spec: ContextSpec, rows: int, where: str
) -> None:
    _check_array(context, spec.shape, spec.dtype, f"the context of {where}")
    if len(context) != rows:
        raise ValueError(
            "Each row has one context; "
            f"received {len(context)} for {rows} rows in {where}; match the rows."
        )
    if spec.num_classes is not None:
        low, high = int(context.min()), int(context.max())
        first = -1 if spec.optional else 0
        if low < first or high >= spec.num_classes:
            raise ValueError(
                f"Labels run from {first} to {spec.num_classes - 1}; received {low} to "
                f"{high} in {where}; number the classes from 0."
            )
