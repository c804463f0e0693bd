"""One configuration under several seeds: a run for each, and one table of them all.

`seed-0`, `seed-1` and so on, in one directory, are the `model_dir`s of ordinary runs,
which differ in what a seed decides: the first weights, the order of examples and all
noise; the rows whose labels are told; and the split of a user's own table, unless it
comes in three files. Beside them `seeds.md` and `seeds.json` have the table.
"""

import dataclasses
import json
import math
import statistics
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from zoo import disentanglement
from zoo.evaluation import KINDS, Estimate
from zoo.model_dir import Json, ModelDir, differences
from zoo.training import Options, plan_run, run_plan

_FILES = ("seeds.json", "seeds.md")


class _Column(NamedTuple):
    """Where reports have a number of the test split, of what kind, and its format."""

    path: tuple[str, ...]
    kind: str = ""
    format: str = ".3f"
    title: str = ""  # The name, if it is none.


# Those after the density or bound, whose name is the model's. A report may lack some.
_COLUMNS = {
    "discrete_elbo": _Column(("discrete", "test", "elbo"), "lower_bound"),
    "log_p": _Column(("importance", "test"), "estimate"),
    "bits_per_dim": _Column(("bits_per_dim",)),
    "logit_space": _Column(("logit_space",)),
    "divergence": _Column(("divergence",)),
    **{
        name: _Column(("classification", "test", name), format=".4f")
        for name in (
            "accuracy",
            "group_accuracy",
            "clustering_accuracy",
            "mutual_information",
        )
    },
    **{
        name: _Column(("disentanglement", name), title=title)
        for name, title in disentanglement.SCORES.items()
    },
    "best_epoch": _Column(("best_epoch",), format="g"),
    "seconds": _Column(("seconds",), format="g"),
}


def train_seeds(options: Options, seeds: Sequence[int]) -> Json:
    """Trains a run for each seed and writes one table of them; returns it.

    A finished run of the same configuration is taken as it is; an unfinished one goes
    on. The table, of all finished runs that are there, is written after each. Where
    the numbers of a seed stop being finite, the others are trained nevertheless.

    Args:
        options: What every run is told; its `model_dir` is to hold all of them.
        seeds: The seeds.

    Raises:
        ValueError: If the directory holds something else, or a run is refused.
        OSError: If it cannot be written.
        ArithmeticError: In the end, if numbers of a seed stopped being finite.
    """
    if options.strategy == "multi_worker":
        raise ValueError(
            "Several workers train one run; received --strategy=multi_worker and "
            "several seeds. Give --seed, once for each of them."
        )
    # Runs that are to be overwritten are no part of a table any more.
    old = set(seeds) if options.overwrite else set()
    parent = _enter(options, old)
    table: Json = {}
    failures = {}
    # Clearing Keras' session between runs would free nothing: what stays is XLA's, and
    # TensorFlow's, whose registry of gradients keeps the graphs of training steps.
    for number, seed in enumerate(seeds, 1):
        run = parent.seed(seed)
        print(f"\nSeed {seed}, {number} of {len(seeds)}, into {run.path}")
        told = dataclasses.replace(options, seed=seed, model_dir=str(run.path))
        try:
            run_plan(plan_run(told))
        except ArithmeticError as error:
            failures[seed] = str(error)
            print(f"Seed {seed} failed: {error}")
        except (ValueError, OSError) as error:
            kind = OSError if isinstance(error, OSError) else ValueError
            raise kind(f"Seed {seed}: {error}") from error
        old.discard(seed)
        table = _update(parent, _without(old, parent.seeds))
    if table:
        print(f"\n{describe(table)}")
        print(f"\nTable: {parent.path}/seeds.md, {parent.path}/seeds.json")
    if failures:
        reasons = " ".join(f"Seed {seed}: {why}" for seed, why in failures.items())
        raise ArithmeticError(
            f"Every seed is to end in finite numbers; {len(failures)} of {len(seeds)} "
            f"did not, and the others are kept. {reasons} The same command tries the "
            "failed ones again."
        )
    return table


def tabulate(runs: Mapping[int, ModelDir]) -> Json:
    """The table of runs by their seeds: numbers that reports have of the test split.

    Medians and ranges are over finished runs; those that are not are named.

    Raises:
        FileNotFoundError: If no run is finished.
        ValueError: If runs differ in more than what a seed decides.
    """
    finished = {seed: run for seed, run in runs.items() if run.is_finished}
    if not finished:
        places = ", ".join(str(run.path) for run in runs.values())
        raise FileNotFoundError(
            f"A table of seeds is that of finished runs; received {places}, none of "
            "which is. Train them first, with --seeds."
        )
    first, *_ = finished.values()
    _require_alike(runs, first.config)
    rows = {seed: numbers(run.report) for seed, run in finished.items()}
    names = [
        name
        for name in numbers(first.report)
        if all(name in row for row in rows.values())
    ]
    table: Json = {
        key: first.report[key] for key in ("model", "dataset", "kind", "unit")
    }
    table["seeds"] = [{"seed": seed, **row} for seed, row in rows.items()]
    for key, of in (("median", statistics.median), ("min", min), ("max", max)):
        table[key] = {
            name: _json(of([_mean(row[name]) for row in rows.values()]))
            for name in names
        }
    table["unfinished"] = [seed for seed in runs if seed not in finished]
    # They are of what a seed decides of the data: splits, labels that are told.
    data = {run.config["dataset"]["fingerprint"] for run in finished.values()}
    table["same_data"] = len(data) == 1
    return table


def describe(table: Json) -> str:
    """A table for people, in Markdown."""
    names = list(table["median"])
    columns = {names[0]: _Column((), table["kind"]), **_COLUMNS}
    cells = [["seed"]]
    for name in names:
        kind, title = columns[name].kind, columns[name].title
        if not title:
            title = name if name == names[0] else name.replace("_", " ")
        cells[0].append(f"{title} ({KINDS.get(kind, kind)})" if kind else title)
    for row in table["seeds"]:
        shown = [_shown(row[name], columns[name].format) for name in names]
        cells.append([str(row["seed"]), *shown])
    median, low, high = (
        [_shown(table[key][name], columns[name].format) for name in names]
        for key in ("median", "min", "max")
    )
    cells.append(["median", *median])
    cells.append(["range", *(f"{a} to {b}" for a, b in zip(low, high, strict=True))])
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    cells.insert(1, ["-" * width for width in widths])
    lines = ["| " + " | ".join(map(str.ljust, row, widths)) + " |" for row in cells]
    notes = [
        f"Test numbers of {table['model']} on {table['dataset']}, {table['unit']}."
    ]
    if not table["same_data"]:
        notes.append(
            "Seeds differ in their data too: each splits the rows anew, or chooses the "
            "rows whose labels are told."
        )
    if table["unfinished"]:
        left = ", ".join(map(str, table["unfinished"]))
        notes.append(f"Left out, as they are not finished: seeds {left}.")
    return "\n".join([*lines, "", *notes])


def numbers(report: Json) -> Json:
    """What a report has of the test split; means with their standard errors."""
    term = next(iter(report["test"]))
    result: Json = {term: report["test"][term]}
    for name, column in _COLUMNS.items():
        found = report
        for key in column.path:
            found = found.get(key, {})
        if found != {}:
            result[name] = found
    return result


def _mean(number: Json | float) -> float:
    if isinstance(number, dict):  # An infinite one is None, as JSON has no infinity.
        return math.inf if number["mean"] is None else number["mean"]
    return number


def _json(number: float) -> float | None:
    return number if math.isfinite(number) else None


def _shown(value: Json | float | None, form: str) -> str:
    """A number for people; None is an infinite one."""
    if isinstance(value, dict):
        return "infinite" if value["mean"] is None else str(Estimate(**value))
    return "infinite" if value is None else f"{value:{form}}"


def _update(parent: ModelDir, runs: Mapping[int, ModelDir]) -> Json:
    """Writes the table of runs, or removes an old one if none is finished."""
    if not any(run.is_finished for run in runs.values()):
        for name in _FILES:
            (parent.path / name).unlink(missing_ok=True)
        return {}
    table = tabulate(runs)
    parent.write("seeds.json", table)
    with parent.replacing("seeds.md") as path:
        path.write_text(describe(table) + "\n", encoding="utf-8")
    return table


def _without(
    seeds: Collection[int], runs: Mapping[int, ModelDir]
) -> dict[int, ModelDir]:
    return {seed: run for seed, run in runs.items() if seed not in seeds}


def _enter(options: Options, old: Collection[int]) -> ModelDir:
    """The directory of all runs, where there is room for one more as told.

    Raises:
        ValueError: If it holds anything but such runs, those of `old` seeds aside.
    """
    plan = plan_run(options)
    parent = plan.directory
    paths = [path for path in parent.path.glob("*") if not ModelDir(path).is_free]
    held = {path.name for path in paths} - set(_FILES)
    if held and not parent.is_free and not parent.seeds:
        what = "a single run" if "config.json" in held else "other files"
        raise ValueError(
            "Runs of several seeds have a directory of their own, new or empty at "
            f"first; received {parent.path}, which holds {what}. Give another, such as "
            f"--model_dir={parent.path}-seeds."
        )
    _require_alike(_without(old, parent.seeds), plan.config)
    return parent


def _require_alike(runs: Mapping[int, ModelDir], config: Json) -> None:
    """Raises ValueError if runs differ from one in more than what a seed decides."""
    for seed, run in runs.items():
        wanted = _shared({**config, "seed": seed})
        differing = differences(_shared(run.config), wanted)
        if differing:
            raise ValueError(
                "Runs in one directory differ in nothing but their seeds; received "
                f"{run.path}, which differs in {'; '.join(differing)}. Give another "
                "--model_dir, or remove that run."
            )


def _shared(config: Json) -> Json:
    """A configuration without what a seed decides of the data."""
    dataset = {
        key: value
        for key, value in config["dataset"].items()
        if key not in ("fingerprint", "spec")
    }
    return json.loads(json.dumps({**config, "dataset": dataset}))
