"""One training run, from a recipe to a finished `model_dir`."""

import contextlib
import dataclasses
import hashlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import keras
import numpy as np

from tfgen import ConcreteMixtureVAE, Distillation, GenerativeModel
from tfgen.graphs import forget_graphs
from zoo import evaluation, labels, pictures, registry, showing, strategies
from zoo.checkpoints import Checkpoints
from zoo.data import DataSet, load
from zoo.fitting import Fitted, check_monitor, fit
from zoo.model_dir import Json, ModelDir, differences, versions
from zoo.recipe import Recipe
from zoo.strategies import Devices

_PICTURE_SAMPLES = 1000
_PICTURE_IMAGES = 100
# What workers must share beside their configuration.
_TOLD_TO_ALL = ("steps_per_execution", "on_nan")


@dataclasses.dataclass(frozen=True)
class Options:
    """What one training run is told; the command line's flags, in plain types.

    Attributes:
        model: Name of a model, or the path of a recipe.
        dataset: Name or path of the data; None for the recipe's own.
        data: Further arguments of `zoo.data.load`.
        model_dir: Where to write; None for `runs/MODEL-DATASET`.
        seed: Of weights, order and noise; of the rows whose labels are told, and of the
            split of a table of the user's own.
        settings: Options of the model, as texts.
        fields: Fields of the recipe to replace.
        overwrite: Whether to start anew in a used `model_dir`.
        steps_per_execution: Steps between two looks at the run; 0 chooses.
        on_nan: What to do where a number is not finite: `stop`, or `rollback`, back to
            the last checkpoint and on at half the learning rate, at most three times.
        strategy: What to train on: `none` for one device, `mirrored`, `multi_worker`.
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
    on_nan: str = "stop"
    strategy: str = "none"


@dataclasses.dataclass(frozen=True)
class Plan:
    """What a run is about to do: flags, recipe and data put together."""

    options: Options
    name: str
    recipe: Recipe
    arguments: Json
    data: DataSet
    directory: ModelDir
    config: Json
    teacher: "Plan | None" = None
    devices: Devices = dataclasses.field(default_factory=Devices)

    def build(self) -> GenerativeModel:
        """The model, not trained yet."""
        keras.utils.set_random_seed(self.options.seed)
        return self.recipe.build(self.data.spec, **self.arguments)


def train(options: Options) -> Json:
    """Trains as told, or prints the report of a run that is finished; returns it."""
    with strategies.devices(options.strategy).at_work(options.model_dir) as model_dir:
        return _train(dataclasses.replace(options, model_dir=model_dir))


def _train(options: Options) -> Json:
    plan = plan_run(options)
    finished = plan.directory.is_finished and not options.overwrite
    report = run_plan(plan)
    if finished:
        return report
    path = plan.directory.path
    print(f"\nPictures: {path}/samples.png, {path}/training.png")
    print("Next:")
    for command, rest in (
        ("evaluate", ""),
        ("sample", " --num_samples=1000"),
        ("score", " --input=new.csv --output=scores.csv"),
    ):
        if command != "score" or len(plan.data.spec.event_shape) == 1:
            print(f"  python -m zoo.{command} --model_dir={path}{rest}")
    print(f"  python -m export --model_dir={path} --export_dir=serving")
    return report


def plan_run(
    options: Options, data: DataSet | None = None, teachers: tuple[str, ...] = ()
) -> Plan:
    """The plan of a run; nothing is written yet.

    Args:
        options: What it is told.
        data: The data, where they are loaded already.
        teachers: Those of the students so far.
    """
    recipe, name = find_recipe(options.model), Path(options.model).stem
    if "num_labels" in options.fields and recipe.num_labels is None:
        raise ValueError(
            "Labels are told to models that take them as a prior; received num_labels="
            f"{options.fields['num_labels']} for {name}. Leave it out, or take "
            "gmvae_semisupervised."
        )
    recipe = dataclasses.replace(recipe, **options.fields)
    devices = strategies.devices(options.strategy)
    arguments = recipe.parse(options.settings)
    dataset = options.dataset or recipe.dataset
    if data is None:
        data = load(dataset, seed=options.seed, **options.data)
    if not recipe.conditional:
        if options.data.get("context"):
            raise ValueError(
                f"{name} models p(x) and takes no context; received --context="
                f"{','.join(options.data['context'])}. Leave it out, or take a "
                "conditional model: mdn, maf_conditional."
            )
    data = labels.for_model(
        data,
        conditional=recipe.conditional,
        num_labels=recipe.num_labels,
        seed=options.seed,
    )
    devices.check_batch_size(min(recipe.batch_size, len(data.train)))
    # Names of data sets may have blanks and brackets, which shells do not like.
    place = re.sub(r"[^\w.-]+", "-", Path(data.spec.name).stem).strip("-")
    directory = ModelDir(options.model_dir or f"runs/{name}-{place}")
    config = {
        "model": name,
        # What a recipe file of the user's own says; None for a name of the zoo.
        "recipe": recipe_digest(options.model),
        "settings": arguments,
        "dataset": {
            "name": dataset,
            **options.data,
            "fingerprint": data.fingerprint(),
            "spec": data.spec.to_json(),
        },
        "training": training_fields(recipe),
        "seed": options.seed,
        "versions": versions(),
    }
    plan = Plan(
        options, name, recipe, arguments, data, directory, config, devices=devices
    )
    if not recipe.teacher:
        return plan
    # The first student is none of them: flags may give it another teacher.
    if recipe.teacher in teachers:
        raise ValueError(
            "The last of a line of teachers has none itself; received "
            f"{', taught by '.join((*teachers, recipe.teacher))}, and so on. Give one "
            "of these recipes another teacher, or None."
        )
    return _with_teacher(plan, (*teachers, recipe.teacher))


def _with_teacher(plan: Plan, teachers: tuple[str, ...]) -> Plan:
    """The plan of a student, with that of the last teacher, named as for flags."""
    # Flags that say how to train are the student's, but for what the machine can do.
    fields = plan.options.fields
    options = dataclasses.replace(
        plan.options,
        model=teachers[-1],
        dataset=plan.config["dataset"]["name"],
        model_dir=str(plan.directory.teacher.path),
        settings={},
        fields={key: fields[key] for key in ("jit_compile",) if key in fields},
    )
    teacher = plan_run(options, plan.data, teachers)
    if teacher.recipe.conditional != plan.recipe.conditional:
        raise ValueError(
            "A teacher and its student are both p(x) or both p(x | context); received "
            f"the teacher {teacher.name} for {plan.name}, of which one is conditional. "
            "Give another --teacher."
        )
    shared = ("dataset", "seed", "versions")
    config = {k: v for k, v in teacher.config.items() if k not in shared}
    return dataclasses.replace(
        plan, config={**plan.config, "teacher": config}, teacher=teacher
    )


def run_plan(plan: Plan, stage: str = "") -> Json:
    """Runs a plan, that of the teacher first, or prints the report of a finished run.

    Args:
        plan: The plan.
        stage: What the lines of progress begin with.
    """
    data, directory, devices = plan.data, plan.directory, plan.devices
    context = data.train.context
    told = {name: getattr(plan.options, name) for name in _TOLD_TO_ALL}
    devices.require_alike({**plan.config, **told})
    model = plan.build()
    if plan.recipe.pretraining_epochs:
        _require_pretraining(model, plan)
    check_monitor(model, data, plan.recipe)
    if plan.teacher is not None:
        # What cannot be taught is refused before there is a teacher.
        untrained = Distillation(plan.teacher.build())
        untrained.check(model, None if context is None else context[:1])
    with contextlib.ExitStack() as stack:

        def enter() -> str:
            stack.enter_context(directory.locked())
            return directory.enter(plan.config, overwrite=plan.options.overwrite)

        state = devices.of_chief(enter)
        if state == "finished":
            directory.remove_checkpoints()  # If it was stopped as it did so.
            report = devices.of_chief(lambda: directory.report)
            print(f"{directory.path} holds this very run, finished; its report:")
            print(evaluation.describe(report, data.spec, plan.recipe.references))
            return report
        try:
            with _explained(directory):
                return _run(plan, model, stage, is_new=state == "new")
        finally:
            forget_graphs()  # Of one run after the other in a process.


@contextlib.contextmanager
def _explained(directory: ModelDir) -> Iterator[None]:
    """Says what to do where a directory cannot be written any more."""
    try:
        yield
    except OSError as error:
        # Some are explained already, and some are of a reader that went away.
        if error.errno is None or isinstance(error, BrokenPipeError):
            raise
        raise OSError(
            f"A model_dir must be writable until the end; received {directory.path} "
            f"({error.strerror}). Make room there; the same command then goes on from "
            "the last checkpoint."
        ) from error


def _run(plan: Plan, model: GenerativeModel, stage: str, *, is_new: bool) -> Json:
    """Trains the model in a directory that is entered."""
    name, data, options = plan.name, plan.data, plan.options
    directory, context, devices = plan.directory, data.train.context, plan.devices
    checkpoints = Checkpoints(directory, plan.config, options.on_nan)
    latest = checkpoints.load()
    if devices.workers > 1:
        devices.copy_of_chief(directory.path, checkpoints.files)
    if not devices.is_chief:
        latest = checkpoints.load()
    if not is_new:
        how = f"going on {latest}" if latest else "starting over"
        print(f"An earlier run in {directory.path} stopped before its end: {how}.")
    if latest is not None:
        changed = differences(latest.versions, plan.config["versions"])
        if changed:
            print(
                f"It began with other versions ({'; '.join(changed)}): numbers may "
                "differ from those of a run without a stop."
            )
    if latest is None:
        directory.clear()  # Of checkpoints, if there are any, none can be read.
    model.noise_seed = options.seed
    if latest is None:  # Else the checkpoint has what it starts.

        def start() -> list[np.ndarray]:
            model.adapt(data.train.x, context, seed=options.seed)
            return model.get_weights()

        model.set_weights(devices.arrays_of_chief(start))
    usual, taught = model.objective, None
    if plan.teacher is not None:
        print(f"Stage 1 of 2: {plan.teacher.name}, the teacher of {name}.")
        taught = run_plan(plan.teacher, "teacher")
        devices.copy_of_chief(plan.teacher.directory.path, ["model.keras"])
        model.objective = Distillation(plan.teacher.directory.load_model())
        stage = "student"
        print(f"\nStage 2 of 2: {name}, the student of {plan.teacher.name}.")
    print(
        f"{name} on {data.spec.name}: {model.count_params():,} parameters, "
        f"{len(data.train):,} training rows of {data.spec.num_features} features, "
        f"into {directory.path}"
    )
    if devices.count > 1:
        xla = ", without XLA" if plan.recipe.jit_compile else ""
        print(
            f"On {devices.count} devices of {devices.workers} "
            f"worker{'s' if devices.workers > 1 else ''}{xla}."
        )
    checkpoints.start()
    told = data
    if plan.recipe.pretraining_epochs:
        told = _pretrain(model, plan, checkpoints)
    fitted = fit(
        model,
        told,
        plan.recipe,
        seed=options.seed,
        checkpoints=checkpoints,
        steps_per_execution=options.steps_per_execution,
        stage=stage,
        devices=devices,
    )
    model.objective = usual
    report = devices.of_chief(
        lambda: finish(model, data, fitted, directory, name, taught)
    )
    directory.remove_checkpoints()
    print()
    print(evaluation.describe(report, data.spec, plan.recipe.references))
    print(
        f"  best epoch {fitted.best_epoch} of {fitted.epochs}, "
        f"{fitted.seconds:.0f} s of training"
    )
    for failure in fitted.rollbacks:
        print(
            f"  learning rate halved at step {failure['step']}, where the "
            f"{failure['term']} was not finite"
        )
    return report


def _require_pretraining(model: GenerativeModel, plan: Plan) -> None:
    if not isinstance(model, ConcreteMixtureVAE) or plan.teacher is not None:
        raise ValueError(
            "Pre-training learns codes in which categories are then looked for, and "
            f"takes no teacher; received pretraining_epochs="
            f"{plan.recipe.pretraining_epochs} for {plan.name}. Give 0, or take gmvae."
        )


def _pretrain(
    model: ConcreteMixtureVAE, plan: Plan, checkpoints: Checkpoints
) -> DataSet:
    """The first of two stages, codes; the data with categories guessed from them."""
    guess = checkpoints.carried.get("categories")
    if guess is None:
        recipe = dataclasses.replace(
            plan.recipe, epochs=plan.recipe.pretraining_epochs, patience=0
        )
        usual, model.objective = model.objective, model.pretraining
        print("Stage 1 of 2: codes without categories.")
        fit(
            model,
            plan.data,
            recipe,
            seed=plan.options.seed,
            checkpoints=checkpoints,
            steps_per_execution=plan.options.steps_per_execution,
            stage="pre-training",
            is_last=False,
            devices=plan.devices,
        )
        model.objective = usual
    print("Stage 2 of 2: categories, guessed from clusters of the codes.", flush=True)
    train = plan.data.train
    if guess is None:

        def start() -> list[np.ndarray]:
            seed = plan.options.seed
            found = model.start_categories(train.x, train.context, seed=seed)
            return [np.asarray(found), *model.get_weights()]

        guess, *weights = plan.devices.arrays_of_chief(start)
        model.set_weights(weights)
        checkpoints.carried["categories"] = guess
    told = dataclasses.replace(train, context=guess)
    return dataclasses.replace(plan.data, train=told)


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
    teacher: Json | None = None,
) -> Json:
    """Writes the model, its numbers and pictures; the report last, as it says done.

    Args:
        model: The trained model.
        data: The data set.
        fitted: How training went.
        directory: Where to write.
        name: The model's name.
        teacher: The report of its teacher, if it had one.
    """
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
    if fitted.rollbacks:
        report["rollbacks"] = fitted.rollbacks
    if teacher is not None:
        # Percentiles are of the student's scores alone.
        report["teacher"] = {
            key: value for key, value in teacher.items() if key != "train_quantiles"
        }
    number = _PICTURE_IMAGES if data.spec.is_image else _PICTURE_SAMPLES
    context = showing.picture_contexts(data, number)
    samples = showing.draw(model, number, context=context)
    showing.draw_picture(directory.path / "samples.png", model, data, samples, context)
    term = model.term_names[0]
    pictures.training_curve(
        directory.path / "training.png",
        fitted.history,
        term=term,
        kind=model.kind,
        title=f"{name} on {data.spec.name}",
    )
    directory.write("report.json", report)
    return report
