"""Several seeds: each an ordinary run, one table of all, and going on after a stop."""

import csv
import dataclasses
import json
import shutil

import numpy as np
import pytest

from zoo import cli, seeds
from zoo.model_dir import ModelDir
from zoo.runs import open_run
from zoo.seeds import describe, tabulate, train_seeds
from zoo.training import Options, train


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A directory with a table of the user's own, and with the same in three files."""
    folder = tmp_path_factory.mktemp("seeds")
    rows = np.random.default_rng(0).standard_normal([60, 2]).round(5).tolist()
    splits = {"table": rows, "train": rows[:40], "val": rows[40:50], "test": rows[50:]}
    for name, part in splits.items():
        with (folder / f"{name}.csv").open("w", newline="") as file:
            csv.writer(file).writerows(["ab", *part])
    return folder


@pytest.fixture(scope="module")
def options(folder):
    """`Options` of small runs below a directory."""

    def options(model_dir, **replaced):
        told = Options(
            model="gmm",
            dataset=str(folder / "train.csv"),
            data={
                "validation": str(folder / "val.csv"),
                "test": str(folder / "test.csv"),
            },
            model_dir=str(model_dir),
            settings={"num_components": "2"},
            fields={"epochs": 2, "batch_size": 16, "jit_compile": False},
        )
        return dataclasses.replace(told, **replaced)

    return options


@pytest.fixture(scope="module")
def base(folder, options):
    """The directory of two finished runs; tests that change it take a copy."""
    train_seeds(options(folder / "base"), (0, 1))
    return folder / "base"


@pytest.fixture
def copy(base, tmp_path):
    return shutil.copytree(base, tmp_path / "copy")


@pytest.fixture
def trained(monkeypatch):
    """Replaces training; the seeds that were trained, in order, and those to fail."""
    trained, trained_failing = [], {}

    def run(plan):
        seed = plan.options.seed
        state = plan.directory.enter(plan.config, overwrite=plan.options.overwrite)
        if state == "finished":
            return
        trained.append(seed)
        if seed in trained_failing:
            raise trained_failing[seed]
        plan.directory.write("report.json", _report(seed))

    monkeypatch.setattr(seeds, "run_plan", run)
    return trained, trained_failing


def _estimate(mean):
    return {"mean": mean, "standard_error": 0.25, "rows": 9}


def _report(seed, **others):
    return {
        "model": "gmm",
        "dataset": "train",
        "kind": "exact",
        "unit": "nats per example",
        "validation": {"log_prob": _estimate(7.0)},
        "test": {"log_prob": _estimate(-1.5 * seed - 1.0), "other": _estimate(8.0)},
        "train_quantiles": [0.0, 1.0],
        **others,
        "best_epoch": 10 + seed,
        "seconds": 2.5,
    }


def _runs(path, reports, fingerprint="same"):
    """Finished runs by their seeds, and for None one that is not."""
    runs = {seed: ModelDir(path).seed(seed) for seed in reports}
    for seed, run in runs.items():
        run.path.mkdir(parents=True)
        dataset = {"fingerprint": fingerprint.format(seed), "spec": {}}
        run.write("config.json", {"model": "gmm", "dataset": dataset, "seed": seed})
        if reports[seed] is not None:
            run.write("report.json", reports[seed])
    return runs


def _untimed(path):
    report = json.loads((path / "report.json").read_text())
    del report["seconds"]
    return report


# Names.

TEXTS = {
    "7": (7,),
    "0..4": (0, 1, 2, 3, 4),
    "3..3": (3,),
    "0,3,7": (0, 3, 7),
    "9,0..2": (9, 0, 1, 2),
    "4294967295": (2**32 - 1,),
    "1..1000": tuple(range(1, 1001)),
}
WRONG_TEXTS = (
    *("", ",", "1,", "a", "-1", "1.5", "0..", "..4", "0...4", "0..4..8", "0-4", "١"),
    *("4..0", "1,1", "0..4,2", "4294967296", "0..1000", "0..4294967295", "0..999,2000"),
)


@pytest.mark.parametrize("text", TEXTS)
def test_seeds_are_numbers_and_ranges(text):
    assert cli.parse_seeds(text) == TEXTS[text]


@pytest.mark.parametrize("text", WRONG_TEXTS)
def test_what_names_no_seeds_is_refused(text):
    with pytest.raises(ValueError, match="none twice; received .* For exam") as error:
        cli.parse_seeds(text)
    assert f"received {text!r}." in str(error.value)


# Runs.


def test_each_run_is_an_ordinary_one(base, folder, options):
    train(options(folder / "alone", seed=1))
    assert _untimed(base / "seed-1") == _untimed(folder / "alone")
    assert {p.name for p in (base / "seed-1").iterdir()} == {
        p.name for p in (folder / "alone").iterdir()
    }
    ours, alone = ModelDir(base / "seed-1"), ModelDir(folder / "alone")
    assert ours.config == alone.config
    for mine, other in zip(
        ours.load_model().get_weights(), alone.load_model().get_weights(), strict=True
    ):
        np.testing.assert_array_equal(mine, other)


def test_the_table_is_what_the_reports_say(base):
    assert {p.name for p in base.iterdir()} == {
        *("seed-0", "seed-1"),
        *("seeds.json", "seeds.md"),
    }
    table = json.loads((base / "seeds.json").read_text())
    reports = [ModelDir(base).seed(seed).report for seed in range(2)]
    assert [row["seed"] for row in table["seeds"]] == [0, 1]
    assert [row["log_prob"] for row in table["seeds"]] == [
        report["test"]["log_prob"] for report in reports
    ]
    assert reports[0]["test"] != reports[1]["test"]
    assert table["unfinished"] == []
    assert table["same_data"]


def test_a_command_again_trains_nothing(base, options, capsys):
    before = {path: path.stat().st_mtime_ns for path in base.rglob("*/*")}
    table = train_seeds(options(base), (0, 1))
    assert table == json.loads((base / "seeds.json").read_text())
    told = capsys.readouterr().out
    assert told.count("holds this very run, finished") == 2
    assert (base / "seeds.md").read_text() in told
    assert {path: path.stat().st_mtime_ns for path in base.rglob("*/*")} == before


def test_only_what_is_missing_is_trained(base, copy, options, capsys):
    shutil.rmtree(copy / "seed-0")
    train_seeds(options(copy), (0, 1))
    _, first, second = capsys.readouterr().out.split("\nSeed ")
    assert first.startswith(f"0, 1 of 2, into {copy}/seed-0\ngmm on train: ")
    assert second.startswith(f"1, 2 of 2, into {copy}/seed-1\n{copy}/seed-1 holds this")
    for seed in range(2):
        assert _untimed(copy / f"seed-{seed}") == _untimed(base / f"seed-{seed}")


def test_what_stopped_starts_over(trained, tmp_path, options):
    train_seeds(options(tmp_path / "a"), (0, 1, 2))
    (tmp_path / "a" / "seed-1" / "report.json").unlink()
    assert tabulate(ModelDir(tmp_path / "a").seeds)["unfinished"] == [1]
    table = train_seeds(options(tmp_path / "a"), (0, 1, 2))
    assert trained[0] == [0, 1, 2, 1]
    assert table["unfinished"] == []
    # Where all runs were removed, their table is in nobody's way.
    for seed in range(3):
        shutil.rmtree(tmp_path / "a" / f"seed-{seed}")
    assert len(train_seeds(options(tmp_path / "a"), (5,))["seeds"]) == 1


def test_the_table_has_the_median_and_the_range(tmp_path):
    reports = {seed: _report(seed**2) for seed in (5, 0, 2, 1)}
    for chosen in ((0, 1, 2), (0, 1, 2, 5)):
        path = tmp_path / str(len(chosen))
        table = tabulate(_runs(path, {seed: reports[seed] for seed in chosen}))
        means = [reports[seed]["test"]["log_prob"]["mean"] for seed in chosen]
        for key, of in (("median", np.median), ("min", np.min), ("max", np.max)):
            assert table[key]["log_prob"] == of(means)


def test_seeds_may_be_added_and_the_table_has_all(trained, tmp_path, options):
    table = train_seeds(options(tmp_path / "a"), (2, 0))
    assert [row["seed"] for row in table["seeds"]] == [0, 2]
    table = train_seeds(options(tmp_path / "a"), (0, 10, 1))
    assert trained[0] == [2, 0, 10, 1]
    assert [row["seed"] for row in table["seeds"]] == [0, 1, 2, 10]
    assert table["median"]["log_prob"] == -3.25


def test_without_a_place_it_is_that_of_the_model_and_the_data(
    trained, tmp_path, options, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    train_seeds(dataclasses.replace(options(""), model_dir=None), (3,))
    assert (tmp_path / "runs" / "gmm-train" / "seed-3" / "report.json").is_file()


def test_overwriting_starts_the_seeds_anew_and_no_others(trained, tmp_path, options):
    train_seeds(options(tmp_path / "a"), (0, 1, 2))
    train_seeds(options(tmp_path / "a", overwrite=True), (1, 2))
    assert trained[0] == [0, 1, 2, 1, 2]
    fields = {"epochs": 3}
    with pytest.raises(
        ValueError, match="seed-0, which differs in .*epochs: was 2, is 3"
    ):
        train_seeds(options(tmp_path / "a", fields=fields, overwrite=True), (1, 2))
    assert len(trained[0]) == 5
    # Of three that are all overwritten, those that wait their turn are in no table.
    trained[1][1] = ValueError("no more")
    with pytest.raises(ValueError, match=r"^Seed 1: no more$"):
        train_seeds(options(tmp_path / "a", fields=fields, overwrite=True), (0, 1, 2))
    table = json.loads((tmp_path / "a" / "seeds.json").read_text())
    assert [row["seed"] for row in table["seeds"]] == [0]


# Failures.


def test_a_seed_without_numbers_does_not_keep_the_others_from_theirs(
    trained, tmp_path, options, capsys
):
    trained[1][1] = ArithmeticError("At step 7 it was over.")
    with pytest.raises(
        ArithmeticError, match="1 of 3 did not.* Seed 1: At step 7 it was over. The"
    ):
        train_seeds(options(tmp_path / "a"), (0, 1, 2))
    table = json.loads((tmp_path / "a" / "seeds.json").read_text())
    assert [row["seed"] for row in table["seeds"]] == [0, 2]
    assert table["unfinished"] == [1]
    assert "not finished: seeds 1." in (tmp_path / "a" / "seeds.md").read_text()
    assert (tmp_path / "a" / "seeds.md").read_text() in capsys.readouterr().out
    # The same command goes on.
    del trained[1][1]
    table = train_seeds(options(tmp_path / "a"), (0, 1, 2))
    assert trained[0] == [0, 1, 2, 1]
    assert table["unfinished"] == []
    assert len(table["seeds"]) == 3


def test_the_training_that_explodes_is_named_by_its_seed(tmp_path, options):
    fields = {**options("").fields, "learning_rate": 1e30}
    with pytest.raises(ArithmeticError, match="Seed 4: Training needs finite numbers"):
        train_seeds(options(tmp_path / "a", fields=fields), (4,))
    assert {path.name for path in (tmp_path / "a").iterdir()} == {"seed-4"}


@pytest.mark.parametrize("error", [ValueError, FileNotFoundError, UnicodeError])
def test_other_errors_end_the_command_and_name_the_seed(
    trained, tmp_path, options, error
):
    trained[1][1] = error("no room")
    kind = OSError if issubclass(error, OSError) else ValueError
    with pytest.raises(kind, match=r"^Seed 1: no room$"):
        train_seeds(options(tmp_path / "a"), (0, 1, 2))
    assert trained[0] == [0, 1]
    table = json.loads((tmp_path / "a" / "seeds.json").read_text())
    assert [row["seed"] for row in table["seeds"]] == [0]


def test_a_table_of_nothing_is_not_left(trained, tmp_path, options):
    train_seeds(options(tmp_path / "a"), (0,))
    trained[1][0] = ArithmeticError("over")
    with pytest.raises(ArithmeticError):
        train_seeds(options(tmp_path / "a", overwrite=True), (0,))
    assert {path.name for path in (tmp_path / "a").iterdir()} == {"seed-0"}


# Refusals.


def test_a_directory_of_something_else_is_refused(trained, base, options, tmp_path):
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "notes.txt").write_text("mine")
    for path, held in (
        (base / "seed-1", "a single run"),
        (tmp_path / "foreign", "oth"),
    ):
        before = set(path.rglob("*"))
        with pytest.raises(ValueError, match=f"which holds {held}.*-seeds") as error:
            train_seeds(options(path, overwrite=True), (0, 1))
        assert f"--model_dir={path}-seeds." in str(error.value)
        assert set(path.rglob("*")) == before
    assert not trained[0]


OTHERS = {
    "epochs": ({"fields": {"epochs": 4}}, "training.epochs: was 2, is 4"),
    "setting": ({"settings": {}}, "settings.num_components: was 2, is 20"),
    "data": ({"data": {"drop": ["a"]}}, r"dataset.drop: was None, is \['a'\]"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_another_configuration_is_refused_before_anything_is_trained(
    trained, base, options, name
):
    replaced, message = OTHERS[name]
    before = set(base.rglob("*"))
    with pytest.raises(ValueError, match=f"seed-0, which .*{message}.* Give"):
        train_seeds(options(base, **replaced), (7, 0))
    assert set(base.rglob("*")) == before
    assert not trained[0]


def test_a_run_of_another_seed_is_no_run_of_this_one(copy):
    (copy / "seed-1").rename(copy / "seed-5")
    with pytest.raises(ValueError, match="seed-5, which differs in seed: was 1, is 5"):
        tabulate(ModelDir(copy).seeds)


def test_other_commands_name_the_runs(base, options):
    runs = ", ".join(str(base / f"seed-{seed}") for seed in range(2))
    with pytest.raises(FileNotFoundError, match="Give one of them: ") as error:
        open_run(str(base))
    assert f"received {base}, which" in str(error.value)
    assert str(error.value).endswith(f": {runs}.")
    with pytest.raises(ValueError, match="which holds the runs of several seeds. Give"):
        train(options(base, overwrite=True))


# Directories.


def test_which_directories_are_runs_of_seeds(tmp_path):
    parent = ModelDir(tmp_path / "runs" / "gmm-rings")
    assert parent.seeds == {}
    _runs(parent.path, {10: None, 9: None})
    for name in ("seed-01", "seed-x", "seed-", "seed-3.old", "old-seed-3"):
        shutil.copytree(parent.seed(9).path, parent.path / name)
    parent.seed(7).path.mkdir()
    (parent.path / "seed-8").write_text("")
    assert list(parent.seeds) == [9, 10]
    assert [run.path.name for run in parent.seeds.values()] == ["seed-9", "seed-10"]
    # A run is one, whatever else its directory holds.
    parent.write("config.json", {"model": "gmm"})
    assert parent.seeds == {}


def test_exports_of_seeds_do_not_get_the_names_of_one_another(tmp_path, monkeypatch):
    parent = ModelDir(tmp_path / "gmm-rings")
    assert parent.name == "gmm-rings"
    assert parent.seed(3).name == "gmm-rings-seed-3"
    parent.seed(3).path.mkdir(parents=True)
    monkeypatch.chdir(parent.seed(3).path)
    assert ModelDir(".").name == "gmm-rings-seed-3"


# Tables.


def test_a_table_of_everything_that_reports_have(tmp_path):
    def agreement(value):
        return {
            "num_labels": 0,
            "validation": {"clustering_accuracy": 0.0, "mutual_information": 0.0},
            "test": {"clustering_accuracy": value, "mutual_information": value / 2},
        }

    reports = {
        seed: _report(
            seed,
            kind="lower_bound",
            test={"elbo": _estimate(-seed), "kl": _estimate(1.0)},
            discrete={
                "validation": {"elbo": _estimate(0.0)},
                "test": {"elbo": _estimate(-2.0 * seed)},
            },
            classification=agreement(seed / 10),
            disentanglement={"factor_vae": 1.0, "mig": seed / 20},
            importance={"num_samples": 5, "test": _estimate(-0.5 * seed)},
            bits_per_dim=0.5 * seed,
            logit_space=_estimate(100.0),
        )
        for seed in (1, 2, 4, 9)
    }
    table = tabulate(_runs(tmp_path, reports))
    json.dumps(table, allow_nan=False)
    expected = {
        "elbo": (-3.0, -9.0, -1.0),
        "discrete_elbo": (-6.0, -18.0, -2.0),
        "log_p": (-1.5, -4.5, -0.5),
        "bits_per_dim": (1.5, 0.5, 4.5),
        "logit_space": (100.0, 100.0, 100.0),
        "clustering_accuracy": (0.3, 0.1, 0.9),
        "mutual_information": (0.15, 0.05, 0.45),
        "factor_vae": (1.0, 1.0, 1.0),
        "mig": (0.15, 0.05, 0.45),
        "best_epoch": (13.0, 11.0, 19.0),
        "seconds": (2.5, 2.5, 2.5),
    }
    assert list(table["median"]) == list(expected)
    for name, numbers in expected.items():
        found = [table[key][name] for key in ("median", "min", "max")]
        assert found == pytest.approx(numbers)
    head, _, first, *_, median, spread = describe(table).splitlines()[:8]
    assert [cell.strip() for cell in head.split("|")[1:-1]] == [
        "seed",
        "elbo (lower bound)",
        "discrete elbo (lower bound)",
        "log p (estimate)",
        "bits per dim",
        "logit space",
        "clustering accuracy",
        "mutual information",
        "FactorVAE",
        "MIG",
        "best epoch",
        "seconds",
    ]
    assert "| 0.1000 " in first
    assert "| 13  " in median
    assert "| -18.000 to -2.000 " in spread


def test_a_table_for_people(tmp_path):
    table = tabulate(_runs(tmp_path, {0: _report(0), 1: _report(1), 2: None}))
    assert describe(table) == (
        "| seed   | log_prob (exact) | best epoch | seconds    |\n"
        "| ------ | ---------------- | ---------- | ---------- |\n"
        "| 0      | -1.000 ± 0.250   | 10         | 2.5        |\n"
        "| 1      | -2.500 ± 0.250   | 11         | 2.5        |\n"
        "| median | -1.750           | 10.5       | 2.5        |\n"
        "| range  | -2.500 to -1.000 | 10 to 11   | 2.5 to 2.5 |\n"
        "\n"
        "Test numbers of gmm on train, nats per example.\n"
        "Left out, as they are not finished: seeds 2."
    )


def test_numbers_that_some_reports_lack_are_left_out(tmp_path):
    reports = {0: _report(0, bits_per_dim=1.0), 1: _report(1)}
    table = tabulate(_runs(tmp_path, reports))
    assert list(table["median"]) == ["log_prob", "best_epoch", "seconds"]


def test_an_infinite_divergence_counts_as_one(tmp_path):
    infinite = {"mean": None, "standard_error": None, "rows": 9, "impossible": 2}
    divergences = (_estimate(0.5), infinite, _estimate(0.25))
    reports = {
        seed: _report(seed, divergence=divergence)
        for seed, divergence in enumerate(divergences)
    }
    table = tabulate(_runs(tmp_path, reports))
    json.dumps(table, allow_nan=False)
    found = [table[key]["divergence"] for key in ("median", "min", "max")]
    assert found == [0.5, 0.25, None]
    assert table["seeds"][1]["divergence"] == infinite
    lines = describe(table).splitlines()
    assert "| infinite  " in lines[3]
    assert "| 0.250 to infinite " in lines[6]


def test_a_table_of_unfinished_runs_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="seed-0, .*seed-1, none of which is"):
        tabulate(_runs(tmp_path, {0: None, 1: None}))


def test_data_that_change_with_the_seed_are_said_to(trained, tmp_path, folder, options):
    assert train_seeds(options(tmp_path / "three"), (0, 1))["same_data"]
    whole = {"dataset": str(folder / "table.csv"), "data": {}}
    table = train_seeds(options(tmp_path / "one", **whole), (0, 1))
    assert not table["same_data"]
    assert "each splits the rows anew, or chooses the" in describe(table)
