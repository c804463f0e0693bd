"""Tests a trained model: `python -m zoo.evaluate --model_dir=runs/maf-digits`."""

from absl import flags

from zoo import cli, registry

_MODEL_DIR = flags.DEFINE_string(
    "model_dir",
    None,
    "Directory of a finished run, or of those of several seeds.",
    required=True,
)
_MODEL = flags.DEFINE_string("model", None, "Recipe file, if it is one of your own.")
_DATA_DIR = flags.DEFINE_string(
    "data_dir", None, "Where prepared data are kept, if not where they were."
)
_NUM_IMPORTANCE_SAMPLES = flags.DEFINE_integer(
    "num_importance_samples",
    0,
    "Draws for each test row for an estimate of log p(x), of models with a posterior "
    "of codes; 0 for none.",
    lower_bound=0,
)


def main() -> None:
    """Computes numbers anew and prints them; of several seeds, those of reports."""
    cli.import_tensorflow()
    from zoo import seeds
    from zoo.evaluation import describe, report_on
    from zoo.model_dir import ModelDir
    from zoo.runs import open_run
    from zoo.training import find_recipe

    directory = ModelDir(_MODEL_DIR.value)
    if directory.seeds:
        if _NUM_IMPORTANCE_SAMPLES.value:
            raise ValueError(
                "An estimate of log p(x) is of one run; received "
                f"--num_importance_samples={_NUM_IMPORTANCE_SAMPLES.value} with those "
                f"of several seeds. Give one of them: {directory.listed()}."
            )
        print(seeds.describe(seeds.tabulate(directory.seeds)))
        return
    run = open_run(_MODEL_DIR.value, _MODEL.value)
    recipe, name = _MODEL.value, run.config["model"]
    own = run.config.get("recipe") is not None
    # A path in a model_dir, which may come from a stranger, is never executed.
    if recipe is None and not own and name in registry.names("models"):
        recipe = name
    references = () if recipe is None else find_recipe(recipe).references
    data = run.load_data(_DATA_DIR.value)
    numbers = report_on(
        run.model, data, num_importance_samples=_NUM_IMPORTANCE_SAMPLES.value
    )
    with run.directory.reading("report.json"):
        text = describe({**run.report, **numbers}, run.spec, references)
    print(text)


if __name__ == "__main__":
    cli.run(main)
