"""One export, from a finished run to a version that a server may load."""

import dataclasses
import json
import math
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from export import self_check
from export.saved_model import read_signatures, write_saved_model
from export.serving_config import choose_base_path, write_configs
from export.versions import check_name, locked, new_version
from export.warmup import write_warmup
from tfgen import Signature
from zoo._arrays import read_npz
from zoo.data import DataSpec
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
        base_path: Where servers see the directory of all models.
    """

    path: Path
    name: str
    version: int
    compared: int
    largest_share: float
    base_path: str


def export_run(
    model_dir: str,
    export_dir: str,
    *,
    name: str | None = None,
    version: int | None = None,
    recipe: str | None = None,
    base_path: str | None = None,
) -> Exported:
    """Writes a trained model as the next version of a served model, once it is checked.

    Args:
        model_dir: Directory of a finished run.
        export_dir: The directory of all served models.
        name: What servers will call the model; by default the name of `model_dir`,
            after that of all seeds for the run of one of several.
        version: Its number; by default one above the highest.
        recipe: Path of the recipe, if it is a file of the user's own.
        base_path: `export_dir` as servers will see it; by default as they see the
            models that are there, or `/models`.

    Raises:
        FileNotFoundError: If `model_dir` holds no finished run, or no examples.
        FileExistsError: If the version is there already.
        OSError: If `export_dir` cannot be written.
        ValueError: If the name or the path is impossible, or if a file is damaged.
        ArithmeticError: If the model's numbers are not finite, or the exported model
            has others.
    """
    # The name of "." or "runs/maf/" is that of the directory it stands for.
    name = name or ModelDir(model_dir).name
    check_name(name)
    _require_serving_api()
    directory = Path(export_dir)
    _require_finite_means(ModelDir(model_dir).report, model_dir)
    home = choose_base_path(directory, name, base_path)
    with new_version(directory, name, version) as (path, number):
        run = open_run(model_dir, recipe)
        examples = _examples(run)
        _require_finite(examples, model_dir)
        # What a model answers besides, it tells itself.
        inputs = {k: v for k, v in examples.items() if k in ("x", "context")}
        signatures = run.model.signatures(input_specs(inputs))
        _require_inputs(signatures, examples, model_dir)
        try:
            write_saved_model(path, run.model, signatures)
            write_warmup(path, name, signatures, examples)
        except tf.errors.OpError as error:
            reason = str(error.message).partition("\n")[0]
            raise OSError(
                f"An export directory must have room; writing into {directory} failed "
                f"({reason}). Nothing was exported."
            ) from None
        result = _check(path, run.directory.path / "examples.npz")
        about = {"name": name, "version": number, **_about(run, signatures, path)}
        text = json.dumps(about, indent=2, allow_nan=False) + "\n"
        (path / "assets.extra/model.json").write_text(text, encoding="utf-8")
    # Configurations, which all models share, have a lock that is no model's name.
    with locked(directory, "-configs"):
        write_configs(directory, name, home)
    path = directory / name / str(number)
    return Exported(path, name, number, base_path=home, **result)


def _require_serving_api() -> None:
    """Raises OSError early, and with the way out."""
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
        return read_npz(path)
    except ValueError as error:
        raise ValueError(
            f"{path} cannot be read ({error}). Restore it, or train anew with "
            "--overwrite."
        ) from None


def _require_finite_means(report: Json, model_dir: str) -> None:
    """Raises ValueError if a report is damaged, ArithmeticError if it is not finite."""
    try:
        means = {name: estimate["mean"] for name, estimate in report["test"].items()}
        finite = [math.isfinite(mean) for mean in means.values()]
        report["kind"], report["unit"]
    except (KeyError, TypeError, AttributeError):
        raise ValueError(
            f"{model_dir}/report.json has no test numbers. Restore it, or train anew "
            "with --overwrite."
        ) from None
    if not all(finite):
        raise ArithmeticError(
            f"A served model's numbers are finite on its own test data; in {model_dir} "
            f"they are {means}. Train anew, with a smaller --learning_rate perhaps."
        )


def _require_inputs(
    signatures: Sequence[Signature], examples: Mapping[str, np.ndarray], model_dir: str
) -> None:
    for signature in signatures:
        for name in signature.inputs:
            if name not in examples:
                raise ValueError(
                    f"The examples of a run have all inputs of its signatures; "
                    f"{model_dir}/examples.npz has no {name}, for {signature.name}. "
                    "Restore it, or train anew with --overwrite."
                )


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
    for key in ("name", "validation", "test"):
        # Paths say more about the machine than about the data.
        if dataset.get(key):
            dataset[key] = re.split(r"[/\\]", dataset[key])[-1]
    units = _units(run.spec)
    described: Json = read_signatures(path)
    for signature in signatures:
        for tensors in described[signature.name].values():
            for name, tensor in tensors.items():
                tensor["unit"] = units.get(name) or signature.units.get(name, "")
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


def _units(spec: DataSpec) -> dict[str, str]:
    """What rows of the data are, in words: columns in order, levels, classes."""
    units = {}
    if spec.levels is not None:
        units["x"] = f"integers 0 .. {spec.levels - 1}"
    elif spec.columns:
        steps = spec.steps or [0.0] * len(spec.columns)
        units["x"] = ", ".join(
            f"{name} (steps of {step:g})" if step else name
            for name, step in zip(spec.columns, steps, strict=True)
        )
    if spec.context is not None:
        names = ", ".join(spec.context.columns) or "context"
        classes = spec.context.num_classes
        units["context"] = names if classes is None else f"{names}, 0 .. {classes - 1}"
        if spec.context.optional:
            units["context"] += ", -1 for unknown"
    return units
