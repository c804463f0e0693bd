r"""Asks a running TensorFlow Serving server, over REST or gRPC.

    python -m export.client --server=localhost:8501 --model=maf-digits
    python -m export.client --server=localhost:8501 --model=maf-digits \
        --signature=log_prob --input=digits.npz --output=scores.csv
    python -m export.client --server=localhost:8501 --model=maf-digits \
        --signature=sample --num_samples=100 --seed=7 --output=samples.npz

The first says what the model answers; the others stream rows through it. In programs:

    with Client("localhost:8501", "maf-digits") as client:
        log_prob = client.predict({"x": x}, "log_prob")["log_prob"]
"""

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from export import BATCH_SIZES
from export._errors import ModelNotFoundError, error_of
from export._grpc import Grpc
from export._inputs import check_rows, fit_inputs
from export._rest import Rest
from export._transport import Failure, ServedModel, Status, Transport

if TYPE_CHECKING:
    from export.saved_model import SignatureInfo

__all__ = ["Client", "ModelNotFoundError"]

_T = TypeVar("_T")

_TRANSPORTS: dict[str, Callable[[str, str, float], Transport]] = {
    "rest": Rest,
    "grpc": Grpc,
}
_SERVER = re.compile(r"(https?://)?[^/\s]+:([0-9]{1,5})(/\S*)?")
_LAST_PORT = 65535
# Seconds before the first retry; each further one waits twice as long.
_FIRST_WAIT = 0.1


class Client:
    """One served model, asked over REST or gRPC.

    What is sent is checked before it is sent, against what the server says that the
    model takes. A model's answer is a function of its inputs alone, seeds included, so
    a request whose connection fails, or that an overloaded server turns away, is made
    again; one that is at fault or late is not.

    REST needs no TensorFlow. Not for use by several threads at once.

    Args:
        server: `host:port`; for REST a URL will do.
        model: What the server calls the model.
        version: The version to ask; by default the one that the server prefers.
        api: `rest` or `grpc`; servers have a port for each.
        timeout: Seconds to wait for the answer to a request.
        retries: How often a request is made again, after 0.1, 0.2, 0.4, ... seconds.

    Raises:
        ValueError: If an argument is impossible.
        OSError: If a package is missing.
    """

    def __init__(
        self,
        server: str,
        model: str,
        *,
        version: int | None = None,
        api: str = "rest",
        timeout: float = 30.0,
        retries: int = 3,
    ) -> None:
        if api not in _TRANSPORTS:
            raise ValueError(
                f"api is {' or '.join(_TRANSPORTS)}; received {api!r}. Choose one."
            )
        address = _SERVER.fullmatch(server)
        if (
            not address
            or not 0 < int(address[2]) <= _LAST_PORT
            or (api == "grpc" and "/" in server)
        ):
            raise ValueError(
                f"A server is host:port, the port from 1 to {_LAST_PORT}; received "
                f"{server!r}. Give "
                f"{'localhost:8500' if api == 'grpc' else 'localhost:8501'}, say."
            )
        if not model:
            raise ValueError("A served model has a name; received ''. Give one.")
        if version is not None and version < 0:
            raise ValueError(
                f"Versions are numbers from 0; received {version}. Leave it out for "
                "the one that the server prefers."
            )
        if not 0 < timeout < float("inf"):
            raise ValueError(
                f"timeout is seconds above 0; received {timeout}. Give 30, say."
            )
        if retries < 0:
            raise ValueError(f"retries is 0 or more; received {retries}. Give 3, say.")
        self._transport = _TRANSPORTS[api](server, model, timeout)
        self._where = f"{server} ({'gRPC' if api == 'grpc' else 'REST'})"
        self._model = model
        self._version = version
        self._timeout = timeout
        self._retries = retries
        self._known: ServedModel | None = None

    def metadata(self) -> ServedModel:
        """The version that answers, and its signatures, as the server says now.

        Raises:
            ConnectionError: If the server is away or overloaded.
            TimeoutError: If it is late.
            ModelNotFoundError: If it has no such model or version.
            OSError: If it fails.
        """
        self._known = self._ask(lambda: self._transport.metadata(self._version))
        return self._known

    def signatures(self) -> "Mapping[str, SignatureInfo]":
        """Inputs and outputs, with shape and dtype, of each signature.

        As `export.saved_model.read_signatures` has them. Raises what `metadata` raises.
        """
        return self.metadata().signatures

    def predict(
        self, inputs: Mapping[str, np.ndarray], signature: str = "serving_default"
    ) -> dict[str, np.ndarray]:
        """The outputs that belong to the inputs, by one request.

        A batch of no rows is answered here: JSON has no way to write its shape.

        Args:
            inputs: Arrays by name, as a rule `[rows, ...]`; integers become floats, and
                floats integers where that loses nothing.
            signature: What is asked for, such as `log_prob`.

        Returns:
            Arrays by name, as a rule `[rows, ...]`.

        Raises:
            ConnectionError: If the server is away or overloaded.
            TimeoutError: If it is late.
            ModelNotFoundError: If it has no such model or version.
            ValueError: If the model has no such signature, if the inputs do not fit it,
                or if the server refuses them, as it does too many rows.
            TypeError: If an input is no numbers.
            OSError: If the server fails.
        """
        served = self._known or self.metadata()
        return self._predict(served, self._version, signature, inputs)

    def stream(
        self,
        inputs: Mapping[str, np.ndarray] | Iterable[Mapping[str, np.ndarray]],
        signature: str = "serving_default",
        *,
        batch_size: int = BATCH_SIZES[-1],
    ) -> Iterator[dict[str, np.ndarray]]:
        """The outputs that belong to many rows, batch by batch.

        All batches are answered by the version that answers now, even if the server
        gets a newer one in the meantime.

        Args:
            inputs: Arrays by name, `[rows, ...]`, memory-mapped ones too; or an
                iterable of such, for what does not fit into memory.
            signature: What is asked for, such as `log_prob`.
            batch_size: Most rows of a request.

        Yields:
            Arrays by name, `[batch, ...]`, in the order of the inputs.

        Raises:
            ValueError: As `predict`, also if `batch_size` is impossible, or if an
                output has no row for each row of the inputs.
            TypeError: As `predict`.
            OSError: As `predict`.
        """
        if batch_size < 1:
            raise ValueError(
                f"batch_size is 1 or more; received {batch_size}. Give "
                f"{BATCH_SIZES[-1]}, say."
            )
        served = self.metadata()
        for name, info in served.signature(signature)["outputs"].items():
            if info["shape"][:1] != [None]:
                raise ValueError(
                    "Only outputs with a row for each row of the inputs are streamed; "
                    f"{name} of {signature} has the shape {info['shape']}. Call "
                    "Client.predict."
                )
        chunks = [inputs] if isinstance(inputs, Mapping) else inputs
        return self._stream(served, signature, chunks, batch_size)

    def _stream(
        self,
        served: ServedModel,
        signature: str,
        chunks: Iterable[Mapping[str, np.ndarray]],
        batch_size: int,
    ) -> Iterator[dict[str, np.ndarray]]:
        first_row = 1
        for chunk in chunks:
            rows = check_rows(chunk) or 0
            for start in range(0, max(rows, 1), batch_size):
                part = slice(start, start + batch_size)
                batch = {name: array[part] for name, array in chunk.items()}
                yield self._predict(
                    served, served.version, signature, batch, first_row + start
                )
            first_row += rows

    def _predict(
        self,
        served: ServedModel,
        version: int | None,
        signature: str,
        inputs: Mapping[str, np.ndarray],
        first_row: int = 1,
    ) -> dict[str, np.ndarray]:
        info = served.signature(signature)
        arrays = fit_inputs(inputs, info["inputs"], first_row)
        if any(not array.size and not len(array) for array in arrays.values()):
            return {
                name: np.zeros([size or 0 for size in out["shape"]], out["dtype"])
                for name, out in info["outputs"].items()
            }
        return self._ask(
            lambda: self._transport.predict(version, signature, arrays, info["outputs"])
        )

    def _ask(self, request: Callable[[], _T]) -> _T:
        for attempt in range(self._retries + 1):
            if attempt:
                time.sleep(_FIRST_WAIT * 2 ** (attempt - 1))
            try:
                return request()
            except Failure as failure:
                failed = failure
            if failed.status not in (Status.AWAY, Status.BUSY):
                break
        # What is known of the model may be out of date.
        self._known = None
        raise error_of(
            failed,
            where=self._where,
            model=self._model,
            version=self._version,
            timeout=self._timeout,
            attempts=self._retries + 1,
        )

    def close(self) -> None:
        """Ends the connection."""
        self._transport.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


if __name__ == "__main__":
    from absl import flags

    from export import _client_command
    from zoo import cli

    flags.adopt_module_key_flags(_client_command)  # So that --help shows them.
    cli.run(_client_command.main)
