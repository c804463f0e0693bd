"""The client against a server on loopback, over REST and over gRPC."""

import contextlib
import socket
import sys

import grpc
import numpy as np
import pytest
import requests
import tensorflow as tf

from export import client
from export.client import Client, ModelNotFoundError
from export.saved_model import read_signatures

APIS = ("rest", "grpc")
Code = grpc.StatusCode

X = np.random.default_rng(0).standard_normal([9, 2]).astype("float32")
Z = np.random.default_rng(1).standard_normal([9, 2]).astype("float32")
SEED = np.array([3, 1, 4, 1, 5, -9, 2**31 - 1, -(2**31), 0], "int32")
KIND = np.arange(9, dtype="int32") % 3
IMAGES = np.random.default_rng(2).integers(0, 256, [9, 2, 3]).astype("uint8")

# Model, signature, inputs.
CASES = {
    "log_prob": ("points", "log_prob", {"x": X}),
    "default": ("points", "serving_default", {"x": X}),
    "elbo": ("points", "elbo", {"x": X, "seed": SEED}),
    "sample": ("points", "sample", {"seed": SEED}),
    "encode": ("points", "encode", {"x": X}),
    "decode": ("points", "decode", {"z": Z}),
    "scalar": ("points", "mean", {"x": X}),
    "context": ("kinds", "log_prob", {"x": X.astype("float64") / 3, "context": X / 7}),
    "sample of a kind": ("kinds", "sample", {"seed": SEED, "context": KIND}),
    "images": ("images", "log_prob", {"x": IMAGES}),
    "sampled images": ("images", "sample", {"seed": SEED}),
}


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    monkeypatch.setattr(client, "_FIRST_WAIT", 0.001)


@pytest.fixture(scope="module")
def loaded(served_models):
    """The signatures of each model, called without a server."""
    highest = {path: max(path.iterdir(), key=str) for path in served_models.iterdir()}
    models = {path.name: tf.saved_model.load(str(v)) for path, v in highest.items()}
    return {name: (model, model.signatures) for name, model in models.items()}


@pytest.fixture(params=APIS)
def ask(request, server):
    """A function that opens a client, over REST and over gRPC."""
    with contextlib.ExitStack() as stack:

        def ask(model="points", **options):
            address = options.pop("server", None) or server.address(request.param)
            opened = Client(address, model, api=request.param, **options)
            return stack.enter_context(opened)

        ask.api = request.param
        yield ask


@pytest.fixture
def nowhere():
    """An address where nobody answers."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # And does not listen.
        yield f"127.0.0.1:{bound.getsockname()[1]}"


# Answers.


@pytest.mark.parametrize("name", CASES)
def test_answers_are_those_of_the_model(ask, loaded, name):
    model, signature, inputs = CASES[name]
    actual = ask(model).predict(inputs, signature)
    function = loaded[model][1][signature]
    _, specs = function.structured_input_signature
    expected = function(**{k: tf.cast(v, specs[k].dtype) for k, v in inputs.items()})
    assert set(actual) == set(expected)
    for key, array in actual.items():
        assert array.dtype == expected[key].dtype.as_numpy_dtype
        np.testing.assert_array_equal(array, expected[key].numpy())


def test_signatures_are_those_of_the_file(ask, served_models):
    for model, version in (("points", 2), ("kinds", 7), ("images", 1)):
        found = ask(model).signatures()
        assert found == read_signatures(served_models / model / str(version))
        assert ask(model).metadata().version == version


def test_the_version_asked_for_answers(ask):
    first, second = (ask(version=v).predict({"x": X})["log_prob"] for v in (1, 2))
    np.testing.assert_allclose(second - first, 100.0, rtol=1e-5)
    np.testing.assert_array_equal(ask().predict({"x": X})["log_prob"], second)
    assert ask(version=1).metadata().version == 1


@pytest.mark.parametrize("name", [name for name in CASES if name != "scalar"])
def test_no_rows_get_no_rows(ask, server, name):
    model, signature, inputs = CASES[name]
    whole = ask(model).predict(inputs, signature)
    none = ask(model).predict({k: v[:0] for k, v in inputs.items()}, signature)
    assert {k: (v.shape, v.dtype) for k, v in none.items()} == {
        k: ((0, *v.shape[1:]), v.dtype) for k, v in whole.items()
    }
    streamed = ask(model).stream({k: v[:0] for k, v in inputs.items()}, signature)
    assert [{k: v.shape for k, v in answer.items()} for answer in streamed] == [
        {k: v.shape for k, v in none.items()}
    ]
    assert len(server.requests) == 1


def test_what_is_no_number_goes_there_and_back(ask):
    z = np.array([[np.nan, np.inf], [-np.inf, -0.0], [1e-45, 3.4e38]], "float32")
    np.testing.assert_array_equal(ask().predict({"z": z}, "decode")["x"], 0.5 * z)
    log_prob = ask(version=1).predict({"x": z})["log_prob"]
    np.testing.assert_array_equal(log_prob, np.array([np.nan, -np.inf, -np.inf]))


def test_floats_travel_exactly(ask):
    bits = np.random.default_rng(3).integers(0, 2**32, 2000, dtype="uint32")
    z = bits.view("float32")
    # A NaN is a NaN, whatever its bits; processors round the smallest ones to zero.
    z = z[np.isfinite(z) & (np.abs(z) > 1e-37)][:1800].reshape(-1, 2)
    np.testing.assert_array_equal(ask().predict({"z": z}, "decode")["x"], 0.5 * z)


def test_numbers_are_cast_where_that_loses_nothing(ask, server):
    integers = np.array([[3, -1], [2**24 + 1, 0]])
    x = ask().predict({"z": integers}, "decode")["x"]
    np.testing.assert_array_equal(x, [[1.5, -0.5], [2.0**23, 0.0]])
    with_lists = ask().predict({"seed": [3.0, 1.0]}, "sample")["x"]
    np.testing.assert_array_equal(
        with_lists, ask().predict({"seed": SEED[:2]}, "sample")["x"]
    )


# Streams.


def test_a_stream_is_one_request_in_parts(ask, server):
    x = np.random.default_rng(4).standard_normal([150, 2]).astype("float32")
    inputs = {"x": x, "seed": np.arange(150, dtype="int32")}
    whole = ask().predict(inputs, "elbo")
    del server.requests[:]
    parts = list(ask().stream(inputs, "elbo"))
    assert server.requests == [(2, "elbo", rows) for rows in (64, 64, 22)]
    for key, array in whole.items():
        np.testing.assert_array_equal(np.concatenate([p[key] for p in parts]), array)
    chunks = ({k: v[i : i + 50] for k, v in inputs.items()} for i in (0, 50, 100))
    chunked = list(ask().stream(chunks, "elbo", batch_size=30))
    assert [len(part["elbo"]) for part in chunked] == [30, 20] * 3
    np.testing.assert_array_equal(
        np.concatenate([part["elbo"] for part in chunked]), whole["elbo"]
    )


def test_a_stream_is_answered_by_one_version(ask, server):
    client = ask()
    both = server._models["points"]
    server._models["points"] = {1: both[1]}
    stream = client.stream({"x": X}, batch_size=3)
    next(stream)
    server._models["points"] = both
    assert len(list(stream)) == 2
    assert {version for version, *_ in server.requests} == {1}


def test_streams_have_rows(ask):
    with pytest.raises(ValueError, match="mean of mean has the shape"):
        ask().stream({"x": X}, "mean")
    with pytest.raises(ValueError, match="batch_size is 1 or more; received 0"):
        ask().stream({"x": X}, batch_size=0)
    with pytest.raises(ValueError, match="received the single value 3 as seed"):
        list(ask().stream({"seed": np.array(3)}, "sample"))
    with pytest.raises(ValueError, match="received x of 9, seed of 8"):
        list(ask().stream({"x": X, "seed": SEED[:8]}, "elbo"))


def test_bad_rows_of_streams_are_numbered_from_the_start(ask):
    x = X.astype("float64")
    x[7, 1] = 1e39
    chunks = ({"x": x[i : i + 4]} for i in (0, 4, 8))
    with pytest.raises(ValueError, match=r"received 1e\+39 in row 8, which is no flo"):
        list(ask().stream(chunks, batch_size=3))


# Faults of requests, found before they are sent.

FAULTS = {
    "unknown signature": (
        ("logprob", {"x": X}),
        "points (version 2) has no signature 'logprob'; it has: decode, elbo, encode, ",
    ),
    "missing input": (("elbo", {"x": X}), "inputs are seed, x; received x. Give each"),
    "unknown input": (("encode", {"x": X, "y": X}), "inputs are x; received x, y."),
    "wrong width": (("encode", {"x": X[:, :1]}), "shape [rows, 2]; received [9, 1]."),
    "one row": (("encode", {"x": X[0]}), "received [2]. A single example is given as"),
    "rank": (("sample", {"seed": SEED[:, None]}), "shape [rows]; received [9, 1]."),
    "row counts": (("elbo", {"x": X, "seed": SEED[:4]}), "received seed of 4, x of 9."),
    "fraction": (("sample", {"seed": [1, 0.5]}), "is int32; received 0.5 in row 2,"),
    "no number": (("sample", {"seed": [1, np.nan]}), "received nan in row 2, which is"),
    "too large": (("sample", {"seed": [2**31]}), "received 2147483648 in row 1, which"),
    "float too large": (
        ("encode", {"x": X.astype("float64") * 1e39}),
        "is float32; received ",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_faults_are_named_before_anything_is_sent(ask, server, name):
    (signature, inputs), message = FAULTS[name]
    with pytest.raises(ValueError, match="received|has no signature") as error:
        ask().predict(inputs, signature)
    assert message in str(error.value)
    assert not server.requests


def test_pixels_are_in_their_range(ask, server):
    for value in (256, -1, 0.5):
        images = IMAGES.astype("float64")
        images[4, 1, 2] = value
        with pytest.raises(ValueError, match=rf"uint8; received {value:.1f} in row 5"):
            ask("images").predict({"x": images})
    assert not server.requests


@pytest.mark.parametrize("values", [np.array([["a", "b"]]), np.array([[1j, 2]])])
def test_inputs_are_numbers(ask, values):
    with pytest.raises(TypeError, match="x is float32; received an array of "):
        ask().predict({"x": values})


WRONG_ARGUMENTS = {
    "api": ({"api": "soap"}, "api is rest or grpc; received 'soap'"),
    "no port": ({"server": "localhost"}, "65535; received 'localhost'. Give localhost"),
    "port": ({"server": "localhost:99999"}, "to 65535; received 'localhost:99999'."),
    "port of a url": (
        {"server": "http://localhost:65536/way"},
        "host:port, the port from 1 to 65535; received 'http://localhost:65536/way'.",
    ),
    "port 0": ({"server": "localhost:0", "api": "grpc"}, "received 'localhost:0'. Giv"),
    "url": ({"server": "http://localhost:1", "api": "grpc"}, "Give localhost:8500"),
    "model": ({"model": ""}, "has a name; received ''"),
    "version": ({"version": -1}, "numbers from 0; received -1"),
    "timeout": ({"timeout": 0.0}, "seconds above 0; received 0.0"),
    "retries": ({"retries": -1}, "0 or more; received -1"),
}


@pytest.mark.parametrize("name", WRONG_ARGUMENTS)
def test_impossible_clients_are_refused(name):
    arguments, message = WRONG_ARGUMENTS[name]
    with pytest.raises(ValueError, match="received") as error:
        Client(**{"server": "localhost:8501", "model": "points", **arguments})
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("api", "module", "package"),
    [
        ("rest", "requests", "requests"),
        ("grpc", "tensorflow_serving.apis", "tensorflow-serving-api"),
    ],
)
def test_a_missing_package_is_named(monkeypatch, api, module, package):
    monkeypatch.setitem(sys.modules, module, None)
    message = rf"takes {package}, which is not .* pip install -e '.\[serving\]'"
    with pytest.raises(OSError, match=message):
        Client("localhost:8501", "points", api=api)


# Faults of servers.


def test_models_that_are_not_there_are_named(ask):
    with pytest.raises(ModelNotFoundError, match=r"asked for point, .* Latest\(point"):
        ask("point").signatures()
    with pytest.raises(ModelNotFoundError, match=r"points version 3, .* Specific\(3\)"):
        ask(version=3).predict({"x": X})


def test_a_server_that_is_away_is_named(ask, nowhere):
    message = f"answer at {nowhere} .*; 3 attempts failed .*Connection refused"
    with pytest.raises(ConnectionError, match=message):
        ask(server=nowhere, retries=2).signatures()
    with pytest.raises(ConnectionError, match="; 1 attempt failed"):
        ask(server=nowhere, retries=0).signatures()


def test_the_two_ports_are_not_confused(ask, server):
    other = server.grpc if ask.api == "rest" else server.rest
    message = {"rest": "its answer is no HTTP", "grpc": "parsing HTTP/2"}[ask.api]
    with pytest.raises(ConnectionError, match=rf"{message}.*8501 and gRPC 8500\."):
        ask(server=other, retries=0).signatures()


def test_a_late_answer_is_not_waited_for(ask, server):
    client = ask(timeout=0.3)
    client.signatures()
    server.delay = 60.0  # It ends with the server.
    with pytest.raises(TimeoutError, match=r"within 0\.3 s; 127.* gave none"):
        client.predict({"x": X})
    assert len(server.requests) == 1  # And not asked for again.
    server.delay = 0.0
    assert ask().predict({"x": X})["log_prob"].shape == (9,)


@pytest.mark.parametrize("code", [Code.UNAVAILABLE, Code.RESOURCE_EXHAUSTED])
def test_busy_servers_are_asked_again(ask, server, code):
    server.faults[:] = [code] * 2
    assert ask().predict({"x": X})["log_prob"].shape == (9,)
    assert len(server.requests) == 3
    server.faults[:] = [code] * 4
    with pytest.raises(ConnectionError, match=r"4 attempts.*as asked for"):
        ask().predict({"x": X})
    assert len(server.requests) == 7
    assert not server.faults


def test_servers_that_shut_down_are_asked_again(server):
    """What they cancel is over gRPC alone an answer of its own."""
    server.faults[:] = [Code.CANCELLED]
    with Client(server.grpc, "points", api="grpc") as client:
        assert client.predict({"x": X})["log_prob"].shape == (9,)
    assert len(server.requests) == 2


FINAL = {
    Code.INVALID_ARGUMENT: (ValueError, "refused it: as asked for. Change the inputs"),
    Code.INTERNAL: (OSError, "must not fail; .* did: as asked for. Its log may say"),
    Code.NOT_FOUND: (ModelNotFoundError, "said: as asked for. Check --model"),
    Code.DEADLINE_EXCEEDED: (TimeoutError, "must come within 30 s"),
}


@pytest.mark.parametrize("code", FINAL)
def test_other_faults_are_final(ask, server, code):
    server.faults[:] = [code]
    kind, message = FINAL[code]
    with pytest.raises(kind, match=message) as error:
        ask().predict({"x": X})
    assert error.type is kind
    assert len(server.requests) == 1


def test_too_many_rows_are_what_the_server_says(ask, server):
    server.max_batch_size = 4
    message = "Task size 9 is larger than .* 4. Give a smaller --batch_size."
    with pytest.raises(ValueError, match=message):
        ask().predict({"x": X})
    assert len(list(ask().stream({"x": X}, batch_size=4))) == 3


def test_a_model_that_has_changed_is_met_anew(ask, server):
    client = ask("points")
    client.predict({"x": X})
    server._models["points"] = server._models["images"]
    with pytest.raises(ValueError, match="refused it"):
        client.predict({"x": X})
    assert client.predict({"x": IMAGES})["log_prob"].shape == (9,)


@pytest.mark.parametrize("text", ["<html>", "[]", '{"model_spec": {}}', "null"])
def test_other_servers_are_recognised(monkeypatch, text):
    answer = requests.Response()
    answer.status_code, answer._content = 200, text.encode()
    monkeypatch.setattr(requests.Session, "request", lambda *_, **__: answer)
    with Client("localhost:80", "points") as client:
        with pytest.raises(OSError, match="not what TensorFlow Serving answers"):
            client.signatures()
