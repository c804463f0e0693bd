"""Pages of the documentation that are written from recipes and results.

Each model has a page, `docs/models/NAME.md`. Its words are those of the docstring of
the recipe, which ends with three sections in Google's style: `Equation`; `Good for`,
what the model is good for and what not; and `References`.

Other pages, and README.md, have tables between two marks. Nothing is imported but
files that `ast` reads, so that pages are written and checked without TensorFlow.
"""

import ast
import re
import textwrap
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from zoo import registry, results
from zoo.results import Result

SECTIONS = ("Equation", "Good for", "References")
_SECTION = re.compile(rf"^({'|'.join(SECTIONS)}):\n((?:    .*\n|\n)+)", re.MULTILINE)
_BLOCK = re.compile(
    r"(<!-- zoo\.report: (?P<what>[\w=]+) -->\n).*?(<!-- zoo\.report: end -->)", re.S
)
# What the pictures of `zoo.sample` show; names of files are MODEL-DATASET-WHAT.png.
_CAPTIONS = {
    "samples": "Samples",
    "latent_plane": "Codes of test rows, and means at quantiles of the prior",
    "codes": "Codes of test rows, coloured by class and by category",
    "reconstructions": "Test rows and their reconstructions",
    "interpolation": "Means on lines between the codes of two test rows",
    "traversals": "Decoder means along each latent",
    "histograms": "Codes of test rows against the prior, latent by latent",
    "factors": "Mutual information of factors and latents",
    "classes": "Means of draws from each category",
    "confusion": "Test rows of each class in each category",
}


def written(root: Path) -> dict[Path, str]:
    """What `zoo.report --write` writes: whole pages, and files with tables in them.

    Args:
        root: A checkout: `README.md`, `docs` and its `results` are there.

    Raises:
        ValueError: If results are damaged, or a mark names a table that there is not.
    """
    found = results.read_all(root / "docs" / "results")
    pages = {
        root / "docs" / "models" / f"{name}.md": page(name, found, root)
        for name in registry.names("models")
    }
    for path in (root / "README.md", *sorted((root / "docs").rglob("*.md"))):
        if path.parent != root / "docs" / "models":
            pages[path] = _with_tables(path, found)
    return pages


def stale(root: Path) -> list[Path]:
    """Files that differ from what would be written, and pages of models now gone."""
    pages = written(root)
    differing = [
        path
        for path, text in pages.items()
        if not path.is_file() or path.read_text(encoding="utf-8") != text
    ]
    return differing + _gone(root, pages)


def write(root: Path) -> list[Path]:
    """Writes what is stale; returns it."""
    pages = written(root)
    changed = stale(root)
    for path in changed:
        if path in pages:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(pages[path], encoding="utf-8")
        else:
            path.unlink()
    return changed


def _gone(root: Path, pages: Mapping[Path, str]) -> list[Path]:
    there = sorted((root / "docs" / "models").glob("*.md"))
    return [path for path in there if path not in pages]


def page(name: str, found: Sequence[Result], root: Path) -> str:
    """The page of a model, in Markdown."""
    summary, _, rest = registry.docstring("models", name).partition("\n")
    sections = dict(_SECTION.findall(rest + "\n"))
    parts = [f"# {name}", summary]
    if "Good for" in sections:
        parts += ["## Good for", _dedent(sections["Good for"])]
    if "Equation" in sections:
        parts += ["## Equation", sections["Equation"].strip("\n")]
    parts += ["## Command", _SECTION.sub("", rest + "\n").strip("\n")]
    for path in sorted((root / "docs" / "pictures").glob(f"{name}-*.png")):
        parts.append(f"![{_caption(path)}](../pictures/{path.name})")
        parts.append(f"*{_caption(path)}.*")
    ours = [result for result in found if result.model == name]
    if ours:
        parts += ["## Numbers", results.table(ours, named=True), _circumstances(ours)]
    options, fields = _options(name)
    if options:
        rows = [(f"`--set={key}=...`", f"`{value}`") for key, value in options.items()]
        parts += ["## Options", results.markdown([("flag", "default"), *rows])]
    rows = [(f"`--{key}=...`", f"`{value}`") for key, value in fields.items()]
    if rows:
        head = ("flag", "in this recipe")
        parts += ["How it is trained:", results.markdown([head, *rows])]
    if "References" in sections:
        parts += ["## References", _references(sections["References"])]
    # At the end, as the first line of a page is its title.
    parts.append(
        "<!-- Written by `python -m zoo.report --write`, from zoo/models/"
        f"{name}.py and docs/results. -->"
    )
    return "\n\n".join(parts) + "\n"


def _circumstances(found: Sequence[Result]) -> str:
    """What holds for every row of a table."""
    versions = sorted({_versions(result) for result in found})
    return (
        "Means over test rows with standard errors; of several seeds the median and "
        "the range. On two CPU cores, which often had other work too. Versions: "
        f"{'; '.join(versions)}."
    )


def _versions(result: Result) -> str:
    return ", ".join(f"{name} {version}" for name, version in result.versions.items())


def _with_tables(path: Path, found: Sequence[Result]) -> str:
    """The text of a file, with its tables written anew."""

    def table(match: re.Match[str]) -> str:
        what, _, value = match["what"].partition("=")
        if what not in _TABLES:
            raise ValueError(
                f"Tables between marks are {', '.join(_TABLES)}; received {what!r} in "
                f"{path}. Take one of these."
            )
        return f"{match[1]}\n{_TABLES[what](found, value, path)}\n\n{match[3]}"

    return _BLOCK.sub(table, path.read_text(encoding="utf-8"))


def _models(found: Sequence[Result], value: str, path: Path) -> str:
    """A row for each model, with its first result."""
    del value
    place = "docs/models" if path.name == "README.md" else "models"
    cells = [["model", "what it is", "data", "test, nats per example", "literature"]]
    for name in registry.names("models"):
        summary = registry.summary("models", name).rstrip(".")
        row = [f"[`{name}`]({place}/{name}.md)", summary, "", "", ""]
        result = next((r for r in found if r.model == name), None)
        if result is not None:
            kind = results.KINDS.get(result.kind, result.kind)
            number = f"{result.answer}, {kind}"
            if result.highlight:
                number += f"; {result.highlight}"
            row[2:] = [result.dataset, number, result.literature]
        cells.append(row)
    return results.markdown(cells)


def _dataset(found: Sequence[Result], value: str, path: Path) -> str:
    """All results on one data set, the highest first, what is no likelihood last."""
    del path
    ours = [result for result in found if result.dataset.partition(" ")[0] == value]
    return results.table(sorted(ours, key=lambda r: (r.kind == "none", -r.mean)))


_TABLES: dict[str, Callable[[Sequence[Result], str, Path], str]] = {
    "models": _models,
    "dataset": _dataset,
}


def _options(name: str) -> tuple[dict[str, str], dict[str, str]]:
    """Options of a model and fields of its recipe, with their values as text."""
    tree = ast.parse(registry.source("models", name))
    options: dict[str, str] = {}
    fields: dict[str, str] = {}
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name="build", args=arguments):
                for argument, default in zip(
                    arguments.kwonlyargs, arguments.kw_defaults, strict=True
                ):
                    options[argument.arg] = _value(default)
            case ast.ImportFrom(module=str(module), names=[ast.alias(name="build")]):
                options = _options(module.rpartition(".")[2])[0]
            case ast.Call(func=ast.Name(id="Recipe"), keywords=keywords):
                shown = {key.arg: key.value for key in keywords if key.arg}
                for key in ("build", "conditional", "references", "tiny"):
                    shown.pop(key, None)
                fields = {key: _value(value) for key, value in shown.items()}
    return options, fields


def _value(node: ast.expr | None) -> str:
    """A value as flags take it."""
    if node is None:
        return ""
    value = ast.literal_eval(node)
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _caption(path: Path) -> str:
    _, dataset, what = path.stem.split("-", 2)
    return f"{_CAPTIONS.get(what, what.replace('_', ' '))}, {dataset}"


def _dedent(text: str) -> str:
    return textwrap.dedent(text).strip("\n")


def _references(text: str) -> str:
    """A reference a paragraph, as a list; what is indented goes on with the last."""
    entries = re.split(r"\n(?=\S)", _dedent(text))
    lines = (" ".join(entry.split()) for entry in entries)
    return "\n".join(f"- {_linked(line)}" for line in lines)


def _linked(text: str) -> str:
    return re.sub(r"(https?://\S+)", r"<\1>", text)
