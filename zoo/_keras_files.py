"""Reads `.keras` files, of which nothing is trusted.

A `.keras` file is an archive: a configuration, as JSON, and weights, as HDF5. Keras
runs no code of it in safe mode; here it may besides name no classes but those that are
registered (of this library, and of a recipe that the user gave) and plain ones of
Keras, hold no other files, and make no model larger than the weights that it holds.
"""

import io
import json
import os
import zipfile
from collections.abc import Callable
from typing import Any

import h5py
import keras
import tensorflow as tf

import tfgen  # noqa: F401  (registers the classes that files name)

_CONFIG, _WEIGHTS = "config.json", "model.weights.h5"
_MEMBERS = {"metadata.json", _CONFIG, _WEIGHTS}
# A configuration has a few thousand characters, and takes minutes from here on.
_LONGEST = 2**24
# No layer has more units than weights. Beyond this, sizes alone take long.
_LARGEST_NUMBER = 2**20
# Of Keras' metrics, of which a file need not hold the values.
_BESIDE = 2**20
_PLAIN = (
    "keras.layers",
    "keras.activations",
    "keras.initializers",
    "keras.regularizers",
    "keras.constraints",
    "keras.dtype_policies",
)
_CONTAINERS = ("DTypePolicy", "Sequential", "Functional", "Model")
# These read other files or hold programs; Keras refuses some of them, in safe mode.
_NOT_PLAIN = (
    "FlaxLayer",
    "IntegerLookup",
    "JaxLayer",
    "Lambda",
    "StringLookup",
    "TFSMLayer",
    "TextVectorization",
    "TorchModuleWrapper",
)


def load_model(path: str | os.PathLike[str]) -> keras.Model:
    """The model of a `.keras` file.

    Raises:
        ValueError: If the file is damaged, names other classes, or would make a larger
            model than it has weights for. The text is the reason alone.
    """
    try:
        size = _check(path)
        with tf.variable_creator_scope(_at_most(size + _BESIDE)):
            return keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # Of a broken file Keras raises whatever it likes.
        # It goes on with advice and the whole configuration.
        reason = str(error).partition("\n")[0].partition(". ")[0].rstrip(".")
        raise ValueError(reason[:300] or type(error).__name__) from error


def _check(path: str | os.PathLike[str]) -> int:
    """The size of the weights, in bytes, of a file that may be loaded."""
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        names = sorted(member.filename for member in members)
        if names != sorted(_MEMBERS):
            raise ValueError(f"it holds {', '.join(names)[:100] or 'nothing'}")
        # Keras does not compress them. What is compressed may hold more than it says.
        is_packed = any(
            member.compress_type != zipfile.ZIP_STORED for member in members
        )
        grown = sum(member.file_size for member in members)
        if is_packed or grown > os.path.getsize(path):
            raise ValueError("it would grow as it is read")
        if archive.getinfo(_CONFIG).file_size > _LONGEST:
            raise ValueError("its configuration is too long")
        size = _check_weights(archive.read(_WEIGHTS))
        _check_config(json.loads(archive.read(_CONFIG)), max(_LARGEST_NUMBER, size))
        return size


def _check_config(config: object, largest: int) -> None:
    """Raises ValueError for classes and sizes that no model here has."""
    registered = keras.saving.get_custom_objects()
    left: list[tuple[object, bool]] = [(config, True)]
    while left:
        value, has_sizes = left.pop()
        if isinstance(value, dict):
            _check_class(value, registered)
            for key, item in value.items():
                # An objective has numbers of steps; Keras gives addresses in memory.
                is_size = key not in ("objective", "shared_object_id")
                left.append((item, has_sizes and is_size))
        elif isinstance(value, list):
            numbers = [x for x in value if isinstance(x, int)]
            # As many numbers as there are coordinates are their order.
            if has_sizes and sum(map(abs, numbers)) > max(largest, len(numbers) ** 2):
                raise ValueError("it has numbers that no model here has")
            left += [(x, has_sizes) for x in value if isinstance(x, dict | list)]
        elif isinstance(value, int) and has_sizes and abs(value) > largest:
            raise ValueError("it has a number that no model here has")


def _check_class(value: dict[str, Any], registered: dict[str, Any]) -> None:
    name, module = value.get("class_name"), value.get("module")
    if name is None and module is None:
        return
    if not isinstance(name, str) or not isinstance(module, str | None):
        raise ValueError("it names a class by what is no name")
    known = registered.get(str(value.get("registered_name")))
    if known is not None and name in (known.__name__, "function"):
        return
    # Names with underscores, as of arrays and of programs, are Keras' own.
    plain = module in _PLAIN and name not in _NOT_PLAIN and not name.startswith("_")
    if not plain and not (module == "keras" and name in _CONTAINERS):
        raise ValueError(f"Could not locate class '{name[:60]}'")


def _check_weights(content: bytes) -> int:
    """The bytes of all arrays, each of which the file really holds."""
    total = 0

    def add(_: str, found: h5py.Group | h5py.Dataset) -> None:
        nonlocal total
        if isinstance(found, h5py.Dataset):
            if found.external or found.is_virtual:
                raise ValueError("its weights are in other files")
            if found.dtype.hasobject:  # Any number of them may be the same bytes.
                raise ValueError("its weights are no numbers")
            total += found.nbytes
            return
        for name in found:
            if not isinstance(found.get(name, getlink=True), h5py.HardLink):
                raise ValueError("its weights are links")

    with h5py.File(io.BytesIO(content)) as file:
        add("", file)
        file.visititems(add)
    if total > len(content):
        raise ValueError("its weights would grow as they are read")
    return total


def _at_most(size: int) -> Callable[..., tf.Variable]:
    """What makes variables of that many bytes in all, and no more."""

    def create(make: Callable[..., tf.Variable], **options: Any) -> tf.Variable:
        nonlocal size
        value = options["initial_value"]
        if callable(value):
            with tf.Graph().as_default():  # Where nothing is computed.
                value = value()
        shape, dtype = tf.TensorShape(value.shape), tf.as_dtype(value.dtype)
        size -= shape.num_elements() * dtype.size
        if size < 0:
            raise ValueError("its configuration is of a larger model than its weights")
        return make(**options)

    return create
