"""Several devices or machines: the same run on all of them, by TensorFlow's strategies.

Each device, a replica, sees its part of every batch. One process has one or more of
them; with several processes each runs the same program on the same data, and they talk
where they must be of one mind. The first of them, the chief, is the one that decides
what is written, and writes; the others write into a directory that is removed.
"""

import contextlib
import dataclasses
import functools
import io
import json
import os
import re
import signal
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
import tensorflow as tf

from tfgen import GenerativeModel
from zoo.model_dir import Json, differences

STRATEGIES = ("none", "mirrored", "multi_worker")
# Bytes that one worker sends to all at a time.
_PIECE = 2**26
_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_EXAMPLE = (
    '{"cluster": {"worker": ["10.0.0.1:2222", "10.0.0.2:2222"]}, "task": {"type": '
    '"worker", "index": 0}}'
)
# How TensorFlow says that another process is not there any more.
_GONE = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.InternalError,
    tf.errors.UnknownError,
)
_Answer = TypeVar("_Answer")


@dataclasses.dataclass(frozen=True)
class Share:
    """Which rows of each batch the replicas of this process see.

    Replica `r` of `n` sees the rows `r`, `r + n`, `r + 2 n` and so on.

    Attributes:
        first: The first replica of this process.
        count: How many it has.
        of: How many there are.
    """

    first: int = 0
    count: int = 1
    of: int = 1

    def __call__(self, batches: tf.data.Dataset) -> tf.data.Dataset:
        """Rows for each replica of this process, in turn, from those of batches.

        Example:
            >>> batches = tf.data.Dataset.from_tensors((tf.range(6),))
            >>> [rows.numpy().tolist() for rows, in Share(1, 2, of=3)(batches)]
            [[1, 4], [2, 5]]
        """
        if self.of == 1:
            return batches

        own = slice(self.first, self.first + self.count)

        def deal(rows: tf.Tensor) -> tf.Tensor:
            by_replica = tf.reshape(rows, [-1, self.of, *rows.shape[1:]])
            return tf.stack(tf.unstack(by_replica, axis=1)[own])

        def shares(*batch: object) -> object:
            dealt = tf.nest.map_structure(deal, batch)
            return dealt[0] if isinstance(batches.element_spec, dict) else dealt

        return batches.map(shares).unbatch()


class Devices:
    """What a run is on: devices of one process, or of several that talk.

    Args:
        strategy: TensorFlow's; None for one device.
        worker: The number of this process; the chief's is 0.
        workers: How many there are.

    Attributes:
        count: How many devices there are in all, that is replicas of the model.
        share: Which rows of each batch this process sees.
    """

    def __init__(
        self,
        strategy: tf.distribute.Strategy | None = None,
        worker: int = 0,
        workers: int = 1,
    ) -> None:
        self._strategy = strategy or tf.distribute.get_strategy()
        self.worker, self.workers = worker, workers
        self.count = self._strategy.num_replicas_in_sync
        own = self.count // workers
        self.share = Share(worker * own, own, self.count)

    @property
    def is_chief(self) -> bool:
        """Whether this process is the one that writes."""
        return self.worker == 0

    def check_batch_size(self, batch_size: int) -> None:
        """Raises ValueError where devices would have parts of different sizes."""
        if batch_size % self.count:
            fitting = max(1, batch_size // self.count) * self.count
            raise ValueError(
                "All devices get as many rows of a batch; received a batch of "
                f"{batch_size} rows for {self.count} devices. Give another "
                f"--batch_size, such as {fitting}."
            )

    def scope(self) -> contextlib.AbstractContextManager[object]:
        """Within it variables are made on all devices."""
        return contextlib.nullcontext() if self.count == 1 else self._strategy.scope()

    def replicate(self, model: GenerativeModel) -> GenerativeModel:
        """The model as it is on all devices; on one device the model itself."""
        if self.count == 1:
            return model
        with self.scope():
            replica = type(model).from_config(model.get_config())
        replica.set_weights(self.arrays_of_chief(model.get_weights))
        replica.objective = model.objective
        replica.noise_seed = model.noise_seed
        return replica

    def distribute(self, batches: tf.data.Dataset) -> tf.data.Dataset:
        """Batches for `fit` from those of this process, of its `share`."""
        if self.count == 1:
            return batches
        return self._strategy.distribute_datasets_from_function(lambda _: batches)

    def of_chief(self, function: Callable[[], _Answer]) -> _Answer:
        """What the function, called by the chief alone, answers: to all of them.

        Where it raises an error the others raise one too, so that nobody waits.

        Args:
            function: Answers in plain types, as JSON has them.
        """
        if self.workers == 1:
            return function()
        return json.loads(self._bytes_of_chief(lambda: json.dumps(function()).encode()))

    def arrays_of_chief(
        self, function: Callable[[], Sequence[np.ndarray]]
    ) -> list[np.ndarray]:
        """Likewise, where the answer is arrays."""
        if self.workers == 1:
            return list(function())

        def call() -> bytes:
            file = io.BytesIO()
            np.savez(file, *function())
            return file.getvalue()

        with np.load(
            io.BytesIO(self._bytes_of_chief(call)), allow_pickle=False
        ) as all_:
            return [all_[name] for name in all_.files]

    def copy_of_chief(self, directory: Path, names: Sequence[str]) -> None:
        """Files of the chief's directory, copied into that of every other worker."""
        for name in self.of_chief(lambda: list(names)):
            content = b""
            if self.workers > 1:
                content = self._bytes_of_chief((directory / name).read_bytes)
            if not self.is_chief:
                path = directory / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)

    def require_alike(self, config: Mapping[str, object]) -> None:
        """Raises ValueError, on all workers, if one has another configuration."""
        if self.workers == 1:
            return
        own = json.loads(json.dumps(config))
        differing = differences(self.of_chief(lambda: own), own)
        if self._sum(np.array([len(differing)]))[0]:
            what = "; ".join(differing) or "something else, as it says itself"
            whose = f"worker {self.worker}" if differing else "another one"
            raise ValueError(
                f"All workers are told the same and read the same data; {whose} "
                f"received {what}. Give all of them the same command and data."
            )

    def agreed(
        self, received: signal.Signals | None, *, is_due: bool
    ) -> tuple[signal.Signals | None, bool]:
        """A signal that any worker received, and what is due by the chief's clock."""
        if self.workers == 1:
            return received, is_due
        flags = [received is number for number in _SIGNALS]
        *heard, due = self._sum(np.array([*flags, self.is_chief and is_due], np.int32))
        signals = (
            number for number, votes in zip(_SIGNALS, heard, strict=True) if votes
        )
        return next(signals, None), bool(due)

    @contextlib.contextmanager
    def at_work(self, model_dir: str | None) -> Iterator[str | None]:
        """Gives the chief its `model_dir`, and others a silent, passing one.

        Raises:
            ConnectionError: If another worker has gone.
        """
        with contextlib.ExitStack() as stack:
            if not self.is_chief:
                print(
                    f"Worker {self.worker} of {self.workers}: it works with worker 0, "
                    "which prints and writes.",
                    flush=True,
                )
                model_dir = stack.enter_context(
                    tempfile.TemporaryDirectory(prefix="zoo-worker-")
                )
                nowhere = stack.enter_context(open(os.devnull, "w"))
                stack.enter_context(contextlib.redirect_stdout(nowhere))
            if self.workers > 1:
                stack.enter_context(_explained(self.worker, self.workers))
            yield model_dir

    def _bytes_of_chief(self, function: Callable[[], bytes]) -> bytes:
        """The bytes that the chief's call gives, on all workers, as is its error."""
        content, error = b"", None
        if self.is_chief:
            try:
                content = function()
            except Exception as failure:  # Whatever it is, it is raised below.
                content, error = str(failure).encode(), failure
        told = np.array([len(content), error is not None], np.int64)
        size, failed = (int(number) for number in self._sum(told))
        padded = np.frombuffer(content.ljust(size + -size % 4, b"\0"), np.int32)
        pieces = [
            self._sum(padded[start : start + _PIECE // 4])
            for start in range(0, len(padded), _PIECE // 4)
        ]
        if error is not None:
            raise error
        content = b"".join(piece.tobytes() for piece in pieces)[:size]
        if failed:
            raise ValueError(f"The chief, worker 0, stopped: {content.decode()}")
        return content

    def _sum(self, numbers: np.ndarray) -> np.ndarray:
        """The sum of the numbers of all workers, of their shape and dtype."""
        # Devices of a process have the same numbers: only the first one's count.
        sums = self._add_up(tf.constant(numbers))
        return self._strategy.experimental_local_results(sums)[0].numpy()

    @functools.cached_property
    def _add_up(self) -> Callable[[tf.Tensor], tf.Tensor]:
        first = self.share.first

        def add_up(numbers: tf.Tensor) -> tf.Tensor:
            replica = tf.distribute.get_replica_context()
            counts = tf.equal(replica.replica_id_in_sync_group, first)
            return replica.all_reduce("SUM", tf.cast(counts, numbers.dtype) * numbers)

        return tf.function(
            lambda numbers: self._strategy.run(add_up, args=(numbers,)),
            autograph=False,
            reduce_retracing=True,
        )


@functools.cache
def devices(strategy: str = "none") -> Devices:
    """The devices of a strategy, the same at every call.

    Args:
        strategy: `none`: one device. `mirrored`: all GPUs of this machine. With one
            of them, or none, it is the same as `none`. `multi_worker`: those of all
            machines that the environment variable `TF_CONFIG` names; before anything
            else is done with TensorFlow.

    Raises:
        ValueError: If there is no such strategy, or `TF_CONFIG` makes no sense.
    """
    if strategy not in STRATEGIES:
        raise ValueError(
            f"The strategies are {', '.join(STRATEGIES)}; received {strategy!r}. Leave "
            "it out for one device."
        )
    if strategy == "multi_worker":
        return _connected()
    if strategy == "none":
        return Devices()
    kinds = (tf.config.list_logical_devices(kind) for kind in ("GPU", "CPU"))
    names = [device.name for device in next(filter(None, kinds))]
    if len(names) == 1:
        return Devices()
    return Devices(tf.distribute.MirroredStrategy(names))


def _connected() -> Devices:
    """The devices of all workers, of which this process is one."""
    worker, addresses = parse_cluster(os.environ.get("TF_CONFIG", ""))
    if len(addresses) == 1:
        return devices("mirrored")
    others = ", ".join(a for i, a in enumerate(addresses) if i != worker)
    print(
        f"Worker {worker} of {len(addresses)}, at {addresses[worker]}: waiting for "
        f"{others}.",
        flush=True,
    )
    with _explained(worker, len(addresses)):
        strategy = tf.distribute.MultiWorkerMirroredStrategy()
    # TensorFlow has put a handler in place that lets SIGTERM pass.
    for number in _SIGNALS:
        signal.signal(number, signal.getsignal(number))
    return Devices(strategy, worker, len(addresses))


@contextlib.contextmanager
def _explained(worker: int, workers: int) -> Iterator[None]:
    """Says what to do where another worker is not there any more."""
    try:
        yield
    except _GONE as error:
        # Without the name of TensorFlow's operation, and what follows a sentence.
        reason = re.sub(r"^\{\{.*?\}\} ", "", error.message)
        reason = re.split(r"\n|\.(?:\s|$)", reason)[0].rstrip(" :")
        raise ConnectionError(
            f"All {workers} workers of a run are there until its end; worker {worker} "
            f"received, of another one: {reason}. Start all of them again: the same "
            "command goes on from the last checkpoint."
        ) from error


def parse_cluster(text: str) -> tuple[int, list[str]]:
    """The number of this worker, and the addresses of all, from a `TF_CONFIG`.

    Raises:
        ValueError: If it is none.

    Example:
        >>> parse_cluster('{"cluster": {"worker": ["a:2222", "b:2222"]}, '
        ...               '"task": {"type": "worker", "index": 1}}')
        (1, ['a:2222', 'b:2222'])
    """
    try:
        config: Json = json.loads(text)
        (addresses,) = config["cluster"].values()
        (kind,) = config["cluster"]
        index = config["task"]["index"]
        is_good = (
            kind == config["task"]["type"] == "worker"
            and isinstance(index, int)
            and 0 <= index < len(addresses)
            and all(re.fullmatch(r"\S+:\d+", address) for address in addresses)
            and len(set(addresses)) == len(addresses)
        )
    except (AttributeError, KeyError, TypeError, ValueError):
        is_good = False
    if not is_good:
        raise ValueError(
            "With several workers the environment variable TF_CONFIG has the addresses "
            f"of all, and which of them this one is; received {text!r}. Give one such "
            f"as {_EXAMPLE}."
        )
    return index, addresses
