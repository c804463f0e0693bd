"""Labels that a model is told, those that it is not, and what is said of both."""

import contextlib
import csv
import dataclasses
import io
import json
from types import SimpleNamespace

import numpy as np
import pytest

from zoo import classification, evaluation, labels, latents, showing
from zoo.data import ContextSpec, DataSet, DataSpec, Split, load
from zoo.datasets import digits
from zoo.models import gmvae, gmvae_semisupervised, gmvae_supervised
from zoo.runs import open_run
from zoo.tables import iterate_rows
from zoo.training import Options, train

SETTINGS = {"latents": "2", "hidden_units": "32"}
FIELDS = {"epochs": 2, "batch_size": 100, "jit_compile": False}


@pytest.fixture(scope="module")
def data():
    return digits.load(data_dir=None, seed=0)


@pytest.mark.parametrize("num_labels", [0, 10, 13, 100])
def test_as_many_rows_of_each_class_are_told(data, num_labels):
    hidden = labels.hide(data, num_labels, seed=3)
    told = hidden.train.context
    known = told >= 0
    assert known.sum() == num_labels
    np.testing.assert_array_equal(told[known], data.train.context[known])
    counts = np.bincount(told[known], minlength=10)
    assert counts.max() - counts.min() <= 1
    np.testing.assert_array_equal(told[~known], -1)
    assert told.dtype == data.train.context.dtype


def test_which_rows_is_the_choice_of_the_seed(data):
    chosen = [labels.hide(data, 100, seed).train.context for seed in (0, 0, 1)]
    np.testing.assert_array_equal(chosen[0], chosen[1])
    assert np.any(chosen[0] != chosen[2])
    fingerprints = {labels.hide(data, 100, seed).fingerprint() for seed in (0, 1)}
    assert len({*fingerprints, data.fingerprint()}) == 3


@pytest.mark.parametrize("num_labels", [0, 100, labels.ALL])
def test_labels_of_tests_are_never_told(data, num_labels):
    hidden = labels.hide(data, num_labels, seed=0)
    for name, split in hidden.splits.items():
        np.testing.assert_array_equal(split.label, data.splits[name].context)
        np.testing.assert_array_equal(split.x, data.splits[name].x)
        if name != "train":
            np.testing.assert_array_equal(split.context, -1)
    if num_labels == labels.ALL:
        np.testing.assert_array_equal(hidden.train.context, data.train.context)
    context = dataclasses.replace(data.spec.context, optional=True)
    assert hidden.spec == dataclasses.replace(data.spec, context=context)


def test_what_has_no_labels_can_be_told_none(data):
    none = data.without_context()
    assert labels.hide(none, 0, seed=0).fingerprint() == none.fingerprint()
    with pytest.raises(ValueError, match="num_labels=5 for digits, which has none"):
        labels.hide(none, 5, seed=0)
    with pytest.raises(ValueError, match=r"where class \d has \d+ training rows"):
        labels.hide(data, 1400, seed=0)


TABLE = DataSpec("table", (2,), "float32", context=ContextSpec((1,), "float32"))
BUILD = {
    "numbers": (gmvae, TABLE, "received table, whose context is numbers"),
    "no class": (
        gmvae_semisupervised,
        dataclasses.replace(TABLE, context=None),
        "gmvae_semisupervised needs .* received table",
    ),
    "numbers for classes": (
        gmvae_supervised,
        TABLE,
        "gmvae_supervised needs .* received table",
    ),
}


@pytest.mark.parametrize("name", BUILD)
def test_recipes_say_which_labels_they_take(name):
    recipe, spec, message = BUILD[name]
    with pytest.raises(ValueError, match=message):
        recipe.build(spec)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Finished runs of each recipe, and what they said."""
    folder, told = tmp_path_factory.mktemp("runs"), {}
    for name in ("gmvae", "gmvae_semisupervised", "gmvae_supervised"):
        fields = dict(FIELDS)
        if name != "gmvae_supervised":
            fields["pretraining_epochs"] = 2
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            train(
                Options(
                    model=name,
                    model_dir=str(folder / name),
                    settings=SETTINGS,
                    fields=fields,
                )
            )
        told[name] = out.getvalue()
    return folder, told


def test_runs_tell_their_stages_and_what_categories_are_worth(runs):
    _, told = runs
    for name, text in told.items():
        has_stages = name != "gmvae_supervised"
        assert ("Stage 1 of 2: codes without categories." in text) == has_stages
        assert ("pre-training epoch 2/2" in text) == has_stages
        assert "test       discrete elbo" in text
        assert "test       matched" in text
    assert "no label told" in told["gmvae"]
    assert "test       accuracy" not in told["gmvae"]
    assert "test       accuracy" in told["gmvae_semisupervised"]
    assert "100 training labels told" in told["gmvae_semisupervised"]
    assert "1,439 training labels told" in told["gmvae_supervised"]


@pytest.mark.parametrize("name", ["gmvae", "gmvae_semisupervised"])
def test_the_report_is_what_the_saved_model_says(runs, name):
    run = open_run(str(runs[0] / name))
    # The same rows are told again.
    data = run.load_data()
    numbers = json.loads(json.dumps(evaluation.report_on(run.model, data)))
    assert numbers == {key: run.report[key] for key in numbers}
    known = data.test.label
    found = np.argmax(run.model.classify(data.test.x), axis=1)
    matched = run.report["classification"]["test"]["clustering_accuracy"]
    assert matched >= np.mean(found == known)
    if name != "gmvae":
        accuracy = run.report["classification"]["test"]["accuracy"]
        assert accuracy == pytest.approx(np.mean(found == known))


@pytest.mark.parametrize("name", ["gmvae", "gmvae_semisupervised"])
def test_codes_are_drawn_with_labels_or_without(runs, name, tmp_path):
    run = open_run(str(runs[0] / name))
    drawn = latents.draw_pictures(tmp_path, run.model, run.load_data())
    others = {"skeletons", "traversals", "histograms", "factors"}
    names = [name for name in latents.PICTURES if name not in others]
    assert [path.stem for path in drawn] == names


def test_samples_have_classes_where_categories_are_classes(runs):
    expected = {"gmvae": [-1] * 12, "gmvae_semisupervised": [*range(10), 0, 1]}
    for name, context in expected.items():
        data = open_run(str(runs[0] / name)).load_data()
        assert labels.are_told(data) == (name != "gmvae")
        np.testing.assert_array_equal(showing.picture_contexts(data, 12), context)


def test_the_discrete_bound_is_beside_the_relaxed_one(runs):
    report = open_run(str(runs[0] / "gmvae")).report
    for split in ("validation", "test"):
        assert report["discrete"][split].keys() == report[split].keys()
        terms = report["discrete"][split]
        parts = [terms[name]["mean"] for name in ("log_likelihood", "kl_z", "kl_s")]
        assert terms["elbo"]["mean"] == pytest.approx(parts[0] - parts[1] - parts[2])
        assert 0 <= terms["kl_s"]["mean"] <= np.log(10)


def test_all_metrics_are_of_the_last_stage(runs):
    text = (runs[0] / "gmvae" / "metrics.csv").read_text().splitlines()
    assert len(text) == 1 + FIELDS["epochs"]


def test_categories_are_those_of_large_chunks_too(runs, monkeypatch):
    run = open_run(str(runs[0] / "gmvae"))
    x = run.load_data().test.x
    together = classification.log_probs(run.model, x)
    monkeypatch.setattr(classification, "_CHUNK", 50)
    apart = classification.log_probs(run.model, x)
    np.testing.assert_allclose(apart, together, rtol=1e-4, atol=1e-5)


def _answers(*, told=True, grouped=True):
    """A model whose answers are its data, and five rows: 7 has three, 2 and 4 one."""
    x = np.log([[0.9, 0.1], [0.9, 0.1], [0.4, 0.6], [0.4, 0.6], [0.3, 0.7]])
    group = np.array([7, 2, 7, 7, 4]) if grouped else None
    label = np.array([0, 1, 0, 0, 1])
    split = Split(x, np.full(5, 0 if told else -1), label=label, group=group)
    spec = DataSpec("answers", (2,), "float32", context=ContextSpec((), "int32", 2))
    model = SimpleNamespace(category_log_prob=lambda x: x)
    return classification.agreement(model, DataSet(spec, split, split, split))


def test_groups_have_the_category_of_the_highest_sum():
    report = _answers()
    for name in ("validation", "test"):
        # Of group 7 one window is right, and outweighs two.
        assert report[name]["accuracy"] == pytest.approx(2 / 5)
        assert report[name]["group_accuracy"] == pytest.approx(2 / 3)
        assert (report[name]["rows"], report[name]["groups"]) == (5, 3)
    lines = classification.describe(report)
    told = "5 training labels told"
    assert f"  test       accuracy       0.4000   (5 rows, {told})" in lines
    assert f"  test       of groups      0.6667   (3 groups, {told})" in lines


@pytest.mark.parametrize("options", [{"told": False}, {"grouped": False}])
def test_there_is_no_accuracy_of_groups_without_them_or_labels(options):
    report = _answers(**options)
    assert not {"group_accuracy", "groups"} & {*report["test"]}
    assert not any("groups" in line for line in classification.describe(report))


def test_sums_are_of_groups_in_order_of_their_numbers():
    log_prob = np.array([[1, 2], [10, 20], [100, 200], [1000, 2000]], "float32")
    total, first = classification.group_sums(log_prob, np.array([5, 3, 5, 9]))
    np.testing.assert_array_equal(total, [[10, 20], [101, 202], [1000, 2000]])
    np.testing.assert_array_equal(first, [1, 0, 3])


def test_models_without_categories_have_no_first_stage(tmp_path):
    fields = {**FIELDS, "pretraining_epochs": 1}
    with pytest.raises(ValueError, match="pretraining_epochs=1 for vae. Give 0, or"):
        train(
            Options(
                model="vae",
                dataset="digits",
                model_dir=str(tmp_path / "vae"),
                settings=SETTINGS,
                fields=fields,
            )
        )
    assert not (tmp_path / "vae").exists()


def test_the_epoch_may_be_that_of_the_highest_accuracy(tmp_path):
    # At so large a rate the bound and the accuracy go up and down.
    fields = {**FIELDS, "epochs": 6, "learning_rate": 0.1, "schedule": "constant"}
    report = train(
        Options(
            model="gmvae_supervised",
            model_dir=str(tmp_path / "run"),
            settings={**SETTINGS, "label_weight": "100", "code_evidence": "false"},
            fields={**fields, "monitor": "accuracy"},
        )
    )
    with (tmp_path / "run" / "metrics.csv").open(newline="") as file:
        metrics = list(csv.DictReader(file))
    bounds, found = (
        [float(row[f"val_{name}"]) for row in metrics] for name in ("elbo", "accuracy")
    )
    assert report["best_epoch"] == np.argmax(found) + 1 != np.argmax(bounds) + 1
    validation = report["classification"]["validation"]
    assert validation["accuracy"] == pytest.approx(max(found))


@pytest.mark.parametrize(
    ("model", "message"),
    [("vae", "for a VAE on digits"), ("gmvae", "digits, where none is told")],
)
def test_without_labels_no_accuracy_chooses_the_epoch(model, message, tmp_path):
    options = Options(
        model=model,
        dataset="digits",
        model_dir=str(tmp_path / "run"),
        settings=SETTINGS,
        fields={**FIELDS, "monitor": "accuracy"},
    )
    with pytest.raises(ValueError, match=f"monitor=accuracy .*{message}"):
        train(options)
    assert not (tmp_path / "run").exists()


def test_rows_to_be_scored_need_no_label(tmp_path):
    context = ContextSpec((), "int32", 3, ("label",), optional=True)
    spec = DataSpec("table", (2,), "float32", context=context, columns=("a", "b"))
    files = {"without": "a,b\n1,2\n3,4\n", "with": "a,b,label\n1,2,-1\n3,4,2\n"}
    expected = {"without": [-1, -1], "with": [-1, 2]}
    for name, text in files.items():
        path = tmp_path / f"{name}.csv"
        path.write_text(text)
        ((_, x, label, bad),) = iterate_rows(str(path), spec, 10)
        np.testing.assert_array_equal(x, [[1, 2], [3, 4]])
        np.testing.assert_array_equal(label, expected[name])
        assert bad == []
    assert showing.parse_context(["-1"], spec, 2).tolist() == [-1, -1]
    spec = dataclasses.replace(
        spec, context=dataclasses.replace(context, optional=False)
    )
    with pytest.raises(ValueError, match="without 'label'"):
        list(iterate_rows(str(tmp_path / "without.csv"), spec, 10))
    ((*_, bad),) = iterate_rows(str(tmp_path / "with.csv"), spec, 10)
    assert bad == [(1, "the label is not an integer from 0 to 2")]
    with pytest.raises(ValueError, match="a class, 0 to 2; received --context=-1"):
        showing.parse_context(["-1"], spec, 2)


def test_a_set_without_labels_has_bounds_alone():
    rng = np.random.default_rng(0)
    spec = DataSpec("bits", (4, 4), "uint8", levels=2, num_train=20)
    split = Split(rng.integers(0, 2, [20, 4, 4]).astype("uint8"))
    data = labels.hide(DataSet(spec, split, split, split), 0, seed=0)
    model = gmvae.build(data.spec, num_categories=3, latents=2, hidden_units=(8,))
    report = evaluation.report_on(model, data)
    assert "classification" not in report
    assert "discrete" in report


@pytest.mark.parametrize("model", ["vae", "maf_conditional"])
def test_labels_are_told_to_models_that_take_them_as_a_prior(model, tmp_path):
    options = Options(
        model=model, model_dir=str(tmp_path / "run"), fields={"num_labels": 100}
    )
    with pytest.raises(ValueError, match=f"num_labels=100 for {model}. Leave it out"):
        train(options)
    assert not (tmp_path / "run").exists()


def test_percentiles_are_among_rows_scored_without_their_labels(runs):
    run = open_run(str(runs[0] / "gmvae_supervised"))
    data = run.load_data()
    unknown = np.full(len(data.train), -1, "int32")
    scores = evaluation.Scorer(run.model)(Split(data.train.x, unknown))["elbo"]
    expected = np.quantile(scores, [0.0, 0.5, 1.0])
    found = np.asarray(run.report["train_quantiles"])[[0, 500, 1000]]
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def partly_labelled(rows=40, seed=0):
    """A table whose classes are known for every other row."""
    rng = np.random.default_rng(seed)
    label = np.where(np.arange(rows) % 2, np.arange(rows) // 2 % 3, -1)
    x = rng.standard_normal([rows, 2]) + label[:, None]
    return x, label


def test_which_classes_have_one_row_more_is_the_choice_of_the_seed(data):
    counts = [
        np.bincount(told[told >= 0], minlength=10)
        for told in (labels.hide(data, 13, seed).train.context for seed in range(4))
    ]
    assert len({tuple(count) for count in counts}) > 1


def test_a_label_of_minus_one_in_a_table_is_not_known(tmp_path):
    x, label = partly_labelled()
    for name in ("train", "validation", "test"):
        rows = np.column_stack([x, label]).tolist()
        with (tmp_path / f"{name}.csv").open("w", newline="") as file:
            csv.writer(file).writerows([["a", "b", "kind"], *rows])
    table = load(
        str(tmp_path / "train.csv"),
        context=["kind"],
        validation=str(tmp_path / "validation.csv"),
        test=str(tmp_path / "test.csv"),
    )
    assert table.spec.context == ContextSpec(
        (), "int32", num_classes=3, columns=("kind",), optional=True
    )
    np.testing.assert_array_equal(table.test.context, label)
    told = labels.hide(table, labels.ALL, seed=0)
    np.testing.assert_array_equal(told.train.context, label)
    np.testing.assert_array_equal(told.test.context, -1)
    few = labels.hide(table, 3, seed=0).train.context
    assert sorted(few[few >= 0]) == [0, 1, 2]
    np.testing.assert_array_equal(few[label < 0], -1)
    # Of what is known alone there are measures.
    known = labels.known(told.test)
    np.testing.assert_array_equal(known.x, table.test.x[label >= 0])
    np.testing.assert_array_equal(known.label, label[label >= 0])
    model = gmvae_semisupervised.build(told.spec, latents=2, hidden_units=(4,))
    report = classification.agreement(model, told)
    assert report["num_labels"] == report["test"]["rows"] == 20
    found = classification.log_probs(model, known.x).argmax(axis=1)
    assert report["test"]["accuracy"] == np.mean(found == known.label)
    hidden = dataclasses.replace(told.test, label=np.full(40, -1, np.int32))
    report = classification.agreement(model, dataclasses.replace(told, test=hidden))
    assert "test" not in report
    assert len(classification.describe(report)) == 3


def test_models_that_need_a_class_take_such_labels_as_numbers():
    x, label = partly_labelled()
    context = ContextSpec((), "int32", num_classes=3, columns=("kind",), optional=True)
    split = Split(x.astype("float32"), label.astype("int32"))
    spec = DataSpec("table", (2,), "float32", context=context)
    numbers = labels.as_numbers(DataSet(spec, split, split, split))
    assert numbers.spec.context == ContextSpec((1,), "float32", columns=("kind",))
    np.testing.assert_array_equal(numbers.test.context, label[:, None])
    assert numbers.test.context.dtype == np.float32
    assert labels.as_numbers(numbers) is numbers


@pytest.mark.parametrize(
    ("model", "fields"), [("mdn", {}), ("gmvae_supervised", {"jit_compile": False})]
)
def test_runs_on_tables_with_labels_that_are_not_known_are_opened(
    tmp_path, model, fields
):
    x, label = partly_labelled(100)
    columns = x[:, 0] if model == "mdn" else x
    rows = np.column_stack([columns, label]).tolist()
    names = ["a", "b"][: len(rows[0]) - 1]
    with (tmp_path / "table.csv").open("w", newline="") as file:
        csv.writer(file).writerows([[*names, "kind"], *rows])
    train(
        Options(
            model=model,
            dataset=str(tmp_path / "table.csv"),
            data={"context": ["kind"]},
            model_dir=str(tmp_path / "run"),
            settings={"hidden_units": "4"},
            fields={"epochs": 1, "batch_size": 50, **fields},
        )
    )
    run = open_run(str(tmp_path / "run"))
    context = run.load_data().test.context
    assert context.dtype == (np.float32 if model == "mdn" else np.int32)
