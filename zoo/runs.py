"""A finished run, opened again by the commands that use it."""

import dataclasses
import inspect
from pathlib import Path

import numpy as np

from tfgen import GenerativeModel
from zoo import labels, registry
from zoo.data import ContextSpec, DataSet, DataSpec, load
from zoo.model_dir import Json, ModelDir


@dataclasses.dataclass(frozen=True)
class Run:
    """A trained model and what is known about it.

    Attributes:
        directory: The `model_dir`.
        model: The model with its best weights.
        spec: The data it was trained on.
        config: The configuration it was trained with.
        report: Its numbers.
    """

    directory: ModelDir
    model: GenerativeModel
    spec: DataSpec
    config: Json
    report: Json

    def load_data(self, data_dir: str | None = None) -> DataSet:
        """The data set the model was trained on.

        Args:
            data_dir: Where the data are now, if not where they were.

        Raises:
            ValueError: If the data have changed since.
        """
        options = dict(self.config["dataset"])
        fingerprint = options.pop("fingerprint")
        del options["spec"]
        if data_dir is not None:
            options["data_dir"] = data_dir
        elif options.get("data_dir"):
            self._refuse_data_beside(options["data_dir"])
        data = load(seed=self.config["seed"], **options)
        data = labels.for_model(
            data,
            conditional=self.spec.context is not None,
            num_labels=self.config["training"].get("num_labels"),
            seed=self.config["seed"],
        )
        if data.fingerprint() != fingerprint:
            raise ValueError(
                f"{options['name']} is not what the model was trained on: its contents "
                f"have changed since {self.directory.path} was written. Restore the "
                "data, or train anew."
            )
        return data

    def _refuse_data_beside(self, data_dir: str) -> None:
        # Prepared data of TFDS name modules to be imported.
        home = self.directory.path.resolve()
        if Path(data_dir).expanduser().resolve().is_relative_to(home):
            raise ValueError(
                f"A model_dir does not bring its own data_dir; received {data_dir} in "
                f"{home / 'config.json'}. If you trust it, give --data_dir={data_dir}."
            )


def open_run(model_dir: str, recipe: str | None = None) -> Run:
    """Opens a finished run.

    Args:
        model_dir: Its directory.
        recipe: Path of the recipe, if the model has classes that a file of the user's
            own defines. A path found inside a model_dir is never executed.

    Raises:
        FileNotFoundError: If there is no finished run.
        ValueError: If a file of it is damaged, or they are of different runs.
    """
    directory = ModelDir(model_dir)
    report, config = directory.report, directory.config
    with directory.reading("report.json"):
        _check_report(report)
    with directory.reading("config.json"):
        _check_config(config)
        spec = DataSpec.from_json(config["dataset"]["spec"])
        _check_spec(spec)
    if recipe is not None:
        registry.find("models", recipe)
    elif config.get("recipe") is None and config["model"] in registry.names("models"):
        # It defines or imports the classes of parts that `tfgen` does not name.
        registry.find("models", config["model"])
    model = directory.load_model()
    if model.event_shape != spec.event_shape:
        raise ValueError(
            "The files of a model_dir are of one run; received a model of rows "
            f"{list(model.event_shape)} and data of rows {list(spec.event_shape)} in "
            f"{directory.path}. Restore them, or train anew with --overwrite."
        )
    return Run(directory, model, spec, config, report)


_KINDS = {
    "a name": str,
    "a text": str,
    "a dict": dict,
    "a list": list,
    "an integer": int,
    "a number": int | float,
}


def _check_report(report: Json) -> None:
    """Raises ValueError or KeyError where what commands read of a report is no such."""
    for key in ("model", "dataset", "kind", "unit"):
        _require("a name", report[key], key)
    for split in ("validation", "test"):
        _require("a dict", report[split], split)
        if not report[split]:
            raise ValueError(f"{split} is empty")
        for term, estimate in report[split].items():
            for key in ("mean", "standard_error", "rows"):
                if estimate[key] is not None:
                    _require("a number", estimate[key], f"{split}.{term}.{key}")
    quantiles = report.get("train_quantiles", [0.0, 1.0])
    _require("a list", quantiles, "train_quantiles")
    for quantile in quantiles:
        _require("a number", quantile, "train_quantiles")
    if len(quantiles) < 2 or not np.all(np.diff(quantiles) >= 0):
        raise ValueError("train_quantiles do not ascend")


def _check_config(config: Json) -> None:
    _require("a name", config["model"], "model")
    _require("an integer", config["seed"], "seed")
    for key in ("settings", "dataset", "training", "versions"):
        _require("a dict", config[key], key)
    dataset = config["dataset"]
    for key in ("name", "fingerprint"):
        _require("a name", dataset[key], f"dataset.{key}")
    for key in ("data_dir", "validation", "test", "binarize"):
        if dataset.get(key) is not None:
            _require("a text", dataset[key], f"dataset.{key}")
    for key in ("context", "drop", "dequantize"):
        for name in dataset.get(key, []):
            _require("a text", name, f"dataset.{key}")
    known = {*inspect.signature(load).parameters, "fingerprint", "spec"} - {"seed"}
    unknown = sorted(dataset.keys() - known)
    if unknown:
        raise ValueError(f"dataset has {unknown[0]}")


def _check_spec(spec: DataSpec) -> None:
    _require("a name", spec.name, "spec.name")
    _require("an integer", spec.num_train, "spec.num_train")
    if spec.levels is not None:
        _require("an integer", spec.levels, "spec.levels")
    for size in spec.event_shape:
        _require("an integer", size, "spec.event_shape")
    for name in spec.columns:
        _require("a text", name, "spec.columns")
    for number in (*(spec.steps or ()), *(spec.offsets or ())):
        _require("a number", number, "spec.steps")
    if not isinstance(spec.context, ContextSpec | None):
        raise ValueError("spec.context is none")
    if spec.context is not None:
        for size in spec.context.shape:
            _require("an integer", size, "spec.context.shape")
        for name in spec.context.columns:
            _require("a text", name, "spec.context.columns")
        if spec.context.num_classes is not None:
            _require("an integer", spec.context.num_classes, "spec.context.num_classes")


def _require(kind: str, value: object, name: str) -> None:
    if isinstance(value, bool) or not isinstance(value, _KINDS[kind]):
        raise ValueError(f"{name} is not {kind}")
    # What moves the cursor of a terminal is no part of a name.
    if kind == "a name" and not str(value).isprintable():
        raise ValueError(f"{name} is not {kind}")
