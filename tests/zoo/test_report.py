"""Results of runs, their tables, and pages that are written from them."""

import dataclasses
import json

import pytest

from zoo import pages, registry, results
from zoo.model_dir import ModelDir
from zoo.recipe import Recipe, Reference
from zoo.results import Result

CONFIG = {
    "model": "maf",
    "recipe": None,
    "settings": {"num_steps": 10, "hidden_units": [128, 128], "logit_alpha": 0.01},
    "dataset": {"name": "digits", "data_dir": "/data", "context": [], "binarize": None},
    "training": {"batch_size": 256, "epochs": 100, "jit_compile": True},
    "seed": 0,
    "versions": {"python": "3.11"},
}


def _build(
    spec,
    *,
    num_steps: int = 10,
    hidden_units: tuple[int, ...] = (128, 128),
    logit_alpha: float = 0.01,
):
    raise NotImplementedError


RECIPE = Recipe(_build, "digits", epochs=100, batch_size=256)
COMMANDS = {
    "as the recipe": ({}, (0,), "--model=maf"),
    "seed": ({}, (3,), "--model=maf --seed=3"),
    "seeds": ({}, (0, 1, 2), "--model=maf --seeds=0..2"),
    "seeds with a gap": ({}, (0, 2, 3), "--model=maf --seeds=0,2,3"),
    "data": (
        {"dataset": {"name": "mnist", "binarize": "dynamic", "drop": ["a", "b"]}},
        (0,),
        "--model=maf --dataset=mnist --drop=a,b --binarize=dynamic",
    ),
    "training": (
        {"training": {"batch_size": 100, "epochs": 3, "jit_compile": False}},
        (0,),
        "--model=maf --batch_size=100 --epochs=3 --jit_compile=false",
    ),
    "settings": (
        {"settings": {"hidden_units": [64], "logit_alpha": 1e-6, "num_steps": 10}},
        (0,),
        "--model=maf --set=hidden_units=64 --set=logit_alpha=1e-06",
    ),
    "a path with a blank": (
        {"dataset": {"name": "my table.csv"}},
        (0,),
        "--model=maf '--dataset=my table.csv'",
    ),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_commands_say_what_differs_from_the_recipe(name):
    changes, seeds, flags = COMMANDS[name]
    told = results.command({**CONFIG, **changes}, RECIPE, seeds)
    assert told == f"python -m zoo.train {flags}"


def test_commands_of_own_recipes_say_all():
    told = results.command({**CONFIG, "recipe": "a1b2"}, None, [0])
    assert told == (
        "python -m zoo.train --model=path/to/maf.py --dataset=digits --batch_size=256 "
        "--epochs=100 --jit_compile=true --set=num_steps=10 "
        "--set=hidden_units=128,128 --set=logit_alpha=0.01"
    )


RESULT = Result(
    command="python -m zoo.train --model=maf --epochs=3 --set=num_steps=5",
    model="maf",
    dataset="digits",
    kind="lower_bound",
    date="2026-11-22",
    seeds=[0],
    numbers={
        "elbo": {"mean": -94.824, "standard_error": 0.849, "rows": 179},
        "bits_per_dim": 2.1375,
    },
    references=[{"value": -97.5, "source": "A paper"}],
    num_parameters=413696,
    epochs=3,
    seconds=22.9,
    versions={"python": "3.11"},
)
SEVERAL = dataclasses.replace(
    RESULT,
    command="python -m zoo.train --model=nsf --seeds=0..2",
    model="nsf",
    seeds=[0, 1, 2],
    numbers={"elbo": {"median": -2.0, "min": -3.25, "max": -1.0}},
    references=[],
)


def test_a_table_has_a_row_for_each_result_and_no_empty_column():
    assert results.table([RESULT]).splitlines() == [
        "| after `python -m zoo.train` | test, nats per example | kind | also "
        "| the literature | parameters | epochs | time | day |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
        "| `--model=maf` `--epochs=3` `--set=num_steps=5` | -94.82 ± 0.85 "
        "| lower bound | 2.138 bits/dim | -97.50 (A paper) | 413,696 | 3 | 23 s "
        "| 2026-11-22 |",
    ]
    row = results.table([SEVERAL], named=True).splitlines()[2]
    assert row == (
        "| `--model=nsf` `--seeds=0..2` | digits | -2.00 (-3.25 to -1.00) "
        "| lower bound | 413,696 | 3 | 23 s | 2026-11-22 |"
    )


def test_bars_do_not_end_cells():
    assert results.markdown([["a"], ["p(x | y)"]]) == "| a |\n| --- |\n| p(x \\| y) |"


def test_what_papers_give_in_bits_is_shown_in_bits():
    assert not RESULT.highlight
    given = [{"value": -97.5, "source": "A paper: 2.2 bits/dim"}]
    result = dataclasses.replace(RESULT, references=given)
    assert result.highlight == "2.138 bits/dim"


def test_numbers_that_are_none_are_said_to_be():
    numbers = {
        "log_prob": {"mean": -1.0, "standard_error": None, "rows": 1},
        "divergence": {"mean": None, "standard_error": None, "rows": 9},
    }
    result = dataclasses.replace(RESULT, numbers=numbers)
    assert result.answer == "-1.00 ± ?"
    assert result.others == result.highlight == "infinite below the true density"


def test_results_are_read_as_they_were_written(tmp_path):
    path = results.write(tmp_path / "results", RESULT)
    assert path.name == "maf-digits-epochs=3-num_steps=5.json"
    assert results.write(tmp_path / "results", SEVERAL).name == "nsf-digits.json"
    assert results.read_all(tmp_path / "results") == [RESULT, SEVERAL]
    path.write_text("{}")
    with pytest.raises(ValueError, match="one that zoo.report wrote; received .*maf-d"):
        results.read_all(tmp_path / "results")


def test_results_with_a_reference_come_first(tmp_path):
    short = dataclasses.replace(
        RESULT, command="python -m zoo.train --model=maf", references=[]
    )
    for result in (short, RESULT):
        results.write(tmp_path, result)
    assert results.read_all(tmp_path) == [RESULT, short]


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A finished run of `maf`, as far as its numbers go."""
    directory = ModelDir(tmp_path / "runs" / "maf")
    directory.path.mkdir(parents=True)
    directory.write("config.json", CONFIG)
    report = {
        "model": "maf",
        "dataset": "digits",
        "kind": "lower_bound",
        "unit": "nats per example",
        "test": {
            "elbo": {"mean": -94.8237654, "standard_error": 0.84868, "rows": 179},
            "kl": {"mean": 1.0, "standard_error": 0.1, "rows": 179},
        },
        "num_parameters": 413696,
        "epochs": 100,
        "best_epoch": 81,
        "seconds": 22.9,
    }
    directory.write("report.json", report)
    recipe = dataclasses.replace(
        RECIPE, references=(Reference("mnist", -1.0, "M"), Reference("digits", -9, "D"))
    )
    monkeypatch.setattr("zoo.training.find_recipe", lambda name: recipe)
    return directory


def test_a_run_becomes_a_result(run):
    result = results.of_run(run)
    assert result.command == "python -m zoo.train --model=maf"
    assert result.numbers == {
        "elbo": {"mean": -94.8238, "standard_error": 0.84868, "rows": 179}
    }
    assert result.references == [{"value": -9, "source": "D"}]
    assert (result.seeds, result.seconds, result.epochs) == ([0], 22.9, 100)
    assert result.versions == CONFIG["versions"]
    assert len(result.date) == len("2026-11-22")


def test_runs_of_several_seeds_become_one_result(run, tmp_path):
    parent = ModelDir(tmp_path / "several")
    for seed, mean in enumerate((-1.0, -5.0, -2.0)):
        directory = parent.seed(seed)
        directory.path.mkdir(parents=True)
        dataset = {**CONFIG["dataset"], "fingerprint": "f"}
        directory.write("config.json", {**CONFIG, "seed": seed, "dataset": dataset})
        report = run.report
        report["test"]["elbo"]["mean"] = mean
        report["seconds"] = 10.0 * mean**2
        directory.write("report.json", report)
    result = results.of_run(parent)
    assert result.command == "python -m zoo.train --model=maf --seeds=0..2"
    assert result.numbers == {"elbo": {"median": -2.0, "min": -5.0, "max": -1.0}}
    assert (result.mean, result.seconds) == (-2.0, 40.0)


def test_a_run_that_is_not_finished_has_no_result(run):
    (run.path / "report.json").unlink()
    with pytest.raises(FileNotFoundError, match="A finished run has a report.json"):
        results.of_run(run)


DOCSTRING = '''"""A toy.

    python -m zoo.train --model=toy

Expected: nothing.

Equation:
    y = x

    x = y
Good for:
    Tests.
References:
    Author, 2026. Title of two
        lines. https://example.org
    Other, 2025. Title.
"""
def build(spec, *, size: int = 3, units: tuple[int, ...] = (1, 2), on: bool = True):
    pass
RECIPE = Recipe(build=build, dataset="digits", learning_rate=1e-3, tiny={"size": 1})
'''


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A small checkout: a model, a result of it, and a page with tables."""
    for folder in ("models", "docs/results", "docs/pictures", "docs/models"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "models" / "toy.py").write_text(DOCSTRING)
    monkeypatch.setattr(registry, "_folder", lambda kind: tmp_path / kind)
    result = dataclasses.replace(
        RESULT, model="toy", command="python -m zoo.train --model=toy"
    )
    results.write(tmp_path / "docs" / "results", result)
    marks = "<!-- zoo.report: {} -->\nold\n<!-- zoo.report: end -->"
    models, dataset = marks.format("models"), marks.format("dataset=digits")
    (tmp_path / "README.md").write_text(f"# Title\n\n{models}\n\nAfter.\n")
    (tmp_path / "docs" / "numbers.md").write_text(f"{dataset}\n{models}\n")
    (tmp_path / "docs" / "pictures" / "toy-digits-samples.png").write_bytes(b"")
    (tmp_path / "docs" / "models" / "gone.md").write_text("of a model that is no more")
    return tmp_path


def test_pages_say_what_docstrings_and_results_say(checkout):
    pages.write(checkout)
    text = (checkout / "docs" / "models" / "toy.md").read_text()
    for part in (
        "# toy\n\nA toy.\n",
        "## Good for\n\nTests.\n",
        "## Equation\n\n    y = x\n\n    x = y\n\n",
        "## Command\n\n    python -m zoo.train --model=toy\n\nExpected: nothing.\n\n",
        "![Samples, digits](../pictures/toy-digits-samples.png)",
        "| `--model=toy` | digits | -94.82 ± 0.85 | lower bound |",
        "| `--set=units=...` | `1,2` |\n| `--set=on=...` | `true` |",
        "| `--dataset=...` | `digits` |\n| `--learning_rate=...` | `0.001` |\n\n",
        "- Author, 2026. Title of two lines. <https://example.org>\n- Other, 2025.",
    ):
        assert part in text
    assert text.count("Author") == 1


def test_tables_are_written_between_their_marks(checkout):
    changed = pages.write(checkout)
    assert {path.name for path in changed} == {
        "README.md",
        "numbers.md",
        "toy.md",
        "gone.md",
    }
    text = (checkout / "README.md").read_text()
    row = (
        "| [`toy`](docs/models/toy.md) | A toy | digits | -94.82 ± 0.85, lower bound "
        "| -97.50 (A paper) |"
    )
    assert row in text
    assert text.startswith("# Title\n\n<!-- zoo.report: models -->\n\n| model |")
    assert text.endswith("|\n\n<!-- zoo.report: end -->\n\nAfter.\n")
    text = (checkout / "docs" / "numbers.md").read_text()
    assert row.replace("docs/models", "models") in text
    assert "| `--model=toy` | -94.82 ± 0.85 | lower bound |" in text
    assert "old" not in text
    assert not (checkout / "docs" / "models" / "gone.md").exists()
    assert pages.write(checkout) == pages.stale(checkout) == []


def test_what_is_no_likelihood_comes_last(checkout):
    none = dataclasses.replace(
        RESULT,
        command="python -m zoo.train --model=ae",
        kind="none",
        numbers={"reconstruction": {"mean": -1.0, "standard_error": 0.1, "rows": 9}},
    )
    results.write(checkout / "docs" / "results", none)
    pages.write(checkout)
    text = (checkout / "docs" / "numbers.md").read_text()
    assert 0 < text.index("`--model=toy`") < text.index("`--model=ae`")


def test_what_is_stale_is_named(checkout):
    pages.write(checkout)
    (path,) = (checkout / "docs" / "results").glob("*.json")
    stored = json.loads(path.read_text())
    stored["numbers"]["elbo"]["mean"] = -90.0
    path.write_text(json.dumps(stored))
    assert {path.name for path in pages.stale(checkout)} == {
        "toy.md",
        "README.md",
        "numbers.md",
    }


def test_a_mark_names_a_table_that_there_is(checkout):
    text = "<!-- zoo.report: tables -->\n<!-- zoo.report: end -->"
    (checkout / "README.md").write_text(text)
    with pytest.raises(ValueError, match="models, dataset; received 'tables' in"):
        pages.stale(checkout)
