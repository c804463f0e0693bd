"""Checks SavedModels against their training's numbers, in a process with nothing else.

    echo '["SAVED_MODEL", "EXAMPLES"]' | python -I self_check.py

This file is run as a script, isolated, and imports nothing of the project: what it
finds is what a server would. For each line that it reads, the paths of a SavedModel and
of an `examples.npz`, it prints a JSON object: how many answers were compared, the
largest difference between them as a share of what is allowed, and the faults.
"""

import importlib.abc
import importlib.machinery
import json
import os
import sys
from typing import NoReturn

BATCH_SIZES = (0, 1, 3, 64)
# Rows that each batch size is tried on, where there are as many.
_ROWS = {0: 0, 1: 3, 3: 9, 64: 64}
_RTOL = _ATOL = 1e-5
# Of discrete rows, which differ altogether from the first draw that rounding flips.
_FLIPPED = 0.05
_ABSENT = ("tensorflow_probability", "tf_keras", "keras", "tfgen", "zoo", "export")
_PYTHON_OPS = ("PyFunc", "PyFuncStateless", "EagerPyFunc")


class _Absent(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Makes the packages that a server does not have impossible to import."""

    def find_spec(
        self, name: str, path: object = None, target: object = None
    ) -> importlib.machinery.ModuleSpec | None:
        # TensorFlow looks for Keras as it is imported, so there is something to find.
        absent = name.split(".")[0] in _ABSENT
        return importlib.machinery.ModuleSpec(name, self) if absent else None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> NoReturn:
        raise ModuleNotFoundError(f"{spec.name} is not there when models are served.")

    def exec_module(self, module: object) -> None:
        """Never called: there is no module."""


if __name__ == "__main__":
    sys.meta_path.insert(0, _Absent())
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
from tensorflow.core.protobuf import saved_model_pb2  # noqa: E402


def check(saved_model: str, examples: dict[str, np.ndarray]) -> dict[str, object]:
    """Compares the answers of a SavedModel with those in `examples`.

    Answers agree within rtol 1e-5 and atol 1e-5 max(1, D), D the size of an example;
    where they are integers, rows are equal but for one of a batch, or 1 in 20.

    Args:
        saved_model: Its directory.
        examples: Inputs by name, answers as `signature/output`; those of the main
            signature, which is also `serving_default`, come first.

    Returns:
        `compared`, `largest_share` and `faults`, a list of sentences.
    """
    faults = _forbidden_nodes(saved_model)
    loaded = tf.saved_model.load(saved_model)
    atol = _ATOL * max(1, examples["x"][0].size)
    compared, largest = 0, 0.0
    # Answers stand in the order of the signatures, of which the first is the default.
    default = next(key.partition("/")[0] for key in examples if "/" in key)
    for name, function in loaded.signatures.items():
        inputs = function.structured_input_signature[1]
        prefix = f"{default if name == 'serving_default' else name}/"
        expected = {
            key.removeprefix(prefix): values
            for key, values in examples.items()
            if key.startswith(prefix)
        }
        missing = [key for key in inputs if key not in examples]
        if missing or expected.keys() != function.structured_outputs.keys():
            faults.append(f"{name} has no examples to be checked against")
            continue
        for batch_size in BATCH_SIZES:
            try:
                wrong, share = _compare(function, examples, expected, batch_size, atol)
            except tf.errors.OpError as error:
                reason = str(error.message).partition("\n")[0]
                faults.append(f"{name} fails at batch size {batch_size}: {reason}")
                continue
            compared += 1
            largest = max(largest, share)
            if wrong:
                faults.append(
                    f"{name} differs at batch size {batch_size}: {wrong} "
                    f"(allowed: {atol:.1e} + {_RTOL:.0e} of the number)"
                )
    faults += _replay_warmup(saved_model, loaded)
    return {"compared": compared, "largest_share": largest, "faults": faults}


def _compare(
    function: tf.types.experimental.ConcreteFunction,
    examples: dict[str, np.ndarray],
    expected: dict[str, np.ndarray],
    batch_size: int,
    atol: float,
) -> tuple[str, float]:
    """What is wrong with the answers, if anything, and their share of the tolerance."""
    rows = len(examples["x"])
    largest, wrong = 0.0, ""
    for first in range(0, max(1, min(_ROWS[batch_size], rows)), max(1, batch_size)):
        # Fewer examples than the batch holds are repeated.
        chosen = np.arange(first, first + batch_size) % rows
        inputs = {
            key: tf.constant(examples[key][chosen])
            for key in function.structured_input_signature[1]
        }
        for output, answer in function(**inputs).items():
            actual, wanted = answer.numpy(), expected[output][chosen]
            if actual.shape != wanted.shape or actual.dtype != wanted.dtype:
                return (
                    f"{output} is {actual.dtype} {actual.shape}, was {wanted.dtype} "
                    f"{wanted.shape}",
                    largest,
                )
            if not batch_size:
                continue
            if np.issubdtype(actual.dtype, np.integer):
                flipped = (actual != wanted).reshape(batch_size, -1).any(axis=1)
                if flipped.sum() > max(1, _FLIPPED * batch_size):
                    wrong = f"{flipped.sum()} of {batch_size} rows of {output}"
                continue
            allowed = atol + _RTOL * np.abs(wanted)
            share = np.abs(actual.astype(float) - wanted) / allowed
            largest = max(largest, float(share.max()))
            if not (share <= 1).all():  # NaN is wrong too.
                worst = np.unravel_index(
                    np.argmax(np.nan_to_num(share, nan=np.inf)), share.shape
                )
                wrong = (
                    f"{output} is {actual[worst]:.9g}, was {wanted[worst]:.9g} in row "
                    f"{chosen[worst[0]] + 1}"
                )
    return wrong, largest


def _replay_warmup(saved_model: str, loaded: tf.Module) -> list[str]:
    """Which requests fail that a server makes as it loads the model."""
    path = os.path.join(saved_model, "assets.extra", "tf_serving_warmup_requests")
    if not os.path.exists(path):
        return []
    from tensorflow_serving.apis import prediction_log_pb2

    faults = []
    for number, record in enumerate(tf.data.TFRecordDataset(path), start=1):
        log = prediction_log_pb2.PredictionLog.FromString(record.numpy())
        request = log.predict_log.request
        try:
            loaded.signatures[request.model_spec.signature_name](
                **{
                    name: tf.constant(tf.make_ndarray(tensor))
                    for name, tensor in request.inputs.items()
                }
            )
        except (tf.errors.OpError, TypeError, KeyError) as error:
            reason = str(error).partition("\n")[0]
            faults.append(f"warm-up request {number} fails: {reason}")
    return faults


def _forbidden_nodes(saved_model: str) -> list[str]:
    """What the graph holds that servers do not run."""
    proto = saved_model_pb2.SavedModel()
    with open(os.path.join(saved_model, "saved_model.pb"), "rb") as file:
        proto.ParseFromString(file.read())
    faults = set()
    for meta_graph in proto.meta_graphs:
        graph = meta_graph.graph_def
        nodes = [*graph.node, *(n for f in graph.library.function for n in f.node_def)]
        for node in nodes:
            if node.op in _PYTHON_OPS:
                faults.add(f"{node.name} calls back into Python ({node.op})")
            if node.attr["_XlaMustCompile"].b:
                faults.add(f"{node.name} asks for XLA, which servers switch off")
        for function in graph.library.function:
            if function.attr["_XlaMustCompile"].b:
                faults.add(
                    f"{function.signature.name} asks for XLA, which servers switch off"
                )
    return sorted(faults)


def main() -> None:
    """Checks the models that standard input names, a line each."""
    for line in sys.stdin:
        saved_model, path = json.loads(line)
        with np.load(path, allow_pickle=False) as examples:
            print(json.dumps(check(saved_model, dict(examples))), flush=True)


if __name__ == "__main__":
    main()
