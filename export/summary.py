"""What a SavedModel answers and where it comes from, in words."""

import json
from pathlib import Path

from export.saved_model import TensorInfo, read_signatures
from export.versions import versions
from zoo.data import DataSpec
from zoo.evaluation import describe
from zoo.model_dir import Json


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
    if not (path / "saved_model.pb").is_file() and versions(path):
        path /= str(versions(path)[-1])
    signatures = read_signatures(path)
    about = read_about(path)
    lines = [f"{path}, {_size(path)}"]
    units: Json = {}
    default = "serving_default"
    if about is not None:
        trained, seed = about["versions"]["training"], about["seed"]
        settings = ", ".join(f"{k}={v}" for k, v in about["settings"].items())
        lines += [
            "",
            describe(about["report"], DataSpec.from_json(about["dataset"]["spec"])),
            f"  {'settings':10} {settings or 'none'}",
            f"  {'trained':10} seed {seed}, {about['report']['epochs']} epochs, "
            f"TensorFlow {trained['tensorflow']}, Keras {trained['keras']}",
        ]
        units, default = about["signatures"], about["default_signature"]
        signatures.pop("serving_default", None)
    lines += ["", "signatures, n rows a request:"]
    for name in sorted(signatures, key=lambda name: (name != default, name)):
        lines.append(f"  {name}{'   (serving_default)' if name == default else ''}")
        known = units.get(name, {"inputs": {}, "outputs": {}})
        inputs, outputs = signatures[name]["inputs"], signatures[name]["outputs"]
        lines += _tensors("<-", inputs, known["inputs"])
        lines += _tensors("->", outputs, known["outputs"])
    return "\n".join(lines)


def read_about(path: Path) -> Json | None:
    """What the export wrote about a model, or None for a stranger's.

    Raises:
        ValueError: If it is damaged.
    """
    file = path / "assets.extra" / "model.json"
    if not file.is_file():
        return None
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(
            f"{file} is not valid JSON ({error}). Export the model anew."
        ) from None


def _tensors(arrow: str, tensors: dict[str, TensorInfo], units: Json) -> list[str]:
    lines = []
    for name, tensor in tensors.items():
        sizes = ["n" if size is None else str(size) for size in tensor["shape"]]
        shape = f"[{', '.join(sizes)}] {tensor['dtype']}"
        unit = units.get(name, {}).get("unit", "")
        lines.append(f"    {arrow} {name:10} {shape:24} {unit}".rstrip())
    return lines


def _size(path: Path) -> str:
    size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    return f"{size / 2**20:.1f} MiB"
