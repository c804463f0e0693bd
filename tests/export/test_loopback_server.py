"""The server that stands in for TensorFlow Serving, where clients here do not go."""

import numpy as np
import pytest
import requests

from export.client import Client, ModelNotFoundError


@pytest.fixture
def post(server):
    """A function that posts a body to `points` and returns status and answer."""

    def post(**content):
        url = f"http://{server.rest}/v1/models/points/versions/1:predict"
        answer = requests.post(url, timeout=5, **content)
        return answer.status_code, answer.json()

    return post


def test_rows_are_accepted_row_by_row(post):
    for rows in ([[1.0, 2.0]], [{"x": [1.0, 2.0]}]):
        body = {"signature_name": "encode", "instances": rows}
        assert post(json=body) == (200, {"predictions": [[2.0, 4.0]]})


def test_versions_have_states(server):
    answer = requests.get(f"http://{server.rest}/v1/models/points", timeout=5)
    states = [v["state"] for v in answer.json()["model_version_status"]]
    assert states == ["AVAILABLE"] * 2


ROW = {"x": [1.0, 2.0], "seed": 1}
# Signature, rows, a part of the error.
BAD_ROWS = {
    "missing input": ("elbo", [ROW, {"x": [1.0, 2.0]}], "element 1 "),
    "unknown input": ("elbo", [{**ROW, "y": 1}], "element 0 "),
    "a row without names": ("elbo", [ROW, [1.0, 2.0]], "element 1 "),
    "a row with names": ("encode", [[1.0, 2.0], {"x": [1.0, 2.0]}], "element 1 "),
    "values of one input": ("elbo", [[1.0, 2.0]], "values of 2 inputs"),
    "none": ("encode", [], "no rows"),
    "no list": ("encode", 3, "no rows"),
}


@pytest.mark.parametrize("name", BAD_ROWS)
def test_bad_rows_are_refused(post, server, name):
    signature, rows, message = BAD_ROWS[name]
    status, answer = post(json={"signature_name": signature, "instances": rows})
    assert status == 400
    assert message in answer["error"]
    assert not server.requests


@pytest.mark.parametrize("body", ["", "{", "[1]", "3", '{"inputs": 1, "instances": 2}'])
def test_bodies_that_are_no_request_are_refused(post, body):
    status, answer = post(data=body)
    assert status == 400
    assert answer["error"]


def test_what_lies_beside_models_and_versions_is_ignored(
    server, served_models, tmp_path
):
    """As the export and people leave it there."""
    for path in ("points/logs", "empty", ".unfinished-points/variables"):
        (tmp_path / path).mkdir(parents=True)
    for path in ("models.config", ".lock-points", "points/README", "points/7"):
        (tmp_path / path).touch()
    (tmp_path / "points/2").symlink_to(served_models / "points/2")
    second = type(server)(tmp_path)
    try:
        with Client(second.rest, "points") as client:
            assert client.metadata().version == 2
            assert client.predict({"x": np.zeros([3, 2])})["log_prob"].shape == (3,)
        for name in ("empty", "models.config", ".unfinished-points"):
            with Client(second.rest, name) as client:
                with pytest.raises(ModelNotFoundError):
                    client.metadata()
    finally:
        second.stop()
