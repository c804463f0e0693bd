"""Steps in one program of XLA do what steps one by one do."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfgen
from tfgen import executions

_ROWS = np.random.default_rng(0).normal(size=[44, 3]).astype("float32")


class _Steps(keras.callbacks.Callback):
    """Notes the optimiser's steps after each execution."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append(int(self.model.optimizer.iterations.numpy()))


def _fit(data, steps_per_execution, **kwargs):
    keras.utils.set_random_seed(1)
    model = tfgen.DensityModel(tfgen.maf([3], num_steps=1, hidden_units=[8]))
    model.compile(
        keras.optimizers.Adam(1e-2),
        jit_compile=True,
        steps_per_execution=steps_per_execution,
    )
    steps = _Steps()
    history = model.fit(
        data, shuffle=False, verbose=0, callbacks=[steps], **kwargs
    ).history
    return model, history, steps.seen


def _batches(*, drop_remainder=True):
    return tf.data.Dataset.from_tensor_slices(_ROWS).batch(
        4, drop_remainder=drop_remainder
    )


@pytest.fixture
def executed(monkeypatch):
    """How many steps were asked for, each time that a program was made."""
    made = []
    original = executions._read

    def read(iterator, num_steps):
        made.append(num_steps)
        return original(iterator, num_steps)

    monkeypatch.setattr(executions, "_read", read)
    return made


def test_weights_and_history_are_those_of_single_steps(executed):
    one, one_history, one_seen = _fit(_batches(), 1, epochs=2)
    many, many_history, many_seen = _fit(_batches(), 4, epochs=2)
    assert executed == [4]
    # Eleven batches an epoch: the third execution has three.
    assert many_seen == [4, 8, 11, 15, 19, 22]
    assert one_seen == list(range(1, 23))
    for a, b in zip(one.get_weights(), many.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=1e-6)
    for name, values in one_history.items():
        np.testing.assert_allclose(values, many_history[name], rtol=1e-5)


def test_an_epoch_may_end_within_endless_data(executed):
    _, _, seen = _fit(_batches().repeat(), 4, epochs=2, steps_per_epoch=8)
    assert executed == [4]
    assert seen == [4, 8, 12, 16]


@pytest.mark.parametrize("reason", ["unknown shapes", "large batches"])
def test_other_batches_go_step_by_step(executed, monkeypatch, reason):
    if reason == "large batches":
        monkeypatch.setattr(executions, "_MOST_BYTES", 4 * 4 * 3 * 4 - 1)
    data = _batches(drop_remainder=reason == "large batches")
    _, history, seen = _fit(data, 4, epochs=1)
    assert not executed
    assert seen == [4, 8, 11]
    assert np.isfinite(history["loss"]).all()


def test_sample_weights_reach_the_steps(executed):
    inputs = {"x": _ROWS}
    data = tf.data.Dataset.from_tensor_slices((inputs, _ROWS, np.zeros(44, "float32")))
    model, history, _ = _fit(data.batch(11), 2, epochs=1)
    # 44 rows are four batches of eleven, but only a batch that drops the rest says so.
    assert not executed
    again, again_history, _ = _fit(data.batch(11, drop_remainder=True), 2, epochs=1)
    assert executed == [2]
    assert history["loss"] == again_history["loss"] == [0.0]
    for a, b in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_first_step_that_is_not_finite_is_named(executed):
    rows = _ROWS.copy()
    rows[4 * 5] = np.nan
    data = tf.data.Dataset.from_tensor_slices(rows).batch(4, drop_remainder=True)
    model, _, _ = _fit(data, 11, epochs=1)
    assert executed == [11]
    assert model.first_non_finite.failure() == (5, "log_prob")
    assert all(np.isfinite(weight).all() for weight in model.get_weights())
