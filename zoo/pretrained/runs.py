"""Opens, copies and adds trained models that come with the zoo."""

import difflib
import hashlib
import shutil
from pathlib import Path

from zoo import pretrained
from zoo._arrays import read_npz
from zoo.model_dir import Json, ModelDir

_FILES = ("config.json", "report.json", "model.keras", "examples.npz")
_MOST_BYTES = 2 * 2**20
_EXAMPLES = 8


def find(model: str, dataset: str) -> ModelDir:
    """The run of a trained model that comes with the zoo, checked.

    Args:
        model: Name of the model.
        dataset: Name of the data.

    Returns:
        Its directory, which is not to be written to: `copy` makes one that may be.

    Raises:
        ValueError: If there is none of that model and data, or its files have changed.
    """
    name, known = f"{model}-{dataset}", pretrained.names()
    if name not in known:
        close = difflib.get_close_matches(name, known, n=1)
        meant = f"; did you mean '{close[0]}'?" if close else "."
        raise ValueError(
            f"The zoo comes with trained models, MODEL-DATASET; received '{name}', "
            f"which is none of them{meant} They are: {', '.join(known)}. Train others: "
            "python -m zoo.train --model=... --dataset=..."
        )
    sums = pretrained.read_sums()
    for file in _FILES:
        path = pretrained.FOLDER / name / file
        if not path.is_file() or _digest(path) != sums[f"{name}/{file}"]:
            raise ValueError(
                f"Trained models are as they were released; received {path}, which "
                "is missing or has changed. Install the zoo again."
            )
    return ModelDir(pretrained.FOLDER / name)


def copy(model: str, dataset: str, model_dir: str) -> ModelDir:
    """Copies a trained model to a directory that all commands take as a run.

    Args:
        model: Name of the model.
        dataset: Name of the data.
        model_dir: The directory, new or empty.

    Returns:
        The directory.

    Raises:
        ValueError: If there is none of that model and data, or the directory has files.
        OSError: If it cannot be written.
    """
    source, target = find(model, dataset), ModelDir(model_dir)
    if not target.is_free:
        raise ValueError(
            "A trained model is copied into a new or an empty directory; received "
            f"{target.path}, which has files. Give another --model_dir."
        )
    target.path.mkdir(parents=True, exist_ok=True)
    for file in _FILES:
        with target.replacing(file) as path:
            shutil.copyfile(source.path / file, path)
    return target


def add(model_dir: str) -> str:
    """Adds a finished run to what comes with the zoo, in place of an earlier one.

    Args:
        model_dir: The directory of the run, of a model and of data of the zoo.

    Returns:
        The name under which it was added.

    Raises:
        ValueError: If the model is too large, or not of the zoo.
        FileNotFoundError: If the run is not finished.
    """
    source = ModelDir(model_dir)
    config, numbers = source.config, source.report
    size = (source.path / "model.keras").stat().st_size
    if size > _MOST_BYTES or config["recipe"] is not None:
        raise ValueError(
            f"Models that come with the zoo are its own, of at most {_MOST_BYTES:,} "
            f"bytes; received {model_dir}, a {config['model']} of {size:,}. Train a "
            "smaller one of the zoo."
        )
    dataset = {**config["dataset"], "data_dir": None}  # Where they are is not told.
    name = f"{config['model']}-{dataset['name']}"
    target = ModelDir(pretrained.FOLDER / name)
    target.path.mkdir(exist_ok=True)
    target.write("config.json", {**config, "dataset": dataset})
    target.write("report.json", numbers)
    with target.replacing("model.keras") as path:
        shutil.copyfile(source.path / "model.keras", path)
    arrays = read_npz(source.path / "examples.npz")
    few = {key: array[:_EXAMPLES] for key, array in arrays.items()}
    target.write_arrays("examples.npz", few)
    sums = {f"{name}/{file}": _digest(target.path / file) for file in _FILES}
    lines = sorted(f"{v}  {k}\n" for k, v in {**pretrained.read_sums(), **sums}.items())
    with ModelDir(pretrained.FOLDER).replacing(pretrained.SUMS) as path:
        path.write_text("".join(lines), encoding="utf-8")
    return name


def report(name: str) -> Json:
    """The numbers with which one of `zoo.pretrained.names()` was reported."""
    return ModelDir(pretrained.FOLDER / name).report


def _digest(path: Path) -> str:
    """SHA-256, in hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
