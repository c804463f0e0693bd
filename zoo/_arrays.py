"""Reads the arrays of .npz and .npy files, of which nothing is trusted.

No array is unpickled, none is made larger than what the file holds for it, and an
archive that would grow beyond all measure is refused before it does.
"""

import math
import os
import zipfile
from collections.abc import Collection
from typing import IO

import numpy as np

# What any archive may grow to, and from there on how many times its size. Deflate does
# a thousand times; no data that are worth modelling come near.
_LARGE = 2**30
_GROWTH = 100
# Those of `np.savez`. Of others `zipfile` unpacks more than it is asked for, at once.
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_MAGIC = np.lib.format.MAGIC_PREFIX
_Header = tuple[tuple[int, ...], np.dtype]


def read_npz(
    file: str | os.PathLike[str], names: Collection[str] | None = None
) -> dict[str, np.ndarray]:
    """The arrays of an `.npz`, in memory.

    Args:
        file: Its path.
        names: Those that are read; by default all.

    Returns:
        The arrays by name; of `names` those that are there.

    Raises:
        ValueError: If it is no such file, is damaged, holds objects, is compressed in
            ways that NumPy does not have, or would grow beyond 1 GiB and 100 times its
            size. The text is the reason alone.
        FileNotFoundError: If there is no such file.
    """
    size = os.path.getsize(file)
    try:
        with open(file, "rb") as opened:
            if opened.read(len(_MAGIC)) == _MAGIC:
                raise ValueError("it is an .npy")
        with zipfile.ZipFile(file) as archive:
            members = {
                member.filename.removesuffix(".npy"): member
                for member in archive.infolist()
            }
            if names is not None:
                members = {k: v for k, v in members.items() if k in names}
            grown = sum(member.file_size for member in members.values())
            if grown > max(_LARGE, _GROWTH * size):
                raise ValueError(f"its {size:,} bytes would grow to {grown:,}")
            return {
                name: _read_member(archive, member) for name, member in members.items()
            }
    except Exception as error:  # Of a broken file decoders raise whatever they like.
        raise _reason(error) from error


def open_npy(file: str | os.PathLike[str]) -> np.ndarray:
    """The array of an `.npy`, which stays on disk.

    Raises:
        ValueError: If it is no such file, is damaged, or holds objects. The text is the
            reason alone.
        FileNotFoundError: If there is no such file.
    """
    size = os.path.getsize(file)
    try:
        with open(file, "rb") as opened:
            _check(_header(opened), size - opened.tell())
        # An array without numbers cannot be mapped; there is nothing to map either.
        return np.lib.format.open_memmap(os.fspath(file), mode="r")
    except Exception as error:
        raise _reason(error) from error


def _read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
    if not member.filename.endswith(".npy"):
        raise ValueError(f"its member {member.filename[:40]!r} is no .npy")
    if member.compress_type not in _METHODS:
        raise ValueError("it is compressed as np.savez_compressed does not")
    with archive.open(member) as opened:
        header = _header(opened)
        _check(header, member.file_size - opened.tell())
    with archive.open(member) as opened:
        return np.lib.format.read_array(opened, allow_pickle=False)


def _header(opened: IO[bytes]) -> _Header:
    """Shape and dtype of an array; what follows is its numbers."""
    version = np.lib.format.read_magic(opened)
    read = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }.get(version)
    if read is None:
        raise ValueError(
            f"it is of version {version}, which arrays of numbers never are"
        )
    shape, _, dtype = read(opened)
    return shape, dtype


def _check(header: _Header, held: int) -> None:
    """Raises ValueError if an array is not what a file holds: memory comes later."""
    shape, dtype = header
    if dtype.hasobject:
        raise ValueError("it holds objects, not numbers")
    if any(size < 0 for size in shape) or len(shape) > 32:
        raise ValueError(f"its shape is {shape}")
    if shape and shape[0] and not math.prod(shape) * dtype.itemsize:
        # As many rows as one likes, in a file of a hundred bytes.
        raise ValueError(f"its rows hold nothing: {dtype} of shape {shape}")
    if math.prod(shape) * dtype.itemsize != held:
        raise ValueError(
            f"its header says {dtype} of shape {shape}, and {held:,} bytes follow"
        )


def _reason(error: Exception) -> Exception:
    if isinstance(error, FileNotFoundError):
        return error
    text = " ".join(str(error).split())[:200]
    return ValueError(text or type(error).__name__)
