"""The training loop: input pipeline, schedule, and what happens after each epoch."""

import csv
import dataclasses
import math
import sys
import time
import warnings
from pathlib import Path
from typing import TextIO

import keras
import numpy as np
import tensorflow as tf

from tfgen import ConcreteMixtureVAE, GenerativeModel, executions, random
from tfgen.metrics import accuracy
from zoo import binarization, classification, labels
from zoo.checkpoints import Checkpoints, NotFiniteError
from zoo.data import DataSet, Split
from zoo.model_dir import Json, ModelDir
from zoo.recipe import Recipe
from zoo.resuming import DeferredSignals, Resume
from zoo.strategies import Devices, Share
from zoo.streaming import batches as streamed

_MAX_STEPS_PER_EXECUTION = 50
# From so many steps on, compiling two parts pays: it takes 0.3 to 3 s more, and saves
# up to a fifth of each step. Beyond so many weights a step would take longer.
_MANY_STEPS = 10_000
_FEW_WEIGHTS = 2_000_000
_EVALUATION_BATCH = 500
_METRICS = "metrics.csv"
# One seed of evaluation for all models, so that bounds compare like with like.
EVALUATION_SEED = 0


@dataclasses.dataclass(frozen=True)
class Fitted:
    """How training went.

    Attributes:
        epochs: Epochs that were run.
        best_epoch: The one whose weights were kept, from 1.
        steps: Updates that were made.
        seconds: Wall time of all stages and parts, compilation included.
        history: One row an epoch.
        rollbacks: `step` and `term` of each failure after which the rate was halved.
    """

    epochs: int
    best_epoch: int
    steps: int
    seconds: float
    history: list[dict[str, float]]
    rollbacks: list[Json]


def fit(
    model: GenerativeModel,
    data: DataSet,
    recipe: Recipe,
    *,
    seed: int,
    checkpoints: Checkpoints,
    steps_per_execution: int = 0,
    stage: str = "",
    is_last: bool = True,
    devices: Devices | None = None,
) -> Fitted:
    """Trains the model and leaves it with its best weights.

    The best weights are those with the highest first term on the validation split,
    whatever the objective, or with the highest accuracy, as the recipe says. Writes
    `metrics.csv`, TensorBoard logs and checkpoints. From the latest of these it goes
    on, and comes to the numbers that it would have come to without a stop.

    Args:
        model: An adapted model.
        data: The data set.
        recipe: How to train.
        seed: Of the order of examples; the model's noise has its own `noise_seed`.
        checkpoints: Those of the run; they say where to write.
        steps_per_execution: Steps between two looks at the run; 0 chooses. An epoch
            is a multiple of them.
        stage: What the lines of progress begin with.
        is_last: Whether no other stage follows. If one does, the last weights are kept,
            as its terms are not those by which the best are chosen, and nothing is
            written for TensorBoard.
        devices: What to train on; None for one device.

    Raises:
        ArithmeticError: If a term, the loss or the gradients stop being finite, and
            `checkpoints` have no way back.
        SystemExit: After SIGTERM, when a checkpoint is written.
        KeyboardInterrupt: After SIGINT, likewise.
    """
    devices = devices or Devices()
    directory = checkpoints.directory
    batch_size = min(recipe.batch_size, len(data.train))
    steps, between_looks = plan_steps(
        len(data.train) // batch_size, steps_per_execution
    )
    first_rate = recipe.learning_rate * 0.5 ** len(checkpoints.rollbacks)
    rate: object = first_rate
    if recipe.schedule == "cosine":
        rate = keras.optimizers.schedules.CosineDecay(first_rate, steps * recipe.epochs)
    averaging = recipe.weight_averaging > 0
    # XLA has no part in sums over devices.
    jit_compile = recipe.jit_compile and devices.count == 1
    model.clip_norm = recipe.clip_norm
    model.batch_parts = plan_parts(
        model, steps * recipe.epochs, jit_compile=jit_compile
    )
    given, model = model, devices.replicate(model)
    with devices.scope():
        optimizer = keras.optimizers.Adam(
            rate,
            weight_decay=recipe.weight_decay or None,
            use_ema=averaging,
            ema_momentum=recipe.weight_averaging or 0.99,
        )
        model.compile(
            optimizer,
            jit_compile=jit_compile,
            steps_per_execution=between_looks,
        )
        # Made within the first step, they would have it traced twice.
        optimizer.build(model.trainable_variables)
    # For students too: minus its mean is the cross-entropy of the data, which sees what
    # the student leaves out, where the divergence from the teacher sees draws alone.
    term = model.term_names[0]
    # In a stage before there are categories they have no accuracy.
    classifies = recipe.monitor == "accuracy" and is_last
    best = KeepBest("val_accuracy" if classifies else f"val_{term}", recipe.patience)
    log = Log(directory, best, steps, recipe.epochs, stage)
    signals = DeferredSignals()
    division = {
        "is_last": is_last,
        "epochs": recipe.epochs,
        "steps": steps,
        "steps_per_execution": between_looks,
    }
    resume = Resume(checkpoints, signals, best, log, division, devices)
    callbacks = [
        # Averaged weights are in place from validation to the end of the epoch.
        *([keras.callbacks.SwapEMAWeights(swap_on_epoch=True)] if averaging else []),
        StopOnFailure(),
        *([AddAccuracy(labels.known(data.validation), devices)] if classifies else []),
        best,
        log,
        resume,
    ]
    if is_last:
        logs = directory.path / "logs"
        callbacks.append(keras.callbacks.TensorBoard(logs, write_graph=False))
    batches = training_batches(
        data.train,
        batch_size,
        steps,
        recipe.epochs,
        seed,
        done=resume.epoch * steps + resume.step,
        jit_compile=recipe.jit_compile,
        share=devices.share,
    )
    # As if they had no end, so that nobody asks for it at every step.
    batches = batches.repeat()
    if jit_compile:
        batches = executions.stacked(batches, between_looks)
    validation = evaluation_batches(data.validation, share=devices.share)
    try:
        plain = streamed.plain_errors(data.train, data.validation)
        with signals, plain, warnings.catch_warnings():
            # Distributed validation data end before Keras knows how many they are.
            warnings.filterwarnings("ignore", "Your input ran out of data")
            model.fit(
                devices.distribute(batches),
                initial_epoch=resume.epoch,
                epochs=recipe.epochs,
                steps_per_epoch=steps,
                validation_data=devices.distribute(validation),
                callbacks=callbacks,
                shuffle=False,  # The batches come shuffled.
                verbose=0,
            )
    except NotFiniteError as failure:
        checkpoints.roll_back(failure)
        return fit(
            given,
            data,
            recipe,
            seed=seed,
            checkpoints=checkpoints,
            steps_per_execution=steps_per_execution,
            stage=stage,
            is_last=is_last,
            devices=devices,
        )
    if is_last:
        best.restore()
    if given is not model:
        given.set_weights(model.get_weights())
    return Fitted(
        epochs=len(log.history),
        best_epoch=best.epoch + 1,
        steps=len(log.history) * steps,
        seconds=checkpoints.seconds,
        history=log.history,
        rollbacks=checkpoints.rollbacks,
    )


def check_monitor(model: GenerativeModel, data: DataSet, recipe: Recipe) -> None:
    """Raises ValueError where the recipe asks for an accuracy that there is not."""
    if recipe.monitor != "accuracy":
        return
    train = data.train
    hidden = train.label is not None and train.context is not None
    told = hidden and labels.are_told(data)
    told = told and len(labels.known(data.validation)) > 0
    if not isinstance(model, ConcreteMixtureVAE) or not told:
        raise ValueError(
            "The accuracy on validation rows is that of models which are told labels "
            f"as a prior; received monitor=accuracy for a {type(model).__name__} on "
            f"{data.spec.name}, where {'some are' if told else 'none is'} told. Leave "
            "it out, or take gmvae_supervised."
        )


def plan_steps(available: int, between_looks: int = 0) -> tuple[int, int]:
    """Steps of an epoch, and how many of them run between two looks.

    The first is a multiple of the second: Keras would run over the end of the epoch.
    Batches beyond it are left out; which ones changes with each epoch.

    Args:
        available: Batches of an epoch.
        between_looks: The second number; 0 chooses.
    """
    chosen = min(between_looks or _MAX_STEPS_PER_EXECUTION, available)
    if not between_looks and available > chosen:
        candidates = range(chosen // 2, chosen + 1)
        chosen = min(candidates, key=lambda size: (available % size, -size))
    return available - available % chosen, chosen


def plan_parts(model: GenerativeModel, steps: int, *, jit_compile: bool) -> int:
    """In how many parts to compute a batch: two where they mostly save time, on CPUs.

    They take longer to compile, and have twice the gradients to add up.

    Args:
        model: The model.
        steps: Of the whole run, also those before a stop: it goes on as it began.
        jit_compile: Whether they are compiled by XLA.
    """
    on_cpu = not tf.config.list_physical_devices("GPU")
    pays = steps >= _MANY_STEPS and model.count_params() <= _FEW_WEIGHTS
    return 2 if jit_compile and on_cpu and pays else 1


def training_batches(
    split: Split,
    batch_size: int,
    steps: int,
    epochs: int,
    seed: int,
    *,
    done: int = 0,
    jit_compile: bool = False,
    share: Share | None = None,
) -> tf.data.Dataset:
    """Shuffled batches of all epochs; the order is a function of seed and epoch.

    So are the bits of a split that has grey images, of them and of the row's number.
    Rows on disk are read as `zoo.streaming` does.

    Args:
        split: The rows.
        batch_size: Rows of a batch.
        steps: Batches of an epoch.
        epochs: How many.
        seed: Of order and bits.
        done: How many batches, at the beginning, are left out.
        jit_compile: Whether bits are drawn by XLA, which is quicker.
        share: Which rows of each batch are given; None for all.
    """
    share = share or Share()
    if streamed.is_stored(split):
        return share(
            streamed.training_batches(split, batch_size, steps, epochs, seed, done=done)
        )
    arrays = _tensors(split)
    numbers = tf.range(len(split))
    row_seeds = random.row_seeds(seed, numbers)
    grey = None if split.grey is None else tf.constant(split.grey)
    draw_bits = tf.function(binarization.draw_bits, jit_compile=jit_compile)

    def epoch_batches(epoch: tf.Tensor) -> tf.data.Dataset:
        order = tf.random.experimental.stateless_shuffle(
            numbers, seed=tf.stack([tf.constant(seed, tf.int64), epoch])
        )
        rows = tf.reshape(order[: steps * batch_size], [steps, batch_size])
        seeds = tf.gather(random.fold_in(row_seeds, epoch), rows)
        return tf.data.Dataset.from_tensor_slices((rows, seeds))

    def batch(rows: tf.Tensor, seeds: tf.Tensor) -> dict[str, tf.Tensor]:
        inputs = {key: tf.gather(values, rows) for key, values in arrays.items()}
        if grey is not None:
            inputs["x"] = draw_bits(tf.gather(grey, rows), seeds)
        return inputs

    rows = (
        tf.data.Dataset.range(done // steps, epochs)
        .flat_map(epoch_batches)
        .skip(done % steps)
    )
    return share(rows).map(batch).prefetch(tf.data.AUTOTUNE)


def evaluation_batches(
    split: Split,
    seed: int = EVALUATION_SEED,
    first_row: int = 0,
    share: Share | None = None,
) -> tf.data.Dataset:
    """Batches of equal size with a seed for each row; padding has weight zero.

    Args:
        split: The rows, in memory or on disk.
        seed: Of the rows' seeds, with the number of each row.
        first_row: The number of the first row.
        share: Which rows of each batch are given; None for all.
    """
    share = share or Share()
    batch_size = min(_EVALUATION_BATCH, len(split))
    batch_size += -batch_size % share.of
    if streamed.is_stored(split):
        return share(streamed.evaluation_batches(split, batch_size, seed, first_row))
    arrays = _tensors(split)
    numbers = tf.range(first_row, first_row + len(split))
    arrays["seed"] = random.row_seeds(seed, numbers)
    num_batches = -(-len(split) // batch_size)
    # The padding repeats the last row.
    rows = np.minimum(np.arange(num_batches * batch_size), len(split) - 1)
    weights = np.arange(num_batches * batch_size) < len(split)
    batches = tf.data.Dataset.from_tensor_slices(
        (
            rows.reshape(num_batches, batch_size),
            weights.reshape(num_batches, batch_size).astype("float32"),
        )
    )
    return (
        share(batches)
        .map(
            lambda rows, weights: (
                {k: tf.gather(v, rows) for k, v in arrays.items()},
                weights,
                weights,
            )
        )
        .prefetch(tf.data.AUTOTUNE)
    )


def _tensors(split: Split) -> dict[str, tf.Tensor]:
    arrays = {"x": tf.constant(split.x)}
    if split.context is not None:
        arrays["context"] = tf.constant(split.context)
    return arrays


class AddAccuracy(keras.callbacks.Callback):
    """Adds to what is known of an epoch the share of rows whose label is found.

    Args:
        split: Rows with labels.
        devices: What the model is on; its chief's answer is everybody's.
    """

    def __init__(self, split: Split, devices: Devices) -> None:
        super().__init__()
        self.split = split
        self.devices = devices

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Classifies all rows; later callbacks find the answer in `logs`."""
        if logs is not None:
            logs["val_accuracy"] = self.devices.of_chief(self._accuracy)

    def _accuracy(self) -> float:
        found = classification.log_probs(self.model, self.split.x).argmax(axis=1)
        return float(accuracy(found, np.asarray(self.split.label)))


class KeepBest(keras.callbacks.Callback):
    """Keeps the weights with the highest value; stops when none better comes.

    Args:
        monitor: Name of the value.
        patience: Epochs to wait for a better one; 0 for never stopping.
    """

    def __init__(self, monitor: str, patience: int) -> None:
        super().__init__()
        self.monitor = monitor
        self.patience = patience
        self.epoch = -1
        self.value = -math.inf
        self.weights: list[np.ndarray] = []

    def go_on(self, epoch: int, value: float, weights: list[np.ndarray]) -> None:
        """Takes up what was the best so far."""
        self.epoch, self.value, self.weights = epoch, value, weights

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Compares, and copies the weights if they are the best so far."""
        value = float((logs or {})[self.monitor])
        if math.isnan(value):  # Worse than any number, also in the first epoch.
            value = -math.inf
        if value > self.value or self.epoch < 0:
            self.epoch, self.value = epoch, value
            self.weights = self.model.get_weights()
        elif self.patience and epoch - self.epoch >= self.patience:
            self.model.stop_training = True

    def restore(self) -> None:
        """Gives the model its best weights back."""
        self.model.set_weights(self.weights)


class StopOnFailure(keras.callbacks.Callback):
    """Ends training where a number stops being finite, and says which and when."""

    def on_train_batch_end(
        self, batch: int, logs: dict[str, float] | None = None
    ) -> None:
        """Looks at what the model wrote down during the last execution."""
        failure = self.model.first_non_finite.failure()
        if failure is not None:
            step, name = failure
            raise NotFiniteError(step + 1, name)


class Log(keras.callbacks.Callback):
    """A progress bar within epochs, a line and a row of `metrics.csv` after each.

    Args:
        directory: Where `metrics.csv` goes.
        best: Knows which epoch is the best so far.
        steps: Steps of an epoch.
        epochs: Epochs of the run, at most.
        stage: What the lines begin with.
    """

    def __init__(
        self,
        directory: ModelDir,
        best: KeepBest,
        steps: int,
        epochs: int,
        stage: str = "",
    ) -> None:
        super().__init__()
        self.history: list[dict[str, float]] = []
        self._directory = directory
        self._best = best
        self._steps = steps
        self._epochs = epochs
        self._stage = f"{stage} " if stage else ""
        self._out: TextIO = sys.stdout
        self._start = 0.0
        # Without a terminal, about twenty lines tell the story.
        self._every = 1 if self._out.isatty() else max(1, epochs // 20)

    def go_on(self, history: list[dict[str, float]]) -> None:
        """Takes up the epochs so far; `metrics.csv` has no others."""
        self.history = history
        if history:
            with self._directory.replacing(_METRICS) as path:
                _append(path, history, is_new=True)

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Takes the time."""
        self._start = time.monotonic()

    def on_train_batch_end(
        self, batch: int, logs: dict[str, float] | None = None
    ) -> None:
        """Redraws the bar, on terminals."""
        if not self._out.isatty():
            return
        done = round(20 * (batch + 1) / self._steps)
        bar = "█" * done + "░" * (20 - done)
        self._out.write(f"\r\033[K{self._head(len(self.history))} {bar} {_terms(logs)}")
        self._out.flush()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Writes the row and, where it is due, the line."""
        row = {"epoch": epoch + 1, **{k: float(v) for k, v in (logs or {}).items()}}
        row["learning_rate"] = float(self.model.optimizer.learning_rate)
        self.history.append(row)
        _append(self._directory.path / _METRICS, [row], is_new=epoch == 0)
        if self._out.isatty():
            self._out.write("\r\033[K")
        last = epoch + 1 == self._epochs or self.model.stop_training
        if epoch == 0 or (epoch + 1) % self._every == 0 or last:
            seconds = time.monotonic() - self._start
            mark = "  best so far" if self._best.epoch == epoch else ""
            print(f"{self._head(epoch)} {seconds:6.1f} s  {_terms(logs)}{mark}")

    def _head(self, epoch: int) -> str:
        width = len(str(self._epochs))
        return f"{self._stage}epoch {epoch + 1:{width}d}/{self._epochs}"


def _append(path: Path, rows: list[dict[str, float]], *, is_new: bool) -> None:
    """Writes rows into a table, below a line of names where it is new."""
    with path.open("w" if is_new else "a", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        if is_new:
            writer.writeheader()
        writer.writerows(rows)


def _terms(logs: dict[str, float] | None) -> str:
    """Terms as text; the loss is shown only where it is not minus a term."""
    shown = {name: float(value) for name, value in (logs or {}).items()}
    loss = shown.get("loss", 0.0)
    if any(math.isclose(loss, -value, rel_tol=1e-4) for value in shown.values()):
        del shown["loss"]
    return "  ".join(f"{name} {value:.3f}" for name, value in shown.items())
