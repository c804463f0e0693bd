"""What the command lines share: quiet start, errors as one sentence, flags."""

import contextlib
import gc
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence

from absl import app, flags, logging

_TRACEBACK = flags.DEFINE_bool(
    "traceback", default=False, help="Show where in the code an error arose."
)

_MOST_SEEDS = 1000
_LARGEST_SEED = 2**32 - 1
_RANGE = re.compile(r"([0-9]{1,10})(?:\.\.([0-9]{1,10}))?")


def run(main: Callable[..., None], argument: str | None = None) -> None:
    """Runs a command: parses flags, refuses leftover arguments, reports errors.

    Errors that the user can mend end the command with one sentence on standard error
    and exit code 1; what was written before stays.

    Args:
        main: The command.
        argument: Name of the one argument that it takes beside flags, if any; one that
            ends in "..." may be given any number of times.
    """

    def wrapped(argv: Sequence[str]) -> None:
        try:
            given = argv[1:]
            several = argument is not None and argument.endswith("...")
            if argument is not None and not several and len(given) != 1:
                raise ValueError(
                    f"This command takes one {argument}; received "
                    f"{', '.join(map(repr, given)) or 'none'}. See --help."
                )
            if argument is None and given:
                raise ValueError(
                    f"Every option is a flag, --name=value; received {given[0]!r} "
                    "alone. See --help."
                )
            main(*given)
        except (ValueError, TypeError, OSError, ArithmeticError) as error:
            if _TRACEBACK.value:
                raise
            print(f"error: {error}", file=sys.stderr)
            sys.exit(1)
        except Exception as error:
            if _TRACEBACK.value or not _is_out_of_memory(error):
                raise
            reason = str(error).partition("\n")[0] or "of unknown size"
            print(
                "error: Models and the rows of a step are held in memory; received "
                f"more than there is room for ({reason}). Give fewer rows or columns, "
                "a smaller --batch_size, or a smaller model.",
                file=sys.stderr,
            )
            sys.exit(1)
        except KeyboardInterrupt:
            print("interrupted", file=sys.stderr)
            sys.exit(130)

    app.run(wrapped, flags_parser=_parse_flags)


def _parse_flags(argv: Sequence[str]) -> list[str]:
    try:
        return app.parse_flags_with_usage(list(argv))
    except ValueError as error:  # Of `--noswitch=value`, which absl does not explain.
        print(
            "error: A flag is --name=value, a switch --name or --noname; received one "
            f"that is neither ({error}). See --help.",
            file=sys.stderr,
        )
        sys.exit(1)


def _is_out_of_memory(error: Exception) -> bool:
    tensorflow = sys.modules.get("tensorflow")
    return isinstance(error, MemoryError) or (
        tensorflow is not None
        and isinstance(error, tensorflow.errors.ResourceExhaustedError)
    )


def parse_seeds(text: str) -> tuple[int, ...]:
    """The seeds that a text names: numbers, and ranges with both of their ends.

    Raises:
        ValueError: If it names none, too many, or one twice.

    Example:
        >>> parse_seeds("0..2,9")
        (0, 1, 2, 9)
    """
    seeds: list[int] = []
    for part in text.split(","):
        match = _RANGE.fullmatch(part)
        first = int(match[1]) if match else 0
        last = int(match[2] or match[1]) if match else -1
        # Looked at before it is written out: a range may be of any length.
        if not first <= last <= min(first + _MOST_SEEDS, _LARGEST_SEED):
            seeds = []
            break
        seeds += range(first, last + 1)
    if not 0 < len(seeds) == len(set(seeds)) <= _MOST_SEEDS:
        raise ValueError(
            f"--seeds takes numbers from 0 to {_LARGEST_SEED} and ascending ranges, at "
            f"most {_MOST_SEEDS} in all and none twice; received {text!r}. For example "
            "--seeds=0..4 or --seeds=0..2,9."
        )
    return tuple(seeds)


def import_tensorflow(*, is_to_connect: bool = False) -> None:
    """Imports TensorFlow without the lines that its libraries print as they load.

    They are written by C++ code before any logging level applies, straight to the file
    descriptor. If the import fails, they are shown after all.

    Args:
        is_to_connect: Whether a strategy of several workers is to come, which must be
            before anything is computed.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with _held_back_stderr():
        import tensorflow as tf
        import tensorflow_probability

        del tensorflow_probability
        tf.config.list_physical_devices()
        if not is_to_connect:
            tf.constant(0)
    # What was imported stays: collections that come with tracing need not look at it.
    gc.freeze()
    tf.get_logger().setLevel("ERROR")
    # Where TensorFlow writes as it saves models.
    logging.set_verbosity(logging.WARNING)


@contextlib.contextmanager
def _held_back_stderr() -> Iterator[None]:
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            os.dup2(kept, 2)
            held.seek(0)
            sys.stderr.write(held.read().decode(errors="replace"))
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
