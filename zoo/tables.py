"""The user's own files: tables and images in .csv, .parquet, .npz and .npy.

- A table has a row of names on top (.csv, separated by commas, semicolons or tabs), or
  is a 2-D array, whose columns are named "0", "1", ... Its columns become float32.
- Images are a 3-D or 4-D array of integers 0 to 255; a single channel is squeezed.
  `levels` is the smallest power of two above the largest value.
- An .npz holds one array, or `train`, `validation` and `test`, or several of which
  `file.npz:array` chooses one; another array may be its context.
- A single context column of integers 0, 1, .., K - 1 is a class label, which may be
  -1 in rows whose class is not known; any other context is a vector of float32, and
  so is one with -1 for models that cannot do without a class.
- A column with fewer than 20 distinct values, or one of whose values fills more than a
  tenth of the rows, has no density: it is dropped, dequantized or the context.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from zoo import _columns, _files
from zoo._files import blocks, expand, iterate, split_array
from zoo._rows import iterate_rows
from zoo.data import ContextSpec, DataSet, DataSpec, Split, split_rows

__all__ = ["blocks", "expand", "iterate", "iterate_rows", "load", "split_array"]


def load(
    path: str,
    *,
    context: Sequence[str] = (),
    drop: Sequence[str] = (),
    dequantize: Sequence[str] = (),
    validation: str | None = None,
    test: str | None = None,
    seed: int = 0,
) -> DataSet:
    """Reads and checks the user's files.

    Args:
        path: The file; with `validation` and `test` it holds the training rows alone.
        context: Columns to condition on.
        drop: Columns to leave out.
        dequantize: Columns whose values lie on an even grid.
        validation: File of the validation rows.
        test: File of the test rows.
        seed: Seed of the 80/10/10 split of a single file.

    Returns:
        The data set. Columns to dequantize are not changed here: the spec has their
        `steps` and `offsets`, and the model adds the noise.

    Raises:
        ValueError: If the data have no density, or an option does not fit.
        FileNotFoundError: If a file does not exist.
    """
    if (validation is None) != (test is None):
        raise ValueError(
            "Own splits are three files; received only one of --validation and --test; "
            "give both, or neither to split --dataset."
        )
    paths = [path] if validation is None or test is None else [path, validation, test]
    parts = [part for file in paths for part in _files.read(file, context)]
    if len(paths) == 1:
        paths *= len(parts)
    if len(parts) != len(paths):
        raise ValueError(
            "Each split comes from one array; received an .npz with train, validation "
            "and test beside --validation and --test; leave these two out."
        )
    for part, file in zip(parts, paths, strict=True):
        if not len(part):
            raise ValueError(
                f"A data file must hold rows; received none in {file}; add some."
            )
    contexts, context_spec = _contexts(parts, paths, context)
    data: list[np.ndarray]
    if parts[0].images is None:
        names = feature_names(list(parts[0].frame), context, drop, dequantize)
        data, steps, offsets = _table(parts, paths, names, dequantize)
        levels = None
    else:
        refuse_columns(drop, dequantize, path)
        names, steps, offsets = [], None, None
        data = [pixels(*part) for part in zip(parts, paths, strict=True)]
        levels = 2 ** max(1, int(max(x.max() for x in data)).bit_length())
    if len(data) == 1:
        splits = split_rows(data[0], contexts[0], seed=seed)
    else:
        train, validate, tests = map(Split, data, contexts)
        splits = (train, validate, tests)
    spec = DataSpec(
        name=name_of(path),
        event_shape=data[0].shape[1:],
        dtype="float32" if levels is None else "uint8",
        levels=levels,
        steps=steps,
        offsets=offsets,
        context=context_spec,
        num_train=len(splits[0]),
        columns=tuple(names),
    )
    return DataSet(spec, *splits)


def _table(
    parts: list[_files.Rows],
    paths: list[str],
    names: list[str],
    dequantize: Sequence[str],
) -> tuple[list[np.ndarray], tuple[float, ...] | None, tuple[float, ...] | None]:
    """The values of each part, and the steps and offsets of the grids."""
    tables = [finite_numbers(*part, names) for part in zip(parts, paths, strict=True)]
    _columns.check_columns(tables[0], names, set(dequantize))
    steps, offsets = [0.0] * len(names), [0.0] * len(names)
    for i in map(names.index, dequantize):
        steps[i], offsets[i] = _columns.find_grid(names[i], tables[0][:, i])
        for values, path in zip(tables, paths, strict=True):
            off = _columns.off_grid(values[:, i], steps[i], offsets[i])
            if off.any():
                raise ValueError(
                    f"Column '{names[i]}' lies on a grid of step {steps[i]:g} in the "
                    f"training rows; received {values[off.argmax(), i]:g} in row "
                    f"{off.argmax() + 1} of {path}; mend it, or leave the column out "
                    f"with --drop={names[i]}."
                )
    data = [values.astype(np.float32) for values in tables]
    return (data, tuple(steps), tuple(offsets)) if dequantize else (data, None, None)


def feature_names(
    known: list[str],
    context: Sequence[str],
    drop: Sequence[str],
    dequantize: Sequence[str],
) -> list[str]:
    """The columns to model, in the order of the file."""
    asked = {"context": context, "drop": drop, "dequantize": dequantize}
    users: dict[str, str] = {}
    for option, names in asked.items():
        _columns.check_names(names, known, option)
        for name in names:
            if name in users:
                raise ValueError(
                    "A column is dropped, dequantized or the context, once; received "
                    f"'{name}' in --{users[name]} and --{option}; name it in one."
                )
            users[name] = option
    names = [name for name in known if users.get(name, "dequantize") == "dequantize"]
    if not names:
        raise ValueError(
            "A density needs at least one column; received none beside those in --drop "
            f"and --context of {', '.join(known)}; leave one there."
        )
    return names


def finite_numbers(
    part: _files.Rows, path: str, names: Sequence[str], first: int = 0
) -> np.ndarray:
    """The named columns as float64 `[rows, columns]`, all finite.

    Args:
        part: Rows of a file.
        path: The file.
        names: The columns.
        first: Number of the first of the rows, from 0.
    """
    for name in names:
        if name not in part.frame.columns:
            raise ValueError(
                "All files have the columns of the training file; received "
                f"{path} without '{name}'; add it, or leave it out with --drop={name}."
            )
    frame = part.frame[list(names)]
    values = _columns.to_numbers(frame)
    bad = np.isnan(values)
    if bad.any():
        column = int(bad.any(axis=0).argmax())
        row = int(bad[:, column].argmax())
        raise ValueError(
            "Every value must be a finite number; received row "
            f"{first + row + 1} of {path}, where "
            f"{_columns.describe(frame, row, column)}; mend the file (a category "
            "is an integer 0, 1, ..), or leave the column out with "
            f"--drop={names[column]}."
        )
    return values


def _contexts(
    parts: list[_files.Rows], paths: list[str], names: Sequence[str]
) -> tuple[list[np.ndarray] | list[None], ContextSpec | None]:
    """The context of each part, and its spec as of the first."""
    if not names:
        return [None] * len(parts), None
    _columns.check_names(names, list(parts[0].frame), "context")
    tables = [finite_numbers(*part, names) for part in zip(parts, paths, strict=True)]
    spec = _context_spec(tables, names)
    return [to_context(*t, spec) for t in zip(tables, paths, strict=True)], spec


def _context_spec(tables: list[np.ndarray], names: Sequence[str]) -> ContextSpec:
    numbers = tables[0]
    if len(numbers) > 1:
        for name, column in zip(names, numbers.T, strict=True):
            require_varying(name, column.min(), column.max())
    classes = _columns.num_classes(numbers[:, 0]) if len(names) == 1 else None
    if classes is not None:
        return ContextSpec(
            (),
            "int32",
            num_classes=classes,
            columns=tuple(names),
            optional=any((table == -1).any() for table in tables),
        )
    return ContextSpec((len(names),), "float32", columns=tuple(names))


def require_varying(name: str, low: float, high: float) -> None:
    """Refuses a context column that is constant."""
    if low == high:
        raise ValueError(
            "A context must vary to tell a model anything; received only "
            f"{low:g} in column '{name}'; leave it out with --drop={name}."
        )


def to_context(
    numbers: np.ndarray, path: str, spec: ContextSpec, first: int = 0
) -> np.ndarray:
    """Numbers of context columns in the form that models take; `first` as above."""
    if spec.num_classes is None:
        return numbers.astype(np.float32)
    known = np.isin(numbers[:, 0], np.arange(-1, spec.num_classes))
    if not known.all():
        row = int((~known).argmax())
        raise ValueError(
            f"Labels run from 0 to {spec.num_classes - 1}, as in the training rows, or "
            f"are -1 where they are not known; received {numbers[row, 0]:g} in row "
            f"{first + row + 1} of {path}; mend it, or show the class in training."
        )
    return numbers[:, 0].astype(np.int32)


def refuse_columns(drop: Sequence[str], dequantize: Sequence[str], path: str) -> None:
    """Refuses options that images have not."""
    for option, names in (("drop", drop), ("dequantize", dequantize)):
        if names:
            raise ValueError(
                f"--{option} is for columns; received it with images in {path}; "
                "leave it out."
            )


def pixels(part: _files.Rows, path: str) -> np.ndarray:
    """The images, uint8, a single channel squeezed."""
    x = part.images
    if x is None or x.dtype.kind not in "biu" or x.min() < 0 or x.max() > 255:
        received = "a table" if x is None else f"{x.dtype}, {x.min()} to {x.max()},"
        raise ValueError(
            f"Images are integers from 0 to 255; received {received} in {path}; scale "
            "and round them to that range."
        )
    x = np.asarray(x, np.uint8)
    return x[..., 0] if x.ndim == 4 and x.shape[-1] == 1 else x


def name_of(path: str) -> str:
    """The name of the data of a file."""
    file, _, array = path.rpartition(":")
    is_named = file.lower().endswith(".npz")
    return f"{Path(file).stem}-{array}" if is_named else Path(path).stem
