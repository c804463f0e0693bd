"""Protocol buffers over gRPC to a TensorFlow Serving server."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from export._transport import (
    Failure,
    ServedModel,
    Status,
    Transport,
    described_signatures,
    foreign_answer,
    missing_package,
)
from zoo.model_dir import Json

if TYPE_CHECKING:
    from tensorflow.core.protobuf.meta_graph_pb2 import TensorInfo as Described
    from tensorflow_serving.apis.get_model_metadata_pb2 import GetModelMetadataRequest
    from tensorflow_serving.apis.predict_pb2 import PredictRequest

    from export.saved_model import TensorInfo

_Answer = TypeVar("_Answer")

_GRPC = {
    "CANCELLED": Status.AWAY,  # By a server that shuts down; the client never does.
    "DEADLINE_EXCEEDED": Status.LATE,
    "FAILED_PRECONDITION": Status.REFUSED,
    "INVALID_ARGUMENT": Status.REFUSED,
    "NOT_FOUND": Status.NOT_FOUND,
    "OUT_OF_RANGE": Status.REFUSED,
    "RESOURCE_EXHAUSTED": Status.BUSY,
    "UNAVAILABLE": Status.AWAY,
}
_CHANNEL = {
    "grpc.max_receive_message_length": -1,
    "grpc.max_send_message_length": -1,
    # By default a lost connection is not tried again for a second: longer than all
    # retries together.
    "grpc.initial_reconnect_backoff_ms": 100,
    "grpc.min_reconnect_backoff_ms": 100,
    "grpc.max_reconnect_backoff_ms": 1000,
}


class Grpc(Transport):
    """Protocol buffers over gRPC, without TLS; imports TensorFlow.

    Args:
        server: `host:port`.
        model: Name of the model.
        timeout: Seconds to wait for an answer.
    """

    def __init__(self, server: str, model: str, timeout: float) -> None:
        try:
            import grpc
            from tensorflow_serving.apis import prediction_service_pb2_grpc
        except ImportError:
            raise missing_package("tensorflow-serving-api") from None
        self._rpc_error = grpc.RpcError
        self._channel = grpc.insecure_channel(server, options=list(_CHANNEL.items()))
        self._stub = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)
        self._model = model
        self._timeout = timeout

    def metadata(self, version: int | None) -> ServedModel:
        from tensorflow.core.framework import types_pb2
        from tensorflow_serving.apis import get_model_metadata_pb2

        request = get_model_metadata_pb2.GetModelMetadataRequest(
            metadata_field=["signature_def"]
        )
        response = self._ask(self._stub.GetModelMetadata, request, version)
        found = get_model_metadata_pb2.SignatureDefMap()
        response.metadata["signature_def"].Unpack(found)

        def described(infos: "Mapping[str, Described]") -> Json:
            """As REST has it."""
            return {
                name: {
                    "dtype": types_pb2.DataType.Name(info.dtype),
                    "tensor_shape": {
                        "dim": [{"size": dim.size} for dim in info.tensor_shape.dim]
                    },
                }
                for name, info in infos.items()
            }

        definitions = {
            name: {
                "inputs": described(definition.inputs),
                "outputs": described(definition.outputs),
            }
            for name, definition in found.signature_def.items()
        }
        number = response.model_spec.version.value
        return ServedModel(self._model, number, described_signatures(definitions))

    def predict(
        self,
        version: int | None,
        signature: str,
        inputs: Mapping[str, np.ndarray],
        outputs: "Mapping[str, TensorInfo]",
    ) -> dict[str, np.ndarray]:
        import tensorflow as tf
        from tensorflow_serving.apis import predict_pb2

        request = predict_pb2.PredictRequest()
        request.model_spec.signature_name = signature
        for name, array in inputs.items():
            request.inputs[name].CopyFrom(tf.make_tensor_proto(array))
        response = self._ask(self._stub.Predict, request, version)
        missing = [name for name in outputs if name not in response.outputs]
        if missing:
            raise foreign_answer(f"an answer without {', '.join(missing)}")
        return {name: tf.make_ndarray(response.outputs[name]) for name in outputs}

    def _ask(
        self,
        method: Callable[..., _Answer],
        request: "GetModelMetadataRequest | PredictRequest",
        version: int | None,
    ) -> _Answer:
        request.model_spec.name = self._model
        if version is not None:
            request.model_spec.version.value = version
        try:
            return method(request, timeout=self._timeout)
        except self._rpc_error as error:
            status = _GRPC.get(error.code().name, Status.FAILED)
            raise Failure(status, error.details() or error.code().name) from None

    def close(self) -> None:
        self._channel.close()
