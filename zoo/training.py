"""One training run, from a recipe to a finished `model_dir`."""

import dataclasses
import hashlib
from collections.abc import Mapping
from pathlib import Path

import keras

from tfgen import GenerativeModel
from zoo import evaluation, pictures, registry, showing
from zoo.data import DataSet, load
from zoo.fitting import Fitted, fit
from zoo.model_dir import Json, ModelDir, versions
from zoo.recipe import Recipe

_PICTURE_SAMPLES = 1000
_PICTURE_IMAGES = 100


@dataclasses.dataclass(frozen=True)
class Options:
    """What one training run is told; the command line's flags, in plain types.

    Attributes:
        model: Name of a model, or the path of a recipe.
        dataset: Name or path of the data; None for the recipe's own.
        data: Further arguments of `zoo.data.load`.
        model_dir: Where to write; None for `runs/MODEL-DATASET`.
        seed: Of weights, order and noise.
        settings: Options of the model, as texts.
        fields: Fields of the recipe to replace.
        overwrite: Whether to start anew in a used `model_dir`.
        steps_per_execution: Steps between two looks at the run; 0 chooses.
    """

    model: str
    dataset: str | None = None
    data: Json = dataclasses.field(default_factory=dict)
    model_dir: str | None = None
    seed: int = 0
    settings: Mapping[str, str] = dataclasses.field(default_factory=dict)
    fields: Json = dataclasses.field(default_factory=dict)
    overwrite: bool = False
    steps_per_execution: int = 0


def train(options: Options) -> Json:
    """Trains as told, or prints the report of a run that is finished; returns it."""
    recipe = find_recipe(options.model)
    recipe = dataclasses.replace(recipe, **options.fields)
    arguments = recipe.parse(options.settings)
    data = load(options.dataset or recipe.dataset, seed=options.seed, **options.data)
    name = Path(options.model).stem
    if not recipe.conditional:
        if options.data.get("context"):
            raise ValueError(
                f"{name} models p(x) and takes no context; received --context="
                f"{','.join(options.data['context'])}. Leave it out, or take a "
                "conditional model: mdn, maf_conditional."
            )
        data = data.without_context()
    directory = ModelDir(
        options.model_dir or f"runs/{name}-{Path(data.spec.name).stem}"
    )
    config = {
        "model": name,
        # What a recipe file of the user's own says; None for a name of the zoo.
        "recipe": recipe_digest(options.model),
        "settings": arguments,
        "dataset": {
            "name": options.dataset or recipe.dataset,
            **options.data,
            "fingerprint": data.fingerprint(),
            "spec": data.spec.to_json(),
        },
        "training": training_fields(recipe),
        "seed": options.seed,
        "versions": versions(),
    }
    keras.utils.set_random_seed(options.seed)
    model = recipe.build(data.spec, **arguments)
    state = directory.enter(config, overwrite=options.overwrite)
    if state == "finished":
        report = directory.report
        print(f"{directory.path} holds this very run, finished; its report:")
        print(evaluation.describe(report, data.spec, recipe.references))
        return report
    if state == "unfinished":
        print(
            f"An earlier run in {directory.path} stopped before its end: starting over."
        )
    model.noise_seed = options.seed
    model.adapt(data.train.x, data.train.context, seed=options.seed)
    print(
        f"{name} on {data.spec.name}: {model.count_params():,} parameters, "
        f"{len(data.train):,} training rows of {data.spec.num_features} features, "
        f"into {directory.path}"
    )
    fitted = fit(
        model,
        data,
        recipe,
        seed=options.seed,
        directory=directory,
        steps_per_execution=options.steps_per_execution,
    )
    report = finish(model, data, fitted, directory, name)
    print()
    print(evaluation.describe(report, data.spec, recipe.references))
    print(
        f"  best epoch {fitted.best_epoch} of {fitted.epochs}, "
        f"{fitted.seconds:.0f} s of training"
    )
    print(f"\nPictures: {directory.path}/samples.png, {directory.path}/training.png")
    print("Next:")
    for command, rest in (
        ("evaluate", ""),
        ("sample", " --num_samples=1000"),
        ("score", " --input=new.csv --output=scores.csv"),
    ):
        if command != "score" or len(data.spec.event_shape) == 1:
            print(f"  python -m zoo.{command} --model_dir={directory.path}{rest}")
    print(f"  python -m export --model_dir={directory.path} --export_dir=serving")
    return report


def find_recipe(model: str) -> Recipe:
    """The recipe of a name of the zoo, or of a file.

    Raises:
        ValueError: If there is none.
    """
    recipe = getattr(registry.find("models", model), "RECIPE", None)
    if not isinstance(recipe, Recipe):
        raise ValueError(
            "A recipe file defines RECIPE, a zoo.recipe.Recipe; received "
            f"{model}, which does not. See zoo/models/maf.py for one."
        )
    return recipe


def recipe_digest(model: str) -> str | None:
    """SHA-256, in hex, of a recipe file; None for a name of the zoo."""
    if not model.endswith(".py"):
        return None
    return hashlib.sha256(Path(model).read_bytes()).hexdigest()


def training_fields(recipe: Recipe) -> Json:
    """The fields of a recipe that say how to train."""
    left_out = ("build", "dataset", "conditional", "references", "tiny")
    fields = (field.name for field in dataclasses.fields(recipe))
    return {name: getattr(recipe, name) for name in fields if name not in left_out}


def finish(
    model: GenerativeModel,
    data: DataSet,
    fitted: Fitted,
    directory: ModelDir,
    name: str,
) -> Json:
    """Writes the model, its numbers and pictures; the report last, as it says done."""
    # A fresh copy, as what `fit` added (the optimiser's moments) is of no use any more.
    copy = type(model).from_config(model.get_config())
    copy.set_weights(model.get_weights())
    with directory.replacing("model.keras") as path:
        copy.save(path)
    directory.write_arrays("examples.npz", evaluation.examples(model, data))
    report: Json = {
        "model": name,
        "dataset": data.spec.name,
        **evaluation.report_on(model, data),
        "num_parameters": model.count_params(),
        "epochs": fitted.epochs,
        "best_epoch": fitted.best_epoch,
        "steps": fitted.steps,
        "seconds": round(fitted.seconds, 1),
    }
    number = _PICTURE_IMAGES if data.spec.is_image else _PICTURE_SAMPLES
    context = showing.picture_contexts(data, number)
    samples = showing.draw(model, number, context=context)
    showing.draw_picture(directory.path / "samples.png", model, data, samples, context)
    term = model.term_names[0]
    pictures.training_curve(
        directory.path / "training.png", fitted.history, term=term, kind=model.kind
    )
    directory.write("report.json", report)
    return report
