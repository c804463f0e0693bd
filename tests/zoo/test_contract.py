"""What every model of the zoo keeps: each recipe, tiny, on small synthetic data.

A new recipe file is covered by itself. It is tried on each kind of data and tested on
the first that its `build` takes, and on the second among the slow tests, which take
about five minutes more; a refusal has to name the data.
"""

import json
import subprocess
import sys
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.framework import op_def_registry
from tensorflow_serving.apis import prediction_log_pb2

from export import self_check, warmup
from export.saved_model import write_saved_model
from export.warmup import write_warmup
from tfgen import executions, random
from zoo import evaluation, registry
from zoo.data import ContextSpec, DataSet, DataSpec, Split
from zoo.training import find_recipe

ROWS, BATCH, EPOCHS = 48, 16, 12
LABELS = np.arange(ROWS, dtype="int32") % 3


def _images(levels):
    """Images whose pixels follow the place and the label."""
    rng = np.random.default_rng(0)
    share = (np.arange(16).reshape(4, 4) + 1 + 5 * LABELS[:, None, None]) / 28
    return rng.binomial(levels - 1, share).astype("uint8")


def _points():
    """Points beside a context that moves them."""
    rng = np.random.default_rng(0)
    context = rng.standard_normal([ROWS, 1])
    noise = rng.standard_normal([ROWS, 2])
    x = [100.0, -3.0] + (noise + context) * [0.5, 20.0]
    return x.astype("float32"), context.astype("float32")


def _data(name, x, context, context_spec, levels=None):
    spec = DataSpec(
        f"synthetic {name}",
        x.shape[1:],
        str(x.dtype),
        levels=levels,
        context=context_spec,
        num_train=len(x),
    )
    split = Split(x, context)
    return DataSet(spec, split, split, split)


_LABEL = ContextSpec((), "int32", num_classes=3)
DATA = {
    "pixels": _data("pixels", _images(5), LABELS, _LABEL, levels=5),
    "points": _data("points", *_points(), ContextSpec((1,), "float32")),
    "bits": _data("bits", _images(2), LABELS, _LABEL, levels=2),
}


def _build(name, kind):
    """A tiny model with its data, in the same state each time; None if refused."""
    recipe = find_recipe(name)
    data = DATA[kind] if recipe.conditional else DATA[kind].without_context()
    keras.utils.set_random_seed(0)
    try:
        model = recipe.build(data.spec, **recipe.tiny)
    except ValueError as error:
        if data.spec.name not in str(error):
            raise
        return None
    return model, data


def _adapted(name, kind):
    """The model, started from data, away from where flows are the identity."""
    model, data = _build(name, kind)
    model.adapt(data.train.x, data.train.context)
    rng = np.random.default_rng(0)
    for weight in model.trainable_weights:
        weight.assign_add(0.1 * rng.standard_normal(weight.shape))
    return model, data


def _kinds(name):
    """The kinds of data that a recipe takes, the first two of them."""
    return [kind for kind in DATA if _build(name, kind)][:2]


# Building all of them takes seconds, and is not for those who only list the tests.
PARAMETERS = [
    pytest.param((name, place), id=f"{name}-{place}", marks=marks)
    for name in registry.names("models")
    for place, marks in (("first", ()), ("second", pytest.mark.slow))
]


def _inputs(data, rows=slice(None), *, seeds=True):
    inputs = {"x": data.train.x[rows]}
    if data.train.context is not None:
        inputs["context"] = data.train.context[rows]
    if seeds:
        inputs["seed"] = random.row_seeds(0, tf.range(ROWS)).numpy()[rows]
    return {key: tf.constant(value) for key, value in inputs.items()}


def _terms(model, inputs):
    return {name: values.numpy() for name, values in model(inputs).items()}


def _assert_close(actual, expected, rtol=1e-5, atol=1e-5):
    assert actual.keys() == expected.keys()
    for name, values in actual.items():
        np.testing.assert_allclose(values, expected[name], rtol=rtol, atol=atol)


def _fit(model, data, **options):
    model.compile(keras.optimizers.Adam(3e-3), **options)
    inputs = _inputs(data, seeds=False)
    fitted = model.fit(
        inputs, batch_size=BATCH, epochs=EPOCHS, shuffle=False, verbose=0
    )
    return fitted.history["loss"]


@pytest.fixture(scope="module", params=PARAMETERS)
def case(request):
    """A model after a few steps of training; the tests leave it as it is."""
    name, place = request.param
    kinds = _kinds(name)
    if place == "second" and len(kinds) < 2:
        pytest.skip(f"{name} takes one kind of data")
    model, data = _adapted(name, kinds[0 if place == "first" else 1])
    before = model.get_weights()
    losses = _fit(model, data, jit_compile=False)
    return SimpleNamespace(
        model=model,
        data=data,
        is_first=place == "first",
        before=before,
        losses=losses,
        terms=_terms(model, _inputs(data)),
        samples=model.sample(ROWS, seed=7, context=data.train.context).numpy(),
    )


def test_terms_are_one_finite_number_an_example(case):
    assert tuple(case.terms) == case.model.term_names
    assert case.model.kind in ("exact", "lower_bound", "estimate", "none")
    for values in case.terms.values():
        assert values.shape == (ROWS,)
        assert np.all(np.isfinite(values))
        assert len(np.unique(values)) > 1


@pytest.mark.parametrize(
    "rows",
    [slice(5, 6), slice(7, 36), np.random.default_rng(0).permutation(ROWS)],
    ids=["alone", "part", "permuted"],
)
def test_terms_of_a_row_are_its_own(case, rows):
    expected = {name: values[rows] for name, values in case.terms.items()}
    _assert_close(_terms(case.model, _inputs(case.data, rows)), expected)


def test_zero_rows_give_zero_rows(case):
    none = _inputs(case.data, slice(0, 0))
    for values in case.model(none).values():
        assert values.shape == (0,)
    drawn = case.model.sample_rows(none["seed"], none.get("context"))
    assert drawn.shape == (0, *case.model.event_shape)


def test_samples_are_like_data(case):
    spec, samples = case.data.spec, case.samples
    assert samples.shape == case.data.train.x.shape
    assert np.all(np.isfinite(samples))
    assert len(np.unique(samples)) > 1
    if spec.levels is None:
        assert samples.dtype == spec.dtype
    else:
        assert np.all(np.isin(samples, np.arange(spec.levels)))


def test_equal_seeds_give_equal_samples(case):
    model, context = case.model, case.data.train.context
    again = model.sample(ROWS, seed=7, context=context)
    np.testing.assert_array_equal(again, case.samples)
    assert np.any(model.sample(ROWS, seed=8, context=context) != case.samples)
    fewer = model.sample(5, seed=7, context=None if context is None else context[:5])
    np.testing.assert_allclose(fewer, case.samples[:5], rtol=1e-5, atol=1e-5)


def test_keras_trains_what_the_loss_reads(case):
    # A variable that Keras does not know is trained by nobody and saved nowhere.
    model = case.model
    inputs = _inputs(case.data)
    seeds = inputs.pop("seed")
    with tf.GradientTape() as tape:
        losses, _ = model.objective(model, inputs, seeds, tf.constant(0))
    watched = {variable.ref() for variable in tape.watched_variables()}
    assert watched == {weight.value.ref() for weight in model.trainable_variables}
    assert len(watched) > 0
    gradients = tape.gradient(losses, model.trainable_weights)
    assert None not in gradients


def test_training_changes_what_is_trainable_and_nothing_else(case):
    trainable = {id(weight) for weight in case.model.trainable_weights}
    for weight, old in zip(case.model.weights, case.before, strict=True):
        changed = bool(np.any(weight.numpy() != old))
        assert changed == (id(weight) in trainable), weight.path


def test_training_lowers_the_loss(case):
    assert np.all(np.isfinite(case.losses))
    assert case.losses[-1] < case.losses[0]
    assert case.model.first_non_finite.failure() is None


def test_a_saved_model_answers_as_before(case, tmp_path):
    case.model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", compile=False)
    assert type(loaded) is type(case.model)
    _assert_close(_terms(loaded, _inputs(case.data)), case.terms, rtol=0, atol=0)
    samples = loaded.sample(ROWS, seed=7, context=case.data.train.context)
    np.testing.assert_array_equal(samples, case.samples)


@pytest.fixture(scope="module")
def checker():
    """Checks a SavedModel in a process that has TensorFlow and nothing else of ours."""
    with subprocess.Popen(
        [sys.executable, "-I", self_check.__file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:

        def check(*paths):
            process.stdin.write(json.dumps([str(path) for path in paths]) + "\n")
            process.stdin.flush()
            return json.loads(process.stdout.readline())

        yield check


def test_a_served_model_answers_as_before(case, checker, tmp_path):
    if not case.is_first:
        pytest.skip("exporting takes seconds: one kind of data for each recipe")
    examples = evaluation.examples(case.model, case.data)
    np.savez(tmp_path / "examples.npz", **examples)
    signatures = case.model.signatures(evaluation.input_specs(_inputs(case.data)))
    path = tmp_path / "1"
    write_saved_model(path, case.model, signatures)
    requests = write_warmup(path, "model", signatures, examples)
    assert requests == 4 * (len(signatures) + 1)
    result = checker(path, tmp_path / "examples.npz")
    assert result["faults"] == []
    # With the default, which is the first.
    assert result["compared"] == len(self_check.BATCH_SIZES) * (len(signatures) + 1)
    _assert_runs_in_a_session(path, signatures[0].name, examples)


def _assert_runs_in_a_session(path, default, examples):
    """Servers load models into sessions, and know no operations but TensorFlow's."""
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        loaded = tf.compat.v1.saved_model.load(session, ["serve"], str(path))
        records = tf.compat.v1.io.tf_record_iterator(str(path / warmup.PATH))
        for record in records:
            log = prediction_log_pb2.PredictionLog.FromString(record)
            request = log.predict_log.request
            name = request.model_spec.signature_name
            signature = loaded.signature_def[name]
            given = {
                signature.inputs[key].name: tf.make_ndarray(tensor)
                for key, tensor in request.inputs.items()
            }
            asked = {key: tensor.name for key, tensor in signature.outputs.items()}
            name = default if name == "serving_default" else name
            for key, values in session.run(asked, given).items():
                expected = examples[f"{name}/{key}"]
                expected = np.resize(expected, [len(values), *expected.shape[1:]])
                np.testing.assert_allclose(values, expected, rtol=1e-4, atol=1e-3)
        for name, signature in loaded.signature_def.items():
            if not name.startswith("_") and name != "serving_default":
                _assert_a_bad_row_is_alone(
                    session, signature, examples, name == default
                )
        operations = {node.op for node in loaded.graph_def.node}
        for function in loaded.graph_def.library.function:
            operations.update(node.op for node in function.node_def)
            assert not function.attr["_XlaMustCompile"].b
        own = {
            function.signature.name for function in loaded.graph_def.library.function
        }
        for name in operations - own:
            assert op_def_registry.get(name) is not None, name


# Rows of each input, and what stands in them; zeros are good values.
BAD_ROWS = {
    "float": {1: np.nan, 2: np.inf, 3: -np.inf, 5: 1e38},
    "uint8": {1: 255, 3: 200},
    "int32": {1: 2**31 - 1, 3: -(2**31)},
}


def _assert_a_bad_row_is_alone(session, signature, examples, is_default):
    """Other rows have the very bits that they have without it, and no row has numbers

    for data that are none: NaN gives NaN, and an impossible value a density of zero.
    """
    rows = 8
    good = {
        name: examples[name][:rows]
        if name in examples
        else np.zeros([rows, *shape[1:]])
        for name, shape in (
            (name, [d.size for d in info.tensor_shape.dim])
            for name, info in signature.inputs.items()
        )
    }

    def ask(inputs):
        given = {signature.inputs[k].name: values for k, values in inputs.items()}
        asked = {k: tensor.name for k, tensor in signature.outputs.items()}
        return session.run(asked, given)

    expected = ask(good)
    for name, values in good.items():
        kind = "float" if values.dtype.kind == "f" else str(values.dtype)
        bad_rows = BAD_ROWS[kind]
        bad = values.copy()
        for row, value in bad_rows.items():
            bad[row].flat[0] = value
            if bad.ndim == 1:
                bad[row] = value
        answers = ask({**good, name: bad})
        others = [row for row in range(rows) if row not in bad_rows]
        for key, answer in answers.items():
            np.testing.assert_array_equal(answer[others], expected[key][others])
        if is_default and name == "x":
            first, *_ = (v for k, v in answers.items() if k in MAIN)
            if kind == "float":
                assert np.isnan(first[1]), first
                assert not np.isfinite(first[[2, 3]]).any(), first
            else:
                assert np.isneginf(first[list(bad_rows)]).all(), first
    none = {name: values[:0] for name, values in good.items()}
    for key, answer in ask(none).items():
        assert answer.shape == (0, *expected[key].shape[1:])


# The first term of each kind of model.
MAIN = ("log_prob", "elbo", "reconstruction")


def test_a_served_sample_depends_on_its_seed_alone(case):
    _, sample, *_ = case.model.signatures(evaluation.input_specs(_inputs(case.data)))
    assert sample.name == "sample"
    inputs = {
        name: values for name, values in _inputs(case.data).items() if name != "x"
    }
    draw = sample.concrete()
    batch = draw(**{name: values[:8] for name, values in inputs.items()})["x"].numpy()
    alone = draw(**{name: values[3:4] for name, values in inputs.items()})["x"].numpy()
    again = draw(**{name: values[:8] for name, values in inputs.items()})["x"].numpy()
    np.testing.assert_array_equal(batch, again)
    np.testing.assert_allclose(batch[3:4], alone, rtol=1e-5, atol=1e-4)


# Compiling takes seconds a model, so these stand for all.
FEW = pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("gmm", "pixels"),
        ("made", "bits"),
        ("maf_conditional", "points"),
        ("vae", "pixels"),
    ],
)


@FEW
def test_xla_changes_nothing(name, kind):
    losses = [
        _fit(*_adapted(name, kind), jit_compile=jit_compile)
        for jit_compile in (True, False)
    ]
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-4)


def test_objectives_say_whether_rows_depend_on_each_other(case):
    model = case.model
    inputs, seeds = model._split_seeds(_inputs(case.data))

    def losses(parts):
        return executions.in_parts(
            lambda inputs, seeds: model.objective(model, inputs, seeds, tf.constant(3)),
            parts,
            inputs,
            seeds,
        )[0]

    whole, parts = losses(1), losses(2)
    is_close = np.allclose(whole, parts, rtol=1e-5, atol=1e-5)
    assert is_close is model.objective.rowwise


@FEW
def test_two_devices_agree_with_one(name, kind, mirrored):
    one, data = _adapted(name, kind)
    with mirrored.scope():
        two, _ = _build(name, kind)
        two.set_weights(one.get_weights())
        two.compile("sgd", jit_compile=False)
    one.compile("sgd", jit_compile=False)
    logs = [
        model.fit(
            # With seeds, a row has the same noise on whichever device.
            _inputs(data),
            batch_size=BATCH,
            shuffle=False,
            verbose=0,
        ).history
        for model in (one, two)
    ]
    for name, values in logs[0].items():
        assert values == pytest.approx(logs[1][name], rel=1e-4)
    for a, b in zip(one.get_weights(), two.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
