"""A server on loopback that behaves like TensorFlow Serving.

REST and gRPC are real, and so are the SavedModels; only the server's own code, which is
C++, is imitated: its routes, its JSON, its status codes.
"""

import concurrent.futures
import contextlib
import http.server
import json
import re
import socket
import threading

import grpc
import numpy as np
import tensorflow as tf
from google.protobuf import json_format
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from export.saved_model import read_signatures

Code = grpc.StatusCode
HTTP = {
    Code.INVALID_ARGUMENT: 400,
    Code.NOT_FOUND: 404,
    Code.RESOURCE_EXHAUSTED: 429,
    Code.INTERNAL: 500,
    Code.UNAVAILABLE: 503,
    Code.DEADLINE_EXCEEDED: 504,
}
ROUTE = re.compile(r"/v1/models/([^/:]+)(?:/versions/(\d+))?(/metadata|:predict)?")


class Fault(Exception):
    """What the server answers in place of an answer."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


class Dead(Exception):
    """The server ended in the middle of a request."""


class LoopbackServer:
    """Serves `base/model/version/` over REST and gRPC until `stop`.

    What lies beside directories of models and versions is ignored.

    Attributes:
        rest, grpc: Addresses, host:port.
        requests: Predict requests that came, as `(version, signature, rows)`.
        faults: Status codes to answer the next predict requests with.
        delay: Seconds to wait before each answer.
        dies_at: Number of the predict request, from 1, at which the server dies.
        max_batch_size: Most rows of a request, if any.
    """

    def __init__(self, base):
        self.requests, self.faults = [], []
        self.delay, self.dies_at, self.max_batch_size = 0.0, None, None
        self._lock, self._stopped = threading.Lock(), threading.Event()
        self._models = {model.name: _find_versions(model) for model in base.iterdir()}
        self._loaded = {}
        self._http = _http_server(self)
        self.rest = f"127.0.0.1:{self._http.server_address[1]}"
        threading.Thread(target=self._http.serve_forever, args=[0.01]).start()
        self._grpc = grpc.server(concurrent.futures.ThreadPoolExecutor(4))
        prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
            _PredictionService(self), self._grpc
        )
        model_service_pb2_grpc.add_ModelServiceServicer_to_server(
            _ModelService(self), self._grpc
        )
        self.grpc = f"127.0.0.1:{self._grpc.add_insecure_port('127.0.0.1:0')}"
        self._grpc.start()

    def address(self, api):
        return self.rest if api == "rest" else self.grpc

    def stop(self):
        """Ends abruptly: connections are cut, ports are closed."""
        if self._stopped.is_set():
            return
        self._stopped.set()
        ended = self._grpc.stop(None)
        self._http.shutdown()
        self._http.cut()
        self._http.server_close()
        ended.wait()

    def find(self, model, version):
        """The number and the directory of the version."""
        versions = self._models.get(model, {})
        if not versions or (version is not None and version not in versions):
            asked = "Latest" if version is None else f"Specific({version})"
            name = f"{model}" if version is None else f"{model}, {version}"
            raise Fault(
                Code.NOT_FOUND, f"Servable not found for request: {asked}({name})"
            )
        version = max(versions) if version is None else version
        return version, versions[version]

    def versions(self, model):
        self.find(model, None)
        return sorted(self._models[model])

    def definitions(self, model, version):
        """The number of the version and the signatures that are in its file."""
        number, path = self.find(model, version)
        found = get_model_metadata_pb2.SignatureDefMap()
        proto = saved_model_pb2.SavedModel.FromString(
            (path / "saved_model.pb").read_bytes()
        )
        for name, definition in proto.meta_graphs[0].signature_def.items():
            found.signature_def[name].CopyFrom(definition)
        return number, found

    def infos(self, model, version, signature):
        """Shape and dtype of the inputs of a signature."""
        _, path = self.find(model, version)
        signatures = read_signatures(path)
        if signature not in signatures:
            raise Fault(
                Code.INVALID_ARGUMENT,
                f'Serving signature name: "{signature}" not found in signature def',
            )
        return signatures[signature]["inputs"]

    def predict(self, model, version, signature, inputs):
        """The outputs for inputs that are arrays."""
        number, path = self.find(model, version)
        infos = self.infos(model, version, signature)
        rows = max((len(array) for array in inputs.values() if array.ndim), default=0)
        with self._lock:
            self.requests.append((number, signature, rows))
            fault = self.faults.pop(0) if self.faults else None
            dies = len(self.requests) == self.dies_at
        if dies:
            threading.Thread(target=self.stop).start()
            self._stopped.wait()
        if self._stopped.is_set():  # Also for who comes while it ends.
            raise Dead
        if self.delay:
            self._stopped.wait(self.delay)
        if fault is not None:
            raise Fault(fault, "as asked for")
        if inputs.keys() != infos.keys():
            raise Fault(Code.INVALID_ARGUMENT, "input size does not match signature")
        if self.max_batch_size is not None and rows > self.max_batch_size:
            raise Fault(
                Code.INVALID_ARGUMENT,
                f"Task size {rows} is larger than maximum input batch size "
                f"{self.max_batch_size}",
            )
        if path not in self._loaded:
            self._loaded[path] = tf.saved_model.load(str(path))
        function = self._loaded[path].signatures[signature]
        try:
            tensors = {name: tf.constant(array) for name, array in inputs.items()}
            return {name: out.numpy() for name, out in function(**tensors).items()}
        except (tf.errors.OpError, TypeError, ValueError) as error:
            raise Fault(Code.INVALID_ARGUMENT, str(error)) from None


def _find_versions(model):
    if not model.is_dir():
        return {}
    found = (path for path in model.iterdir() if path.is_dir())
    return {int(path.name): path for path in found if path.name.isdecimal()}


class _PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):
    def __init__(self, server):
        self._server = server

    def Predict(self, request, context):  # noqa: N802
        spec = request.model_spec
        with _status(context):
            inputs = {k: tf.make_ndarray(v) for k, v in request.inputs.items()}
            name = spec.signature_name or "serving_default"
            outputs = self._server.predict(spec.name, _version(spec), name, inputs)
        response = predict_pb2.PredictResponse()
        for key, array in outputs.items():
            response.outputs[key].CopyFrom(tf.make_tensor_proto(array))
        return response

    def GetModelMetadata(self, request, context):  # noqa: N802
        spec = request.model_spec
        with _status(context):
            number, found = self._server.definitions(spec.name, _version(spec))
        response = get_model_metadata_pb2.GetModelMetadataResponse()
        response.model_spec.name = spec.name
        response.model_spec.version.value = number
        response.metadata["signature_def"].Pack(found)
        return response


class _ModelService(model_service_pb2_grpc.ModelServiceServicer):
    def __init__(self, server):
        self._server = server

    def GetModelStatus(self, request, context):  # noqa: N802
        with _status(context):
            return _statuses(self._server.versions(request.model_spec.name))


def _version(spec):
    return spec.version.value if spec.HasField("version") else None


@contextlib.contextmanager
def _status(context):
    """Turns faults into gRPC's status codes."""
    try:
        yield
    except Fault as fault:
        context.abort(fault.code, str(fault))
    except Dead:
        context.abort(Code.UNAVAILABLE, "Socket closed")


def _statuses(versions):
    response = get_model_status_pb2.GetModelStatusResponse()
    for version in versions:
        response.model_version_status.add(version=version, state="AVAILABLE")
    return response


def _http_server(server):
    """The REST side; requests keep their connections, as they do on real servers."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # One packet an answer: no wait for the acknowledgement of half.

        def do_GET(self):  # noqa: N802
            self._reply(lambda: _get(server, self.path))

        def do_POST(self):  # noqa: N802
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self._reply(lambda: _post(server, self.path, body))

        def _reply(self, answer):
            try:
                status, text = 200, answer()
            except Fault as fault:
                status, text = HTTP[fault.code], json.dumps({"error": str(fault)})
            except Dead:
                self.close_connection = True
                return
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        def handle(self):
            with contextlib.suppress(OSError):  # The client left, or the server died.
                super().handle()

        def finish(self):
            with contextlib.suppress(OSError):
                super().finish()

        def log_message(self, *_):
            pass

    class Server(http.server.ThreadingHTTPServer):
        # What is still answering, for a client that has stopped waiting, is waited for.
        daemon_threads = False

        def __init__(self):
            super().__init__(("127.0.0.1", 0), Handler)
            self._connections = []

        def get_request(self):
            connection, address = super().get_request()
            self._connections.append(connection)
            return connection, address

        def cut(self):
            for connection in self._connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    return Server()


def _route(path, *endings):
    match = ROUTE.fullmatch(path)
    if not match or match[3] not in endings:
        raise Fault(Code.INVALID_ARGUMENT, f"Malformed request: {path}")
    return match[1], None if match[2] is None else int(match[2]), match[3]


def _get(server, path):
    model, version, ending = _route(path, None, "/metadata")
    if ending is None:
        return json_format.MessageToJson(_statuses(server.versions(model)))
    number, found = server.definitions(model, version)
    spec = {"name": model, "signature_name": "", "version": str(number)}
    signatures = json_format.MessageToDict(
        found,
        preserving_proto_field_name=True,
        always_print_fields_with_no_presence=True,
    )
    return json.dumps({"model_spec": spec, "metadata": {"signature_def": signatures}})


def _post(server, path, body):
    """Predicts, in the row format or in the column format."""
    model, version, _ = _route(path, ":predict")
    server.find(model, version)
    try:
        content = json.loads(body)
    except ValueError as error:
        raise Fault(Code.INVALID_ARGUMENT, f"JSON Parse error: {error}") from None
    if not isinstance(content, dict):
        raise Fault(Code.INVALID_ARGUMENT, "Request is not a JSON object")
    signature = content.get("signature_name", "serving_default")
    infos = server.infos(model, version, signature)
    if ("instances" in content) == ("inputs" in content):
        raise Fault(Code.INVALID_ARGUMENT, "Missing 'inputs' or 'instances' key")
    by_row = "instances" in content
    values = content["instances" if by_row else "inputs"]
    if by_row:
        values = _by_name(values, infos)
    if not isinstance(values, dict):
        values = dict.fromkeys(infos, values)
    missing = [name for name in infos if name not in values]
    if missing:
        raise Fault(
            Code.INVALID_ARGUMENT,
            f"Missing named input: {missing[0]} in 'inputs' object.",
        )
    inputs = {name: _tensor(values[name], infos[name]["dtype"]) for name in infos}
    outputs = server.predict(model, version, signature, inputs)
    lists = {name: _numbers(array) for name, array in outputs.items()}
    alone = len(lists) == 1
    if not by_row:
        answer = {"outputs": next(iter(lists.values())) if alone else lists}
    elif alone:
        answer = {"predictions": next(iter(lists.values()))}
    else:
        rows = zip(*lists.values(), strict=True)
        answer = {"predictions": [dict(zip(lists, row, strict=True)) for row in rows]}
    return json.dumps(answer)  # With bare NaN and Infinity.


def _by_name(rows, infos):
    """The values of each input, or of the one input, from those of each row."""
    if not isinstance(rows, list) or not rows:
        raise Fault(Code.INVALID_ARGUMENT, "'instances' has no rows")
    named = isinstance(rows[0], dict)
    if not named and len(infos) > 1:
        raise Fault(Code.INVALID_ARGUMENT, f"A row has values of {len(infos)} inputs")
    for i, row in enumerate(rows):
        if isinstance(row, dict) != named or (named and row.keys() != infos.keys()):
            raise Fault(
                Code.INVALID_ARGUMENT,
                f"Failed to process element {i} of 'instances': not like the others, "
                f"or without exactly the keys {', '.join(infos)}",
            )
    return {name: [row[name] for row in rows] for name in infos} if named else rows


def _tensor(values, dtype):
    """An array whose shape follows from the lists alone: that of `[]` is `[0]`."""
    try:
        array = np.array(values)
        integers = all(isinstance(value, int) for value in array.ravel().tolist())
    except ValueError:
        raise Fault(
            Code.INVALID_ARGUMENT, "Encountered list at unexpected size"
        ) from None
    if array.dtype.kind not in "iuf" or (dtype[0] in "iu" and not integers):
        raise Fault(
            Code.INVALID_ARGUMENT, f"JSON Value: is not of expected type: {dtype}"
        )
    return array.astype(dtype)


def _numbers(array):
    """Lists with the shortest decimals that are the same 32-bit floats."""
    if array.dtype.kind != "f":
        return array.tolist()
    flat = [float(str(value)) for value in array.ravel()]
    return np.reshape(np.array(flat, "float64"), array.shape).tolist()
