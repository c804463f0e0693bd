"""A finished run, opened again by the commands that use it."""

import dataclasses

from tfgen import GenerativeModel
from zoo import labels, registry
from zoo.data import DataSet, DataSpec, load
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


def open_run(model_dir: str, recipe: str | None = None) -> Run:
    """Opens a finished run.

    Args:
        model_dir: Its directory.
        recipe: Path of the recipe, if the model has classes that a file of the user's
            own defines. A path found inside a model_dir is never executed.

    Raises:
        FileNotFoundError: If there is no finished run.
    """
    directory = ModelDir(model_dir)
    report, config = directory.report, directory.config
    if recipe is not None:
        registry.find("models", recipe)
    elif config.get("recipe") is None and config["model"] in registry.names("models"):
        # It defines or imports the classes of parts that `tfgen` does not name.
        registry.find("models", config["model"])
    spec = DataSpec.from_json(config["dataset"]["spec"])
    return Run(directory, directory.load_model(), spec, config, report)
