"""Scores rows of a file by their density: `python -m zoo.score --model_dir=... ...`."""

from absl import flags

from zoo import cli

_MODEL_DIR = flags.DEFINE_string(
    "model_dir", None, "Directory of a finished run.", required=True
)
_MODEL = flags.DEFINE_string("model", None, "Recipe file, if it is one of your own.")
_INPUT = flags.DEFINE_string(
    "input", None, "A .csv, .parquet, .npy or .npz file.", required=True
)
_OUTPUT = flags.DEFINE_string("output", None, "The .csv file to write.", required=True)
_BATCH_SIZE = flags.DEFINE_integer(
    "batch_size", 10_000, "Rows in memory at a time.", lower_bound=1
)


def main() -> None:
    """Writes the density of every row, and its percentile among the training rows."""
    cli.import_tensorflow()
    from zoo.runs import open_run
    from zoo.scoring import score_file

    run = open_run(_MODEL_DIR.value, _MODEL.value)
    score_file(run, _INPUT.value, _OUTPUT.value, batch_size=_BATCH_SIZE.value)


if __name__ == "__main__":
    cli.run(main)
