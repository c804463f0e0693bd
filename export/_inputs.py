"""What is sent to a server, made to fit what the model says that it takes."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from export.saved_model import TensorInfo


def fit_inputs(
    inputs: Mapping[str, np.ndarray],
    infos: "Mapping[str, TensorInfo]",
    first_row: int = 1,
) -> dict[str, np.ndarray]:
    """The inputs with the dtypes that the model takes.

    Integers become floats, and floats integers where that loses nothing.

    Args:
        inputs: Arrays by the names of the inputs.
        infos: Shape and dtype of each input.
        first_row: Number of the first row, for errors.

    Raises:
        ValueError: If inputs are missing or unknown, if shapes do not fit, or if a
            value does not fit the dtype.
        TypeError: If an input is no numbers.
    """
    if inputs.keys() != infos.keys():
        raise ValueError(
            f"The inputs are {', '.join(infos) or 'none'}; received "
            f"{', '.join(inputs) or 'none'}. Give each of them, and nothing else."
        )
    arrays = {name: np.asarray(inputs[name]) for name in infos}
    for name, array in arrays.items():
        _check_shape(name, array.shape, infos[name]["shape"])
    check_rows({k: v for k, v in arrays.items() if infos[k]["shape"][:1] == [None]})
    return {
        name: _cast(name, array, infos[name]["dtype"], first_row)
        for name, array in arrays.items()
    }


def check_rows(arrays: Mapping[str, np.ndarray]) -> int | None:
    """The number of rows that all arrays have, or None if there are no arrays.

    Raises:
        ValueError: If they have different numbers of rows, or one has none.
    """
    for name, array in arrays.items():
        if not np.ndim(array):
            raise ValueError(
                f"Each input has rows; received the single value {array} as {name}. "
                "Give one row for each example."
            )
    rows = {name: len(array) for name, array in arrays.items()}
    if len(set(rows.values())) > 1:
        received = ", ".join(f"{name} of {number}" for name, number in rows.items())
        raise ValueError(
            f"All inputs have the same number of rows; received {received}. Give one "
            "row of each for each example."
        )
    return next(iter(rows.values()), None)


def written(shape: list[int | None]) -> str:
    """A shape as people read it.

    Args:
        shape: Sizes, None where any will do.

    Example:
        >>> written([None, 28, 28])
        '[rows, 28, 28]'
    """
    sizes = ["any" if size is None else str(size) for size in shape]
    if shape[:1] == [None]:
        sizes[0] = "rows"
    return f"[{', '.join(sizes)}]"


def _check_shape(name: str, shape: tuple[int, ...], expected: list[int | None]) -> None:
    if len(shape) == len(expected) and all(
        wanted in (None, size) for size, wanted in zip(shape, expected, strict=True)
    ):
        return
    if expected[:1] == [None] and list(shape) == expected[1:]:
        way_out = f"A single example is given as {name}[np.newaxis]."
    else:
        way_out = "Reshape it, or ask another model."
    raise ValueError(
        f"Input {name} has the shape {written(expected)}; received {list(shape)}. "
        f"{way_out}"
    )


def _cast(name: str, array: np.ndarray, dtype: str, first_row: int) -> np.ndarray:
    try:
        target = np.dtype(dtype)
    except TypeError:
        target = np.dtype(object)
    if target.kind not in "biuf":
        raise TypeError(
            f"This client sends numbers alone; received the input {name} of {dtype} to "
            "fill. Ask the server without it."
        )
    if array.dtype.kind not in "biuf":
        if array.size or array.dtype.kind != "O":
            raise TypeError(
                f"Input {name} is {dtype}; received an array of {array.dtype}. Turn it "
                "into numbers."
            )
    if array.dtype == target:
        return array
    with np.errstate(over="ignore", invalid="ignore"):
        cast = array.astype(target)
    if target.kind == "f":
        wrong = np.isinf(cast) & np.isfinite(array)
    else:
        wrong = cast != array  # So is NaN.
    if np.any(wrong):
        place = tuple(int(index[0]) for index in np.nonzero(np.atleast_1d(wrong)))
        value = np.atleast_1d(array)[place]
        raise ValueError(
            f"Input {name} is {dtype}; received {value} in row {place[0] + first_row}, "
            f"which is no {dtype}. Mend the value, or ask another model."
        )
    return cast
