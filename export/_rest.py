"""JSON over REST to a TensorFlow Serving server."""

import json
from collections.abc import Mapping
from http.client import BadStatusLine
from typing import TYPE_CHECKING
from urllib.parse import quote

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
    from export.saved_model import TensorInfo

_HTTP = {
    404: Status.NOT_FOUND,
    408: Status.LATE,
    429: Status.BUSY,
    503: Status.BUSY,
    504: Status.LATE,
}


class Rest(Transport):
    """JSON over HTTP; numbers travel exactly, NaN and infinities too.

    Args:
        server: `host:port`, or a URL.
        model: Name of the model.
        timeout: Seconds to wait for an answer.
    """

    def __init__(self, server: str, model: str, timeout: float) -> None:
        try:
            import requests
        except ImportError:
            raise missing_package("requests") from None
        self._requests = requests
        self._session = requests.Session()
        base = server if "://" in server else f"http://{server}"
        self._url = f"{base.rstrip('/')}/v1/models/{quote(model, safe='')}"
        self._model = model
        self._timeout = timeout

    def metadata(self, version: int | None) -> ServedModel:
        content = self._ask("GET", f"{_path(version)}/metadata")
        try:
            return ServedModel(
                self._model,
                int(content["model_spec"]["version"]),
                described_signatures(
                    content["metadata"]["signature_def"]["signature_def"]
                ),
            )
        except (KeyError, TypeError, ValueError):
            raise foreign_answer(json.dumps(content)) from None

    def predict(
        self,
        version: int | None,
        signature: str,
        inputs: Mapping[str, np.ndarray],
        outputs: "Mapping[str, TensorInfo]",
    ) -> dict[str, np.ndarray]:
        arrays = {name: array.tolist() for name, array in inputs.items()}
        # A bare NaN is no JSON, but it is what servers read and write.
        body = json.dumps({"signature_name": signature, "inputs": arrays})
        content = self._ask("POST", f"{_path(version)}:predict", body)
        try:
            answer = content["outputs"]
            if not isinstance(answer, dict):
                answer = dict.fromkeys(outputs, answer)  # There is one alone.
            return {
                name: np.asarray(answer[name], info["dtype"])
                for name, info in outputs.items()
            }
        except (KeyError, TypeError, ValueError):
            raise foreign_answer(json.dumps(content)) from None

    def _ask(self, method: str, path: str, body: str | None = None) -> Json:
        try:
            response = self._session.request(
                method, self._url + path, data=body, timeout=self._timeout
            )
        except self._requests.RequestException as error:
            cause = self._cause(error)
            if isinstance(error, self._requests.Timeout) or isinstance(
                cause, TimeoutError
            ):
                raise Failure(Status.LATE, "") from None
            reason = getattr(cause, "strerror", None) or str(cause)
            if type(cause) is BadStatusLine:  # Then they are bytes of something else.
                reason = "its answer is no HTTP"
            raise Failure(Status.AWAY, reason) from None
        try:
            content = json.loads(response.content)
        except (ValueError, RecursionError):
            content = None
        if response.ok:
            if content is None:
                raise foreign_answer(response.text)
            return content
        status = _HTTP.get(response.status_code)
        if status is None:
            refused = 400 <= response.status_code < 500
            status = Status.REFUSED if refused else Status.FAILED
        said = content.get("error") if isinstance(content, dict) else response.text
        raise Failure(status, str(said or response.reason))

    def _cause(self, error: BaseException) -> BaseException:
        """What the operating system said, below what two packages made of it."""
        while not isinstance(error, OSError) or isinstance(
            error, self._requests.RequestException
        ):
            deeper = error.__cause__ or error.__context__
            if deeper is None:
                break
            error = deeper
        return error

    def close(self) -> None:
        self._session.close()


def _path(version: int | None) -> str:
    return "" if version is None else f"/versions/{version}"
