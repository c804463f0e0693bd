"""What documents say: commands that parse, links that lead somewhere, fresh tables."""

import importlib.util
import re
import runpy
import shlex
import sys
from pathlib import Path

import pytest
from absl import flags
from absl.testing import flagsaver

import export
from zoo import cli, pages, registry
from zoo.training import find_recipe

ROOT = Path(__file__).parents[2]
DOCUMENTS = {
    path.relative_to(ROOT).as_posix(): path
    for path in (
        *(ROOT / name for name in ("README.md", "BUILD.md", "CHANGELOG.md")),
        ROOT / "benchmarks" / "README.md",
        ROOT / "colab" / "README.md",
        *sorted((ROOT / "docs").rglob("*.md")),
    )
}
_COMMAND = re.compile(r"python -m ((?:zoo|export)(?:\.\w+)?)(?![\w.])([^`\n|>&;]*)")
_LINK = re.compile(r"\]\((?!\w+:)([^)#\s]*)#?([^)\s]*)\)")
# Commands that take no flags, or that define theirs where they are not started.
_WITHOUT_FLAGS = ("zoo",)


def _commands():
    """Each command of each document, once, with the first document that has it."""
    found = {}
    for name, path in DOCUMENTS.items():
        text = path.read_text(encoding="utf-8").replace("\\\n", " ")
        for module, rest in _COMMAND.findall(text):
            command = shlex.join([module, *shlex.split(rest, comments=True)])
            found.setdefault(command, name)
    return found


COMMANDS = _commands()


def _parsed(module, arguments, monkeypatch):
    """The flags of a command, and what it is given beside them; nothing is run."""
    parsed = []

    def run(main, argument=None):
        rest = flags.FLAGS([module, *arguments])[1:]
        several = argument is not None and argument.endswith("...")
        assert len(rest) == (argument is not None) or several, rest
        parsed.append({name: flags.FLAGS[name].value for name in flags.FLAGS})

    monkeypatch.setattr(cli, "run", run)
    # Flags of the client are defined as this is imported, and are taken back below.
    for name in ("export._client_command", module):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.delattr(export, "_client_command", raising=False)
    with flagsaver.flagsaver():
        try:
            runpy.run_module(module, run_name="__main__")
        finally:
            flags.FLAGS.unparse_flags()
    return parsed[0]


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_parse(command, monkeypatch):
    module, *arguments = shlex.split(command)
    if not arguments or module in _WITHOUT_FLAGS:  # Named in a text.
        assert not arguments
        spec = importlib.util.find_spec(module)
        assert spec is not None
        if spec.submodule_search_locations is not None:  # A package.
            assert importlib.util.find_spec(f"{module}.__main__") is not None
        return
    if arguments == ["--help"]:
        return
    given = _parsed(module, arguments, monkeypatch)
    if module == "zoo.train":
        assert (
            not given["dataset"]
            or "." in given["dataset"]
            or given["dataset"] in registry.names("datasets")
        )
        if given["model"] != "MODEL" and not given["model"].endswith(".py"):
            settings = dict(text.split("=", 1) for text in given["set"])
            find_recipe(given["model"]).parse(settings)
        if given["seeds"]:
            cli.parse_seeds(given["seeds"])


def test_commands_are_found():
    assert COMMANDS["zoo.train --model=maf"] == "README.md"
    assert "export --model_dir=runs/maf-digits --export_dir=serving" in COMMANDS
    assert len(COMMANDS) > 40


def _anchors(path):
    """Anchors of the headings of a document, as sites and repositories make them."""
    text = re.sub(
        r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.M | re.S
    )
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    words = (re.sub(r"[^\w\- ]", "", title.lower()) for title in titles)
    return {word.replace(" ", "-") for word in words}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_lead_somewhere(name):
    path = DOCUMENTS[name]
    for target, anchor in _LINK.findall(path.read_text(encoding="utf-8")):
        place = (path.parent / target).resolve() if target else path
        assert place.exists(), f"{name} links to {target}"
        if anchor:
            assert anchor in _anchors(place), f"{name} links to {target}#{anchor}"


def test_tables_and_pages_are_those_of_the_results():
    stale = [str(path.relative_to(ROOT)) for path in pages.stale(ROOT)]
    assert not stale, "Run python -m zoo.report --write."


@pytest.mark.parametrize("name", registry.names("models"))
def test_recipes_have_what_their_pages_show(name):
    text = (ROOT / "docs" / "models" / f"{name}.md").read_text(encoding="utf-8")
    for title in ("Good for", "Equation", "Command", "References"):
        assert f"\n## {title}\n" in text
    assert f"python -m zoo.train --model={name}" in text
    assert "https://" in text.partition("## References")[2]


def test_every_model_is_recommended_for_something():
    text = (ROOT / "docs" / "which.md").read_text(encoding="utf-8")
    linked = set(re.findall(r"\(models/(\w+)\.md\)", text))
    assert linked == set(registry.names("models"))


def test_pictures_are_small():
    sizes = {p.name: p.stat().st_size for p in (ROOT / "docs").rglob("*.png")}
    assert not {name for name, size in sizes.items() if size > 200_000}
    assert sum(sizes.values()) < 3_000_000
