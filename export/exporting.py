"""One export, from a finished run to a version that a server may load."""

import dataclasses
import json
import re
import subprocess
import sys
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from export import self_check
from export.saved_model import read_signatures, write_saved_model
from export.serving_config import write_configs
from export.versions import check_name, locked, new_version
from export.warmup import write_warmup
from tfgen import Signature
from zoo.evaluation import input_specs
from zoo.model_dir import Json, ModelDir
from zoo.model_dir import versions as package_versions
from zoo.runs import Run, open_run


@dataclasses.dataclass(frozen=True)
class Exported:
    """What an export has written.

    Attributes:
        path: The directory of the version.
        name: What servers call the model.
        version: Its number.
        compared: How many answers the self-check compared.
        largest_share: The largest difference from those of the training, as a share of
            what is allowed.
    """

    path: Path
    name: str
    version: int
    compared: int
    largest_share: float


def export_run(
    model_dir: str,
    export_dir: str,
    *,
    name: str | None = None,
    version: int | None = None,
    recipe: str | None = None,
    base_path: str = "/models",
) -> Exported:
    """Writes a trained model as the next version of a served model, once it is checked.

    Args:
        model_dir: Directory of a finished run.
        export_dir: The directory of all served models.
        name: What servers will call the model; by default the name of `model_dir`.
        version: Its number; by default one above the highest.
        recipe: Path of the recipe, if it is a file of the user's own.
        base_path: `export_dir` as the server will see it.

    Raises:
        FileNotFoundError: If `model_dir` holds no finished run.
        OSError: If `export_dir` cannot be written.
        ValueError: If the name or the version is impossible.
        ArithmeticError: If the model's numbers are not finite, or the exported model
            has others.
    """
    # The name of "." or "runs/maf/" is that of the directory it stands for.
    name = name or Path(model_dir).resolve().name
    check_name(name)
    _require_serving_api()
    if not base_path.startswith("/") and "://" not in base_path:
        raise ValueError(
            "Servers take absolute paths or URIs; received "
            f"--base_path={base_path}. Give --base_path=/models, say."
        )
    directory = Path(export_dir)
    ModelDir(model_dir).report  # noqa: B018  (raises before anything is made)
    with new_version(directory, name, version) as (path, number):
        run = open_run(model_dir, recipe)
        examples = _examples(run)
        _require_finite(examples, model_dir)
        # What a model answers besides, it tells itself.
        inputs = {k: v for k, v in examples.items() if k in ("x", "context")}
        signatures = run.model.signatures(input_specs(inputs))
        write_saved_model(path, run.model, signatures)
        write_warmup(path, name, signatures, examples)
        result = _check(path, run.directory.path / "examples.npz")
        about = {"name": name, "version": number, **_about(run, signatures, path)}
        text = json.dumps(about, indent=2, allow_nan=False) + "\n"
        (path / "assets.extra/model.json").write_text(text, encoding="utf-8")
    # Configurations, which all models share, have a lock that is no model's name.
    with locked(directory, "-configs"):
        write_configs(directory, name, base_path)
    return Exported(directory / name / str(number), name, number, **result)


def _require_serving_api() -> None:
    """Raises ImportError early, and with the way out."""
    try:
        from tensorflow_serving.apis import predict_pb2
    except ImportError:
        raise OSError(
            "Exporting writes what servers read with tensorflow-serving-api, which is "
            "not installed. Install it: pip install -e '.[serving]'."
        ) from None
    del predict_pb2


def _examples(run: Run) -> dict[str, np.ndarray]:
    """Rows and the training's answers to them.

    Raises:
        FileNotFoundError: If there are none.
        ValueError: If they cannot be read.
    """
    path = run.directory.path / "examples.npz"
    if not path.is_file():
        raise FileNotFoundError(
            f"A finished run has an examples.npz; received {run.directory.path}, which "
            "has none. Train anew: python -m zoo.train --overwrite ..."
        )
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return dict(arrays)
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"{path} cannot be read ({error}). Restore it, or train anew with "
            "--overwrite."
        ) from None


def _require_finite(examples: Mapping[str, np.ndarray], model_dir: str) -> None:
    for name, values in examples.items():
        if "/" in name and not np.isfinite(values).all():
            row = int(np.argmin(np.isfinite(values).reshape(len(values), -1).all(1)))
            signature, _, output = name.partition("/")
            raise ArithmeticError(
                "A served model's numbers are finite on its own test data; in "
                f"{model_dir} {output} of {signature} is not, in test row {row + 1}. "
                "Train anew, with a smaller --learning_rate perhaps."
            )


def _check(saved_model: Path, examples: Path) -> Json:
    """Compares the answers of the written model with the training's, elsewhere.

    Raises:
        ArithmeticError: If they differ.
    """
    ended = subprocess.run(
        [sys.executable, "-I", self_check.__file__],
        input=json.dumps([str(saved_model), str(examples)]),
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        result = json.loads(ended.stdout)
    except json.JSONDecodeError:
        reason = (ended.stderr.strip() or "no output").splitlines()[-1]
        raise ArithmeticError(
            "An exported model must load where TensorFlow alone is installed; it did "
            f"not ({reason}). Nothing was exported."
        ) from None
    faults = result.pop("faults")
    if faults:
        raise ArithmeticError(
            "An exported model gives the numbers of its training; this one does not: "
            f"{'; '.join(faults)}. Nothing was exported."
        )
    return result


def _about(run: Run, signatures: Sequence[Signature], path: Path) -> Json:
    """What `model.json` tells of a model: where it comes from and what it answers."""
    dataset = dict(run.config["dataset"])
    dataset.pop("data_dir", None)
    # Paths say more about the machine than about the data.
    dataset["name"] = re.split(r"[/\\]", dataset["name"])[-1]
    described: Json = read_signatures(path)
    for signature in signatures:
        for tensors in described[signature.name].values():
            for name, tensor in tensors.items():
                tensor["unit"] = signature.units.get(name, "")
    del described["serving_default"]
    return {
        "model": run.config["model"],
        "kind": run.report["kind"],
        "unit": run.report["unit"],
        "settings": run.config["settings"],
        "training": run.config["training"],
        "seed": run.config["seed"],
        "dataset": dataset,
        "report": run.report,
        "versions": {"training": run.config["versions"], "export": package_versions()},
        "signatures": described,
        "default_signature": signatures[0].name,
    }
