"""What a SavedModel answers and where it comes from, in words."""

import json
from pathlib import Path
from typing import Any

from export.saved_model import SignatureInfo, TensorInfo, read_signatures
from export.versions import versions
from zoo.data import DataSpec
from zoo.evaluation import describe
from zoo.model_dir import Json

# Characters of a unit that are shown.
_WIDE = 60


def summarize(path: str | Path) -> str:
    """Describes a SavedModel for people: any, though one of this zoo's has more to say.

    Args:
        path: The directory of a version, or that of a model, whose highest version it
            will be.

    Raises:
        FileNotFoundError: If there is no SavedModel.
        ValueError: If it is damaged.
    """
    path = Path(path)
    if not (path / "saved_model.pb").is_file():
        there = versions(path)
        path = there[max(there)] if there else path
    signatures = read_signatures(path)
    about = read_about(path)
    head = f"{path}, {_size(path)}"
    if about is None:
        return "\n".join([head, "", *_describe(signatures, {}, "serving_default")])
    try:
        del signatures["serving_default"]
        origin = _origin(about)
        answers = _describe(signatures, about["signatures"], about["default_signature"])
    except (KeyError, TypeError, AttributeError, ValueError):
        raise _damaged(path) from None
    return "\n".join([head, "", *origin, "", *answers])


def _origin(about: Json) -> list[str]:
    trained, epochs = about["versions"]["training"], about["report"]["epochs"]
    settings = ", ".join(f"{k}={v}" for k, v in about["settings"].items())
    return [
        describe(about["report"], DataSpec.from_json(about["dataset"]["spec"])),
        f"  {'settings':10} {settings or 'none'}",
        f"  {'trained':10} seed {about['seed']}, "
        f"{epochs} {'epoch' if epochs == 1 else 'epochs'}, "
        f"TensorFlow {trained['tensorflow']}, Keras {trained['keras']}",
    ]


def _describe(
    signatures: dict[str, SignatureInfo], units: Json, default: str
) -> list[str]:
    lines = ["signatures, n rows a request:"]
    names = [
        name for s in signatures.values() for name in (*s["inputs"], *s["outputs"])
    ]
    width = max([10, *map(len, names)])
    for name in sorted(signatures, key=lambda name: (name != default, name)):
        shown = _printable(name)
        lines.append(f"  {shown}{'   (serving_default)' if name == default else ''}")
        known = units.get(name, {"inputs": {}, "outputs": {}})
        inputs, outputs = signatures[name]["inputs"], signatures[name]["outputs"]
        lines += _tensors("<-", inputs, known["inputs"], width)
        lines += _tensors("->", outputs, known["outputs"], width)
    return lines


def read_about(path: Path) -> Json | None:
    """What the export wrote about a model, or None for a stranger's.

    Texts in it may come from anywhere: they have no characters that move a cursor.

    Raises:
        ValueError: If it is damaged.
    """
    file = path / "assets.extra" / "model.json"
    if not file.is_file():
        return None
    try:
        about = _printable(json.loads(file.read_text(encoding="utf-8")))
    except (ValueError, RecursionError):
        raise _damaged(path) from None
    if not isinstance(about, dict):
        raise _damaged(path)
    return about


def _damaged(path: Path) -> ValueError:
    return ValueError(
        f"{path}/assets.extra/model.json is damaged, or not by an export of this zoo. "
        "Export the model anew."
    )


def _printable(value: object) -> Any:
    """The value with `?` for what would not be seen on a terminal."""
    if isinstance(value, str):
        return "".join(c if c.isprintable() else "?" for c in value)
    if isinstance(value, dict):
        return {_printable(k): _printable(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_printable(item) for item in value]
    return value


def _tensors(
    arrow: str, tensors: dict[str, TensorInfo], units: Json, width: int
) -> list[str]:
    lines = []
    for name, tensor in tensors.items():
        sizes = ["n" if size is None else str(size) for size in tensor["shape"]]
        shape = f"[{', '.join(sizes)}] {tensor['dtype']}"
        unit = units.get(name, {}).get("unit", "")
        lines.append(
            f"    {arrow} {_printable(name):{width}} {shape:24} {_short(unit)}".rstrip()
        )
    return lines


def _short(unit: str) -> str:
    """A unit in few words: that of a wide table is the list of its columns."""
    return unit if len(unit) <= _WIDE else f"{unit[:_WIDE].rpartition(', ')[0]}, ..."


def _size(path: Path) -> str:
    size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    return f"{size / 2**20:.1f} MiB"
