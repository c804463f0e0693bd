"""Finding models and data sets by name: the folder is the registry.

Listing and describing import neither the files nor TensorFlow; docstrings are read with
`ast`.
"""

import ast
import difflib
import importlib
import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType

_NOUNS = {"models": "model", "datasets": "data set"}
_OTHER_WAYS = {
    "models": "or give the path of a recipe file",
    "datasets": "or give the path of a .csv, .parquet, .npz or .npy file, or tfds:NAME",
}
_recipes: dict[str, ModuleType] = {}


def names(kind: str) -> tuple[str, ...]:
    """The names in a folder of the zoo, in alphabetical order.

    Args:
        kind: `"models"` or `"datasets"`.

    Returns:
        The names of its files, without those that start with an underscore.
    """
    files = (file.stem for file in _folder(kind).glob("*.py"))
    return tuple(sorted(name for name in files if not name.startswith("_")))


def summary(kind: str, name: str) -> str:
    """The first line of the file's docstring, read without importing the file.

    Args:
        kind: `"models"` or `"datasets"`.
        name: One of `names(kind)`.

    Returns:
        The line, or an empty string if the file has no docstring.
    """
    text = docstring(kind, name)
    return text.splitlines()[0] if text else ""


def docstring(kind: str, name: str) -> str:
    """The docstring of a file of the zoo, read without importing the file.

    Args:
        kind: `"models"` or `"datasets"`.
        name: One of `names(kind)`.

    Returns:
        The text, or an empty string if the file has none.
    """
    return ast.get_docstring(ast.parse(source(kind, name))) or ""


def source(kind: str, name: str) -> str:
    """The source of a file of the zoo.

    Args:
        kind: `"models"` or `"datasets"`.
        name: One of `names(kind)`.
    """
    _check_name(kind, name)
    return (_folder(kind) / f"{name}.py").read_text(encoding="utf-8")


def find(kind: str, name: str) -> ModuleType:
    """Imports a file of the zoo, or for models a user's own recipe file.

    Args:
        kind: `"models"` or `"datasets"`.
        name: One of `names(kind)`, or for models a path that ends with `.py`.

    Returns:
        The module.

    Raises:
        ValueError: If the zoo has no such name.
        FileNotFoundError: If a path is given and there is no such file.
    """
    if kind == "models" and name.endswith(".py"):
        return _import_recipe(name)
    _check_name(kind, name)
    return importlib.import_module(f"zoo.{kind}.{name}")


def _folder(kind: str) -> Path:
    if kind not in _NOUNS:
        raise ValueError(
            f"The zoo has {' and '.join(_NOUNS)}; received kind={kind!r}; "
            "use one of the two."
        )
    return Path(__file__).parent / kind


def _check_name(kind: str, name: str) -> None:
    known = names(kind)
    if name in known:
        return
    close = difflib.get_close_matches(name.lower(), known, n=1)
    meant = f"; did you mean '{close[0]}'?" if close else "."
    create = f"create zoo/{kind}/{name}.py, " if name.isidentifier() else ""
    other = _OTHER_WAYS[kind] if create else _OTHER_WAYS[kind].removeprefix("or ")
    raise ValueError(
        f"zoo has no {_NOUNS[kind]} '{name}'{meant} It has: {', '.join(known)}. "
        f"To add one, {create}{other}."
    )


def _import_recipe(path: str) -> ModuleType:
    file = os.path.realpath(path)
    if not os.path.isfile(file):
        raise FileNotFoundError(
            "A model is a name of the zoo or the path of a recipe file; "
            f"received {path!r}, where there is no file; check the path."
        )
    if file in _recipes:
        return _recipes[file]
    stem = Path(file).stem.replace(".", "_")
    spec = importlib.util.spec_from_file_location(stem, file)
    if spec is None or spec.loader is None or _is_taken(stem, file):
        raise ValueError(
            "A recipe file is imported under its own name, which must be free; "
            f"received {path!r}, but there is a module '{stem}'; rename the file."
        )
    module = importlib.util.module_from_spec(spec)
    # Dataclasses and Keras look classes up by their module, so it must be findable.
    previous = sys.modules.get(stem)
    sys.modules[stem] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[stem]
        if previous is not None:
            sys.modules[stem] = previous
        raise
    _recipes[file] = module
    return module


def _is_taken(stem: str, file: str) -> bool:
    """Whether `import stem` means something other than a recipe file."""
    if stem in sys.modules:
        return sys.modules[stem] not in _recipes.values()
    found = importlib.util.find_spec(stem)
    if found is None or found.origin is None:  # A bare folder takes no name.
        return False
    return os.path.realpath(found.origin) != file
