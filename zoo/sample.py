"""Draws from a trained model: `python -m zoo.sample --model_dir=runs/maf-digits`."""

from absl import flags

from zoo import cli

_MODEL_DIR = flags.DEFINE_string(
    "model_dir", None, "Directory of a finished run.", required=True
)
_MODEL = flags.DEFINE_string("model", None, "Recipe file, if it is one of your own.")
_NUM_SAMPLES = flags.DEFINE_integer("num_samples", 1000, "How many.", lower_bound=1)
_SEED = flags.DEFINE_integer("seed", 0, "Equal seeds give equal samples.")
_CONTEXT = flags.DEFINE_list(
    "context",
    None,
    "What to condition on, the same for all samples: a class, or a number for each "
    "context column. By default the classes in turn, or the contexts of test rows.",
)
_DATA_DIR = flags.DEFINE_string(
    "data_dir", None, "Where prepared data are kept, if not where they were."
)
_OUTPUT = flags.DEFINE_string(
    "output", None, "An .npz file; pictures go beside it. By default in model_dir."
)


def main() -> None:
    """Writes samples, and pictures of them and of what else the model does."""
    cli.import_tensorflow()
    from zoo import showing
    from zoo.runs import open_run

    run = open_run(_MODEL_DIR.value, _MODEL.value)
    data = run.load_data(_DATA_DIR.value)
    samples, *drawn = showing.write_samples(
        run,
        data,
        num_samples=_NUM_SAMPLES.value,
        seed=_SEED.value,
        context=_CONTEXT.value,
        output=_OUTPUT.value,
    )
    print(f"{_NUM_SAMPLES.value} samples: {samples}")
    for path in drawn:
        print(f"Picture: {path}")


if __name__ == "__main__":
    cli.run(main)
