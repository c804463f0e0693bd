"""Exports a trained model for serving: `python -m export --model_dir=...`."""

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
    "base_path", "/models", "Where the server will see export_dir, for models.config."
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
    directory = Path(_EXPORT_DIR.value).resolve()
    print(
        "\nNext:\n"
        "  docker run --rm -p 8500:8500 -p 8501:8501 "
        f"-v {directory}:{_BASE_PATH.value} \\\n"
        "    tensorflow/serving "
        f"--model_config_file={_BASE_PATH.value}/models.config\n"
        f"  python -m export.client --server=localhost:8501 --model={exported.name}"
    )


if __name__ == "__main__":
    cli.run(main)
