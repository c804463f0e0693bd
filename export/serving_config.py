"""The configuration that a server of the exported models is started with."""

from pathlib import Path
from typing import TYPE_CHECKING

from export import BATCH_SIZES
from zoo.model_dir import Replacing

if TYPE_CHECKING:
    from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

_HEADER = """\
# Models of this directory, for --model_config_file. Exporting adds what is missing and
# keeps what is here, version policies and labels too, but no comments.
"""

_BATCHING = """\
# For --enable_batching --batching_parameters_file: requests that come at the same time
# are answered together. On CPUs waiting for more of them does not pay.
max_batch_size {{ value: {largest} }}
batch_timeout_micros {{ value: 0 }}
max_enqueued_batches {{ value: 1000 }}
# As many as the machine has cores:
num_batch_threads {{ value: 2 }}
{allowed}
"""

_MONITORING = """\
# For --monitoring_config_file; metrics are served on the REST port.
prometheus_config {
  enable: true
  path: "/monitoring/prometheus/metrics"
}
"""


def choose_base_path(export_dir: Path, name: str, asked: str | None = None) -> str:
    """The export directory as servers see it: as asked, as configured, or `/models`.

    Args:
        export_dir: The directory that holds the models.
        name: The model that is to be exported.
        asked: A path or URI; None for that of the models that are there.

    Raises:
        ValueError: If it is no absolute path, if the model has another, or if
            `models.config` is there and no such configuration.
    """
    models = _read(export_dir / "models.config").model_config_list.config
    homes = {model.name: model.base_path.rpartition("/")[0] for model in models}
    if asked is None:
        return homes.get(name) or next(iter(homes.values()), "/models")
    if not asked.startswith("/") and "://" not in asked:
        raise ValueError(
            "Servers take absolute paths or URIs; received "
            f"--base_path={asked}. Give --base_path=/models, say."
        )
    if homes.get(name, asked.rstrip("/")) != asked.rstrip("/"):
        raise ValueError(
            f"Servers find all versions of a model in one place; {name} is in "
            f"{homes[name]} by {export_dir}/models.config, received --base_path="
            f"{asked}. Leave it out, or change the entry there."
        )
    return asked.rstrip("/")


def write_configs(export_dir: Path, name: str, base_path: str) -> None:
    """Makes the configuration in `export_dir` cover a model.

    A server needs nothing new for another version of a model that it serves: it takes
    the highest, unless a version policy says otherwise.

    Args:
        export_dir: The directory that holds the models.
        name: The model that was exported.
        base_path: `export_dir` as the server sees it.

    Raises:
        ValueError: If `models.config` is there and no such configuration.
    """
    allowed = "\n".join(f"allowed_batch_sizes: {size}" for size in BATCH_SIZES)
    batching = _BATCHING.format(largest=BATCH_SIZES[-1], allowed=allowed)
    for file, text in (
        ("batching.config", batching),
        ("monitoring.config", _MONITORING),
    ):
        if not (export_dir / file).exists():
            with Replacing(export_dir / file) as path:
                path.write_text(text, encoding="utf-8")
    _add_model(export_dir / "models.config", name, f"{base_path}/{name}")


def _add_model(path: Path, name: str, base_path: str) -> None:
    from google.protobuf import text_format

    config = _read(path)
    models = config.model_config_list.config
    if any(model.name == name for model in models):
        return
    models.add(name=name, base_path=base_path, model_platform="tensorflow")
    with Replacing(path.resolve()) as temporary:  # Which may be a link to elsewhere.
        text = text_format.MessageToString(config)
        temporary.write_text(_HEADER + text, encoding="utf-8")


def _read(path: Path) -> "ModelServerConfig":
    from google.protobuf import text_format
    from tensorflow_serving.config import model_server_config_pb2

    config = model_server_config_pb2.ModelServerConfig()
    if path.exists():
        try:
            text_format.Parse(path.read_text(encoding="utf-8"), config)
        except (text_format.ParseError, UnicodeDecodeError) as error:
            raise ValueError(
                f"{path} must be a ModelServerConfig in text format; it is not "
                f"({error}). Mend it, or move it away to have it made anew."
            ) from None
    return config
