"""Distillation: exact where both densities are known, and of the student alone."""

import math
import zipfile
from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfgen
from tfgen import DensityModel, Dequantized, Distillation, GenerativeModel, bijectors
from tfgen.distributions import Autoregressive, Bernoulli, Flow, Mixture, StandardNormal
from tfgen.flows import ActNorm
from tfgen.networks import MADE, OneHot

ROWS = 6
SMALL = {"num_steps": 2, "hidden_units": [8]}


def affine(loc, scale, dtype="float64"):
    """`N(loc, scale**2)` in each coordinate, by weights that can be trained."""
    layer = ActNorm([len(loc)], dtype=dtype)
    layer.set_weights([np.array(loc), np.log(scale)])
    normal = StandardNormal([len(loc)], dtype=dtype)
    return DensityModel(Flow(normal, [layer], dtype=dtype), dtype=dtype)


def losses(student, teacher, seeds, context=None):
    inputs = {"x": tf.zeros([len(seeds), *student.event_shape], student.compute_dtype)}
    if context is not None:
        inputs["context"] = context
    return Distillation(teacher)(student, inputs, seeds, tf.constant(0))[0]


class Case(NamedTuple):
    """A way to make a model, the same each time, and a context it takes."""

    make: Callable[[], GenerativeModel]
    context: list[int] | None = None


STUDENTS = {
    "density": Case(lambda: DensityModel(tfgen.iaf([3], **SMALL))),
    "realnvp": Case(lambda: DensityModel(tfgen.realnvp([3], **SMALL))),
    "maf": Case(lambda: DensityModel(tfgen.maf([3], **SMALL))),
    "levels": Case(lambda: Dequantized(tfgen.iaf([2, 2], **SMALL), levels=8)),
    "steps": Case(
        lambda: Dequantized(
            tfgen.iaf([2], **SMALL), steps=[0.5, 0.0], offsets=[1.0, 0.0]
        )
    ),
    "labels": Case(
        lambda: DensityModel(
            tfgen.iaf([2], context_network=OneHot(4), context_features=4, **SMALL)
        ),
        [0, 3, -1, 2, 2, 1],
    ),
}


@pytest.mark.parametrize("name", STUDENTS)
def test_the_loss_of_equals_is_zero_in_every_row(name, randomize):
    make, context = STUDENTS[name]
    context = None if context is None else tf.constant(context)
    student, teacher = (randomize(make(), stddev=0.3) for _ in range(2))
    loss = losses(student, teacher, tf.range(ROWS), context)
    np.testing.assert_allclose(loss, np.zeros(ROWS), atol=1e-4)
    other = randomize(make(), stddev=0.3, seed=1)
    loss = losses(student, other, tf.range(ROWS), context)
    assert loss.shape == (ROWS,)
    assert np.all(np.abs(loss) > 1e-3)


def test_the_loss_of_a_row_is_its_own(randomize):
    student, teacher = (
        randomize(DensityModel(tfgen.iaf([3], **SMALL)), 0.3, seed) for seed in (0, 1)
    )
    together = losses(student, teacher, tf.range(ROWS))
    alone = losses(student, teacher, tf.range(4, 5))
    np.testing.assert_allclose(alone, together[4:5], rtol=1e-4, atol=1e-5)
    assert len(np.unique(together)) == ROWS


def test_gaussians_are_apart_by_the_closed_form():
    # x = a z + b with z standard normal, and p = N(m, s**2):
    # log q(x) - log p(x) = log(s / a) - z**2 / 2 + (x - m)**2 / (2 s**2).
    (b, a), (m, s) = ([1.0, -0.5], [0.5, 2.0]), ([0.3, 0.4], [1.5, 0.8])
    b, a, m, s = (np.array(values) for values in (b, a, m, s))
    student, seeds = affine(b, a), tfgen.random.row_seeds(0, tf.range(20_000))
    with tf.GradientTape() as tape:
        loss = losses(student, affine(m, s), seeds)
    loc, log_scale = tape.gradient(loss, student.trainable_weights)
    z = tfgen.random.normal(seeds, [2], dtype="float64").numpy()
    x = a * z + b
    expected = np.log(s / a) - z**2 / 2 + (x - m) ** 2 / (2 * s**2)
    np.testing.assert_allclose(loss, expected.sum(axis=1), rtol=1e-9, atol=1e-9)
    # And its mean is the divergence.
    divergence = np.log(s / a) + (a**2 + (b - m) ** 2) / (2 * s**2) - 0.5
    error = np.std(loss) / math.sqrt(len(seeds))
    assert abs(np.mean(loss) - divergence.sum()) < 4 * error
    # The gradient is that along the draws.
    np.testing.assert_allclose(loc, np.sum((x - m) / s**2, axis=0), rtol=1e-9)
    slope = a * z * (x - m) / s**2 - 1
    np.testing.assert_allclose(log_scale, np.sum(slope, axis=0), rtol=1e-9)


@pytest.mark.parametrize("dtypes", [("float32", "float64"), ("float64", "float32")])
def test_a_teacher_may_be_of_another_precision(dtypes):
    of_student, of_teacher = dtypes
    student, seeds = affine([1.0, -0.5], [0.5, 2.0], of_student), tf.range(ROWS)
    teacher = affine([0.3, 0.4], [1.5, 0.8], of_teacher)
    with tf.GradientTape() as tape:
        loss = losses(student, teacher, seeds)
    assert loss.dtype == of_student
    gradients = tape.gradient(loss, student.trainable_weights)
    alike = affine([0.3, 0.4], [1.5, 0.8], of_student)
    with tf.GradientTape() as tape:
        expected = losses(student, alike, seeds)
    np.testing.assert_allclose(loss, expected, rtol=1e-4, atol=1e-5)
    for actual, gradient in zip(
        gradients, tape.gradient(expected, student.trainable_weights), strict=True
    ):
        assert np.all(gradient != 0)
        np.testing.assert_allclose(actual, gradient, rtol=1e-4, atol=1e-5)


def test_terms_stay_those_of_the_data(randomize):
    student = randomize(DensityModel(tfgen.iaf([3], **SMALL)), 0.3)
    inputs = {"x": tf.random.stateless_normal([ROWS, 3], [0, 1])}
    teacher = DensityModel(tfgen.maf([3], **SMALL))
    seeds, step = tf.range(ROWS), tf.constant(0)
    loss, terms = Distillation(teacher)(student, inputs, seeds, step)
    expected = student(inputs)["log_prob"]
    np.testing.assert_allclose(terms["log_prob"], expected, rtol=1e-6)
    # The loss has nothing of the data.
    inputs = {"x": 5.0 * inputs["x"]}
    again, _ = Distillation(teacher)(student, inputs, seeds, step)
    np.testing.assert_array_equal(again, loss)


def test_no_direction_is_inverted_for_the_loss(randomize, monkeypatch):
    student = randomize(DensityModel(tfgen.iaf([3], **SMALL)), 0.3)
    teacher = randomize(DensityModel(tfgen.maf([3], **SMALL)), 0.3)
    expected = losses(student, teacher, tf.range(ROWS))

    def refuse(*args):
        raise AssertionError("Coordinate by coordinate.")

    monkeypatch.setattr(bijectors.Autoregressive, "forward_and_log_det", refuse)
    monkeypatch.setattr(bijectors.InverseAutoregressive, "inverse_and_log_det", refuse)
    monkeypatch.setattr(DensityModel, "terms", lambda *_: {})  # Reported, not lost.
    loss = losses(student, teacher, tf.range(ROWS))
    np.testing.assert_array_equal(loss, expected)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_the_student_learns_and_the_teacher_stays(jit_compile):
    teacher = affine([3.0, -1.0], [0.5, 2.0])
    student = affine([0.0, 0.0], [1.0, 1.0])
    student.objective = Distillation(teacher)
    assert len(student.weights) == 2 + len(student.non_trainable_weights)
    before = teacher.get_weights()
    student.compile(
        keras.optimizers.Adam(0.05), jit_compile=jit_compile, steps_per_execution=5
    )
    x = np.zeros([1000, 2])
    history = student.fit(x, batch_size=200, epochs=60, verbose=0).history
    assert history["loss"][-1] < 0.01 < history["loss"][0]
    loc, log_scale = student.get_weights()[:2]
    np.testing.assert_allclose(loc, [3.0, -1.0], atol=0.1)
    np.testing.assert_allclose(np.exp(log_scale), [0.5, 2.0], rtol=0.05)
    for old, new in zip(before, teacher.get_weights(), strict=True):
        np.testing.assert_array_equal(new, old)


def test_the_teacher_is_not_saved(tmp_path):
    student = DensityModel(tfgen.iaf([2], **SMALL))
    files = []
    teacher = DensityModel(tfgen.maf([2], **SMALL))
    for objective in (student.objective, Distillation(teacher)):
        student.objective = objective
        path = tmp_path / f"{len(files)}.keras"
        student.save(path)
        with zipfile.ZipFile(path) as file:
            files.append(file.getinfo("model.weights.h5").file_size)
            assert b"MaskedAutoregressive" not in file.read("config.json")
    assert files[0] == files[1]
    loaded = keras.saving.load_model(path, safe_mode=True)
    np.testing.assert_array_equal(loaded.sample(3), student.sample(3))
    loaded.compile("sgd", jit_compile=False)
    with pytest.raises(ValueError, match="not saved with its student; received None"):
        loaded.fit(np.zeros([4, 2], np.float32), verbose=0)


def made():
    return DensityModel(Autoregressive(Bernoulli([2], MADE(2, 1, [4]))))


class Nothing(GenerativeModel):
    kind = "none"
    term_names = ("score",)
    event_shape = (2,)


REFUSED = {
    "mixture": (
        lambda: [DensityModel(tfgen.iaf([2], base=Mixture([2], 3), **SMALL))] * 2,
        TypeError,
        "received Flow, which chooses among values or components. Take a flow over",
    ),
    "bits": (lambda: [made()] * 2, TypeError, "received Autoregressive, which chooses"),
    "shapes": (
        lambda: [DensityModel(tfgen.iaf([d], **SMALL)) for d in (2, 3)],
        ValueError,
        r"teacher DensityModel\(event_shape=\[3\]\) and a student .*\[2\]",
    ),
    "levels": (
        lambda: [Dequantized(tfgen.iaf([2], **SMALL), levels=n) for n in (4, 8)],
        ValueError,
        r"teacher Dequantized\(event_shape=\[2\], levels=8\) and a student .*levels=4",
    ),
    "kinds": (
        lambda: [Dequantized(tfgen.iaf([2], **SMALL), levels=2), made()],
        ValueError,
        "a teacher DensityModel.* and a student Dequantized",
    ),
    "no density": (
        lambda: [Nothing(), Nothing()],
        TypeError,
        "models of one density have a layer for it; received a Nothing",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_taught_is_refused(name):
    make, error, message = REFUSED[name]
    student, teacher = make()
    with pytest.raises(error, match=message):
        Distillation(teacher).check(student)
