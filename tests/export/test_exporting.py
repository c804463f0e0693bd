"""Exports: versions, configuration, what is refused, and what a server then has."""

import contextlib
import fcntl
import hashlib
import io
import json
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format
from tensorflow_serving.apis import prediction_log_pb2
from tensorflow_serving.config import model_server_config_pb2

import tfgen
from export import BATCH_SIZES, exporting, warmup
from export.exporting import export_run
from export.saved_model import read_signatures, write_saved_model
from export.serving_config import write_configs
from export.summary import summarize
from export.versions import locked, new_version, versions
from tfgen import random
from tfgen.distributions import StandardNormal
from zoo.training import Options, train


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Directory of a finished run on a table of the user's own, of a flow."""
    folder = tmp_path_factory.mktemp("runs")
    x = np.random.default_rng(0).standard_normal([60, 3]) * [1.0, 20.0, 0.1]
    np.savetxt(folder / "t.csv", x, delimiter=",", header="a,b,c", comments="")
    with contextlib.redirect_stdout(io.StringIO()):
        train(
            Options(
                model="made_gaussian",
                dataset=str(folder / "t.csv"),
                model_dir=str(folder / "gauss"),
                settings={"hidden_units": "8"},
                fields={"epochs": 2, "batch_size": 16, "jit_compile": False},
            )
        )
    return folder / "gauss"


@pytest.fixture(scope="module")
def served(run, tmp_path_factory):
    """The directory of a first version."""
    return export_run(str(run), str(tmp_path_factory.mktemp("served"))).path


@pytest.fixture
def unchecked(monkeypatch):
    """Exports without the process that checks them, whose work has its own tests."""
    result = {"compared": 0, "largest_share": 0.0}
    monkeypatch.setattr(exporting, "_check", lambda *_: dict(result))


@pytest.fixture(scope="module")
def split_run(tmp_path_factory):
    """Directory of a finished run on files of the user's own, with a class."""
    folder = tmp_path_factory.mktemp("secret")
    rng = np.random.default_rng(0)
    for name in ("train", "valid", "test"):
        steps = rng.integers(0, 30, 60) * 0.5
        rows = np.stack([rng.standard_normal(60), steps, np.arange(60) % 3], axis=1)
        np.savetxt(
            folder / f"{name}.csv", rows, delimiter=",", header="a,b,k", comments=""
        )
    with contextlib.redirect_stdout(io.StringIO()):
        train(
            Options(
                model="mdn",
                dataset=str(folder / "train.csv"),
                data={
                    "validation": str(folder / "valid.csv"),
                    "test": str(folder / "test.csv"),
                    "context": ["k"],
                    "dequantize": ["b"],
                },
                model_dir=str(folder / "mdn"),
                settings={"num_components": "2", "hidden_units": "4"},
                fields={"epochs": 1, "batch_size": 16, "jit_compile": False},
            )
        )
    return folder / "mdn"


def test_what_rows_are_is_said_and_no_paths(split_run, tmp_path, unchecked):
    path = export_run(str(split_run), str(tmp_path)).path
    assert str(split_run.parent) not in (path / "assets.extra/model.json").read_text()
    text = summarize(path)
    assert "[n, 2] float32           a, b (steps of 0.5)\n" in text
    assert "[n] int32                k, 0 .. 2\n" in text
    # Standardising alone makes no latent codes.
    assert "encode" not in text
    elbo = tf.saved_model.load(str(path)).signatures["elbo"]
    answers = elbo(
        x=tf.constant([[0.1, 2.5], [0.1, 2.6], [0.1, np.nan]]),
        context=tf.constant([0, 1, 2]),
        seed=tf.constant([1, 2, 3]),
    )["elbo"].numpy()
    assert np.isfinite(answers[0])
    assert answers[1] == -np.inf  # Off the grid.
    assert np.isnan(answers[2])


def _files(directory):
    return {
        str(path.relative_to(directory))
        for path in directory.rglob("*")
        if path.is_file() and not path.name.startswith(".lock")
    }


def _read(path, message):
    return text_format.Parse(path.read_text(), message)


def _models(export_dir):
    config = model_server_config_pb2.ModelServerConfig()
    return _read(export_dir / "models.config", config).model_config_list.config


def test_a_version_is_what_a_server_expects(served):
    assert served.name == "1"
    assert _files(served.parents[1]) == {
        "batching.config",
        "models.config",
        "monitoring.config",
        "gauss/1/assets.extra/model.json",
        "gauss/1/assets.extra/tf_serving_warmup_requests",
        "gauss/1/fingerprint.pb",
        "gauss/1/saved_model.pb",
        "gauss/1/variables/variables.data-00000-of-00001",
        "gauss/1/variables/variables.index",
    }
    signatures = read_signatures(served)
    x = {"x": {"shape": [None, 3], "dtype": "float32"}}
    z = {"z": {"shape": [None, 3], "dtype": "float32"}}
    seed = {"seed": {"shape": [None], "dtype": "int32"}}
    log_prob = {"log_prob": {"shape": [None], "dtype": "float32"}}
    assert signatures == {
        "decode": {"inputs": z, "outputs": x},
        "encode": {"inputs": x, "outputs": z},
        "log_prob": {"inputs": x, "outputs": log_prob},
        "sample": {"inputs": seed, "outputs": x},
        "serving_default": {"inputs": x, "outputs": log_prob},
    }


def test_every_signature_and_batch_size_is_warmed_up(served):
    asked = []
    for record in tf.data.TFRecordDataset(str(served / warmup.PATH)):
        log = prediction_log_pb2.PredictionLog.FromString(record.numpy())
        request = log.predict_log.request
        assert request.model_spec.name == "gauss"
        sizes = {tensor.tensor_shape.dim[0].size for tensor in request.inputs.values()}
        asked.append((request.model_spec.signature_name, *sizes))
    names = ("serving_default", "log_prob", "sample", "encode", "decode")
    assert asked == [(name, size) for name in names for size in BATCH_SIZES]


def test_the_model_tells_where_it_comes_from(served, run):
    text = (served / "assets.extra/model.json").read_text()
    assert str(run.parent) not in text  # A path says more than anyone should know.
    about = json.loads(text)
    assert (about["name"], about["version"]) == ("gauss", 1)
    assert (about["model"], about["kind"]) == ("made_gaussian", "exact")
    assert about["signatures"]["log_prob"]["inputs"]["x"]["unit"] == "a, b, c"
    assert about["dataset"]["name"] == "t.csv"
    assert about["dataset"]["spec"]["columns"] == ["a", "b", "c"]
    assert about["report"] == json.loads((run / "report.json").read_text())
    assert about["default_signature"] == "log_prob"
    assert about["signatures"]["log_prob"]["outputs"]["log_prob"] == {
        "shape": [None],
        "dtype": "float32",
        "unit": "nats",
    }
    assert set(about["versions"]) == {"training", "export"}


def test_the_summary_says_it_in_words(served):
    for path in (served, served.parent):
        text = summarize(path)
        assert f"{served}, 0." in text
        assert "made_gaussian on t, exact, nats per example" in text
        assert "settings   hidden_units=[8]" in text
        assert (
            "  log_prob   (serving_default)\n    <- x          [n, 3] float32" in text
        )
        assert "    -> log_prob   [n] float32              nats" in text


def test_the_summary_of_a_strangers_model_has_its_signatures(tmp_path):
    module = tf.Module()
    spec = tf.TensorSpec([None, 2], name="a")
    module.f = tf.function(lambda a: {"b": 2 * a}, input_signature=[spec])
    tf.saved_model.save(module, str(tmp_path), {"twice": module.f})
    text = summarize(tmp_path)
    assert "  twice\n    <- a          [n, 2] float32\n    -> b" in text


@pytest.mark.parametrize(
    ("content", "error"),
    [(None, FileNotFoundError), (b"\xff\xff nothing", ValueError)],
)
def test_the_summary_refuses_what_is_no_model(tmp_path, content, error):
    if content is not None:
        (tmp_path / "saved_model.pb").write_bytes(content)
    with pytest.raises(error, match=r"which has none|nothing to serve"):
        summarize(tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        b"{}",
        b"[]",
        b"nonsense",
        b"\xff",
        b"[" * 100_000,
        b'{"versions": {"training": 1}}',
    ],
)
def test_the_summary_refuses_a_damaged_story(served, tmp_path, content):
    shutil.copytree(served, tmp_path / "1")
    (tmp_path / "1/assets.extra/model.json").write_bytes(content)
    with pytest.raises(ValueError, match="model.json is damaged"):
        summarize(tmp_path)


def test_the_summary_passes_on_nothing_that_moves_a_cursor(served, tmp_path):
    shutil.copytree(served, tmp_path / "0001")
    path = tmp_path / "0001/assets.extra/model.json"
    about = json.loads(path.read_text())
    about["settings"] = {"a\x1b[2J": "b\nforged"}
    path.write_text(json.dumps(about))
    assert "settings   a?[2J=b?forged\n" in summarize(tmp_path)


def test_the_tool_of_tensorflow_shows_and_runs_it(served):
    tool = [sys.executable, "-m", "tensorflow.python.tools.saved_model_cli"]
    where = ["--dir", str(served), "--tag_set", "serve", "--signature_def", "sample"]
    processes = [
        subprocess.Popen(
            [*tool, action, *where, *more], stdout=subprocess.PIPE, text=True
        )
        for action, *more in (
            ["show"],
            ["run", "--input_exprs", "seed=[1, 2]"],
        )
    ]
    shown, ran = (process.communicate()[0] for process in processes)
    assert [process.returncode for process in processes] == [0, 0]
    assert "inputs['seed'] tensor_info" in shown
    assert "Result for output key x:" in ran


def test_versions_follow_one_another_and_are_never_overwritten(
    run, tmp_path, unchecked
):
    first = export_run(str(run), str(tmp_path))
    before = {path: path.read_bytes() for path in first.path.rglob("*.pb")}
    assert (first.name, first.version) == ("gauss", 1)
    assert export_run(str(run), str(tmp_path), version=7).path == tmp_path / "gauss/7"
    assert export_run(str(run), str(tmp_path)).version == 8
    with pytest.raises(
        FileExistsError, match="received 7 for gauss, which has 1, 7, 8"
    ):
        export_run(str(run), str(tmp_path), version=7)
    assert list(versions(tmp_path / "gauss")) == [1, 7, 8]
    assert {path: path.read_bytes() for path in first.path.rglob("*.pb")} == before


def test_configurations_cover_every_model_and_keep_what_users_wrote(
    run, tmp_path, unchecked
):
    export_run(str(run), str(tmp_path))
    (only,) = _models(tmp_path)
    assert (only.name, only.base_path) == ("gauss", "/models/gauss")
    assert only.model_platform == "tensorflow"

    config = model_server_config_pb2.ModelServerConfig()
    _read(tmp_path / "models.config", config)
    entry = config.model_config_list.config[0]
    entry.model_version_policy.specific.versions.extend([1, 2])
    entry.version_labels["stable"] = 1
    (tmp_path / "models.config").write_text(text_format.MessageToString(config))
    (tmp_path / "batching.config").write_text("# mine\n")

    export_run(str(run), str(tmp_path))
    export_run(str(run), str(tmp_path), name="other", base_path="s3://bucket/models/")
    mine, other = _models(tmp_path)
    assert mine == entry
    assert (other.name, other.base_path) == ("other", "s3://bucket/models/other")
    assert (tmp_path / "batching.config").read_text() == "# mine\n"


def test_batching_keeps_the_rules_of_the_server(served):
    # Its messages, like those of monitoring, are not published for Python.
    text = (served.parents[1] / "batching.config").read_text()
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert "max_batch_size { value: 64 }" in lines
    # The last allowed size has to be the largest batch.
    assert [line for line in lines if "allowed" in line] == [
        f"allowed_batch_sizes: {size}" for size in (1, 8, 32, 64)
    ]


def test_a_damaged_configuration_is_not_overwritten(run, tmp_path):
    (tmp_path / "models.config").write_text("model_config_list { nonsense")
    with pytest.raises(ValueError, match="Mend it"):
        write_configs(tmp_path, "maf", "/models")
    # Nothing is published that no configuration could name.
    with pytest.raises(ValueError, match="Mend it"):
        export_run(str(run), str(tmp_path))
    assert "nonsense" in (tmp_path / "models.config").read_text()
    assert not (tmp_path / "gauss").exists()


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(28, "No space left")])
def test_an_export_that_stops_leaves_nothing_that_is_served(
    run, tmp_path, monkeypatch, error
):
    def stop(*_):
        raise error

    monkeypatch.setattr(exporting, "write_warmup", stop)
    with pytest.raises(error if isinstance(error, type) else OSError):
        export_run(str(run), str(tmp_path))
    assert _files(tmp_path) == set()
    assert not (tmp_path / "gauss").exists()


def test_what_a_killed_export_left_is_removed_by_the_next(tmp_path):
    left = tmp_path / ".unfinished-maf"
    left.mkdir()
    (left / "saved_model.pb").write_text("half")
    assert versions(tmp_path) == {}
    with new_version(tmp_path, "maf") as (path, version):
        assert list(path.iterdir()) == []
        (path / "saved_model.pb").write_text("whole")
        assert versions(tmp_path / "maf") == {}  # Nothing to see before it is whole.
    assert version == 1
    assert (tmp_path / "maf/1/saved_model.pb").read_text() == "whole"
    assert not left.exists()


def test_exports_of_a_model_take_turns(tmp_path):
    with new_version(tmp_path, "maf") as (path, _):
        assert _is_locked(tmp_path / ".lock-maf")
        with locked(tmp_path, "nsf"):
            pass  # Another model's does not wait.
        (path / "saved_model.pb").write_text("whole")
    assert not _is_locked(tmp_path / ".lock-maf")


def test_exports_of_all_models_take_turns_with_the_configuration(
    run, tmp_path, unchecked, monkeypatch
):
    def write(*_):
        assert _is_locked(tmp_path / ".lock--configs")

    monkeypatch.setattr(exporting, "write_configs", write)
    export_run(str(run), str(tmp_path))
    assert not _is_locked(tmp_path / ".lock--configs")


def _is_locked(path):
    descriptor = os.open(path, os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _copy(run, target, **changed):
    """A model_dir like `run` whose examples are changed."""
    target.mkdir()
    for path in run.iterdir():
        if path.is_file():
            (target / path.name).write_bytes(path.read_bytes())
    with np.load(run / "examples.npz") as arrays:
        examples = dict(arrays)
    for name, change in changed.items():
        examples[name.replace("__", "/")] = change(examples[name.replace("__", "/")])
    np.savez(target / "examples.npz", **examples)
    return str(target)


def test_a_model_with_other_numbers_than_its_training_is_refused(run, tmp_path):
    other = _copy(run, tmp_path / "other", encode__z=lambda z: z + 0.01)
    message = r"encode differs at batch size 1: z is .* in row .* Nothing was exported"
    with pytest.raises(ArithmeticError, match=message):
        export_run(other, str(tmp_path / "serving"))
    assert _files(tmp_path / "serving") == set()


def test_a_model_whose_numbers_are_not_finite_is_refused(run, tmp_path):
    def spoil(x):
        x[3, 1] = np.nan
        return x

    other = _copy(run, tmp_path / "other", sample__x=spoil)
    with pytest.raises(ArithmeticError, match="x of sample is not, in test row 4"):
        export_run(other, str(tmp_path / "serving"))
    assert _files(tmp_path / "serving") == set()


def test_what_is_no_finished_run_is_refused_before_anything_is_made(tmp_path):
    (tmp_path / "empty").mkdir()
    for path in ("empty", "absent"):
        with pytest.raises(FileNotFoundError, match="A finished run has a report.json"):
            export_run(str(tmp_path / path), str(tmp_path / "serving"))
    assert not (tmp_path / "serving").exists()


@pytest.mark.parametrize(
    ("report", "error"),
    [({}, ValueError), ({"test": {"log_prob": {"mean": math.nan}}}, ArithmeticError)],
)
def test_a_report_without_finite_numbers_is_refused(run, tmp_path, report, error):
    other = Path(_copy(run, tmp_path / "other"))
    report = {"kind": "exact", "unit": "nats", **report}
    (other / "report.json").write_text(json.dumps(report))
    with pytest.raises(error, match=str(other)):
        export_run(str(other), str(tmp_path / "serving"))
    assert not (tmp_path / "serving").exists()


def test_examples_without_an_input_are_refused(run, tmp_path):
    other = Path(_copy(run, tmp_path / "other"))
    with np.load(other / "examples.npz") as arrays:
        examples = {name: values for name, values in arrays.items() if name != "z"}
    np.savez(other / "examples.npz", **examples)
    with pytest.raises(ValueError, match="has no z, for decode"):
        export_run(str(other), str(tmp_path / "serving"))


def test_a_run_without_its_examples_is_refused(run, tmp_path):
    other = Path(_copy(run, tmp_path / "other"))
    (other / "examples.npz").write_bytes(b"PK nothing")
    with pytest.raises(ValueError, match="cannot be read"):
        export_run(str(other), str(tmp_path / "serving"))
    (other / "examples.npz").unlink()
    with pytest.raises(FileNotFoundError, match="has an examples.npz"):
        export_run(str(other), str(tmp_path / "serving"))


@pytest.mark.parametrize(
    "name", ["a/b", "..", ".hidden", "two words", "a:b", "-a", "ä", "models.config"]
)
def test_names_that_servers_do_not_take_are_refused(run, tmp_path, name):
    with pytest.raises(ValueError, match="The name of a served model"):
        export_run(str(run), str(tmp_path / "serving"), name=name)
    assert not (tmp_path / "serving").exists()


def test_a_directory_that_cannot_be_written_is_refused(run, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OSError, match="An export directory must be writable"):
        export_run(str(run), str(tmp_path / "file"))


def test_a_directory_that_the_system_protects_is_refused(run, tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(OSError, match="must be writable.*Permission denied"):
        export_run(str(run), str(tmp_path))


def test_a_full_disk_is_an_error_in_one_sentence(run, tmp_path, monkeypatch):
    def write(*_):
        raise tf.errors.ResourceExhaustedError(None, None, "No space left on device")

    monkeypatch.setattr(exporting, "write_saved_model", write)
    with pytest.raises(OSError, match="No space left on device.*Nothing was exported"):
        export_run(str(run), str(tmp_path))
    assert _files(tmp_path) == set()


def test_a_base_path_that_servers_do_not_take_is_refused(run, tmp_path):
    with pytest.raises(ValueError, match="Servers take absolute paths or URIs"):
        export_run(str(run), str(tmp_path), base_path="models")


def test_servers_find_all_models_where_they_find_the_first(run, tmp_path, unchecked):
    export_run(str(run), str(tmp_path), base_path="/srv/models/")
    export_run(str(run), str(tmp_path), name="other")
    paths = [model.base_path for model in _models(tmp_path)]
    assert paths == ["/srv/models/gauss", "/srv/models/other"]
    with pytest.raises(ValueError, match="gauss is in /srv/models by"):
        export_run(str(run), str(tmp_path), base_path="/models")
    assert list(versions(tmp_path / "gauss")) == [1]


def test_the_run_of_a_seed_is_named_after_all_of_them(run, tmp_path, unchecked):
    several = tmp_path / "gauss"
    shutil.copytree(run, several / "seed-3")
    assert export_run(str(several / "seed-3"), str(tmp_path / "serving")).name == (
        "gauss-seed-3"
    )
    with pytest.raises(FileNotFoundError, match="Give one of them: .*gauss/seed-3"):
        export_run(str(several), str(tmp_path / "serving"))
    assert [model.name for model in _models(tmp_path / "serving")] == ["gauss-seed-3"]


def _digest(path):
    seeds = tf.constant([5, -7, 2**31 - 1], tf.int32)
    drawn = tf.saved_model.load(str(path)).signatures["sample"](seed=seeds)["x"]
    return hashlib.sha256(drawn.numpy().tobytes()).hexdigest()


def test_equal_requests_get_equal_bits_in_every_process(served):
    here = _digest(served)
    assert here == _digest(served)
    script = (
        "import hashlib, sys, tensorflow as tf\n"
        "seeds = tf.constant([5, -7, 2**31 - 1], tf.int32)\n"
        "sample = tf.saved_model.load(sys.argv[1]).signatures['sample']\n"
        "x = sample(seed=seeds)['x'].numpy()\n"
        "print(hashlib.sha256(x.tobytes()).hexdigest())"
    )
    command = [sys.executable, "-I", "-c", script, str(served)]
    elsewhere = subprocess.run(command, capture_output=True, text=True, check=True)
    assert elsewhere.stdout.strip() == here


def test_the_noise_of_a_row_is_its_own_bit_for_bit(tmp_path):
    model = tfgen.DensityModel(StandardNormal([37]))
    signatures = model.signatures({"x": tf.TensorSpec([None, 37])})
    write_saved_model(tmp_path, model, signatures)
    sample = tf.saved_model.load(str(tmp_path)).signatures["sample"]
    seeds = random.row_seeds(3, tf.range(8))
    batch, alone = sample(seed=seeds)["x"], sample(seed=seeds[3:4])["x"]
    np.testing.assert_array_equal(batch[3:4], alone)


def test_a_bad_row_spoils_no_other(served):
    log_prob = tf.saved_model.load(str(served)).signatures["log_prob"]
    x = np.random.default_rng(0).standard_normal([4, 3]).astype("float32")
    expected = log_prob(x=tf.constant(x))["log_prob"].numpy()
    x[2, 1] = np.nan
    actual = log_prob(x=tf.constant(x))["log_prob"].numpy()
    assert np.isnan(actual[2])
    np.testing.assert_array_equal(actual[[0, 1, 3]], expected[[0, 1, 3]])


@pytest.mark.parametrize("shape", [[4, 1], [4, 2], [4], [4, 3, 1], [2, 6]])
def test_rows_of_another_shape_get_an_error(served, shape):
    # What loads SavedModels does not compare shapes, here or in a server.
    log_prob = tf.saved_model.load(str(served)).signatures["log_prob"]
    with pytest.raises(tf.errors.InvalidArgumentError, match="is not compatible with"):
        log_prob(x=tf.zeros(shape))


def test_rows_need_a_seed_each(tmp_path):
    model = tfgen.Dequantized(StandardNormal([2]), levels=4)
    signatures = model.signatures({"x": tf.TensorSpec([None, 2], tf.uint8)})
    write_saved_model(tmp_path, model, signatures)
    elbo = tf.saved_model.load(str(tmp_path)).signatures["elbo"]
    x = tf.constant([[0, 1], [3, 2], [1, 1]], tf.uint8)
    assert elbo(x=x, seed=tf.constant([1, 2, 3]))["elbo"].shape == (3,)
    with pytest.raises(
        tf.errors.InvalidArgumentError, match="one row for each example"
    ):
        elbo(x=x, seed=tf.constant([1]))
