"""What callers are told of a request without an answer."""

import re

from export._transport import Failure, Status


class ModelNotFoundError(ValueError):
    """The server has no such model or version, or has not loaded it yet."""


def error_of(
    failure: Failure,
    *,
    where: str,
    model: str,
    version: int | None,
    timeout: float,
    attempts: int,
) -> OSError | ValueError:
    """The error to raise for a failure.

    Args:
        failure: What came instead of an answer.
        where: The server, as people are told.
        model: The model that was asked for.
        version: The version that was asked for, if any.
        timeout: Seconds that an answer may take.
        attempts: How often the request was made, where that may help.
    """
    reason = failure.reason
    tries = f"{attempts} attempts" if attempts > 1 else "1 attempt"
    match failure.status:
        case Status.AWAY:
            return ConnectionError(
                f"A server must answer at {where}; {tries} failed ({reason}). Start "
                "it, or give another --server: as a rule REST is port 8501 and gRPC "
                "8500."
            )
        case Status.BUSY:
            return ConnectionError(
                f"A server must have room for a request; {where} had none in {tries} "
                f"({reason}). Try again later, or give more --retries."
            )
        case Status.LATE:
            return TimeoutError(
                f"An answer must come within {timeout:g} s; {where} gave none. Give a "
                "longer --timeout, or a smaller --batch_size."
            )
        case Status.NOT_FOUND:
            asked = model if version is None else f"{model} version {version}"
            return ModelNotFoundError(
                f"Only models that are loaded answer; asked for {asked}, {where} said: "
                f"{reason}. Check --model and --version, or wait until it is loaded."
            )
        case Status.REFUSED:
            way_out = "Change the inputs"
            if re.search("batch.?size", reason, re.IGNORECASE):
                way_out = "Give a smaller --batch_size"
            return ValueError(
                f"A request must be one that {model} can answer; {where} refused it: "
                f"{reason}. {way_out}."
            )
    return OSError(
        f"A server must not fail; asked for {model}, {where} did: {reason}. Its log "
        "may say more."
    )
