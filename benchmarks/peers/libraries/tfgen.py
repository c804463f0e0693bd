"""This project: training through `fit` as `zoo.train` sets it up."""

import queue
import threading

import keras
import numpy as np
import tensorflow as tf

import tfgen
from benchmarks.peers.cases import Case, Task
from benchmarks.peers.libraries.tensorflow import calling_task
from tfgen import executions
from tfgen.distributions import Bernoulli, Gaussian, StandardNormal
from tfgen.networks import MLP
from zoo import fitting
from zoo.data import Split

PACKAGES = ("tensorflow", "keras", "tensorflow-probability")
_STEPS = 100
_EPOCHS = 10_000


def prepare(case: Case, mode: str) -> Task:
    """`tfgen.maf`, `tfgen.realnvp` or `tfgen.VAE`."""
    model = vae(case) if case.model == "vae" else flow(case)
    xla = mode == "xla"
    if case.work == "train":
        return fit_task(case, model, xla=xla)
    parameters = trained(model)
    if case.work == "density":
        x = tf.random.normal([case.rows, case.features])
        return calling_task(parameters, model.log_prob, x, xla=xla)
    seed = tf.constant(0)
    return calling_task(
        parameters, lambda seed: model.sample(case.rows, seed=seed), seed, xla=xla
    )


def flow(case: Case) -> tfgen.DensityModel:
    """Steps of a flow, as its builder arranges them."""
    make = {"maf": tfgen.maf, "realnvp": tfgen.realnvp}[case.model]
    hidden_units = [case.hidden, case.hidden]
    return tfgen.DensityModel(
        make([case.features], num_steps=case.num_steps, hidden_units=hidden_units)
    )


def vae(case: Case) -> tfgen.VAE:
    """Dense networks there and back, 50 latents, bits."""
    latents, hidden_units = 50, [case.hidden, case.hidden]
    there = MLP(case.features, hidden_units, 2 * latents, activation="relu")
    back = MLP(latents, hidden_units, case.features, activation="relu")
    return tfgen.VAE(
        Gaussian([latents], there),
        Bernoulli([case.features], back),
        StandardNormal([latents]),
    )


def fit_task(case: Case, model: tfgen.GenerativeModel, *, xla: bool) -> Task:
    """Epochs of one `fit`, with the optimiser, pipeline and check of `zoo.train`."""
    rng = np.random.default_rng(0)
    x = rng.random([_STEPS * case.rows, case.features], dtype=np.float32)
    if case.model == "vae":
        x = np.round(x).astype(np.uint8)
    steps, between_looks = fitting.plan_steps(_STEPS)
    rate = keras.optimizers.schedules.CosineDecay(1e-4, steps * _EPOCHS)
    model.clip_norm = 1.0
    model.batch_parts = fitting.plan_parts(model, steps * _EPOCHS, jit_compile=xla)
    model.compile(
        keras.optimizers.Adam(rate),
        jit_compile=xla,
        steps_per_execution=between_looks,
    )
    batches = fitting.training_batches(Split(x), case.rows, steps, _EPOCHS, seed=0)
    if xla:
        batches = executions.stacked(batches.repeat(), between_looks)
    turns = Turns()

    def fit() -> None:
        try:
            model.fit(
                batches,
                epochs=_EPOCHS,
                steps_per_epoch=steps,
                callbacks=[fitting.StopOnFailure(), turns],
                shuffle=False,
                verbose=0,
            )
        except BaseException as outcome:
            turns.ended.put(outcome)

    threading.Thread(target=fit, daemon=True).start()
    turns.take()
    return Task(trained(model), turns.take, units=steps, close=turns.close)


class Turns(keras.callbacks.Callback):
    """Lets `fit` run an epoch when told, so that others can have theirs between."""

    def __init__(self) -> None:
        super().__init__()
        self.ended: queue.Queue[BaseException | None] = queue.Queue()
        self._told: queue.Queue[str] = queue.Queue()

    def take(self) -> None:
        """Has an epoch run, and waits for its end."""
        self._told.put("go")
        outcome = self.ended.get()
        if outcome is not None:
            raise outcome

    def close(self) -> None:
        """Ends the training."""
        self._told.put("stop")
        self.ended.get()

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Waits."""
        if self._told.get() == "stop":
            raise KeyboardInterrupt

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Says so."""
        self.ended.put(None)


def trained(model: tfgen.GenerativeModel) -> int:
    """How many numbers are trained."""
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
