"""What the ways to a TensorFlow Serving server have in common: what goes and comes."""

import abc
import dataclasses
import enum
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from export.saved_model import SignatureInfo, TensorInfo

_DTYPES = {
    "DT_HALF": "float16",
    "DT_FLOAT": "float32",
    "DT_DOUBLE": "float64",
    "DT_UINT8": "uint8",
    "DT_UINT16": "uint16",
    "DT_UINT32": "uint32",
    "DT_UINT64": "uint64",
    "DT_INT8": "int8",
    "DT_INT16": "int16",
    "DT_INT32": "int32",
    "DT_INT64": "int64",
    "DT_BOOL": "bool",
}
# Servers put whole requests into some of their error messages.
_LONGEST_REASON = 300


class Status(enum.Enum):
    """Why there is no answer."""

    AWAY = enum.auto()  # Nobody answers, or the connection broke.
    BUSY = enum.auto()  # The server asks to come back later.
    LATE = enum.auto()  # The time limit was exceeded.
    NOT_FOUND = enum.auto()  # No such model or version.
    REFUSED = enum.auto()  # The request is at fault.
    FAILED = enum.auto()  # The server is at fault.


class Failure(Exception):
    """A request without an answer.

    Args:
        status: Why, as the two ways have it in common.
        reason: Why, in the words of the server or of the operating system.
    """

    def __init__(self, status: Status, reason: str) -> None:
        self.status = status
        shown = "".join(c if c.isprintable() else " " for c in reason)
        self.reason = " ".join(shown.split())[:_LONGEST_REASON].rstrip(".")
        super().__init__(self.reason)


@dataclasses.dataclass(frozen=True)
class ServedModel:
    """What a server says of a model.

    Attributes:
        name: What the server calls it.
        version: The version that answers.
        signatures: What it takes and gives, by the names of the signatures.
    """

    name: str
    version: int
    signatures: "Mapping[str, SignatureInfo]"

    def signature(self, name: str) -> "SignatureInfo":
        """Inputs and outputs of a signature.

        Raises:
            ValueError: If the model has none of this name.
        """
        if name not in self.signatures:
            raise ValueError(
                f"{self.name} (version {self.version}) has no signature {name!r}; it "
                f"has: {', '.join(self.signatures)}. Choose one of these."
            )
        return self.signatures[name]


class Transport(abc.ABC):
    """One way to one model; every method raises `Failure` if there is no answer."""

    @abc.abstractmethod
    def metadata(self, version: int | None) -> ServedModel:
        """What the server says of a version, or of the one that is the default."""

    @abc.abstractmethod
    def predict(
        self,
        version: int | None,
        signature: str,
        inputs: Mapping[str, np.ndarray],
        outputs: "Mapping[str, TensorInfo]",
    ) -> dict[str, np.ndarray]:
        """The outputs that belong to inputs of the right shapes and dtypes."""

    @abc.abstractmethod
    def close(self) -> None:
        """Ends the connection."""


def described_signatures(
    definitions: Mapping[str, Mapping],
) -> "dict[str, SignatureInfo]":
    """Signatures as `ServedModel` has them, from those of the metadata in JSON."""
    return {
        name: {
            "inputs": _tensors(definition.get("inputs", {})),
            "outputs": _tensors(definition.get("outputs", {})),
        }
        for name, definition in sorted(definitions.items())
        if not name.startswith("__")  # TensorFlow's own, for loading.
    }


def _tensors(infos: Mapping[str, Mapping]) -> "dict[str, TensorInfo]":
    tensors: dict[str, TensorInfo] = {}
    for name, info in sorted(infos.items()):
        sizes = [int(dim["size"]) for dim in info["tensor_shape"].get("dim", [])]
        dtype = info["dtype"]
        tensors[name] = {
            "shape": [None if size < 0 else size for size in sizes],
            "dtype": _DTYPES.get(dtype, dtype.removeprefix("DT_").lower()),
        }
    return tensors


def missing_package(package: str) -> OSError:
    """The error to raise where a package is not installed."""
    return OSError(
        f"Asking a server takes {package}, which is not installed. Install it: "
        "pip install -e '.[serving]'."
    )


def foreign_answer(content: str) -> Failure:
    """The failure of a server that is something else than TensorFlow Serving."""
    return Failure(
        Status.FAILED, f"not what TensorFlow Serving answers: {content[:100]}"
    )
