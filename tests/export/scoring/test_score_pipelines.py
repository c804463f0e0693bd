"""Pipelines: exact numbers for all rows, also after a run that was stopped.

They run where Apache Beam is installed.
"""

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

import tfgen
from export.saved_model import write_saved_model
from export.scores_dir import ScoresDir
from tfgen.distributions import Flow, StandardNormal
from tfgen.flows import Standardize
from zoo.data import DataSet, DataSpec, Split
from zoo.evaluation import percentiles, report_on
from zoo.model_dir import ModelDir
from zoo.runs import Run
from zoo.scoring import score_file

SUFFIXES = (".csv", ".parquet", ".npy", ".npz")


def _files(output):
    return {path.name: path.stat().st_mtime_ns for path in output.iterdir()}


def test_scores_are_exact_in_all_formats(
    boxes, score_files, saved_model, tmp_path, capsys
):
    x = {suffix: boxes.rows(20 + i, seed=i) for i, suffix in enumerate(SUFFIXES)}
    for suffix, rows in x.items():
        boxes.write(tmp_path / f"in{suffix}", rows)
    patterns = [str(tmp_path / p) for p in ("in.np*", "in.csv", "*.parquet", "*.csv")]
    output = tmp_path / "scores"
    score_files(str(saved_model), patterns, str(output), block_rows=8, batch_size=3)
    frame = boxes.scores(output)
    for suffix, rows in x.items():
        part = frame[frame.file == str(tmp_path / f"in{suffix}")]
        assert part.row.tolist() == list(range(1, len(rows) + 1))
        np.testing.assert_allclose(
            part.log_prob, boxes.log_prob(rows), rtol=1e-5, atol=1e-5
        )
    shares = percentiles(frame.log_prob, {"train_quantiles": boxes.quantiles})
    np.testing.assert_allclose(frame.percentile, shares, atol=1e-3)
    assert len(frame) == sum(map(len, x.values()))
    assert boxes.dead_letters(output) == []
    first, second = capsys.readouterr().out.splitlines()
    assert first == f"86 rows scored; 12 shards in {output}"
    assert second.endswith(" rows/s")


def test_a_pipeline_gives_the_numbers_of_zoo_score(
    boxes, score_files, tmp_path, capsys
):
    """For a model that adds noise, and with bad rows of all kinds."""
    grid = {"steps": (0.0, 1.0), "offsets": (0.0, 0.0)}
    rng = np.random.default_rng(0)
    x = (rng.standard_normal([40, 2]) * [1, 20]).astype("float32")
    x[:, 1] = np.round(x[:, 1])
    spec = DataSpec("counts", (2,), "float32", columns=boxes.columns[:2], **grid)
    flow = Flow(StandardNormal([2]), [Standardize([2])])
    model = tfgen.Dequantized(flow, **grid)
    model.adapt(x)
    report = report_on(model, DataSet(spec, *[Split(x)] * 3))
    saved_model = tmp_path / "counts" / "1"
    signatures = model.signatures({"x": tf.TensorSpec([None, 2])})
    write_saved_model(saved_model, model, signatures)
    described = {s.name: {"inputs": dict.fromkeys(s.inputs, {})} for s in signatures}
    boxes.describe(saved_model, spec, described, report)
    frame = pd.DataFrame(x, columns=boxes.columns[:2]).astype(object)
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
    scores = boxes.scores(output)
    assert scores.columns.tolist() == ["file", *expected.columns]
    assert scores.row.tolist() == expected.row.tolist()
    for column, atol in (("elbo", 1e-4), ("percentile", 0.11)):
        np.testing.assert_allclose(scores[column], expected[column], atol=atol)
    letters = boxes.dead_letters(output)
    assert [int(row) for _, row, _ in letters] == list(range(5, 45, 8))
    assert {file for file, _, _ in letters} == {source}
    for _, row, reason in letters:
        assert f"row {row} has no score: {reason}\n" in told


def test_a_pipeline_stopped_half_way_goes_on(
    boxes, score_files, saved_model, tmp_path, capsys, monkeypatch
):
    frame = pd.DataFrame(boxes.rows(100), columns=boxes.columns)
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
    before = _files(output)
    assert "_summary.json" not in before
    (output / sorted(output.glob("*.parquet"))[2].name).unlink()  # A hole.
    score_files(str(saved_model), sources, str(output), block_rows=10)
    after = _files(output)
    kept = [name for name, time in before.items() if after.get(name) == time]
    assert len(kept) == 7  # Six shards and the manifest.
    scores, letters = boxes.scores(output), boxes.dead_letters(output)
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


def test_a_finished_run_does_nothing_again(
    boxes, score_files, saved_model, tmp_path, capsys
):
    source, output = (
        boxes.write(tmp_path / "in.csv", boxes.rows(20)),
        tmp_path / "scores",
    )
    score_files(str(saved_model), [source], str(output))
    before = _files(output)
    capsys.readouterr()
    score_files(str(saved_model), [source], str(output), batch_size=2)
    assert _files(output) == before
    first, second = capsys.readouterr().out.splitlines()
    assert first.endswith("the scores of this run already, complete; nothing to do")
    assert second == f"20 rows scored; 1 shard in {output}"
    with pytest.raises(ValueError, match="signature: was log_prob, is encode"):
        score_files(str(saved_model), [source], str(output), signature="encode")
    with pytest.raises(ValueError, match="block_rows: was 50000, is 10"):
        score_files(str(saved_model), [source], str(output), block_rows=10)
    boxes.write(tmp_path / "in.csv", boxes.rows(21))
    with pytest.raises(ValueError, match=r"inputs\..*in\.csv\.bytes: was"):
        score_files(str(saved_model), [source], str(output))
    assert _files(output) == before


def test_threads_give_the_same_scores(boxes, score_files, saved_model, tmp_path):
    for i in range(3):
        boxes.write(tmp_path / f"in-{i}.parquet", boxes.rows(50, seed=i))
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
    pd.testing.assert_frame_equal(
        boxes.scores(tmp_path / "one"), boxes.scores(tmp_path / "two")
    )


def test_one_is_said_as_one(boxes, score_files, saved_model, tmp_path, capsys):
    (tmp_path / "in.csv").write_text("height,width,depth\n1,2,3\n1,,3\n")
    output = tmp_path / "scores"
    score_files(str(saved_model), [str(tmp_path / "in.csv")], str(output))
    first, second, _ = capsys.readouterr().out.splitlines()
    assert first == f"1 row scored; 1 shard in {output}"
    assert second == f"1 row without a score: {output}/_dead_letter.csv"
    (output / "_summary.json").unlink()
    score_files(str(saved_model), [str(tmp_path / "in.csv")], str(output))
    first, *_ = capsys.readouterr().out.splitlines()
    assert first == f"{output} has 1 score of this run already; going on"


def test_all_scores_are_one_data_set(boxes, score_files, saved_model, tmp_path):
    frame = pd.DataFrame(boxes.rows(30), columns=boxes.columns)
    frame.loc[[0, *range(10, 20)], "width"] = np.nan  # All of the second block.
    frame.to_csv(tmp_path / "a.csv", index=False)
    boxes.write(tmp_path / "b.parquet", boxes.rows(20, seed=1))
    output = tmp_path / "scores"
    sources = [str(tmp_path / "*.*")]
    score_files(str(saved_model), sources, str(output), block_rows=10)
    assert len(boxes.dead_letters(output)) == 11
    scores = pd.read_parquet(output)
    assert len(scores) == 39
    pd.testing.assert_frame_equal(scores, boxes.scores(output), check_dtype=False)


def test_blocks_are_written_as_the_next_are_read(
    boxes, score_files, saved_model, tmp_path, monkeypatch
):
    """So that memory does not grow with the input."""
    from export import scoring

    held, most = set(), []
    read, write = scoring.read_blocks, ScoresDir.write

    def noting(*arguments):
        for block in read(*arguments):
            held.add(block.first)
            most.append(len(held))
            yield block

    def dropping(self, file, block, *content):
        write(self, file, block, *content)
        held.remove(10 * block + 1)

    monkeypatch.setattr(scoring, "read_blocks", noting)
    monkeypatch.setattr(ScoresDir, "write", dropping)
    boxes.write(tmp_path / "in.csv", boxes.rows(50))
    source, output = str(tmp_path / "in.csv"), str(tmp_path / "scores")
    score_files(str(saved_model), [source], output, block_rows=10)
    assert len(most) == 5
    assert max(most) <= 2  # Beam passes a batch on when the next begins.
    assert not held
