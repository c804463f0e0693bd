"""Checkpoints of a run: what it goes on from when it was stopped before its end.

A checkpoint is a pair of files, `checkpoints/NUMBER.npz` with arrays and `NUMBER.json`
with all else and the SHA-256 of both. The second is written last, so that without it
there is no checkpoint. The last two are kept, as one may be damaged.
"""

import dataclasses
import hashlib
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from zoo._arrays import read_npz
from zoo.model_dir import Json, ModelDir, Replacing, differences

_KEPT = 2
_FORMAT = 1
# Of the time of a run, what writing may take.
_SHARE = 0.01
_MOST_ROLLBACKS = 3


class NotFiniteError(ArithmeticError):
    """Training met a number that is not finite.

    Args:
        step: Of the optimiser, from 1.
        name: What was not finite.
    """

    def __init__(self, step: int, name: str) -> None:
        super().__init__(
            f"Training needs finite numbers; at step {step} the {name} was not finite. "
            "A lower --learning_rate or --clip_norm may help; else look for extreme "
            "values in the data."
        )
        self.step = step
        self.name = name


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """A moment of a run.

    Attributes:
        state: In plain types: `is_last`, whether the stage is the last one, the number
            of its `epochs`, `epoch` and `step` (from 0) of what comes next, and more.
        arrays: Weights and other arrays, named `GROUP/NUMBER` or otherwise.
    """

    state: Json
    arrays: dict[str, np.ndarray]

    def __str__(self) -> str:
        """What comes next, for messages."""
        stage = "" if self.state["is_last"] else "pre-training "
        epoch, step = self.state["epoch"], self.state["step"]
        if epoch == self.state["epochs"]:
            return f"after the last {stage}epoch"
        return f"at {stage}epoch {epoch + 1}, step {step + 1}"

    @property
    def versions(self) -> Json:
        """Versions of what wrote it."""
        return self.state["config"].get("versions", {})

    def group(self, name: str) -> list[np.ndarray]:
        """The arrays of a group, in their order."""
        return [x for key, x in self.arrays.items() if key.startswith(f"{name}/")]


class Checkpoints:
    """The checkpoints of a run, and the time that it takes over all of its parts.

    Args:
        directory: Of the run.
        config: Its configuration; checkpoints of another one are not taken.
        on_nan: `stop` or `rollback`: what `roll_back` does.

    Attributes:
        directory: Of the run.
        on_nan: As given.
        latest: What the run goes on from, if anything.
        carried: Arrays that are part of every checkpoint: results of earlier stages.
        rollbacks: `step` and `term` of each failure after which the run went back.
    """

    def __init__(
        self, directory: ModelDir, config: Json | None = None, on_nan: str = "stop"
    ) -> None:
        self.directory = directory
        self.on_nan = on_nan
        self.latest: Checkpoint | None = None
        self.carried: dict[str, np.ndarray] = {}
        self.rollbacks: list[Json] = []
        self._config = json.loads(json.dumps(config or {}))
        self._good: list[str] = []
        self._earlier = self._cost = 0.0
        self.start()

    def start(self) -> None:
        """Lets time count from now on."""
        self._start = self._written = time.monotonic()

    @property
    def seconds(self) -> float:
        """What the run has taken so far, in all of its parts."""
        return self._earlier + time.monotonic() - self._start

    def is_due(self, least: float) -> bool:
        """Whether the last one is older than that, in seconds, and one can be afforded.

        Args:
            least: The least age.
        """
        age = time.monotonic() - self._written
        return age >= max(least, self._cost / _SHARE)

    def load(self) -> Checkpoint | None:
        """Takes up what the latest checkpoint that is as it was written says."""
        self.latest = self._find()
        if self.latest is not None:
            state, arrays = self.latest.state, self.latest.arrays
            self.carried = {name: arrays[name] for name in state["carried"]}
            self.rollbacks = state["rollbacks"]
            self._earlier = state["seconds"]
        return self.latest

    @property
    def files(self) -> list[str]:
        """The files of the last good checkpoint, as seen from the directory."""
        folder = self.directory.checkpoints.name
        return [f"{folder}/{n}{s}" for n in self._good[-1:] for s in (".npz", ".json")]

    def save(self, state: Json, arrays: Mapping[str, np.ndarray]) -> None:
        """Writes a checkpoint; of earlier ones the last good one is left.

        Raises:
            OSError: If it cannot be written; then all earlier ones are left.
        """
        start = time.monotonic()
        state = {
            **state,
            "format": _FORMAT,
            "config": self._config,
            "seconds": self.seconds,
            "rollbacks": self.rollbacks,
            "carried": list(self.carried),
        }
        folder = self.directory.checkpoints
        folder.mkdir(exist_ok=True)
        names = (path.stem for path in folder.iterdir())
        numbers = [int(name) for name in names if name.isdecimal()]
        name = f"{max(numbers, default=0) + 1:06d}"
        target = folder / f"{name}.npz"
        # For type checkers: later versions of NumPy take options among the names.
        contents: dict[str, Any] = {**arrays, **self.carried}
        with Replacing(target) as path, path.open("wb") as file:
            np.savez(file, **contents)
        state["sha256"] = _digest(state, target)
        with Replacing(target.with_suffix(".json")) as path:
            path.write_text(json.dumps(state, indent=1), encoding="utf-8")
        self._good = [*self._good, name][-_KEPT:]
        self.directory.remove_checkpoints(but=self._good)
        self._written = time.monotonic()
        self._cost = self._written - start

    def roll_back(self, failure: NotFiniteError) -> None:
        """Goes back to the last checkpoint; the run is to go on at half the rate.

        Raises:
            ArithmeticError: If it is not to, has done so too often, or there is none.
        """
        if self.on_nan != "rollback":
            raise ArithmeticError(
                f"{failure} Where that happens, --on_nan=rollback goes back to the "
                "last checkpoint, and on at half the learning rate."
            ) from failure
        latest = self._find()
        if latest is None or len(self.rollbacks) >= _MOST_ROLLBACKS:
            raise ArithmeticError(
                f"{failure} The learning rate was halved {len(self.rollbacks)} times."
            ) from failure
        self.latest = latest
        self.rollbacks = [
            *self.rollbacks,
            {"step": failure.step, "term": failure.name},
        ]
        # Written at once: a run that is stopped now is to know its rate.
        self.save(latest.state, latest.arrays)
        print(
            f"At step {failure.step} the {failure.name} was not finite: going back, on "
            f"{latest} at half the learning rate.",
            flush=True,
        )

    def _find(self) -> Checkpoint | None:
        """The latest that can be gone on from; the others are named."""
        for path in sorted(self.directory.checkpoints.glob("*.json"), reverse=True):
            try:
                found = self._read(path)
            except (ValueError, FileNotFoundError) as error:
                print(f"The checkpoint {path} is left out: {error}.")
                continue
            self._good = [path.stem]
            return found
        return None

    def _read(self, path: Path) -> Checkpoint:
        """A checkpoint from its files.

        Raises:
            ValueError: If it is damaged or of another run.
            OSError: If it cannot be read.
        """
        # Nothing is taken from either file before both are known to be as written.
        try:
            state = json.loads(path.read_text(encoding="utf-8"))
        except (ValueError, RecursionError):
            state = None
        if not isinstance(state, dict):
            raise ValueError("it is damaged")
        arrays = path.with_suffix(".npz")
        if state.pop("sha256", None) != _digest(state, arrays):
            raise ValueError("it is damaged")
        if state.get("format") != _FORMAT:
            raise ValueError("another version of the project wrote it")
        differing = differences(state.get("config", {}), self._config)
        if differing:
            raise ValueError(f"it is of another run ({'; '.join(differing)})")
        return Checkpoint(state, read_npz(arrays))


def _digest(state: Json, arrays: Path) -> str:
    """SHA-256, in hex, of a checkpoint: its state in one spelling, and its file."""
    text = json.dumps(state, sort_keys=True)
    with arrays.open("rb") as file:
        digest = hashlib.sha256(text.encode())
        while chunk := file.read(2**20):
            digest.update(chunk)
    return digest.hexdigest()
