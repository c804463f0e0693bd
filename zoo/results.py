"""Results: what tables and pages say of runs, one small JSON file each.

`docs/results` has them. They are made from the `model_dir`s of finished runs by
`python -m zoo.report --save`, and read without TensorFlow.
"""

import dataclasses
import json
import re
import shlex
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zoo.model_dir import Json, ModelDir
    from zoo.recipe import Recipe

_TRAIN = "python -m zoo.train"
# Flags that are in the name of a file in other words, or that make no other result.
_NAMED = ("--model=", "--dataset=", "--binarize=", "--seeds=")
KINDS = {"exact": "exact", "lower_bound": "lower bound", "none": "no likelihood"}
# Numbers beside the density or bound that tables show: what they are called, and how
# many decimals they have. The names are those of `zoo.seeds`.
_OTHERS = {
    "divergence": ("below the true density", 3),
    "bits_per_dim": ("bits/dim", 3),
    "logit_space": ("of the logits", 2),
    "discrete_elbo": ("discrete bound", 2),
    "log_p": ("log p(x)", 2),
    "accuracy": ("accuracy", 3),
    "group_accuracy": ("accuracy of groups", 3),
    "clustering_accuracy": ("clustering accuracy", 3),
    "mig": ("MIG", 3),
}

# Of these the title is a unit, which comes after the number.
_UNITS = ("divergence", "bits_per_dim", "logit_space")


@dataclasses.dataclass(frozen=True)
class Result:
    """The numbers of one finished run, or of one configuration under several seeds.

    Attributes:
        command: What was run, without places of data and of the run.
        model: Name of the model.
        dataset: Name of the data set.
        kind: What the first number is, as models say it.
        date: The day the run was finished.
        seeds: Its seed, or all of them.
        numbers: Of the test split; each a number, a mean with its standard error, or,
            of several seeds, median, min and max.
        references: Numbers of the literature, in nats, each with its source.
        num_parameters: How many the model has.
        epochs: How many ran.
        seconds: Of training; of several seeds the median.
        versions: Of what the numbers may depend on.
    """

    command: str
    model: str
    dataset: str
    kind: str
    date: str
    seeds: Sequence[int]
    numbers: "Json"
    references: Sequence["Json"]
    num_parameters: int
    epochs: int
    seconds: float
    versions: Mapping[str, str]

    @property
    def slug(self) -> str:
        """The name of the file: there is one of each model, data set and settings."""
        words = [f"{self.model}-{self.dataset}"]
        for flag in shlex.split(self.command)[3:]:
            if not flag.startswith(_NAMED):
                words.append(flag.removeprefix("--set=").removeprefix("--"))
        return re.sub(r"[^\w.=,]+", "-", "-".join(words)).strip("-")

    @property
    def answer(self) -> str:
        """The density or bound, which comes first."""
        return _shown(next(iter(self.numbers.values())), 2)

    @property
    def others(self) -> str:
        """The other numbers, each with its name."""
        return "; ".join(self._named(name) for name in _OTHERS if name in self.numbers)

    def _named(self, name: str) -> str:
        title, digits = _OTHERS[name]
        number = _shown(self.numbers[name], digits)
        return f"{number} {title}" if name in _UNITS else f"{title} {number}"

    @property
    def highlight(self) -> str:
        """The one other number that the model is made for, with its name; if any."""
        wanted = ["accuracy", "clustering_accuracy", "mig", "divergence"]
        if "bits/dim" in self.literature:
            wanted.append("bits_per_dim")
        found = next((name for name in wanted if name in self.numbers), None)
        return self._named(found) if found else ""

    @property
    def literature(self) -> str:
        """What others report on the same data."""
        return "; ".join(f"{r['value']:.2f} ({r['source']})" for r in self.references)

    @property
    def mean(self) -> float:
        """The density or bound as one number, to sort by."""
        number = next(iter(self.numbers.values()))
        return number["median"] if "median" in number else number["mean"]


def read_all(folder: Path) -> list[Result]:
    """All results of a folder: by model, those with a number to hold against first.

    Raises:
        ValueError: If a file is no result.
    """
    results = []
    for path in sorted(folder.glob("*.json")):
        try:
            results.append(Result(**json.loads(path.read_text(encoding="utf-8"))))
        except (TypeError, json.JSONDecodeError) as error:
            raise ValueError(
                "A file of results is one that zoo.report wrote; received "
                f"{path} ({error}). Write it again by --save, or remove it."
            ) from None
    return sorted(results, key=lambda r: (r.model, not r.references, len(r.command)))


def write(folder: Path, result: Result) -> Path:
    """Writes a result, in place of one of the same command; returns the path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{result.slug}.json"
    text = json.dumps(dataclasses.asdict(result), indent=1, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")
    return path


def of_run(directory: "ModelDir") -> Result:
    """The result of a finished run, or of runs of several seeds.

    Raises:
        FileNotFoundError: If nothing is finished there.
        ValueError: If runs differ in more than their seeds.
    """
    from zoo import seeds

    runs = directory.seeds or {0: directory}
    first = next((run for run in runs.values() if run.is_finished), directory)
    report, config = first.report, first.config
    numbers = seeds.numbers(report)
    told: Sequence[int] = [config["seed"]]
    if directory.seeds:
        table = seeds.tabulate(directory.seeds)
        told = [row["seed"] for row in table["seeds"]]
        numbers = {
            name: {key: table[key][name] for key in ("median", "min", "max")}
            for name in table["median"]
        }
    seconds = numbers.pop("seconds")
    numbers.pop("best_epoch")
    recipe = _recipe(config)
    finished = (first.path / "report.json").stat().st_mtime
    return Result(
        command=command(config, recipe, told),
        model=config["model"],
        dataset=report["dataset"],
        kind=report["kind"],
        date=time.strftime("%Y-%m-%d", time.gmtime(finished)),
        seeds=told,
        numbers={name: _rounded(number) for name, number in numbers.items()},
        references=[
            {"value": reference.value, "source": reference.source}
            for reference in (recipe.references if recipe else ())
            if reference.dataset == report["dataset"]
        ],
        num_parameters=report["num_parameters"],
        epochs=report["epochs"],
        seconds=seconds["median"] if isinstance(seconds, dict) else seconds,
        versions=config["versions"],
    )


def command(config: "Json", recipe: "Recipe | None", seeds: Sequence[int]) -> str:
    """The command of a run, with the flags that say other than the recipe.

    Places of data are left out, as they differ from one machine to the next.

    Args:
        config: The configuration of the run.
        recipe: What it started from; None for a file of the user's own, which may have
            changed since, so that all flags are written out.
        seeds: The seeds.
    """
    data, name = config["dataset"], config["model"]
    flags = {"model": name if recipe else f"path/to/{name}.py"}
    if recipe is None or data["name"] != recipe.dataset:
        flags["dataset"] = data["name"]
    for key in ("context", "drop", "dequantize", "validation", "test", "binarize"):
        if data.get(key):
            flags[key] = _text(data[key])
    for key, value in config["training"].items():
        if value != (getattr(recipe, key) if recipe else None):
            flags[key] = _text(value)
    usual = {k: v.default for k, v in recipe.options().items()} if recipe else {}
    parts = [f"--{key}={value}" for key, value in flags.items()]
    for key, value in config["settings"].items():
        if key not in usual or _text(value) != _text(usual[key]):
            parts.append(f"--set={key}={_text(value)}")
    if len(seeds) > 1:
        ends = f"{seeds[0]}..{seeds[-1]}"
        whole = list(seeds) == list(range(seeds[0], seeds[-1] + 1))
        parts.append(f"--seeds={ends if whole else _text(list(seeds))}")
    elif seeds[0]:
        parts.append(f"--seed={seeds[0]}")
    return " ".join([_TRAIN, *map(shlex.quote, parts)])


def table(results: Sequence[Result], *, named: bool = False) -> str:
    """Results in Markdown, a row each.

    Args:
        results: The results.
        named: Whether data sets are named in a column of their own.
    """
    title = "test, nats per example"
    rows = []
    for result in results:
        row = {
            "after `python -m zoo.train`": _flags(result),
            "data": result.dataset,
            title: result.answer,
            "kind": KINDS.get(result.kind, result.kind),
            "also": result.others,
            "the literature": result.literature,
            "parameters": f"{result.num_parameters:,}",
            "epochs": str(result.epochs),
            "time": f"{result.seconds:,.0f} s",
            "day": result.date,
        }
        rows.append(row if named else {k: v for k, v in row.items() if k != "data"})
    used = [key for key in rows[0] if any(row[key] for row in rows)] if rows else []
    return markdown([used, *([row[key] for key in used] for row in rows)])


def markdown(cells: Sequence[Sequence[str]]) -> str:
    """A table in Markdown; the first row is its head."""
    head, *rows = cells  # A bar within a cell would end it.
    lines = [[cell.replace("|", r"\|") for cell in row] for row in (head, *rows)]
    lines.insert(1, ["---"] * len(head))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _recipe(config: "Json") -> "Recipe | None":
    from zoo.training import find_recipe

    return None if config.get("recipe") else find_recipe(config["model"])


def _flags(result: Result) -> str:
    """The flags as code, one by one, so that lines break between them."""
    return " ".join(f"`{flag}`" for flag in shlex.split(result.command)[3:])


def _shown(number: "Json | float | None", digits: int) -> str:
    if not isinstance(number, dict):
        return "infinite" if number is None else f"{number:.{digits}f}"
    if "median" in number:
        median, low, high = (
            _shown(number[key], digits) for key in ("median", "min", "max")
        )
        return f"{median} ({low} to {high})"
    mean, error = number["mean"], number["standard_error"]
    if mean is None:
        return "infinite"
    return f"{mean:.{digits}f} ± {'?' if error is None else f'{error:.{digits}f}'}"


def _rounded(number: "Json | float | None") -> "Json | float | None":
    """Six digits are enough for tables, and more differ between machines."""
    if isinstance(number, dict):
        return {key: _rounded(value) for key, value in number.items()}
    return float(f"{number:.6g}") if isinstance(number, float) else number


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return ",".join(map(_text, value))
    return str(value).removesuffix(".0") if isinstance(value, float) else str(value)
