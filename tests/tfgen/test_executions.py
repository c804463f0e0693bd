"""Steps in one program of XLA do what steps one by one do."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfgen
from tfgen import executions
from tfgen.distributions import Gaussian, StandardNormal
from tfgen.networks import MLP

_ROWS = np.random.default_rng(0).normal(size=[44, 3]).astype("float32")


class _Steps(keras.callbacks.Callback):
    """Notes the optimiser's steps after each execution."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append(int(self.model.optimizer.iterations.numpy()))


def _fit(data, steps_per_execution, *, parts=1, **kwargs):
    keras.utils.set_random_seed(1)
    model = tfgen.DensityModel(tfgen.maf([3], num_steps=1, hidden_units=[8]))
    model.batch_parts = parts
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


def test_stacked_batches_are_the_same_steps(executed):
    # Of eleven batches, the last execution's go on with the first.
    data, kwargs = _batches().repeat(), {"epochs": 2, "steps_per_epoch": 8}
    one, one_history, one_seen = _fit(data, 4, **kwargs)
    many, many_history, many_seen = _fit(executions.stacked(data, 4), 4, **kwargs)
    assert executed == [4]  # Stacked batches are not read one by one.
    assert many_seen == one_seen == [4, 8, 12, 16]
    assert many_history == one_history
    for a, b in zip(one.get_weights(), many.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_batches_that_cannot_be_stacked_are_left_alone(monkeypatch):
    batches = _batches()
    assert executions.stacked(batches, 1) is batches
    ragged = _batches(drop_remainder=False)
    assert executions.stacked(ragged, 4) is ragged
    size = 4 * 4 * 3 * 4  # Of an execution; there are four in memory.
    monkeypatch.setattr(executions, "_MOST_BYTES", 4 * size - 1)
    assert executions.stacked(batches, 4) is batches
    monkeypatch.setattr(executions, "_MOST_BYTES", 4 * size)
    assert executions.stacked(batches, 4) is not batches


def test_stacked_batches_may_end_before_the_steps():
    filtered = _batches().filter(lambda _: True)  # Keras cannot count them.
    with pytest.warns(UserWarning, match="ran out of data"):
        _, _, seen = _fit(
            executions.stacked(filtered, 4), 4, epochs=1, steps_per_epoch=20
        )
    assert seen == [4, 8, 11]


def test_weights_stay_with_their_batches_when_stacked():
    inputs, weights = {"x": _ROWS}, (np.arange(44) % 3).astype("float32")
    data = tf.data.Dataset.from_tensor_slices((inputs, _ROWS, weights))
    data = data.batch(4, drop_remainder=True).repeat()
    kwargs = {"epochs": 1, "steps_per_epoch": 8}
    _, history, _ = _fit(data, 4, **kwargs)
    _, again, _ = _fit(executions.stacked(data, 4), 4, **kwargs)
    assert again == history


def test_parts_of_a_batch_are_put_together_in_order():
    rows = tf.range(6)
    seen = []

    def function(inputs, seeds):
        seen.append(inputs["x"].shape[0])
        return 10 * inputs["x"] + seeds, {"term": seeds}

    for num_parts, sizes in ((1, [6]), (2, [3, 3]), (4, [6])):  # Four are not equal.
        seen.clear()
        losses, terms = executions.in_parts(function, num_parts, {"x": rows}, rows)
        assert seen == sizes
        np.testing.assert_array_equal(losses, 11 * np.arange(6))
        np.testing.assert_array_equal(terms["term"], np.arange(6))


def test_batches_of_unknown_size_are_left_whole():
    @tf.function(input_signature=[tf.TensorSpec([None])])
    def double(x):
        return executions.in_parts(lambda rows: 2.0 * rows, 2, x)

    np.testing.assert_array_equal(double(tf.range(3.0)), [0.0, 2.0, 4.0])


def test_training_in_parts_is_training_on_the_whole():
    weights = (np.arange(44) % 3).astype("float32")
    data = tf.data.Dataset.from_tensor_slices(({"x": _ROWS}, _ROWS, weights))
    data = data.batch(4, drop_remainder=True)
    whole, whole_history, _ = _fit(data, 4, epochs=2)
    parts, parts_history, _ = _fit(data, 4, parts=2, epochs=2)
    for a, b in zip(whole.get_weights(), parts.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=1e-6)
    for name, values in whole_history.items():
        np.testing.assert_allclose(values, parts_history[name], rtol=1e-5)


def test_an_objective_of_whole_batches_sees_them():
    model = tfgen.VAE(
        Gaussian([2], MLP(3, [4], 4)),
        Gaussian([3], MLP(2, [4], 6)),
        StandardNormal([2]),
    )
    model.objective = tfgen.TotalCorrelationELBO()
    model.compile("sgd", run_eagerly=True)
    sizes = []
    data = model.data
    model.data = lambda inputs: sizes.append(len(inputs["x"])) or data(inputs)
    model.batch_parts = 2
    model.train_on_batch(_ROWS[:6])
    assert sizes == [6]
    model.objective = tfgen.BetaELBO()
    model.train_on_batch(_ROWS[:6])
    assert sizes == [6, 3, 3]


@pytest.mark.parametrize("parts", [0, 1.5])
def test_there_are_no_other_numbers_of_parts(parts):
    model = tfgen.DensityModel(tfgen.maf([3], num_steps=1, hidden_units=[8]))
    with pytest.raises(ValueError, match=f"1 or more; received batch_parts={parts}"):
        model.batch_parts = parts


def test_a_batch_alone_is_one_step():
    model, _, _ = _fit(_batches(), 4, epochs=1)
    model.train_on_batch(_ROWS[:4])
    assert model.optimizer.iterations == 11 + 1


def test_stacks_of_other_sizes_are_refused():
    stacked = executions.stacked(_batches().repeat(), 4)
    with pytest.raises(ValueError, match="is 2; received stacks of 4. Give both"):
        _fit(stacked, 2, epochs=1, steps_per_epoch=8)


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
