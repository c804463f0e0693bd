"""Models as SavedModels that need TensorFlow alone to load."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypedDict

import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import meta_graph_pb2, saved_model_pb2

from tfgen import GenerativeModel, Signature


class TensorInfo(TypedDict):
    """Shape, None for the batch, and dtype of a named tensor."""

    shape: list[int | None]
    dtype: str


class SignatureInfo(TypedDict):
    """What a signature takes and gives, by name."""

    inputs: dict[str, TensorInfo]
    outputs: dict[str, TensorInfo]


def write_saved_model(
    path: str | os.PathLike[str],
    model: GenerativeModel,
    signatures: Sequence[Signature],
) -> None:
    """Writes the signatures of a model, and `serving_default`, which is the first.

    Neither TFP, nor Keras, nor this package is needed to load it.

    Args:
        path: The directory to write, `.../name/version` for a server.
        model: Holds the weights.
        signatures: What the model answers, as `model.signatures(...)` gives it.

    Example:
        >>> import tempfile
        >>> import tensorflow as tf
        >>> import tfgen
        >>> model = tfgen.DensityModel(tfgen.maf([2], hidden_units=[8]))
        >>> signatures = model.signatures({"x": tf.TensorSpec([None, 2])})
        >>> [signature.name for signature in signatures]
        ['log_prob', 'sample', 'encode', 'decode']
        >>> with tempfile.TemporaryDirectory() as directory:
        ...     write_saved_model(directory, model, signatures)
        ...     served = tf.saved_model.load(directory).signatures
        ...     served["log_prob"](x=tf.zeros([3, 2]))["log_prob"].shape
        TensorShape([3])
    """
    # A module of bare variables: nothing of Keras is left in what is saved.
    module = tf.Module()
    module.weights = [weight.value for weight in model.weights]
    functions = {signature.name: signature.concrete() for signature in signatures}
    functions["serving_default"] = functions[signatures[0].name]
    tf.saved_model.save(module, os.fspath(path), functions)


def read_signatures(path: str | os.PathLike[str]) -> dict[str, SignatureInfo]:
    """The signatures of any SavedModel for serving; nothing of it is loaded or run.

    Raises:
        FileNotFoundError: If there is no SavedModel.
        ValueError: If its file is damaged, or has nothing to serve.
    """
    file = Path(path) / "saved_model.pb"
    if not file.is_file():
        raise FileNotFoundError(
            f"A SavedModel is a directory with a saved_model.pb; received {path}, "
            "which has none. Give the directory of a version, as in serving/maf/1."
        )
    proto = saved_model_pb2.SavedModel()
    try:
        proto.ParseFromString(file.read_bytes())
        signatures = _signatures(proto)
    except (DecodeError, TypeError):  # The latter for dtypes that are none.
        signatures = {}
    if not signatures:
        raise ValueError(
            f"{file} has nothing to serve: it is damaged, or no SavedModel. Export it "
            "anew."
        )
    return signatures


def _signatures(proto: saved_model_pb2.SavedModel) -> dict[str, SignatureInfo]:
    return {
        name: {
            "inputs": _tensors(definition.inputs),
            "outputs": _tensors(definition.outputs),
        }
        for meta_graph in proto.meta_graphs
        if "serve" in meta_graph.meta_info_def.tags
        for name, definition in sorted(meta_graph.signature_def.items())
        if not name.startswith("__")  # TensorFlow's own, for loading.
    }


def _tensors(infos: Mapping[str, meta_graph_pb2.TensorInfo]) -> dict[str, TensorInfo]:
    return {
        name: {
            "shape": [None if d.size < 0 else d.size for d in info.tensor_shape.dim],
            "dtype": tf.as_dtype(info.dtype).name,
        }
        for name, info in sorted(infos.items())
    }
