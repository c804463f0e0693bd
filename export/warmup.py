"""Requests that a server answers while it loads a model, before anyone waits for it."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from export import BATCH_SIZES
from tfgen import Signature

# Where servers look, inside a version's directory.
PATH = Path("assets.extra/tf_serving_warmup_requests")


def write_warmup(
    saved_model: Path,
    name: str,
    signatures: Sequence[Signature],
    examples: Mapping[str, np.ndarray],
) -> int:
    """Writes a request for every signature and batch size; returns how many.

    The first call of a shape is slow, as TensorFlow plans it then.

    Args:
        saved_model: The directory of the version.
        name: What the server will call the model.
        signatures: What the model answers; `serving_default` is added.
        examples: Rows of every input.
    """
    from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

    requested = {"serving_default": signatures[0]}
    requested.update((signature.name, signature) for signature in signatures)
    path = saved_model / PATH
    path.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for signature_name, signature in requested.items():
            for batch_size in BATCH_SIZES:
                request = predict_pb2.PredictRequest()
                request.model_spec.name = name
                request.model_spec.signature_name = signature_name
                for key in signature.inputs:
                    rows = np.resize(
                        examples[key], (batch_size, *examples[key].shape[1:])
                    )
                    request.inputs[key].CopyFrom(tf.make_tensor_proto(rows))
                log = prediction_log_pb2.PredictionLog()
                log.predict_log.request.CopyFrom(request)
                writer.write(log.SerializeToString())
    return len(requested) * len(BATCH_SIZES)
