"""Names, summaries and modules are found in the folders, without TensorFlow."""

import subprocess
import sys

import pytest

from zoo import registry


@pytest.fixture
def folders(tmp_path, monkeypatch):
    (tmp_path / "models").mkdir()
    for name in ("maf", "nice", "realnvp", "__init__", "_helper"):
        text = f'"""The {name}.\n\nMore of it.\n"""\nraise SystemExit\n'
        (tmp_path / "models" / f"{name}.py").write_text(text)
    (tmp_path / "models" / "notes.txt").write_text("not a model")
    monkeypatch.setattr(registry, "_folder", lambda kind: tmp_path / kind)
    return tmp_path


def test_names_are_the_files_of_the_folder(folders):
    assert registry.names("models") == ("maf", "nice", "realnvp")
    assert registry.names("datasets") == ()


def test_summary_is_read_without_running_the_file(folders):
    assert registry.summary("models", "maf") == "The maf."
    (folders / "models" / "silent.py").write_text("raise SystemExit")
    assert not registry.summary("models", "silent")


def test_unknown_name_is_answered_with_the_nearest(folders):
    with pytest.raises(ValueError, match="no model 'mfa'") as error:
        registry.find("models", "mfa")
    assert str(error.value) == (
        "zoo has no model 'mfa'; did you mean 'maf'? It has: maf, nice, realnvp. To "
        "add one, create zoo/models/mfa.py, or give the path of a recipe file."
    )
    with pytest.raises(ValueError, match="did you mean 'maf'"):
        registry.summary("models", "mfa")


def test_name_like_nothing_gets_no_guess(folders):
    with pytest.raises(ValueError, match="no model 'zzzzzz'. It has") as error:
        registry.find("models", "zzzzzz")
    assert "did you mean" not in str(error.value)


def test_hyphens_and_capitals_are_understood():
    with pytest.raises(ValueError, match="did you mean 'two_moons'") as error:
        registry.find("datasets", "Two-Moons")
    assert "create zoo" not in str(error.value)  # It could not be imported.
    assert "tfds:NAME" in str(error.value)


def test_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="models and datasets; received kind='data'"):
        registry.names("data")


def test_finding_imports_the_file():
    module = registry.find("datasets", "rings")
    assert module.__name__ == "zoo.datasets.rings"
    assert callable(module.load)


@pytest.mark.parametrize("name", registry.names("datasets"))
def test_every_data_set_has_a_summary(name):
    summary = registry.summary("datasets", name)
    assert summary.endswith(".")
    assert len(summary) > 20


def test_looking_up_and_loading_digits_import_no_tensorflow():
    code = (
        "import sys; from zoo import data, registry\n"
        "for kind in ('models', 'datasets'):\n"
        "    [registry.summary(kind, name) for name in registry.names(kind)]\n"
        "folders = ('zoo.models', 'zoo.datasets')\n"
        "imported = [m for m in sys.modules if m.startswith(folders)]\n"
        "assert not imported, imported\n"
        "data.load('digits')\n"
        "assert 'tensorflow' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def _recipe(path, text="RECIPE = 1"):
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return str(path)


@pytest.fixture
def clean_modules():
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        del sys.modules[name]


@pytest.mark.usefixtures("clean_modules")
def test_a_recipe_file_is_imported_by_its_path(tmp_path):
    text = "from __future__ import annotations\nimport dataclasses\n"
    text += "@dataclasses.dataclass\nclass Size:\n    width: int = 3\n"
    path = _recipe(tmp_path / "own_recipe.py", text)
    module = registry.find("models", path)
    assert module.__name__ == module.Size.__module__ == "own_recipe"
    assert module.Size().width == 3
    assert registry.find("models", path) is module


@pytest.mark.usefixtures("clean_modules")
def test_two_recipe_files_may_share_a_name(tmp_path):
    one = registry.find("models", _recipe(tmp_path / "a" / "own.py", "RECIPE = 1"))
    two = registry.find("models", _recipe(tmp_path / "b" / "own.py", "RECIPE = 2"))
    assert (one.RECIPE, two.RECIPE) == (1, 2)


@pytest.mark.parametrize("name", ["json", "queue", "zoo", "this"])
def test_a_recipe_file_may_not_replace_a_module(tmp_path, name):
    before = sys.modules.get(name)
    with pytest.raises(ValueError, match=f"a module '{name}'; rename"):
        registry.find("models", _recipe(tmp_path / f"{name}.py"))
    assert sys.modules.get(name) is before


def test_a_missing_recipe_file_is_named(tmp_path):
    with pytest.raises(
        FileNotFoundError, match="nowhere.py', where there is no file; check"
    ):
        registry.find("models", str(tmp_path / "nowhere.py"))


def test_a_recipe_that_fails_leaves_nothing_behind(tmp_path):
    path = _recipe(tmp_path / "failing.py", "raise KeyError('mine')")
    with pytest.raises(KeyError, match="mine"):
        registry.find("models", path)
    assert "failing" not in sys.modules
