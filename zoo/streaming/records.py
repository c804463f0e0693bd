"""Turns blocks of rows into records of fixed width, and learns what models must know.

Each row is checked as rows in memory are: finite numbers, known labels. Whether columns
have a density is looked at on a fair sample of the rows, which for small data is all.
"""

from collections.abc import Sequence

import numpy as np

from zoo import _columns, tables
from zoo.data import ContextSpec, DataSpec
from zoo.streaming.sources import Block

_MOST_ON_A_GRID = 2**20


class Records:
    """The records of one data set, all of its splits.

    Args:
        block: The first rows for training.
        context: Columns to condition on.
        drop: Columns to leave out.
        dequantize: Columns whose values lie on a grid.

    Attributes:
        dtype: Of a record: `x` and, as float32, `context`.
        names: Of the features; none of images.
        has_unknown: Whether a label or another context is -1.
    """

    def __init__(
        self,
        block: Block,
        context: Sequence[str],
        drop: Sequence[str],
        dequantize: Sequence[str],
    ) -> None:
        known = list(block.rows.frame)
        _columns.check_names(context, known, "context")
        self._context_names = list(context)
        self._is_table = block.rows.images is None
        self.names: list[str] = []
        if self._is_table:
            self.names = tables.feature_names(known, context, drop, dequantize)
            shape: tuple[int, ...] = (len(self.names),)
        else:
            tables.refuse_columns(drop, dequantize, block.path)
            shape = tables.pixels(block.rows, block.path).shape[1:]
        self.dtype = np.dtype(
            [
                ("x", np.float32 if self._is_table else np.uint8, shape),
                ("context", np.float32, (len(context),)),
            ]
        )
        self._shape = shape
        self._grids = {name: np.empty(0) for name in dequantize}
        self._sample: list[np.ndarray] = []
        self._largest = 0
        # Of contexts for training: limits, and labels as long as they may be classes.
        self._low = np.full(len(context), np.inf)
        self._high = -self._low
        self._labels = np.empty(0)
        self._labelled = 0
        self.has_unknown = False
        self._classes: int | None = None

    def convert(self, block: Block, *, is_training: bool) -> np.ndarray:
        """The records of some rows; those for training come first.

        Raises:
            ValueError: If a row is not as rows must be; file and row are named.
        """
        where = block.path, block.first
        records = np.empty(len(block.rows), self.dtype)
        if self._is_table:
            values = self._numbers(block, self.names)
            self._note_grids(values)
            records["x"] = values
            self._values = values
        else:
            x = tables.pixels(block.rows, block.path)
            if x.shape[1:] != self._shape:
                raise ValueError(
                    f"All images have one shape, here {self._shape}; received "
                    f"{x.shape[1:]} in {block.path}; bring them to one size."
                )
            self._largest = max(self._largest, int(x.max(initial=0)))
            records["x"] = x
        if self._context_names:
            numbers = self._numbers(block, self._context_names)
            self.has_unknown |= bool((numbers == -1).any())
            if is_training:
                self._note_contexts(numbers)
            else:
                tables.to_context(numbers, where[0], self.context(), where[1])
            records["context"] = numbers
        return records

    def keep(self, chosen: np.ndarray) -> None:
        """Takes those rows of the last block into the sample that is checked."""
        if self._is_table:
            self._sample.append(self._values[chosen])

    def check_columns(self) -> None:
        """Checks that the columns have a density, as far as the sample tells.

        Raises:
            ValueError: Naming the column and the way out.
        """
        if self._is_table:
            sample = np.concatenate(self._sample)
            _columns.check_columns(sample, self.names, set(self._grids))
        self._sample = []

    def context(self) -> ContextSpec:
        """What the rows for training say of the context; there must be one."""
        names = tuple(self._context_names)
        for name, low, high in zip(names, self._low, self._high, strict=True):
            tables.require_varying(name, low, high)
        classes = None
        if len(names) == 1 and len(self._labels) <= _columns.MAX_CLASSES:
            classes = _columns.num_classes_of(self._labels, self._labelled)
        if classes is None:
            return ContextSpec((len(names),), "float32", columns=names)
        return ContextSpec(
            (), "int32", classes, columns=names, optional=self.has_unknown
        )

    def spec(self, name: str, num_train: int, context: ContextSpec | None) -> DataSpec:
        """What models must know; call it when all rows are converted."""
        steps, offsets = [0.0] * len(self.names), [0.0] * len(self.names)
        for column, distinct in self._grids.items():
            i = self.names.index(column)
            steps[i], offsets[i] = _columns.find_grid(column, distinct)
        levels = None if self._is_table else 2 ** max(1, self._largest.bit_length())
        return DataSpec(
            name=name,
            event_shape=self._shape,
            dtype="float32" if self._is_table else "uint8",
            levels=levels,
            steps=tuple(steps) if self._grids else None,
            offsets=tuple(offsets) if self._grids else None,
            context=context,
            num_train=num_train,
            columns=tuple(self.names),
        )

    def _numbers(self, block: Block, names: Sequence[str]) -> np.ndarray:
        return tables.finite_numbers(block.rows, block.path, names, block.first)

    def _note_grids(self, values: np.ndarray) -> None:
        for name, known in self._grids.items():
            column = np.unique(values[:, self.names.index(name)])
            self._grids[name] = np.union1d(known, column)
            if len(self._grids[name]) > _MOST_ON_A_GRID:
                raise ValueError(
                    "--dequantize is for columns whose values lie on an even grid of "
                    f"at most {_MOST_ON_A_GRID} points; received more in column "
                    f"'{name}'; leave it out of --dequantize, or out with "
                    f"--drop={name}."
                )

    def _note_contexts(self, numbers: np.ndarray) -> None:
        self._low = np.minimum(self._low, numbers.min(axis=0, initial=np.inf))
        self._high = np.maximum(self._high, numbers.max(axis=0, initial=-np.inf))
        labels = numbers[:, 0][numbers[:, 0] != -1]
        self._labelled += len(labels)
        # Once there are more than classes may be, no more need be known.
        if len(self._labels) <= _columns.MAX_CLASSES:
            self._labels = np.union1d(self._labels, labels)
