"""The directory of scores: shards that are whole or absent, and one run alone."""

import contextlib
import os

import pandas as pd
import pyarrow
import pytest

from export.scores_dir import ScoresDir, describe_run


def _shard(rows, path="in.csv"):
    return pyarrow.table({"file": [path] * len(rows), "row": rows})


def test_a_directory_goes_from_new_to_finished(boxes, tmp_path):
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
    assert boxes.dead_letters(scores.path) == letters
    names = {path.name for path in scores.path.iterdir() if path.suffix != ".parquet"}
    assert names == {"_run.json", "_summary.json", "_dead_letter.csv"}


def test_a_shard_is_not_there_before_its_dead_letters(tmp_path):
    scores = ScoresDir(tmp_path)
    (tmp_path / "_dead_letter-000000-000000.csv").mkdir()  # In the way.
    with pytest.raises(OSError, match="_dead_letter-000000-000000"):
        scores.write(0, 0, _shard([2]), {1: "is missing"})
    assert not scores.has(0, 0)


@pytest.mark.parametrize("is_finished", [False, True])
def test_a_directory_is_one_parquet_data_set(tmp_path, is_finished):
    scores = ScoresDir(tmp_path)
    scores.enter({"run": 1})
    scores.write(0, 0, _shard([1, 3], "a"), {2: "is missing"})
    scores.write(0, 1, _shard([], "a").cast(_shard([1]).schema), {4: "is missing"})
    scores.write(1, 0, _shard([1], "b"), {})
    (scores.path / ".tmp-17-scores-000001-000000.parquet").touch()
    if is_finished:
        scores.finish(["a", "b"])
    frame = pd.read_parquet(tmp_path)
    assert frame.to_dict("list") == {"file": ["a", "a", "b"], "row": [1, 3, 1]}


def test_an_error_before_the_first_shard_leaves_nothing(tmp_path):
    (tmp_path / "mine").mkdir()
    for path in (tmp_path / "deep" / "scores", tmp_path / "mine"):
        scores = ScoresDir(path)
        for error in (KeyboardInterrupt, OSError("The disk is full.")):
            with contextlib.suppress(KeyboardInterrupt, OSError):
                with scores.opened({"run": 1}) as state:
                    (path / ".tmp-17-scores-000000-000000.parquet").touch()
                    (path / "_dead_letter-000000-000000.csv").touch()
                    raise error
            assert state == "new"
    assert [path.name for path in tmp_path.rglob("*")] == ["mine"]


def test_an_error_after_the_first_shard_leaves_what_is_done(tmp_path):
    scores = ScoresDir(tmp_path)
    with contextlib.suppress(KeyboardInterrupt), scores.opened({"run": 1}):
        scores.write(0, 1, _shard([1]), {2: "is missing"})
        raise KeyboardInterrupt
    with scores.opened({"run": 1}) as state:
        assert state == "unfinished"
    scores.finish(["in.csv"])
    assert scores.summary == {"rows": 1, "bad_rows": 1, "shards": 1}


def test_what_others_have_is_left(tmp_path):
    scores = ScoresDir(tmp_path)
    scores.enter({"run": 1})
    with pytest.raises(ValueError, match="another run"), scores.opened({"run": 2}):
        pass
    assert scores.enter({"run": 1}) == "unfinished"


def test_another_run_is_refused(tmp_path):
    scores = ScoresDir(tmp_path)
    scores.enter({"signature": "elbo", "inputs": {"a": {"bytes": 1}}})
    message = r"inputs.a.bytes: was 1, is 2; signature: was elbo, is encode"
    with pytest.raises(ValueError, match=message):
        scores.enter({"signature": "encode", "inputs": {"a": {"bytes": 2}}})


@pytest.mark.parametrize("content", ["[]", "{", "[" * 100_000, "1" * 10_000])
def test_a_damaged_description_is_refused(tmp_path, content):
    (tmp_path / "_run.json").write_text(content)
    with pytest.raises(ValueError, match="_run.json is not valid JSON .* Give another"):
        ScoresDir(tmp_path).enter({"signature": "elbo"})


def test_other_files_are_refused(tmp_path):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(ValueError, match=r"which holds notes\.txt"):
        ScoresDir(tmp_path).enter({})
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_run_killed_before_its_description_is_whole_can_start(tmp_path):
    (tmp_path / ".tmp-17-_run.json").touch()
    assert ScoresDir(tmp_path).enter({}) == "new"


def test_a_file_in_the_way_is_refused(tmp_path):
    (tmp_path / "scores").touch()
    with pytest.raises(OSError, match="must be writable; received"):
        ScoresDir(tmp_path / "scores").enter({})


def test_a_run_is_described_by_model_and_input(boxes, tmp_path):
    model, source = tmp_path / "1", tmp_path / "in.npz"
    (model / "variables").mkdir(parents=True)
    (model / "variables" / "data").write_text("weights")
    boxes.write(source, boxes.rows(3))

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
