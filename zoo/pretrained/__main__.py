"""Lists and copies trained models that come with the zoo: `python -m zoo.pretrained`.

    python -m zoo.pretrained --model=vae --dataset=mnist --model_dir=runs/vae-mnist

makes a directory that `zoo.evaluate`, `zoo.sample`, `zoo.score`, `zoo.explore` and
`export` take as if the model had been trained there.
"""

from absl import flags

from zoo import cli, pretrained
from zoo.model_dir import Json
from zoo.pretrained import runs

_MODEL = flags.DEFINE_string("model", None, "Name of the model.")
_DATASET = flags.DEFINE_string("dataset", None, "Name of the data set.")
_MODEL_DIR = flags.DEFINE_string("model_dir", None, "Directory to copy it to.")
_ADD = flags.DEFINE_string(
    "add", None, "In a checkout: a finished run that is to come with the zoo."
)


def main() -> None:
    """Prints which models there are, or copies one, or adds one."""
    if _ADD.value is not None:
        print(f"Added as {runs.add(_ADD.value)}.")
        return
    given = (_MODEL.value, _DATASET.value, _MODEL_DIR.value)
    if any(given):
        model, dataset, model_dir = given
        if not (model and dataset and model_dir):
            raise ValueError(
                "Copying takes --model, --dataset and --model_dir; received only some "
                "of them. Give all three, or none for a list."
            )
        target = runs.copy(model, dataset, model_dir)
        print(f"{model} on {dataset}: {target.path}")
        print(f"Next: python -m zoo.sample --model_dir={target.path}")
        return
    for name in pretrained.names():
        print(f"  {name:24} {_numbers(runs.report(name))}")


def _numbers(report: Json) -> str:
    """The first test number of a report, and how many parameters it took."""
    term, estimate = next(iter(report["test"].items()))
    return (
        f"test {term} {estimate['mean']:.2f} +- {estimate['standard_error']:.2f} nats, "
        f"{report['num_parameters']:,} parameters"
    )


if __name__ == "__main__":
    cli.run(main)
