"""Going on: what of `fit` is written into a checkpoint, and how it is put back."""

import contextlib
import os
import re
import signal
import sys
import threading
from collections.abc import Sequence
from types import FrameType
from typing import TYPE_CHECKING

import keras
import tensorflow as tf

from zoo.checkpoints import Checkpoint, Checkpoints, NotFiniteError
from zoo.model_dir import Json

if TYPE_CHECKING:
    from zoo.fitting import KeepBest, Log
    from zoo.strategies import Devices

# Seconds from one checkpoint to the next: at least, where an epoch ends, and at most,
# within an epoch.
BETWEEN_EPOCHS = 60.0
WITHIN_EPOCHS = 180.0
_GROUPS = ("model", "optimizer", "metrics")


class DeferredSignals:
    """Within it a first SIGTERM or SIGINT is noted down, for a good moment to stop.

    A second one does what it always does.

    Attributes:
        received: The signal, if one came.
    """

    def __init__(self) -> None:
        self.received: signal.Signals | None = None
        self._handlers = contextlib.ExitStack()

    def __enter__(self) -> "DeferredSignals":
        # Elsewhere Python lets no signals be handled.
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                # Shells let commands in the background ignore Ctrl-C.
                if signal.getsignal(number) is not signal.SIG_IGN:
                    previous = signal.signal(number, self._note)
                    self._handlers.callback(signal.signal, number, previous)
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        self._handlers.close()
        goes_on = error is None or issubclass(error, NotFiniteError)
        if self.received is not None and goes_on:
            signal.raise_signal(self.received)  # It came too late for that moment.

    def _note(self, number: int, frame: FrameType | None) -> None:
        del frame
        self.received = signal.Signals(number)
        self._handlers.close()
        # Nothing that might be in use, as a handler may interrupt anything.
        os.write(2, b"\nStopping after these steps; once more stops at once.\n")


class Resume(keras.callbacks.Callback):
    """Puts the latest checkpoint back as `fit` begins, and writes new ones.

    It goes after all callbacks that change weights or find failures.

    Args:
        checkpoints: Those of the run.
        signals: Where a signal may have come.
        best: Has the best weights so far.
        log: Has what is known of epochs so far.
        stage: `is_last`, `epochs`, `steps` of an epoch and `steps_per_execution`.
        devices: What the model is on: all of their workers stop together.

    Attributes:
        epoch: Where `fit` is to begin, from 0.
        step: The step in that epoch, from 0.

    Raises:
        ValueError: If the latest checkpoint is of another division into steps.
    """

    def __init__(
        self,
        checkpoints: Checkpoints,
        signals: DeferredSignals,
        best: "KeepBest",
        log: "Log",
        stage: Json,
        devices: "Devices",
    ) -> None:
        super().__init__()
        self._devices = devices
        self._checkpoints = checkpoints
        self._signals = signals
        self._best = best
        self._log = log
        self._stage = stage
        latest = checkpoints.latest
        is_here = latest is not None and latest.state["is_last"] == stage["is_last"]
        self._latest: Checkpoint | None = latest if is_here else None
        self._epoch = self._done = 0
        state = self._latest.state if self._latest else {"epoch": 0, "step": 0, **stage}
        self.epoch, self.step = state["epoch"], state["step"]
        for name in ("steps", "steps_per_execution"):
            if state[name] != stage[name]:
                raise ValueError(
                    "A run goes on with the steps that it began with; received "
                    f"{name}={stage[name]}, where it began with {state[name]}. Give "
                    f"--steps_per_execution={state['steps_per_execution']}, or "
                    "--overwrite to start anew."
                )

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        """Puts back all but the running means, which `fit` is yet to reset."""
        if self._latest is None:
            return
        for name in ("model", "optimizer"):
            self._put_back(name, self._latest)
        state = self._latest.state
        self._best.go_on(**state["best"], weights=self._latest.group("best"))
        self._log.go_on(state["history"])
        if self.step:
            self._pass_over(self.step // self._stage["steps_per_execution"])

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Writes a checkpoint if one is due: weights are what the epoch begins with."""
        self._epoch = epoch
        self._done = 0
        if self._latest is not None:
            self._put_back("metrics", self._latest)
            self._done = self.step
            # Not to be held in memory any longer.
            self._latest = self._checkpoints.latest = None
        else:
            # There must be something to go back to.
            is_needed = epoch == 0 and self._checkpoints.on_nan == "rollback"
            is_due = is_needed or self._checkpoints.is_due(BETWEEN_EPOCHS)
            self._look(epoch, 0, is_due=is_due)

    def on_train_batch_end(
        self, batch: int, logs: dict[str, float] | None = None
    ) -> None:
        """Writes a checkpoint if one is due."""
        if batch + 1 > self._done:
            is_due = self._checkpoints.is_due(WITHIN_EPOCHS)
            self._look(self._epoch, batch + 1, is_due=is_due)

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:
        """Writes a checkpoint if one is due: what is left may take long too."""
        is_due = self._checkpoints.is_due(BETWEEN_EPOCHS)
        self._look(self._stage["epochs"], 0, is_due=is_due)

    def _look(self, epoch: int, step: int, *, is_due: bool) -> None:
        """Writes a checkpoint if one is due or a signal came; then also stops."""
        received, is_due = self._devices.agreed(self._signals.received, is_due=is_due)
        if is_due or received is not None:
            self._write(epoch, step)
        if received is not None:
            where = self._checkpoints.directory.path
            print(
                f"\n{received.name}: stopped, with a checkpoint in {where}. The same "
                "command goes on from it.",
                flush=True,
            )
            if received is signal.SIGINT:
                raise KeyboardInterrupt
            sys.exit(128 + received)

    def _write(self, epoch: int, step: int) -> None:
        variables = {name: self._variables(name) for name in _GROUPS}
        state = {
            **self._stage,
            "epoch": epoch,
            "step": step,
            "best": {"epoch": self._best.epoch, "value": self._best.value},
            "history": self._log.history,
            "variables": {k: _described(group) for k, group in variables.items()},
        }
        groups = {
            **{k: map(keras.ops.convert_to_numpy, v) for k, v in variables.items()},
            "best": self._best.weights,
        }
        arrays = {
            f"{name}/{number:05d}": array
            for name, group in groups.items()
            for number, array in enumerate(group)
        }
        self._checkpoints.save(state, arrays)

    def _put_back(self, name: str, checkpoint: Checkpoint) -> None:
        variables = self._variables(name)
        described, wanted = checkpoint.state["variables"][name], _described(variables)
        if described != wanted:
            differing = sorted(set(map(str, described)) ^ set(map(str, wanted)))
            raise ValueError(
                "A checkpoint goes back into the model that it was taken of; received "
                f"one that differs in the {name}: {', '.join(differing[:4])}. Give "
                "--overwrite to start anew."
            )
        for variable, array in zip(variables, checkpoint.group(name), strict=True):
            variable.assign(array)

    def _variables(self, name: str) -> list[keras.Variable]:
        if name == "optimizer":
            # The rate is the recipe's, or what is left of it after rollbacks.
            variables = self.model.optimizer.variables
            return [v for v in variables if v.name != "learning_rate"]
        return self.model.variables if name == "model" else self.model.metrics_variables

    def _pass_over(self, executions: int) -> None:
        """Lets the next executions, which were run already, do nothing.

        Keras counts the steps of an epoch by executions, and has no other way to begin
        within one.
        """
        model, train_function, left = self.model, self.model.train_function, executions

        def do_nothing(iterator: object) -> dict[str, tf.Tensor]:
            nonlocal left
            left -= 1
            if left == 0:
                model.train_function = train_function
            return model.get_metrics_result()

        model.train_function = do_nothing


def _described(variables: Sequence[keras.Variable]) -> list[list[object]]:
    """Names and shapes; without the numbers by which Keras tells parts apart."""
    # They depend on what else was made in the process.
    return [
        [re.sub(r"_\d+", "", variable.path), list(variable.shape)]
        for variable in variables
    ]
