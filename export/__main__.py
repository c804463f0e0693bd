"""Exports a trained model for serving: `python -m export --model_dir=...`."""

import shlex
from pathlib import Path

from absl import flags

from zoo import cli

_MODEL_DIR = flags.DEFINE_string(
    "model_dir", None, "Directory of a finished run.", required=True
)
_EXPORT_DIR = flags.DEFINE_string(
    "export_dir", "serving", "Directory of all models that a server is to load."
)
_NAME = flags.DEFINE_string(
    "name", None, "What servers call the model; by default the name of model_dir."
)
_VERSION = flags.DEFINE_integer(
    "version", None, "Its number; by default the next.", lower_bound=1
)
_MODEL = flags.DEFINE_string("model", None, "Recipe file, if it is one of your own.")
_BASE_PATH = flags.DEFINE_string(
    "base_path",
    None,
    "Where servers will see export_dir, for models.config; by default where they see "
    "the models that are there, or /models.",
)


def main() -> None:
    """Writes the next version of a served model, once it is checked."""
    cli.import_tensorflow()
    from export.exporting import export_run
    from export.summary import summarize

    exported = export_run(
        _MODEL_DIR.value,
        _EXPORT_DIR.value,
        name=_NAME.value,
        version=_VERSION.value,
        recipe=_MODEL.value,
        base_path=_BASE_PATH.value,
    )
    print(summarize(exported.path))
    print(
        f"\nChecked where there is TensorFlow alone: {exported.compared} answers to "
        "batches of 0, 1, 3 and 64 rows are\nthe training's; the largest difference is "
        f"{exported.largest_share:.1%} of what is allowed, rtol and atol 1e-5."
    )
    home = exported.base_path
    volume = shlex.quote(f"{Path(_EXPORT_DIR.value).resolve()}:{home}:ro")
    print(
        "\nNext:\n"
        f"  docker run --rm -p 127.0.0.1:8500:8500 -p 127.0.0.1:8501:8501 -v {volume} "
        f"\\\n    tensorflow/serving --model_config_file={home}/models.config\n"
        f"  python -m export.client --server=localhost:8501 --model={exported.name}"
    )


if __name__ == "__main__":
    cli.run(main)
