"""A training run: what it writes, that it repeats, and what it refuses."""

import csv
import json
import math
import shutil
from types import SimpleNamespace

import keras
import matplotlib.image
import numpy as np
import pytest
import tensorflow as tf

import tfgen
from tfgen import executions, random
from tfgen.distributions import Flow, StandardNormal
from tfgen.flows import ActNorm
from zoo import data, fitting, training
from zoo.checkpoints import Checkpoints
from zoo.evaluation import Scorer
from zoo.fitting import KeepBest, StopOnFailure, evaluation_batches, training_batches
from zoo.model_dir import ModelDir
from zoo.recipe import Recipe
from zoo.runs import open_run
from zoo.training import Options, train

FILES = {
    "config.json",
    "examples.npz",
    "metrics.csv",
    "model.keras",
    "report.json",
    "samples.png",
    "training.png",
}
SETTINGS = {"num_components": "2"}
FIELDS = {
    "epochs": 3,
    "batch_size": 16,
    "learning_rate": 0.01,
    "schedule": "cosine",
    "jit_compile": False,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A directory with a table of the user's own."""
    folder = tmp_path_factory.mktemp("training")
    rng = np.random.default_rng(0)
    label = np.arange(60) % 3
    x = rng.standard_normal([60, 2]) + 3.0 * label[:, None]
    with (folder / "table.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["height", "width", "kind"])
        writer.writerows(
            [f"{a:.5f}", f"{b:.5f}", k] for (a, b), k in zip(x, label, strict=True)
        )
    return folder


@pytest.fixture(scope="module")
def options(folder):
    """`Options` of a small run; keywords replace or, in `fields`, add."""

    def options(name, *, fields=(), settings=SETTINGS, **replaced):
        return Options(
            **{
                "model": "gmm",
                "dataset": str(folder / "table.csv"),
                "data": {"drop": ["kind"]},
                "model_dir": str(folder / name),
                "settings": settings,
                "fields": {**FIELDS, **dict(fields)},
                **replaced,
            }
        )

    return options


@pytest.fixture(scope="module")
def base(options):
    """The path of a finished run; tests that change it take a copy."""
    train(options("base"))
    return open_run(options("base").model_dir).directory.path


@pytest.fixture
def copy(base, tmp_path):
    return shutil.copytree(base, tmp_path / "copy")


def _read(path, *, timed=False):
    report = json.loads((path / "report.json").read_text())
    if not timed:
        del report["seconds"]
    return report


def _metrics(path):
    with (path / "metrics.csv").open(newline="") as file:
        return [
            {key: float(value) for key, value in row.items()}
            for row in csv.DictReader(file)
        ]


def _assert_consistent(path, data_dir=None):
    """The report says of the saved model what it says itself, computed anew."""
    run = open_run(str(path))
    splits = run.load_data(data_dir)
    answer = run.model.term_names[0]
    for name in ("validation", "test"):
        terms = Scorer(run.model)(splits.splits[name])
        assert set(run.report[name]) == set(run.model.term_names) == set(terms)
        for term, values in terms.items():
            estimate = run.report[name][term]
            assert estimate["mean"] == pytest.approx(values.mean(), rel=1e-6)
            error = values.std(ddof=1) / math.sqrt(len(values))
            assert estimate["standard_error"] == pytest.approx(error, rel=1e-5)
            assert estimate["rows"] == len(values)
    # The weights that were kept are the best on the validation rows.
    history = [row[f"val_{answer}"] for row in _metrics(path)]
    assert max(history) == pytest.approx(
        run.report["validation"][answer]["mean"], rel=1e-5
    )
    assert run.report["best_epoch"] == 1 + int(np.argmax(history))
    assert run.report["epochs"] == len(history)
    return run


# What a run writes.


def test_a_run_leaves_its_files_and_no_others(base):
    assert {p.name for p in base.iterdir()} == {*FILES, "logs"}
    for name in ("train", "validation"):
        (events,) = (base / "logs" / name).iterdir()
        assert events.stat().st_size > 0
    for name in ("samples.png", "training.png"):
        assert matplotlib.image.imread(base / name).std() > 0


def test_the_configuration_is_resolved(base, folder):
    config = json.loads((base / "config.json").read_text())
    assert config["model"] == "gmm"
    assert config["settings"] == {"num_components": 2, "covariance": "full"}
    recipe = training.find_recipe("gmm")
    assert config["training"] == {**training.training_fields(recipe), **FIELDS}
    dataset = config["dataset"]
    assert dataset["name"] == str(folder / "table.csv")
    assert data.DataSpec.from_json(dataset["spec"]).columns == ("height", "width")
    assert config["seed"] == 0


def test_metrics_have_a_row_an_epoch(base):
    rows = _metrics(base)
    assert [row["epoch"] for row in rows] == [1, 2, 3]
    assert set(rows[0]) == {
        "epoch",
        "loss",
        "log_prob",
        "val_log_prob",
        "learning_rate",
    }
    rates = [row["learning_rate"] for row in rows]
    np.testing.assert_allclose(rates, [0.0075, 0.0025, 0.0], rtol=1e-5, atol=1e-9)


def test_the_report_is_what_the_saved_model_says(base):
    run = _assert_consistent(base)
    splits = run.load_data()
    assert run.report["kind"] == run.model.kind == "exact"
    assert run.report["num_parameters"] == run.model.count_params() > 0
    assert run.report["steps"] == 9
    scores = run.model.log_prob(splits.test.x).numpy()
    assert run.report["test"]["log_prob"]["mean"] == pytest.approx(scores.mean())
    quantiles = np.quantile(run.model.log_prob(splits.train.x), np.linspace(0, 1, 1001))
    np.testing.assert_allclose(run.report["train_quantiles"], quantiles, rtol=1e-5)
    # What only training needs is not kept.
    assert not run.model.compiled


def test_examples_are_test_rows_with_the_answers_of_the_model(base):
    run = open_run(str(base))
    splits = run.load_data()
    with np.load(base / "examples.npz", allow_pickle=False) as examples:
        np.testing.assert_array_equal(examples["x"], splits.test.x[:64])
        seeds = random.row_seeds(0, tf.range(len(examples["x"])))
        np.testing.assert_array_equal(examples["seed"], seeds)
        scores = run.model.log_prob(examples["x"])
        np.testing.assert_allclose(examples["log_prob/log_prob"], scores, rtol=1e-5)
        samples = run.model.sample_rows(seeds)
        np.testing.assert_allclose(examples["sample/x"], samples, rtol=1e-5, atol=1e-5)


def test_a_run_tells_its_story_whosever_recipe_it_is(options, folder, base, capsys):
    (folder / "mine.py").write_text("from zoo.models.gmm import RECIPE as RECIPE\n")
    report = train(options("mine", model=str(folder / "mine.py")))
    assert report["model"] == "mine"
    assert report["test"] == _read(base)["test"]
    told = capsys.readouterr().out
    lines = told.splitlines()
    assert lines[0].startswith("mine on table: 20 parameters, 48 training rows of 2 ")
    assert lines[1].startswith("epoch 1/3")
    assert lines[1].endswith("best so far")
    assert lines[3].startswith("epoch 3/3")
    assert "loss" not in told  # It is minus log_prob, which is there.
    for command in ("evaluate", "sample", "score"):
        assert f"python -m zoo.{command} --model_dir={folder / 'mine'}" in told


# Starting again.


def test_an_unfinished_run_starts_over_and_repeats_itself(base, copy, options, capsys):
    (copy / "report.json").unlink()
    (copy / "model.keras").write_text("half of it")
    train(options("", model_dir=str(copy)))
    assert "stopped before its end: starting over" in capsys.readouterr().out
    assert _read(copy) == _read(base)
    assert _metrics(copy) == _metrics(base)
    assert len(list((copy / "logs" / "train").iterdir())) == 1


def test_a_finished_run_prints_its_report(base, options, capsys):
    before = {path: path.stat().st_mtime_ns for path in base.iterdir()}
    assert train(options("base")) == _read(base, timed=True)
    told = capsys.readouterr().out
    assert "holds this very run, finished" in told
    assert f"{_read(base)['test']['log_prob']['mean']:.3f}" in told
    assert {path: path.stat().st_mtime_ns for path in base.iterdir()} == before


def test_another_seed_is_another_run(base, copy, options):
    (copy / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match=r"differs in .*; seed: was 0, is 1\. Give"):
        train(options("", model_dir=str(copy), seed=1))
    assert _read(copy) == _read(base)
    train(options("", model_dir=str(copy), seed=1, overwrite=True))
    assert _metrics(copy) != _metrics(base)
    assert _read(copy)["test"] != _read(base)["test"]
    assert {p.name for p in copy.iterdir()} == {*FILES, "logs", "notes.txt"}


OTHERS = {
    "epochs": ({"fields": {"epochs": 4}}, "training.epochs: was 3, is 4"),
    "setting": (
        {"settings": {"num_components": "3"}},
        "settings.num_components: was 2, is 3",
    ),
    "default": ({"settings": {}}, "settings.num_components: was 2, is 20"),
    "data": ({"data": {"drop": ["kind", "width"]}}, r"dataset.drop: was \['kind'\]"),
    "model": ({"model": "maf", "settings": {}}, "model: was gmm, is maf"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_another_configuration_is_refused(options, base, name):
    replaced, message = OTHERS[name]
    before = _read(base)
    with pytest.raises(ValueError, match=f"differs in .*{message}.*--overwrite"):
        train(options("base", **replaced))
    assert _read(base) == before


def test_a_setting_at_its_default_is_the_same_run(options, base, capsys):
    recipe = training.find_recipe("gmm")
    fields = {"clip_norm": recipe.clip_norm, "patience": recipe.patience}
    train(options("base", settings={**SETTINGS, "covariance": "full"}, fields=fields))
    assert "finished" in capsys.readouterr().out


def test_places_that_are_not_for_runs_are_refused(folder, options):
    with pytest.raises(ValueError, match="holds other files"):
        train(options("", model_dir=str(folder), overwrite=True))
    with pytest.raises(OSError, match="must be writable"):
        train(options("table.csv/below"))


# How to train.

WAYS = {
    "averaged": {"weight_averaging": 0.9},
    "plain": {"schedule": "constant", "clip_norm": 0.0, "weight_decay": 1e-3},
    "one batch": {"batch_size": 1000},
    "compiled": {"jit_compile": True},
}


@pytest.mark.parametrize("name", WAYS)
def test_ways_to_train(options, base, name):
    path = ModelDir(options(name).model_dir).path
    train(options(name, fields=WAYS[name]))
    _assert_consistent(path)
    rows, others = _metrics(path), _metrics(base)
    assert rows[-1]["loss"] < rows[0]["loss"]
    if name == "compiled":
        assert rows == [pytest.approx(row, rel=1e-4, abs=1e-9) for row in others]
    else:
        assert rows != others
    if name == "averaged":
        # Training itself is not changed by averaging, only what is validated.
        assert rows[0]["loss"] == pytest.approx(others[0]["loss"], rel=1e-5)
    if name == "plain":
        assert [row["learning_rate"] for row in rows] == pytest.approx([0.01] * 3)
    if name == "one batch":
        assert _read(path)["steps"] == 3


def test_long_runs_compute_batches_in_parts(options, base, monkeypatch):
    path, parts = ModelDir(options("parts").model_dir).path, []
    in_parts = executions.in_parts

    def count(function, num_parts, *batch):
        parts.append(num_parts)
        return in_parts(function, num_parts, *batch)

    monkeypatch.setattr("tfgen.base.in_parts", count)
    monkeypatch.setattr(fitting, "_MANY_STEPS", 9)
    train(options("parts", fields={"jit_compile": True}))
    assert set(parts) == {2}
    rows, others = _metrics(path), _metrics(base)
    assert rows == [pytest.approx(row, rel=1e-4, abs=1e-9) for row in others]


def test_parts_are_for_many_steps_of_small_models_by_xla_on_cpus(monkeypatch):
    def parts(steps=10_000, weights=2_000_000, gpus=0, *, jit_compile=True):
        monkeypatch.setattr(tf.config, "list_physical_devices", lambda _: [0] * gpus)
        model = SimpleNamespace(count_params=lambda: weights)
        return fitting.plan_parts(model, steps, jit_compile=jit_compile)

    assert parts() == 2
    assert parts(steps=9_999) == 1
    assert parts(weights=2_000_001) == 1
    assert parts(gpus=1) == 1
    assert parts(jit_compile=False) == 1


def test_looking_more_often_changes_nothing(options, base):
    report = train(options("looks", steps_per_execution=1))
    assert report["steps"] == 9
    assert report["test"]["log_prob"] == pytest.approx(
        _read(base)["test"]["log_prob"], rel=1e-5
    )


def test_patience_ends_a_run_and_the_best_weights_are_kept(options, folder):
    # At so large a rate it goes up and down.
    fields = {"epochs": 30, "patience": 3, "learning_rate": 1.0}
    report = train(options("patience", fields={**fields, "schedule": "constant"}))
    assert report["best_epoch"] == report["epochs"] - 3 < 27
    assert report["steps"] == 3 * report["epochs"]
    _assert_consistent(folder / "patience")


def test_numbers_that_explode_end_the_run_and_are_named(options):
    failing = options("failing", fields={"learning_rate": 1e30})
    with pytest.raises(ArithmeticError, match="at step 2 the log_prob was not finite"):
        train(failing)
    directory = ModelDir(failing.model_dir)
    assert not directory.is_finished
    assert directory.config["training"]["learning_rate"] == 1e30


# Context.


def test_a_conditional_model_gets_its_context(options, folder):
    settings = {"num_components": "2", "hidden_units": "4"}
    train(options("mdn", model="mdn", settings=settings, data={"context": ["kind"]}))
    run = _assert_consistent(folder / "mdn")
    assert run.spec.context == data.ContextSpec((), "int32", 3, ("kind",))
    test = run.load_data().test
    scores = run.model.log_prob(test.x, test.context)
    assert run.report["test"]["log_prob"]["mean"] == pytest.approx(
        float(tf.reduce_mean(scores))
    )
    assert np.any(scores != run.model.log_prob(test.x, (test.context + 1) % 3))
    with np.load(folder / "mdn" / "examples.npz") as examples:
        np.testing.assert_array_equal(examples["context"], test.context)


@pytest.fixture(scope="module")
def digits(options, folder):
    train(
        options(
            "digits",
            model="made_gaussian",
            dataset=None,
            data={},
            settings={"hidden_units": "8"},
            fields={"epochs": 1, "batch_size": 500},
        )
    )
    return folder / "digits"


def test_an_unconditional_model_does_without_labels(digits):
    run = _assert_consistent(digits)
    assert run.spec.name == "digits"  # The recipe's own.
    assert run.spec.context is None
    assert run.load_data().test.context is None
    assert run.report["kind"] == "lower_bound"
    bits = -run.report["test"]["elbo"]["mean"] / (64 * math.log(2))
    assert run.report["bits_per_dim"] == pytest.approx(bits)
    with np.load(digits / "examples.npz") as examples:
        assert "context" not in examples
        scores = Scorer(run.model)(run.load_data().test)["elbo"]
        np.testing.assert_allclose(examples["elbo/elbo"], scores[:64], rtol=1e-5)
        # A flow also encodes and decodes, from the noise that it encoded to.
        np.testing.assert_allclose(
            examples["encode/z"], run.model.encode(examples["x"]), rtol=1e-4, atol=1e-4
        )
        np.testing.assert_array_equal(examples["z"], examples["encode/z"])
        np.testing.assert_array_equal(examples["decode/x"], examples["x"])


def test_numbers_do_not_depend_on_the_batch_size(digits, monkeypatch):
    run = open_run(str(digits))
    test = run.load_data().test
    expected = Scorer(run.model)(test)["elbo"]
    monkeypatch.setattr(fitting, "_EVALUATION_BATCH", 7)
    scores = Scorer(run.model)(test)["elbo"]
    np.testing.assert_allclose(scores, expected, rtol=1e-5)
    part = data.Split(test.x[100:120])
    scores = Scorer(run.model)(part, first_row=100)["elbo"]
    np.testing.assert_allclose(scores, expected[100:120], rtol=1e-5)
    # Another seed is other noise.
    assert np.all(Scorer(run.model, seed=1)(part)["elbo"] != scores)


CONTEXTS = {
    "unconditional with context": (
        {"data": {"context": ["kind"]}},
        "gmm models p(x) and takes no context; received --context=kind.",
    ),
    "conditional without": (
        {"model": "mdn", "settings": {}},
        "mdn is conditional and needs data with a context; received table",
    ),
}


@pytest.mark.parametrize("name", CONTEXTS)
def test_a_context_that_does_not_fit_is_refused(options, folder, name):
    replaced, message = CONTEXTS[name]
    with pytest.raises(ValueError, match="context") as error:
        train(options("refused", **replaced))
    assert str(error.value).startswith(message)
    assert not (folder / "refused").exists()


# Two stages: a student after its teacher.


TEACHER = """
import dataclasses

from zoo.models import maf


def build(spec):
    return maf.build(spec, num_steps=1, hidden_units=(8,))


RECIPE = dataclasses.replace(
    maf.RECIPE, build=build, epochs=2, batch_size=4, learning_rate=0.05
)
"""


@pytest.fixture(scope="module")
def distilled(options, folder):
    """A function that gives `Options` for a student of a small teacher."""
    teacher = folder / "small_teacher.py"
    teacher.write_text(TEACHER)

    def distilled(name, **replaced):
        settings = {"num_steps": "1", "hidden_units": "8"}
        fields = {"teacher": str(teacher), "learning_rate": 0.1}
        return options(
            name,
            **{
                "model": "iaf_distilled",
                "settings": settings,
                "fields": fields,
                **replaced,
            },
        )

    return distilled


@pytest.fixture(scope="module")
def student(distilled):
    """The path of a finished run of a student; tests that change it take a copy."""
    train(distilled("student"))
    return open_run(distilled("student").model_dir).directory.path


@pytest.fixture
def student_copy(student, tmp_path):
    return shutil.copytree(student, tmp_path / "student")


def _times(path):
    return {p: p.stat().st_mtime_ns for p in path.rglob("*")}


def test_a_student_and_its_teacher_are_two_runs(student):
    assert {p.name for p in student.iterdir()} == {*FILES, "logs", "teacher"}
    assert {p.name for p in (student / "teacher").iterdir()} == {*FILES, "logs"}
    run = _assert_consistent(student)
    teacher = _assert_consistent(student / "teacher")
    np.testing.assert_array_equal(run.load_data().train.x, teacher.load_data().train.x)
    # The flags on training are the student's: the teacher's recipe has its own.
    assert (run.report["epochs"], teacher.report["epochs"]) == (3, 2)
    assert (run.report["steps"], teacher.report["steps"]) == (9, 24)
    # But for what the machine can do.
    assert teacher.config["training"]["jit_compile"] is False
    shown = {k: v for k, v in teacher.report.items() if k != "train_quantiles"}
    assert run.report["teacher"] == shown
    for key in ("model", "recipe", "settings", "training"):
        assert run.config["teacher"][key] == teacher.config[key]


def test_a_student_learns_from_its_teacher_and_is_saved_alone(student):
    run, teacher = open_run(str(student)), open_run(str(student / "teacher"))
    assert type(run.model.objective) is tfgen.MaximumLikelihood
    recipe = training.find_recipe("iaf_distilled")
    untrained = recipe.build(run.spec, num_steps=1, hidden_units=(8,))
    assert run.model.count_params() == untrained.count_params()
    # The losses were divergences from this teacher, as they were and are.
    losses = [row["loss"] for row in _metrics(student)]
    untrained.adapt(run.load_data().train.x)
    inputs = {"x": tf.constant(run.load_data().test.x[:1])}
    seeds = random.row_seeds(0, tf.range(2000))
    objective = tfgen.Distillation(teacher.model)
    before, after = (
        np.mean(objective(model, inputs, seeds, tf.constant(0))[0])
        for model in (untrained, run.model)
    )
    assert losses[-1] == pytest.approx(after, abs=0.3)
    assert losses[-1] < -0.5 * run.report["test"]["log_prob"]["mean"]
    assert after < losses[0] < before
    assert after < 0.25 * before


def test_a_student_tells_its_story_in_stages(distilled, student_copy, capsys):
    (student_copy / "report.json").unlink()
    (student_copy / "teacher" / "report.json").unlink()
    before = _read_metrics(student_copy)
    train(distilled("", model_dir=str(student_copy)))
    # Both start over, and repeat themselves.
    assert _read_metrics(student_copy) == before
    told = capsys.readouterr().out
    stages = told.split(
        "\nStage 2 of 2: iaf_distilled, the student of small_teacher.\n"
    )
    first, second = (stage.splitlines() for stage in stages)
    start = first.index("Stage 1 of 2: small_teacher, the teacher of iaf_distilled.")
    assert first[start + 2].startswith("small_teacher on table: ")
    assert first[start + 3].startswith("teacher epoch 1/2")
    assert not any("zoo.evaluate" in line for line in first)
    assert second[0].startswith("iaf_distilled on table: ")
    assert second[1].startswith("student epoch 1/3")
    assert "loss" in second[1]
    assert told.count("zoo.evaluate") == 1
    mean = _read(student_copy)["teacher"]["test"]["log_prob"]["mean"]
    (line,) = [line for line in second if line.startswith("  teacher")]
    assert f"{mean:.3f}" in line
    assert line.endswith("(small_teacher, 6 test rows)")


def _read_metrics(path):
    return [_metrics(path), _metrics(path / "teacher")]


def test_a_finished_student_prints_its_report(distilled, student, capsys):
    before = _times(student)
    assert train(distilled("student")) == _read(student, timed=True)
    told = capsys.readouterr().out
    assert "holds this very run, finished" in told
    assert "Stage" not in told
    assert "(small_teacher, 6 test rows)" in told
    assert _times(student) == before


def test_an_unfinished_student_takes_its_finished_teacher(
    distilled, student, student_copy, capsys
):
    (student_copy / "report.json").unlink()
    before = _times(student_copy / "teacher")
    train(distilled("", model_dir=str(student_copy)))
    told = capsys.readouterr().out
    assert f"{student_copy / 'teacher'} holds this very run, finished" in told
    assert _times(student_copy / "teacher") == before
    assert _read(student_copy)["test"] == _read(student)["test"]
    assert _read_metrics(student_copy) == _read_metrics(student)


def test_another_teacher_is_another_run(distilled, student, student_copy):
    other = distilled("student", fields={"teacher": "maf"})
    with pytest.raises(ValueError, match=r"teacher.model: was small_teacher, is maf"):
        train(other)
    # A teacher that trains otherwise is another one too.
    config = json.loads((student_copy / "config.json").read_text())
    config["teacher"]["training"]["epochs"] = 7
    ModelDir(student_copy).write("config.json", config)
    with pytest.raises(ValueError, match="teacher.training.epochs: was 7, is 2"):
        train(distilled("", model_dir=str(student_copy)))


def test_starting_anew_leaves_no_teacher_behind(options, student_copy):
    train(options("", model_dir=str(student_copy), overwrite=True))
    assert {p.name for p in student_copy.iterdir()} == {*FILES, "logs"}


UNTEACHABLE = {
    "mixture": ({"model": "gmm"}, TypeError, "received Flow, which chooses among"),
    "conditional": (
        {"fields": {"teacher": "maf_conditional"}},
        ValueError,
        "both p.x. or .* the teacher maf_conditional for iaf_distilled, of which one",
    ),
    "unknown": ({"fields": {"teacher": "mfa"}}, ValueError, "did you mean 'maf'"),
}


@pytest.mark.parametrize("name", UNTEACHABLE)
def test_what_cannot_be_taught_is_refused_before_anything(distilled, folder, name):
    replaced, error, message = UNTEACHABLE[name]
    if name == "mixture":
        replaced = {**replaced, "settings": SETTINGS}
    with pytest.raises(error, match=message):
        train(distilled("unteachable", **replaced))
    assert not (folder / "unteachable").exists()


@pytest.mark.parametrize("length", [1, 2])
def test_teachers_that_come_round_again_are_refused(distilled, folder, length):
    files = [folder / f"round_{index}_of_{length}.py" for index in range(length)]
    for file, teacher in zip(files, [*files[1:], files[0]], strict=True):
        file.write_text(TEACHER.replace("epochs=2", f"teacher={str(teacher)!r}"))
    line = ", taught by ".join(map(str, [*files[::-1], files[-1]]))
    with pytest.raises(ValueError, match="of teachers has none itself") as error:
        train(distilled("round", model=str(files[0]), settings={}, fields={}))
    assert f"; received {line}, and so on. Give" in str(error.value)
    assert not (folder / "round").exists()


def test_a_recipe_may_teach_itself_what_its_own_teacher_taught(distilled):
    plan = training.plan_run(distilled("plan", fields={"teacher": "iaf_distilled"}))
    assert (plan.name, plan.teacher.name) == ("iaf_distilled", "iaf_distilled")
    assert plan.teacher.teacher.name == "maf"
    assert plan.teacher.teacher.teacher is None


# The parts of the loop.


OPTIMIZERS = {
    "plain": (
        {"clip_norm": 0.0},
        {"global_clipnorm": None, "weight_decay": None, "use_ema": False},
    ),
    "clipped": ({"clip_norm": 3.0}, {"global_clipnorm": None}),
    "decay": ({"weight_decay": 0.01}, {"weight_decay": 0.01}),
    "average": ({"weight_averaging": 0.5}, {"use_ema": True, "ema_momentum": 0.5}),
    "compiled": ({"jit_compile": True}, {}),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_optimizer_is_as_the_recipe_says(tmp_path, name):
    fields, attributes = OPTIMIZERS[name]
    fields = {"jit_compile": False, **fields}
    recipe = Recipe(build=tfgen.maf, dataset="", epochs=1, **fields)
    model = tfgen.DensityModel(Flow(StandardNormal([2]), [ActNorm([2])]))
    rows = data.Split(np.zeros([30, 2], "float32"))
    known = data.DataSet(data.DataSpec("rows", (2,), "float32"), rows, rows, rows)
    checkpoints = Checkpoints(ModelDir(tmp_path))
    fitting.fit(model, known, recipe, seed=0, checkpoints=checkpoints)
    for attribute, value in attributes.items():
        assert getattr(model.optimizer, attribute) == value
    assert model.clip_norm == recipe.clip_norm
    assert model.jit_compile is recipe.jit_compile
    assert type(model.optimizer) is keras.optimizers.Adam


class Toy:
    """Stands for a model whose weights are the number of the epoch."""

    def __init__(self):
        self.weights = []
        self.stop_training = False

    def get_weights(self):
        return self.weights

    def set_weights(self, weights):
        self.weights = weights


NAN, INF = math.nan, math.inf
HISTORIES = {
    "rising": ([1, 2, 3], 1, 2, 3),
    "falling": ([3, 2, 1], 0, 0, 3),
    "falling, no patience": ([3, 2, 1], 1, 0, 2),
    "falling, some patience": ([3, 2, 1, 0], 2, 0, 3),
    "patience starts anew": ([1, 0, 2, 1, 0, 5], 2, 2, 5),
    "equal": ([1, 1, 1], 0, 0, 3),
    "below everything": ([-INF, -5, -6], 0, 1, 3),
    "no number at first": ([NAN, -5, -6], 0, 1, 3),
    "no number later": ([1, NAN, NAN], 2, 0, 3),
    "no number at all": ([NAN, NAN], 0, 0, 2),
}


@pytest.mark.parametrize("name", HISTORIES)
def test_the_best_weights_are_kept(name):
    values, patience, best_epoch, epochs = HISTORIES[name]
    toy, best = Toy(), KeepBest("val_elbo", patience)
    best.set_model(toy)
    run = 0
    for epoch, value in enumerate(values):
        toy.weights = [np.array(epoch)]
        best.on_epoch_end(epoch, {"val_elbo": value, "elbo": -value})
        run += 1
        if toy.stop_training:
            break
    best.restore()
    assert (best.epoch, run) == (best_epoch, epochs)
    assert toy.weights == [best_epoch]


def test_a_failure_is_named_by_step_and_term():
    stop = StopOnFailure()
    failure = None
    watch = SimpleNamespace(failure=lambda: failure)
    stop.set_model(SimpleNamespace(first_non_finite=watch))
    stop.on_train_batch_end(0)
    failure = (41, "kl")
    with pytest.raises(ArithmeticError, match="at step 42 the kl was not finite"):
        stop.on_train_batch_end(1)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([1], (1, 1)),
        ([11], (11, 11)),
        ([50], (50, 50)),
        ([51], (50, 50)),
        ([52], (52, 26)),
        ([97], (96, 48)),
        ([100], (100, 50)),
        ([390], (390, 39)),
        ([3, 1], (3, 1)),
        ([3, 2], (2, 2)),
        ([3, 9], (3, 3)),
        ([1000, 100], (1000, 100)),
    ],
)
def test_steps_are_a_multiple_of_those_between_looks(arguments, expected):
    assert fitting.plan_steps(*arguments) == expected


def test_nearly_all_batches_are_used():
    for available in range(1, 2000):
        steps, between_looks = fitting.plan_steps(available)
        assert steps % between_looks == 0
        assert between_looks <= 50
        assert 0.98 * available <= steps <= available


def _numbered(rows):
    return data.Split(np.arange(rows, dtype="float32"), np.arange(rows) * 10)


def _epochs(rows, batch_size, steps, epochs, seed):
    """The rows of each epoch in their order, `[epochs, steps * batch_size]`."""
    batches = list(training_batches(_numbered(rows), batch_size, steps, epochs, seed))
    assert len(batches) == epochs * steps
    for batch in batches:
        assert batch["x"].shape == (batch_size,)
        np.testing.assert_array_equal(batch["context"], batch["x"].numpy() * 10)
    return np.reshape([batch["x"] for batch in batches], [epochs, -1])


def test_each_epoch_is_a_permutation():
    order = _epochs(rows=20, batch_size=5, steps=4, epochs=3, seed=0)
    np.testing.assert_array_equal(np.sort(order), [np.arange(20)] * 3)
    assert len(np.unique(order, axis=0)) == 3
    assert np.all(np.any(order != np.arange(20), axis=1))


def test_the_order_is_a_function_of_seed_and_epoch():
    order = _epochs(rows=20, batch_size=5, steps=4, epochs=2, seed=3)
    more = _epochs(rows=20, batch_size=10, steps=2, epochs=4, seed=3)
    np.testing.assert_array_equal(more[:2], order)
    assert np.any(_epochs(20, 5, 4, 2, seed=4) != order)


def test_the_rows_left_out_change_with_the_epoch():
    order = _epochs(rows=20, batch_size=6, steps=3, epochs=12, seed=0)
    assert all(len(np.unique(rows)) == 18 for rows in order)
    assert set(order.flatten()) == set(range(20))


@pytest.mark.parametrize("rows", [1, 6, 7, 15])
def test_evaluation_pads_with_weight_zero(monkeypatch, rows):
    monkeypatch.setattr(fitting, "_EVALUATION_BATCH", 6)
    batches = list(evaluation_batches(_numbered(rows), seed=5, first_row=100))
    inputs, targets, weights = ([batch[i] for batch in batches] for i in range(3))
    sizes = {len(w) for w in weights}
    assert sizes == {min(rows, 6)}
    np.testing.assert_array_equal(targets, weights)
    weights = np.concatenate(weights)
    np.testing.assert_array_equal(np.flatnonzero(weights), np.arange(rows))
    seeds = np.concatenate([i["seed"] for i in inputs])[:rows]
    np.testing.assert_array_equal(seeds, random.row_seeds(5, tf.range(100, 100 + rows)))
    x = np.concatenate([i["x"] for i in inputs])
    np.testing.assert_array_equal(x[:rows], np.arange(rows))
    np.testing.assert_array_equal(x[rows:], rows - 1)


def test_pictures_of_conditional_models_show_the_classes_in_turn():
    from zoo.showing import picture_contexts

    spec = data.DataSpec(
        "labels", (1,), "float32", context=data.ContextSpec((), "int32", 3)
    )
    split = data.Split(np.zeros([4, 1], "float32"), np.zeros(4, "int32"))
    labelled = data.DataSet(spec, split, split, split)
    np.testing.assert_array_equal(picture_contexts(labelled, 7), [0, 1, 2, 0, 1, 2, 0])
    assert picture_contexts(labelled.without_context(), 7) is None
