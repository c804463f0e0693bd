"""Data sets in an `.npz` file that the user writes once, from published originals."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from zoo._arrays import read_npz
from zoo._frames import unreadable


def read(
    name: str,
    arrays: Mapping[str, tuple[tuple[int, ...], int]],
    *,
    data_dir: str | None,
    origin: str,
) -> dict[str, np.ndarray]:
    """Reads and checks the arrays of integers in `NAME.npz`; others are ignored.

    Args:
        name: Name of the data set.
        arrays: Shape and largest value of each array; the smallest is 0.
        data_dir: Directory of the file; None for `$TFGEN_DATA_DIR/npz`.
        origin: Where the originals are published, for messages.

    Returns:
        The arrays.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it does not hold these arrays.
    """
    contents = " and ".join(
        f"the array {key} {list(shape)} of integers 0 to {largest}"
        for key, (shape, largest) in arrays.items()
    )
    found, path = open_arrays(
        name, tuple(arrays), contents=contents, data_dir=data_dir, origin=origin
    )
    for key, (shape, largest) in arrays.items():
        fault = _fault(found.get(key), shape, largest)
        if fault:
            raise wrong(path, key, fault, contents=contents, origin=origin)
    return found


def open_arrays(
    name: str,
    keys: Sequence[str],
    *,
    contents: str,
    data_dir: str | None,
    origin: str,
) -> tuple[dict[str, np.ndarray], Path]:
    """Reads those of the arrays that `NAME.npz` has, unchecked.

    Args:
        name: Name of the file.
        keys: Names of the arrays.
        contents: What the file holds, for messages.
        data_dir: Directory of the file; None for `$TFGEN_DATA_DIR/npz`.
        origin: Where the originals are published, for messages.

    Returns:
        The arrays, and the path of the file.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no `.npz` file.
    """
    root = os.environ.get("TFGEN_DATA_DIR")
    folder = data_dir or (os.path.join(root, "npz") if root else None)
    path = Path(folder or "").expanduser() / f"{name}.npz"
    if folder is None or not path.is_file():
        received = f"{folder}, which has none" if folder else "neither"
        raise FileNotFoundError(
            f"{name} needs {name}.npz in --data_dir or in $TFGEN_DATA_DIR/npz; "
            f"received {received}; write it, with {contents}, from {origin}."
        )
    try:
        return read_npz(path, keys), path
    except ValueError as error:
        raise unreadable(str(path), error) from error


def wrong(
    path: Path, key: str, fault: str, *, contents: str, origin: str
) -> ValueError:
    """The error for an array that is not what the file should hold."""
    return ValueError(
        f"{path.name} holds {contents}; received {key} {fault} in {path}; write it "
        f"again, from {origin}."
    )


def _fault(array: np.ndarray | None, shape: tuple[int, ...], largest: int) -> str:
    """What is wrong with an array; empty if nothing is."""
    if array is None:
        return "missing"
    if array.shape != shape or array.dtype.kind not in "biu":
        return f"of shape {list(array.shape)} and dtype {array.dtype}"
    if array.min() < 0 or array.max() > largest:
        return f"from {array.min()} to {array.max()}"
    return ""
