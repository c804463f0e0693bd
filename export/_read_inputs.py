"""The inputs of a signature from files, a part at a time."""

import math
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from export import BATCH_SIZES
from zoo._arrays import open_npy, read_npz

if TYPE_CHECKING:
    import pandas as pd

    from export.saved_model import TensorInfo

# Rows of a .csv in memory at a time.
_ROWS = 10_000


def row_seeds(seed: int, rows: int, first: int = 0) -> np.ndarray:
    """A seed for each row: `seed + first`, `seed + first + 1`, ... as int32.

    Args:
        seed: Any integer.
        rows: How many.
        first: Rows that come before.

    Returns:
        `[rows]`, int32; beyond its ends counting goes on at the other one.

    Example:
        >>> row_seeds(2**31 - 2, 3)
        array([ 2147483646,  2147483647, -2147483648], dtype=int32)
    """
    # In 64 bits, from a seed that is in 32 bits already, so that nothing overflows.
    numbers = np.arange(first, first + rows, dtype=np.int64) + seed % 2**32
    return numbers.astype(np.uint32).view(np.int32)


def read_inputs(
    path: str,
    inputs: "Mapping[str, TensorInfo]",
    *,
    columns: Sequence[str] = (),
    context: Sequence[str] = (),
    seed: int = 0,
    batch_size: int = BATCH_SIZES[-1],
) -> Iterator[dict[str, np.ndarray]]:
    """Reads the inputs of a signature from a file.

    Args:
        path: An `.npz` with arrays named as the inputs, or an `.npy`, which stays on
            disk, or a `.csv` with names in the first row. The latter two hold the one
            input that is neither `context` nor `seed`.
        inputs: What the signature takes.
        columns: Columns of a `.csv` that are the data, in this order; by default all
            that are neither context nor seed, in the order of the file.
        context: Columns of a `.csv` that are the input `context`, in this order.
        seed: Row `i`, from 0, gets the seed `seed + i` if the signature takes a `seed`
            and the file has none.
        batch_size: A `.csv` is read in multiples of it.

    Yields:
        Arrays by the names of the inputs, some rows at a time.

    Raises:
        ValueError: If the file cannot be read or does not fit the signature.
        TypeError: If a column is text.
        FileNotFoundError: If there is no such file.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in (".csv", ".npy", ".npz"):
        raise ValueError(
            f"Inputs are read from .npz, .npy and .csv files; received {path}. Convert "
            "it to one of them."
        )
    if context and suffix != ".csv":
        raise ValueError(
            "--context names columns of a .csv; received it with "
            f"{path}. In an .npz, name the array 'context'."
        )
    if columns and suffix != ".csv":
        raise ValueError(
            f"--columns names columns of a .csv; received it with {path}. Leave it out."
        )
    row = 0
    if suffix == ".csv":
        chunks = _read_csv(
            path, inputs, columns, context, max(1, _ROWS // batch_size) * batch_size
        )
    else:
        chunks = iter([_read_arrays(path, inputs)])
    for chunk in chunks:
        if not chunk:
            raise ValueError(
                f"A file holds inputs; received {path} without {', '.join(inputs)}. "
                "Where seeds are the only input, give --num_samples in its place."
            )
        rows = max((len(a) for a in chunk.values() if np.ndim(a)), default=0)
        if "seed" in inputs and "seed" not in chunk:
            chunk["seed"] = row_seeds(seed, rows, row)
        row += rows
        yield chunk


def _data_input(path: str, inputs: "Mapping[str, TensorInfo]") -> str:
    data = [name for name in inputs if name not in ("context", "seed")]
    if len(data) != 1:
        raise ValueError(
            f"{path} can hold one input that is neither context nor seed; the inputs "
            f"are {', '.join(inputs)}. Give an .npz with arrays of these names."
        )
    return data[0]


def _read_arrays(
    path: str, inputs: "Mapping[str, TensorInfo]"
) -> dict[str, np.ndarray]:
    """The arrays of an .npz, in memory, or that of an .npy, on disk."""
    if not Path(path).is_file():
        raise FileNotFoundError(
            f"Inputs are read from a file; received {path}, where there is none. Check "
            "the path."
        )
    is_npy = Path(path).suffix.lower() == ".npy"
    name = _data_input(path, inputs) if is_npy else ""
    try:
        if is_npy:
            return {name: open_npy(path)}
        arrays = read_npz(path, inputs)
    except ValueError as error:
        raise ValueError(
            f"A file of arrays must hold plain arrays; received {path}, which does not "
            f"({str(error)[:100]}). Write it again with np.save or np.savez."
        ) from None
    if set(inputs) - set(arrays) - {"seed"}:
        with zipfile.ZipFile(path) as archive:
            found = [name.removesuffix(".npy") for name in archive.namelist()]
        raise ValueError(
            f"An .npz has arrays named as the inputs, {', '.join(inputs)}; received "
            f"{path} with {', '.join(found)[:200] or 'none'}. Rename its arrays."
        )
    return arrays


def _read_csv(
    path: str,
    inputs: "Mapping[str, TensorInfo]",
    columns: Sequence[str],
    context: Sequence[str],
    rows_at_once: int,
) -> Iterator[dict[str, np.ndarray]]:
    from zoo import tables  # Imports pandas.

    if bool(context) != ("context" in inputs):
        raise ValueError(
            "--context=a,b names the columns of the input context where there is one; "
            f"received --context={','.join(context)} for the inputs "
            f"{', '.join(inputs)}. {'Leave it out' if context else 'Name them'}."
        )
    if columns and not set(inputs) - {"context", "seed"}:
        raise ValueError(
            "--columns=a,b names the columns of the data where there are any; received "
            f"--columns={','.join(columns)} for the inputs {', '.join(inputs)}. Leave "
            "it out."
        )
    first_row = 1
    for part in tables.iterate(path, (), rows_at_once):
        chosen = _choose(path, list(part.frame.columns), inputs, columns, context)
        yield {
            name: _values(path, part.frame[names], name, inputs[name], first_row)
            for name, names in chosen.items()
        }
        first_row += len(part)
    if first_row == 1:
        yield {
            name: np.zeros([size or 0 for size in info["shape"]])
            for name, info in inputs.items()
        }


def _choose(
    path: str,
    names: Sequence[str],
    inputs: "Mapping[str, TensorInfo]",
    columns: Sequence[str],
    context: Sequence[str],
) -> dict[str, list[str]]:
    """Which columns are which input."""
    for flag, wanted in (("--columns", columns), ("--context", context)):
        missing = [name for name in wanted if name not in names]
        if missing:
            raise ValueError(
                f"{flag} names columns of {path}; received {', '.join(missing)}, where "
                f"the columns are {', '.join(names)}. Choose among these."
            )
    taken = [*columns, *context]
    twice = next((name for name in taken if taken.count(name) > 1), None)
    if twice is not None:
        raise ValueError(
            "A column is named once, by --columns or by --context; received "
            f"{twice} twice. Name another."
        )
    chosen = {"context": list(context)} if context else {}
    if "seed" in inputs and "seed" in names and "seed" not in taken:
        chosen["seed"] = ["seed"]
        taken.append("seed")
    if set(inputs) - {"context", "seed"}:
        left = [name for name in names if name not in taken]
        chosen[_data_input(path, inputs)] = list(columns) or left
    return chosen


def _values(
    path: str, frame: "pd.DataFrame", name: str, info: "TensorInfo", first_row: int
) -> np.ndarray:
    """The columns as the shape of an input; missing values are NaN."""
    import pandas as pd

    sizes = [size for size in info["shape"][1:] if size is not None]
    fixed = len(sizes) == len(info["shape"]) - 1
    if fixed and math.prod(sizes) != len(frame.columns):
        shown = ", ".join(frame.columns[:8]) + (", ..." if frame.shape[1] > 8 else "")
        wanted = math.prod(sizes)
        way_out = "Give the others too"
        if wanted < len(frame.columns):
            flag = "--context" if name == "context" else "--columns"
            way_out = f"Name {wanted} of these, in the order of the model, by {flag}"
        raise ValueError(
            f"Input {name} takes {wanted} columns; received {len(frame.columns)} of "
            f"{path}: {shown or 'none'}. {way_out}."
        )
    for column, values in frame.items():
        if values.dtype.kind not in "biuf":
            numbers = pd.to_numeric(values, errors="coerce")
            bad = np.flatnonzero(numbers.isna() & values.notna())
            if len(bad):
                raise TypeError(
                    f"The inputs are numbers; received {values.iloc[bad[0]]!r} in row "
                    f"{first_row + bad[0]}, column {column!r} of {path}. Mend it."
                )
            frame = frame.assign(**{str(column): numbers})
    array = np.column_stack([frame[column].to_numpy() for column in frame])
    return array.reshape(len(frame), *sizes) if fixed else array
