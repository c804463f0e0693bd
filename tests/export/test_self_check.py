"""The self-check finds what is wrong with a SavedModel."""

import shutil
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

import tfgen
from export import self_check
from export.saved_model import write_saved_model
from export.warmup import write_warmup
from tfgen.distributions import Autoregressive, Bernoulli
from tfgen.networks import MADE
from zoo.data import DataSet, DataSpec, Split
from zoo.evaluation import examples, input_specs


def _data(x, levels=None):
    spec = DataSpec("rows", x.shape[1:], str(x.dtype), levels=levels, num_train=len(x))
    return DataSet(spec, Split(x), Split(x), Split(x))


def _write(path, model, x, levels=None):
    """A SavedModel in `path`; returns the examples that belong to it."""
    rows = examples(model, _data(x, levels))
    signatures = model.signatures(input_specs({"x": x}))
    write_saved_model(path, model, signatures)
    write_warmup(path, "model", signatures, rows)
    return rows


@pytest.fixture(scope="module")
def flow(tmp_path_factory):
    """A flow as a SavedModel, and its examples."""
    path = tmp_path_factory.mktemp("flow") / "1"
    model = tfgen.DensityModel(tfgen.maf([2], hidden_units=[8]))
    for weight in model.trainable_weights:
        weight.assign(0.2 * np.random.default_rng(0).standard_normal(weight.shape))
    x = np.random.default_rng(1).standard_normal([20, 2]).astype("float32")
    return path, _write(path, model, x)


def test_a_model_as_it_was_trained_has_no_faults(flow):
    result = self_check.check(str(flow[0]), flow[1])
    assert result["faults"] == []
    # log_prob, also as the default, sample, encode and decode, at four batch sizes.
    assert result["compared"] == 20
    assert 0 <= result["largest_share"] < 0.5


@pytest.mark.parametrize("name", ["log_prob/log_prob", "sample/x", "decode/x"])
def test_another_number_is_a_fault_and_is_named(flow, name):
    changed = flow[1][name].copy()
    changed[2] += 0.01
    result = self_check.check(str(flow[0]), {**flow[1], name: changed})
    signature, _, output = name.partition("/")
    # Row 3 is among those of every batch size but 0.
    faults = [fault for fault in result["faults"] if not fault.startswith("serving")]
    assert len(faults) == 3
    for fault, batch_size in zip(faults, (1, 3, 64), strict=True):
        assert fault.startswith(f"{signature} differs at batch size {batch_size}: ")
        assert f"{output} is " in fault
        assert " in row 3 " in fault
    assert result["largest_share"] > 1


def test_the_default_is_the_first_signature_and_nothing_else(flow, tmp_path):
    module = tf.Module()
    module.loaded = tf.saved_model.load(str(flow[0]))
    answers = dict(module.loaded.signatures)

    @tf.function(input_signature=[tf.TensorSpec([None, 2], name="x")])
    def twice(x):
        return {"log_prob": 2 * answers["log_prob"](x=x)["log_prob"]}

    served = {**answers, "serving_default": twice}
    tf.saved_model.save(module, str(tmp_path), served)
    faults = self_check.check(str(tmp_path), flow[1])["faults"]
    assert [fault[:32] for fault in faults] == ["serving_default differs at batch"] * 3


def test_small_differences_are_allowed_and_not_larger_ones(flow):
    # atol is 1e-5 times the two features.
    x = flow[1]["decode/x"]
    for added, faults in ((1e-5, 0), (1e-4 + 2e-5 * np.abs(x).max(), 3)):
        changed = {**flow[1], "decode/x": x + np.float32(added)}
        assert len(self_check.check(str(flow[0]), changed)["faults"]) == faults


def test_no_number_is_a_fault(flow):
    changed = flow[1]["encode/z"].copy()
    changed[0, 1] = np.nan
    result = self_check.check(str(flow[0]), {**flow[1], "encode/z": changed})
    assert "encode differs at batch size 1: z is " in result["faults"][0]


def test_a_signature_without_examples_is_a_fault(flow):
    rows = {key: values for key, values in flow[1].items() if key != "encode/z"}
    result = self_check.check(str(flow[0]), rows)
    assert result["faults"] == ["encode has no examples to be checked against"]


def test_another_dtype_or_shape_is_a_fault(flow):
    wider = flow[1]["log_prob/log_prob"].astype("float64")
    result = self_check.check(str(flow[0]), {**flow[1], "log_prob/log_prob": wider})
    assert "log_prob is float32 (1,), was float64 (1,)" in result["faults"][1]


def test_discrete_rows_may_flip_now_and_then(tmp_path):
    made = Autoregressive(Bernoulli([3], MADE(3, 1, hidden_units=[8])))
    x = np.random.default_rng(0).integers(0, 2, [64, 3]).astype("uint8")
    rows = _write(tmp_path / "1", tfgen.DensityModel(made), x, levels=2)
    for flipped, faults in ((1, 0), (3, 0), (4, 1)):
        drawn = rows["sample/x"].copy()
        drawn[-flipped:] = 1 - drawn[-flipped:]
        result = self_check.check(str(tmp_path / "1"), {**rows, "sample/x": drawn})
        assert len(result["faults"]) == faults, result
    assert "4 of 64 rows of x" in result["faults"][0]


class _Foreign(tf.Module):
    """What no export of ours would write."""

    @tf.function(input_signature=[tf.TensorSpec([None, 1], name="x")])
    def python(self, x):
        return {
            "y": tf.ensure_shape(tf.py_function(lambda x: x, [x], tf.float32), x.shape)
        }

    @tf.function(input_signature=[tf.TensorSpec([None, 1], name="x")], jit_compile=True)
    def xla(self, x):
        return {"y": 2 * x}

    @tf.function(input_signature=[tf.TensorSpec([None, 1], name="x")])
    def fixed(self, x):
        return {"y": tf.ensure_shape(x, [1, 1])}


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("python", "calls back into Python (EagerPyFunc)"),
        ("xla", "asks for XLA, which servers switch off"),
        ("fixed", "fixed fails at batch size 0"),
    ],
)
def test_what_servers_cannot_run_is_a_fault(tmp_path, name, fault):
    module = _Foreign()
    tf.saved_model.save(module, str(tmp_path), {name: getattr(module, name)})
    rows = np.ones([3, 1], "float32")
    faults = self_check.check(str(tmp_path), {"x": rows, f"{name}/y": rows})["faults"]
    assert any(fault in found for found in faults)


def test_a_bad_request_of_the_warm_up_is_a_fault(flow, tmp_path):
    path, rows = flow
    copy = tmp_path / "1"
    shutil.copytree(path, copy)
    model = tfgen.DensityModel(tfgen.maf([2], hidden_units=[8]))
    signatures = model.signatures(input_specs({"x": rows["x"]}))
    write_warmup(copy, "model", signatures, {**rows, "x": rows["x"][:, :1]})
    faults = self_check.check(str(copy), rows)["faults"]
    # log_prob, encode and serving_default take x, at four sizes each.
    assert len(faults) == 12
    assert faults[0].startswith("warm-up request 1 fails: ")


def test_the_process_of_the_check_cannot_import_them():
    script = (
        "import io, runpy, sys\n"
        "sys.stdin = io.StringIO()\n"
        "runpy.run_path(sys.argv[1], run_name='__main__')\n"
        "import keras"
    )
    command = [sys.executable, "-I", "-c", script, self_check.__file__]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "keras is not there when models are served." in ended.stderr


def test_what_a_server_does_not_have_cannot_be_imported():
    finder = self_check._Absent()
    assert finder.find_spec("numpy") is None
    for name in ("keras.layers", "tf_keras", "tensorflow_probability", "tfgen", "zoo"):
        spec = finder.find_spec(name)
        with pytest.raises(ModuleNotFoundError, match=name):
            spec.loader.create_module(spec)
