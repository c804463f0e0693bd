"""Batch scoring: which numbers, for which rows, and what a run that was stopped leaves.

Pipelines run where Apache Beam is installed; their parts are tested without it.
"""

import contextlib
import csv
import importlib.util
import io
import json
import logging
import os
import runpy
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pyarrow
import pytest
import scipy.stats
import tensorflow as tf
from absl import flags
from absl.testing import flagsaver
from pyarrow import parquet

import tfgen
import zoo.cli  # noqa: F401  (A call takes back all flags that it defines.)
from export.blocks import Block, RowSignature, answer, read_blocks
from export.saved_model import write_saved_model
from export.scores_dir import ScoresDir, describe_run
from tfgen import random
from tfgen.distributions import Flow, StandardNormal
from tfgen.flows import Standardize
from zoo import _files
from zoo.data import ContextSpec, DataSet, DataSpec, Split
from zoo.evaluation import percentiles, report_on
from zoo.model_dir import ModelDir
from zoo.runs import Run
from zoo.scoring import score_file

COLUMNS = ("height", "width", "depth")
LOC, SCALE = np.array([1.0, 2.0, 3.0]), np.array([0.5, 1.0, 2.0])
QUANTILES = np.linspace(-20.0, 0.0, 1001)
SEED = 0  # The seed of evaluation.


class Gaussian(tf.Module):
    """A diagonal Gaussian as other tools would save it, without TFP and Keras."""

    def __init__(self):
        super().__init__()
        self.loc = tf.Variable(LOC, dtype=tf.float32)
        self.scale = tf.Variable(SCALE, dtype=tf.float32)

    def z(self, x):
        return (x - self.loc) / self.scale

    def density(self, x):
        constant = -0.5 * np.log(2 * np.pi) - tf.math.log(self.scale)
        return tf.reduce_sum(constant - 0.5 * self.z(x) ** 2, axis=-1)


def _save(path):
    """The Gaussian as an exported version."""
    model = Gaussian()
    x, seed = (
        tf.TensorSpec([None, 3], name="x"),
        tf.TensorSpec([None], tf.int32, "seed"),
    )
    functions = {
        "log_prob": ([x], lambda x: {"log_prob": model.density(x)}),
        "elbo": ([x, seed], lambda x, seed: {"elbo": model.density(x), "seed": seed}),
        "encode": ([x], lambda x: {"z": model.z(x)}),
        "sample": ([seed], lambda seed: {"x": model.loc + tf.cast(seed, tf.float32)}),
    }
    traced = {
        name: tf.function(function, input_signature=specs)
        for name, (specs, function) in functions.items()
    }
    tf.saved_model.save(model, str(path), traced)
    described = {
        name: {"inputs": {spec.name: {} for spec in specs}}
        for name, (specs, _) in functions.items()
    }
    spec = DataSpec("boxes", (3,), "float32", columns=COLUMNS)
    _describe(path, spec, described, {"train_quantiles": QUANTILES.tolist()})


def _describe(path, spec, signatures, report):
    about = {
        "name": "gaussian",
        "version": 1,
        "dataset": {"name": spec.name, "spec": spec.to_json()},
        "report": report,
        "signatures": signatures,
        "default_signature": next(iter(signatures)),
    }
    (path / "assets.extra").mkdir(exist_ok=True)
    (path / "assets.extra" / "model.json").write_text(json.dumps(about))


@pytest.fixture(scope="module")
def saved_model(tmp_path_factory):
    path = tmp_path_factory.mktemp("serving") / "gaussian" / "1"
    _save(path)
    return path


@pytest.fixture(scope="module")
def score_files():
    """The pipeline, where it can run."""
    pytest.importorskip("apache_beam", reason="needs pip install -e '.[beam]'")
    from export.scoring import score_files

    return score_files


def _x(rows, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(LOC, SCALE, [rows, 3]).astype("float32")


def _write(path, x):
    """Rows as a file of the kind that the name asks for."""
    frame = pd.DataFrame(x, columns=COLUMNS)
    if path.suffix == ".parquet":
        frame[["depth", "height", "width"]].to_parquet(path, row_group_size=7)
    elif path.suffix == ".csv":
        frame.assign(comment="any text").to_csv(path, index=False)
    elif path.suffix == ".npy":
        np.save(path, x)
    else:
        np.savez(path, x=x)
    return str(path)


def _read(output):
    """All scores in a directory, in the order of files and rows."""
    shards = sorted(output.glob("*.parquet"))
    table = pyarrow.concat_tables([parquet.read_table(shard) for shard in shards])
    return table.to_pandas()


def _dead_letters(output):
    with (output / "dead_letter.csv").open(newline="") as file:
        return [tuple(row) for row in csv.reader(file)]


def _exact(x):
    return scipy.stats.norm(LOC, SCALE).logpdf(np.float64(x)).sum(axis=-1)


def _files_of(output):
    return {path.name: path.stat().st_mtime_ns for path in output.iterdir()}


# Reading in blocks.

SUFFIXES = (".csv", ".parquet", ".npy", ".npz")


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("size", [4, 7, 10, 100])
def test_blocks_are_the_rows_of_the_file(tmp_path, suffix, size, monkeypatch):
    monkeypatch.setattr("export.blocks._READ_ROWS", 3)
    x = _x(33)
    path = _write(tmp_path / f"in{suffix}", x)
    spec = DataSpec("boxes", (3,), "float32", columns=COLUMNS)
    blocks = list(read_blocks(path, spec, size))
    assert [block.first for block in blocks] == list(range(1, 34, size))
    assert {len(block) for block in blocks[:-1]} <= {size}
    np.testing.assert_array_equal(np.concatenate([block.x for block in blocks]), x)
    for start, stop in ((0, 1), (1, 2), (2, 4), (3, None)):
        some = list(read_blocks(path, spec, size, start, stop))
        expected = blocks[start:stop]
        assert [block.first for block in some] == [block.first for block in expected]
        for block, other in zip(some, expected, strict=True):
            np.testing.assert_array_equal(block.x, other.x)


def test_bad_rows_and_contexts_come_with_their_block(tmp_path):
    frame = pd.DataFrame(_x(9), columns=COLUMNS).astype(object)
    frame["kind"] = np.arange(9) % 2
    frame.loc[2, "width"], frame.loc[7, "kind"] = "wide", 5
    frame.to_csv(tmp_path / "in.csv", index=False)
    context = ContextSpec((), "int32", num_classes=2, columns=("kind",))
    spec = DataSpec("boxes", (3,), "float32", columns=COLUMNS, context=context)
    blocks = list(read_blocks(str(tmp_path / "in.csv"), spec, 4))
    assert [block.context.tolist() for block in blocks] == [
        [0, 1, 0, 1],
        [0, 1, 0, 0],
        [0],
    ]
    assert [[row for row, _ in block.bad] for block in blocks] == [[3], [8], []]


def test_files_are_entered_where_that_is_cheap(tmp_path):
    x = _x(33)  # Row groups begin with the rows 0, 7, 14, 21, 28.
    path = {suffix: _write(tmp_path / f"in{suffix}", x) for suffix in SUFFIXES}
    assert _files.blocks(path[".parquet"], 10) == ([0, 1, 2, 3], 4)
    assert _files.blocks(path[".parquet"], 3) == ([0, 3, 5, 7, 10], 11)
    assert _files.blocks(path[".parquet"], 50) == ([0], 1)
    assert _files.blocks(path[".npy"], 10) == ([0, 1, 2, 3], 4)
    assert (
        _files.blocks(path[".csv"], 10)
        == _files.blocks(path[".npz"], 10)
        == ([0], None)
    )


def test_row_groups_before_a_block_are_not_read(tmp_path):
    path = tmp_path / "in.parquet"
    _write(path, _x(33))
    content = bytearray(path.read_bytes())
    chunk = parquet.ParquetFile(path).metadata.row_group(0).column(0)
    start = chunk.dictionary_page_offset or chunk.data_page_offset
    content[start : start + chunk.total_compressed_size] = bytes(
        chunk.total_compressed_size
    )
    path.write_bytes(content)
    spec = DataSpec("boxes", (3,), "float32", columns=COLUMNS)
    rest = list(read_blocks(str(path), spec, 7, start=1))
    np.testing.assert_array_equal(np.concatenate([b.x for b in rest]), _x(33)[7:])
    with pytest.raises(OSError, match=r".+"):
        list(read_blocks(str(path), spec, 7))


def test_patterns_may_name_an_array(tmp_path):
    for name in ("b.npz", "a.npz", "c.npy"):
        _write(tmp_path / name, _x(3))
    found = [f"{tmp_path}/{name}.npz:x" for name in "ab"]
    assert _files.expand(f"{tmp_path}/*.npz:x") == found
    assert _files.expand(f"{tmp_path}/*.csv") == []


# Signatures.


def test_the_signature_is_found(saved_model):
    main = RowSignature.find(str(saved_model))
    assert (main.name, main.inputs, main.is_main) == ("log_prob", ("x",), True)
    other = RowSignature.find(str(saved_model), "elbo")
    assert (other.inputs, other.is_main) == (("seed", "x"), False)


@pytest.mark.parametrize(
    ("name", "message"), [("sample", "takes seed"), ("classify", "it has not")]
)
def test_signatures_that_cannot_score_rows_are_refused(saved_model, name, message):
    with pytest.raises(ValueError, match=f"{message}.* offers: elbo, encode, log_prob"):
        RowSignature.find(str(saved_model), name)


@pytest.mark.parametrize("missing", ["assets.extra/model.json", "saved_model.pb"])
def test_what_is_no_model_of_this_zoo_is_refused(tmp_path, missing):
    _save(tmp_path)
    (tmp_path / missing).unlink()
    with pytest.raises(FileNotFoundError, match=f"without {missing}"):
        RowSignature.find(str(tmp_path))


def test_seeds_follow_from_the_number_of_the_row(saved_model):
    signature = RowSignature.find(str(saved_model), "elbo")
    block = Block("in.csv", 101, _x(10), None, [])
    expected = random.row_seeds(SEED, tf.range(100, 110))
    for batch_size in (3, 10, 50):
        answers = signature.load()(block, batch_size)
        np.testing.assert_array_equal(answers["seed"], expected)
    # The training's quantiles are of another answer.
    table, _ = signature.table(block, answers)
    assert table.column_names == ["file", "row", "elbo", "seed"]


def test_a_signature_gets_what_it_takes():
    def function(x, context):
        return {"sum": x[:, 0] + tf.cast(context, tf.float32)}

    block = Block("in.csv", 1, _x(5), np.arange(5, dtype="int32"), [])
    answers = answer(function, ("context", "x"), block, batch_size=2)
    expected = block.x[:, 0] + np.arange(5)
    np.testing.assert_allclose(answers["sum"], expected, rtol=1e-6)


def test_rows_without_an_answer_are_left_out(saved_model):
    signature = RowSignature.find(str(saved_model))
    block = Block("in.csv", 11, _x(5), None, [(12, "column 'width' is missing")])
    scores = np.array([-1.0, np.nan, np.nan, -np.inf, -2.0], "float32")
    table, reasons = signature.table(block, {"log_prob": scores})
    assert table.column_names == ["file", "row", "log_prob", "percentile"]
    assert table["row"].to_pylist() == [11, 14, 15]
    assert table["file"].to_pylist() == ["in.csv"] * 3
    assert table["log_prob"].to_pylist() == [-1.0, -np.inf, -2.0]
    np.testing.assert_allclose(table["percentile"], [95.0, 0.0, 90.0])
    assert list(reasons) == [12, 13]
    assert reasons[12] == "column 'width' is missing"
    assert "too large for the model's 32-bit floats" in reasons[13]


def test_vectors_get_a_column_for_each_number(saved_model):
    signature = RowSignature.find(str(saved_model), "encode")
    block = Block("in.csv", 1, _x(4), None, [])
    table, reasons = signature.table(block, signature.load()(block, 3))
    assert table.column_names == ["file", "row", "z_0", "z_1", "z_2"]
    assert table.schema.field("z_0").type == pyarrow.float32()
    expected = (block.x - LOC) / SCALE
    z = table.select(["z_0", "z_1", "z_2"]).to_pandas()
    np.testing.assert_allclose(z, expected, rtol=1e-5, atol=1e-5)
    assert not reasons


# The directory.


def _shard(rows, path="in.csv"):
    return pyarrow.table({"file": [path] * len(rows), "row": rows})


def test_a_directory_goes_from_new_to_finished(tmp_path):
    scores = ScoresDir(tmp_path / "deep" / "scores")
    assert scores.enter({"run": 1}) == "new"
    # As a run that was killed would leave them.
    (scores.path / ".tmp-17-scores-000001-000000.parquet").touch()
    scores.write(1, 0, _shard([2], "b"), {1: "is missing"})
    assert scores.enter({"run": 1}) == "unfinished"
    assert scores.has(1, 0)
    assert not scores.has(0, 1)
    scores.write(0, 1, _shard([11, 13], "a"), {12: "is 'x', a text", 14: "é"})
    scores.write(0, 0, _shard([1, 2], "a"), {})
    assert scores.count_rows() == 5
    expected = {"rows": 5, "bad_rows": 3, "shards": 3}
    assert scores.finish(["a", "b"]) == scores.summary == expected
    assert scores.enter({"run": 1}) == "finished"
    letters = [
        ("a", "12", "is 'x', a text"),
        ("a", "14", "é"),
        ("b", "1", "is missing"),
    ]
    assert _dead_letters(scores.path) == [("file", "row", "reason"), *letters]
    names = {path.name for path in scores.path.iterdir() if path.suffix != ".parquet"}
    assert names == {"manifest.json", "summary.json", "dead_letter.csv"}


def test_a_shard_is_not_there_before_its_dead_letters(tmp_path):
    scores = ScoresDir(tmp_path)
    (tmp_path / "dead_letter-000000-000000.csv").mkdir()  # In the way.
    with pytest.raises(OSError, match="dead_letter-000000-000000"):
        scores.write(0, 0, _shard([2]), {1: "is missing"})
    assert not scores.has(0, 0)


def test_another_run_is_refused(tmp_path):
    scores = ScoresDir(tmp_path)
    scores.enter({"signature": "elbo", "inputs": {"a": {"bytes": 1}}})
    message = r"inputs.a.bytes: was 1, is 2; signature: was elbo, is encode"
    with pytest.raises(ValueError, match=message):
        scores.enter({"signature": "encode", "inputs": {"a": {"bytes": 2}}})


def test_other_files_are_refused(tmp_path):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(ValueError, match=r"which holds notes\.txt"):
        ScoresDir(tmp_path).enter({})
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_run_killed_before_its_manifest_is_whole_can_start(tmp_path):
    (tmp_path / ".tmp-17-manifest.json").touch()
    assert ScoresDir(tmp_path).enter({}) == "new"


def test_a_file_in_the_way_is_refused(tmp_path):
    (tmp_path / "scores").touch()
    with pytest.raises(OSError, match="must be writable; received"):
        ScoresDir(tmp_path / "scores").enter({})


def test_a_run_is_described_by_model_and_input(tmp_path):
    model, source = tmp_path / "1", tmp_path / "in.npz"
    (model / "variables").mkdir(parents=True)
    (model / "variables" / "data").write_text("weights")
    _write(source, _x(3))

    def describe():
        return describe_run(str(model), "log_prob", [f"{source}:x"], 50)

    first = describe()
    assert first == describe()
    assert first["inputs"][f"{source}:x"]["bytes"] == source.stat().st_size
    (model / "variables" / "data").write_text("weighty")
    second = describe()
    assert first["saved_model"] != second["saved_model"]
    os.utime(source, (1, 1))
    assert second["inputs"] != describe()["inputs"]


# Pipelines.


def test_scores_are_exact_in_all_formats(score_files, saved_model, tmp_path, capsys):
    x = {suffix: _x(20 + i, seed=i) for i, suffix in enumerate(SUFFIXES)}
    for suffix, rows in x.items():
        _write(tmp_path / f"in{suffix}", rows)
    patterns = [str(tmp_path / p) for p in ("in.np*", "in.csv", "*.parquet", "*.csv")]
    output = tmp_path / "scores"
    score_files(str(saved_model), patterns, str(output), block_rows=8, batch_size=3)
    frame = _read(output)
    for suffix, rows in x.items():
        part = frame[frame.file == str(tmp_path / f"in{suffix}")]
        assert part.row.tolist() == list(range(1, len(rows) + 1))
        np.testing.assert_allclose(part.log_prob, _exact(rows), rtol=1e-5, atol=1e-5)
    shares = percentiles(frame.log_prob, {"train_quantiles": QUANTILES})
    np.testing.assert_allclose(frame.percentile, shares, atol=1e-3)
    assert len(frame) == sum(map(len, x.values()))
    assert _dead_letters(output) == [("file", "row", "reason")]
    first, second = capsys.readouterr().out.splitlines()
    assert first == f"86 rows scored; 12 shards in {output}"
    assert second.endswith(" rows/s")


def test_a_pipeline_gives_the_numbers_of_zoo_score(score_files, tmp_path, capsys):
    """For a model that adds noise, and with bad rows of all kinds."""
    grid = {"steps": (0.0, 1.0), "offsets": (0.0, 0.0)}
    rng = np.random.default_rng(0)
    x = (rng.standard_normal([40, 2]) * [1, 20]).astype("float32")
    x[:, 1] = np.round(x[:, 1])
    spec = DataSpec("counts", (2,), "float32", columns=COLUMNS[:2], **grid)
    flow = Flow(StandardNormal([2]), [Standardize([2])])
    model = tfgen.Dequantized(flow, **grid)
    model.adapt(x)
    report = report_on(model, DataSet(spec, *[Split(x)] * 3))
    saved_model = tmp_path / "counts" / "1"
    signatures = model.signatures({"x": tf.TensorSpec([None, 2])})
    write_saved_model(saved_model, model, signatures)
    described = {s.name: {"inputs": dict.fromkeys(s.inputs, {})} for s in signatures}
    _describe(saved_model, spec, described, report)
    frame = pd.DataFrame(x, columns=COLUMNS[:2]).astype(object)
    values = ("tall", "", "inf", "1e+39", "0.5")
    for row, value in zip(range(4, 40, 8), values, strict=True):
        frame.iloc[row, 1] = value
    source, target = str(tmp_path / "in.csv"), tmp_path / "zoo.csv"
    frame.to_csv(source, index=False)
    score_file(Run(ModelDir("nowhere"), model, spec, {}, report), source, str(target))
    told = capsys.readouterr().out
    output = tmp_path / "scores"
    score_files(str(saved_model), [source], str(output), block_rows=7, batch_size=5)
    expected = pd.read_csv(target).dropna()
    scores = _read(output)
    assert scores.columns.tolist() == ["file", *expected.columns]
    assert scores.row.tolist() == expected.row.tolist()
    for column, atol in (("elbo", 1e-4), ("percentile", 0.11)):
        np.testing.assert_allclose(scores[column], expected[column], atol=atol)
    letters = _dead_letters(output)[1:]
    assert [int(row) for _, row, _ in letters] == list(range(5, 45, 8))
    assert {file for file, _, _ in letters} == {source}
    for _, row, reason in letters:
        assert f"row {row} has no score: {reason}\n" in told


def test_a_pipeline_stopped_half_way_goes_on(
    score_files, saved_model, tmp_path, capsys, monkeypatch
):
    frame = pd.DataFrame(_x(100), columns=COLUMNS)
    frame.loc[[3, 55, 99], "width"] = np.nan
    for name in ("a", "b"):
        frame.to_csv(tmp_path / f"{name}.csv", index=False)
    sources, output = [str(tmp_path / "[ab].csv")], tmp_path / "scores"
    write = ScoresDir.write

    def fails(self, file, block, *content):
        if len(list(output.glob("*.parquet"))) == 7:
            raise OSError("the disk is full")
        write(self, file, block, *content)

    with monkeypatch.context() as patch:
        patch.setattr(ScoresDir, "write", fails)
        with pytest.raises(
            ValueError, match=r"the disk is full\. What was scored so far"
        ):
            score_files(str(saved_model), sources, str(output), block_rows=10)
    before = _files_of(output)
    assert "summary.json" not in before
    (output / sorted(output.glob("*.parquet"))[2].name).unlink()  # A hole.
    score_files(str(saved_model), sources, str(output), block_rows=10)
    after = _files_of(output)
    kept = [name for name, time in before.items() if after.get(name) == time]
    assert len(kept) == 7  # Six shards and the manifest.
    scores, letters = _read(output), _dead_letters(output)[1:]
    paths = [str(tmp_path / "a.csv"), str(tmp_path / "b.csv")]
    good = [row for row in range(1, 101) if row not in (4, 56, 100)]
    rows = list(zip(scores.file, scores.row, strict=True))
    assert rows == [(path, row) for path in paths for row in good]
    reason = "column 'width' is missing"
    assert letters == [(p, row, reason) for p in paths for row in ("4", "56", "100")]
    told = capsys.readouterr().out
    assert " scores of this run already; going on\n" in told
    assert "194 rows scored; 20 shards" in told
    assert "6 rows without a score" in told


def test_a_finished_run_does_nothing_again(score_files, saved_model, tmp_path, capsys):
    source, output = _write(tmp_path / "in.csv", _x(20)), tmp_path / "scores"
    score_files(str(saved_model), [source], str(output))
    before = _files_of(output)
    capsys.readouterr()
    score_files(str(saved_model), [source], str(output), batch_size=2)
    assert _files_of(output) == before
    first, second = capsys.readouterr().out.splitlines()
    assert first.endswith("the scores of this run already, complete; nothing to do")
    assert second == f"20 rows scored; 1 shards in {output}"
    with pytest.raises(ValueError, match="signature: was log_prob, is encode"):
        score_files(str(saved_model), [source], str(output), signature="encode")
    with pytest.raises(ValueError, match="block_rows: was 50000, is 10"):
        score_files(str(saved_model), [source], str(output), block_rows=10)
    _write(tmp_path / "in.csv", _x(21))
    with pytest.raises(ValueError, match=r"inputs\..*in\.csv\.bytes: was"):
        score_files(str(saved_model), [source], str(output))
    assert _files_of(output) == before


def test_threads_give_the_same_scores(score_files, saved_model, tmp_path):
    for i in range(3):
        _write(tmp_path / f"in-{i}.parquet", _x(50, seed=i))
    sources = [str(tmp_path / "in-*.parquet")]
    threads = ["--direct_num_workers=2", "--direct_running_mode=multi_threading"]
    for name, arguments in (("one", []), ("two", threads)):
        score_files(
            str(saved_model),
            sources,
            str(tmp_path / name),
            block_rows=10,
            beam_arguments=arguments,
        )
    pd.testing.assert_frame_equal(_read(tmp_path / "one"), _read(tmp_path / "two"))


@pytest.mark.parametrize(
    "arguments", [[], ["--runner=DirectRunner"], ["--runner=direct"]]
)
def test_nothing_is_downloaded_to_run(score_files, arguments):
    from apache_beam.runners.portability.fn_api_runner import FnApiRunner

    from export import scoring

    assert isinstance(scoring._pipeline(arguments).runner, FnApiRunner)


REFUSED = {
    "no such file": ("*.tsv", {}, r"--input=.*\*\.tsv, which matches none"),
    "missing column": ("wide.csv", {}, "needs the columns height, width, depth"),
    "empty": ("empty.csv", {}, "must hold rows; received none"),
    "unknown option": ("in.csv", {"beam_arguments": ["--foo=1"]}, "no option --foo"),
    "option's value": (
        "in.csv",
        {"beam_arguments": ["--direct_num_workers=many"]},
        "refuses its options: .*direct_num_workers: invalid int value: 'many'",
    ),
    "runner": ("in.csv", {"beam_arguments": ["--runner=Mine"]}, "Unexpected .* Mine"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_fit_is_refused_before_anything_is_written(
    score_files, saved_model, tmp_path, case
):
    name, options, message = REFUSED[case]
    _write(tmp_path / "in.csv", _x(3))
    (tmp_path / "wide.csv").write_text("width\n1\n")
    (tmp_path / "empty.csv").write_text("height,width,depth\n")
    output = tmp_path / "scores"
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        score_files(str(saved_model), [str(tmp_path / name)], str(output), **options)
    assert not output.exists()


def test_a_row_that_breaks_a_file_is_named(score_files, saved_model, tmp_path):
    source = tmp_path / "in.csv"
    _write(source, _x(20))
    with source.open("a") as file:
        file.write("1,2,3,text,5\n")
    with pytest.raises(
        ValueError, match=r"22, saw 5\); write it again\. What was scored"
    ):
        score_files(str(saved_model), [str(source)], str(tmp_path / "scores"))


# The command.


def _call(*arguments):
    """`python -m export.score ARGUMENTS` in this process."""
    err, argv, handlers = io.StringIO(), sys.argv, logging.root.handlers[:]
    filters = logging.root.filters[:]
    sys.argv = ["score", *map(str, arguments)]
    try:
        with flagsaver.flagsaver(), contextlib.redirect_stderr(err):
            runpy.run_module("export.score", run_name="__main__")
    except SystemExit as end:
        return end.code or 0, err.getvalue()
    finally:
        sys.argv, logging.root.handlers[:] = argv, handlers
        logging.root.filters[:] = filters
        flags.FLAGS.unparse_flags()
    raise AssertionError("A command ends with an exit code.")


NEEDED = ("--saved_model=1", "--input=in.csv", "--output=scores")


def test_without_beam_the_command_says_what_to_install(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name: None if "beam" in name else find(name)
    )
    code, err = _call(*NEEDED)
    assert code == 1
    assert err == (
        "error: Scoring at scale needs Apache Beam, which is not installed. "
        "Install it: pip install -e '.[beam]'.\n"
    )


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--batchsize=3", "no option --batchsize; did you mean --batch_size?"),
        ("--signatur", "no option --signatur; did you mean --signature?"),
        ("more", "Every option is a flag, --name=value; received 'more' alone"),
        ("--batch_size=0", "0 is not a positive integer"),
    ],
)
def test_misspelt_options_are_refused(argument, message):
    code, err = _call(*NEEDED, argument)
    assert code == 1
    assert message in err


def test_a_run_that_is_killed_leaves_nothing_half_done(
    score_files, saved_model, tmp_path, monkeypatch
):
    frame = pd.DataFrame(_x(8_000), columns=COLUMNS)
    frame.loc[::1000, "width"] = np.nan
    frame.to_parquet(tmp_path / "in.parquet", row_group_size=3000)
    output = tmp_path / "scores"
    command = [sys.executable, "-m", "export.score", f"--saved_model={saved_model}"]
    command += ["--input=*.parquet", f"--output={output}", "--block_rows=10"]
    command += ["--direct_num_workers", "1"]  # One of Beam's, with its value apart.
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        while process.poll() is None and len(list(output.glob("*.parquet"))) < 50:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        said = process.stdout.read()
    assert process.returncode == -signal.SIGKILL, said
    assert said == b""  # Nor any line of Beam's or TensorFlow's.
    assert not (output / "summary.json").exists()
    monkeypatch.chdir(tmp_path)
    score_files(str(saved_model), ["*.parquet"], str(output), block_rows=10)
    scores, letters = _read(output), _dead_letters(output)[1:]
    bad = range(1, 8_001, 1000)
    assert scores.row.tolist() == [n for n in range(1, 8_001) if n not in bad]
    assert [int(row) for _, row, _ in letters] == list(bad)
    assert set(scores.file) == {"in.parquet"}
    good = frame.loc[scores.row - 1]
    np.testing.assert_allclose(scores.log_prob, _exact(good), rtol=1e-5, atol=1e-5)
    assert {path.suffix for path in output.iterdir()} == {".parquet", ".csv", ".json"}
