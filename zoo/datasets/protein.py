"""Protein: nine structural measurements and the RMSD of 45,730 protein decoys (UCI).

Source: UCI "Physicochemical Properties of Protein Tertiary Structure" (Rana, 2013),
CC BY 4.0 at UCI. 45,730 rows of 10 columns, split 36,584 / 4,573 / 4,573 by a fixed
permutation. Read from `CASP.csv` of the UCI archive, or from the array `protein` of
`uci_small.npz` (which follows the collection github.com/treforevans/uci_datasets),
in `--data_dir`; without one, `CASP.csv` is downloaded once.

Space: both files are brought to that of the collection, F1 to F7 and F9 and
log(1 + RMSD), each minus its mean over all rows; subtracting changes no density. F8 is
a count, 0 to 350, on a grid of step 1, and so the spec's `steps` has it dequantized.
The rows are sorted before they are split, so that the two files give the same splits
up to rounding: the collection keeps five significant digits.

1,712 rows of the collection repeat an earlier one (one row occurs 17 times). They are
kept, and 270 of the test rows are training rows too. Two columns have small atoms: the
RMSD is 0 in 272 rows, and one value of F9 occurs 454 times.
"""

import os
import time
import urllib.request
from pathlib import Path

import numpy as np

from zoo._arrays import read_npz
from zoo._frames import unreadable
from zoo.data import DataSet, DataSpec, split_rows

_URL = "https://archive.ics.uci.edu/ml/machine-learning-databases/00265/CASP.csv"
_ROWS = 45_730
_COLUMNS = ("F1", "F2", "F3", "F4", "F5", "F6", "F7", "F8", "F9", "log_RMSD")
_COUNT = _COLUMNS.index("F8")
_SECONDS = 120


def load(*, data_dir: str | None, seed: int) -> DataSet:
    """The data set, with fixed splits.

    Args:
        data_dir: Directory with `CASP.csv` or `uci_small.npz`; None to download the
            first into the cache (`$XDG_CACHE_HOME`, else `~/.cache`).
        seed: Not used.

    Returns:
        The data set.

    Raises:
        FileNotFoundError: If `data_dir` has neither file, or the download fails.
        ValueError: If the file is not the one expected.
    """
    del seed
    x = _collection(data_dir)
    # Rounded as the collection is, so that both files are sorted alike.
    x = x[np.lexsort(_round(x).T)].astype(np.float32)
    splits = split_rows(x, None, seed=0)
    spec = DataSpec(
        name="protein",
        event_shape=(len(_COLUMNS),),
        dtype="float32",
        steps=tuple(float(i == _COUNT) for i in range(len(_COLUMNS))),
        offsets=(0.0,) * len(_COLUMNS),
        num_train=len(splits[0]),
        columns=_COLUMNS,
    )
    return DataSet(spec, *splits)


def _collection(data_dir: str | None) -> np.ndarray:
    folder = Path(data_dir).expanduser() if data_dir else _cache()
    csv, npz = folder / "CASP.csv", folder / "uci_small.npz"
    if data_dir and not csv.is_file() and not npz.is_file():
        raise FileNotFoundError(
            "protein needs CASP.csv or uci_small.npz in --data_dir; "
            f"received --data_dir={data_dir}, which has neither; put one there, or "
            "leave --data_dir out to download it."
        )
    if npz.is_file() and not csv.is_file():
        try:
            arrays = read_npz(npz, ["protein"])
        except ValueError as error:
            raise unreadable(str(npz), error) from error
        if "protein" not in arrays:
            raise _unexpected(npz, "an archive without the array protein")
        if arrays["protein"].dtype.kind not in "biuf":
            raise _unexpected(npz, f"an array of {arrays['protein'].dtype}")
        x = arrays["protein"].astype(np.float64)
        if x.shape != (_ROWS, len(_COLUMNS)):
            raise _unexpected(npz, f"an array {x.shape}")
    else:
        if not csv.is_file():
            _download(csv)
        raw = _read_casp(csv)
        x = np.concatenate([raw[:, 1:], np.log1p(raw[:, :1])], axis=1)
        x -= x.mean(axis=0)
    # The smallest count is 0.
    x[:, _COUNT] = np.round(x[:, _COUNT] - x[:, _COUNT].min())
    return x


def _read_casp(path: Path) -> np.ndarray:
    with open(path, encoding="utf-8-sig") as lines:
        header = lines.readline().strip().replace('"', "")
        if header.split(",") != ["RMSD", *_COLUMNS[:-1]]:
            raise _unexpected(path, f"the header {header[:60]!r}")
        try:
            raw = np.loadtxt(lines, delimiter=",", ndmin=2)
        except ValueError as error:
            raise _unexpected(path, str(error)) from error
    if raw.shape != (_ROWS, len(_COLUMNS)):
        raise _unexpected(path, f"{raw.shape[0]} rows of {raw.shape[1]} columns")
    return raw


def _unexpected(path: Path, received: str) -> ValueError:
    return ValueError(
        f"protein has {_ROWS} rows of {len(_COLUMNS)} columns, in CASP.csv with the "
        f"header RMSD,F1,..,F9; received {received} in {path}; get the file anew."
    )


def _round(x: np.ndarray) -> np.ndarray:
    """Rounds to five significant digits, as `%.5g` does."""
    magnitude = np.floor(np.log10(np.abs(x), where=x != 0, out=np.zeros_like(x)))
    unit = 10.0 ** (magnitude - 4)
    return np.round(x / unit) * unit


def _cache() -> Path:
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "tfgen-zoo"


def _download(target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f"{target.name}.{os.getpid()}")
    deadline = time.monotonic() + _SECONDS
    try:
        with (
            urllib.request.urlopen(_URL, timeout=20) as response,
            open(partial, "wb") as out,
        ):
            while block := response.read(1 << 16):
                out.write(block)
                if time.monotonic() > deadline:
                    raise TimeoutError(f"not done in {_SECONDS} s")
        _read_casp(partial)
        partial.rename(target)
    except OSError as error:  # Includes urllib's errors and time-outs.
        raise FileNotFoundError(
            f"protein is downloaded once from {_URL}; received the error '{error}'; "
            "get CASP.csv some other way and name its directory with --data_dir."
        ) from error
    finally:
        partial.unlink(missing_ok=True)
