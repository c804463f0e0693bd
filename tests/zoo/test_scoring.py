"""Scores of files: what they are, which rows have none, and what is written when."""

import csv

import keras
import numpy as np
import pandas as pd
import pytest
import scipy.stats

import tfgen
from tfgen.distributions import Flow, Mixture, StandardNormal
from tfgen.flows import Flatten, Standardize
from tfgen.networks import MLP, OneHot
from zoo import scoring
from zoo.data import ContextSpec, DataSet, DataSpec, Split
from zoo.evaluation import Scorer, percentiles, report_on
from zoo.model_dir import ModelDir
from zoo.runs import Run
from zoo.scoring import score_file

ROWS = 40
COLUMNS = ("height", "width")


def _split(name):
    """The rows that a model is made from, and that its file holds."""
    rng = np.random.default_rng(0)
    if name == "images":
        return Split(rng.integers(0, 5, [ROWS, 3, 3]).astype("uint8"))
    x = rng.standard_normal([ROWS, 2]) * [1.0, 20.0] + [0.0, 50.0]
    if name == "counts":
        x[:, 1] = np.round(x[:, 1])
    kinds = np.arange(ROWS, dtype="int32") % 3
    return Split(x.astype("float32"), kinds if name == "labelled" else None)


def _table():
    flow = Flow(StandardNormal([2]), [Standardize([2])])
    spec = DataSpec("table", (2,), "float32", columns=COLUMNS)
    return tfgen.DensityModel(flow), spec


def _counts():
    """One of the columns is on a grid, and gets noise."""
    flow = Flow(StandardNormal([2]), [Standardize([2])])
    grid = {"steps": (0.0, 1.0), "offsets": (0.0, 0.0)}
    spec = DataSpec("counts", (2,), "float32", columns=COLUMNS, **grid)
    return tfgen.Dequantized(flow, **grid), spec


def _images():
    flow = Flow(StandardNormal([9]), [Standardize([3, 3]), Flatten([3, 3])])
    spec = DataSpec("images", (3, 3), "uint8", levels=8)
    return tfgen.Dequantized(flow, levels=8), spec


def _labelled():
    base = Mixture([2], 2, "diagonal", MLP(3, [4], 10))
    context = ContextSpec((), "int32", num_classes=3, columns=("kind",))
    spec = DataSpec("labelled", (2,), "float32", columns=COLUMNS, context=context)
    return tfgen.DensityModel(Flow(base, [Standardize([2])], OneHot(3))), spec


MAKERS = {
    "table": _table,
    "counts": _counts,
    "images": _images,
    "labelled": _labelled,
}
TABLES = [name for name in MAKERS if name != "images"]


@pytest.fixture(scope="module")
def runs():
    """Models as they start from data, in place of trained ones."""
    runs = {}
    for name, make in MAKERS.items():
        keras.utils.set_random_seed(0)
        (model, spec), split = make(), _split(name)
        model.adapt(split.x, split.context)
        report = report_on(model, DataSet(spec, split, split, split))
        runs[name] = Run(ModelDir("nowhere"), model, spec, {}, report)
    return runs


def _frame(name):
    split = _split(name)
    frame = pd.DataFrame(split.x, columns=COLUMNS).astype(str)
    return frame if split.context is None else frame.assign(kind=split.context)


def _write(path, name, frame=None):
    """A file of the rows of a run."""
    if name == "images":
        path = path.with_suffix(".npz")
        np.savez(path, x=_split(name).x)
    else:
        (_frame(name) if frame is None else frame).to_csv(path, index=False)
    return str(path)


def _score(run, source, target, **options):
    score_file(run, source, str(target), **options)
    with open(target, newline="") as file:
        return list(csv.DictReader(file))


def _column(rows, name):
    return np.array([float(row[name] or "nan") for row in rows])


def _assert_close(actual, expected):
    row, answer, percentile = expected[0]
    assert list(actual[0]) == list(expected[0])
    for column, atol in ((row, 0.0), (answer, 1e-5), (percentile, 0.11)):
        a, b = _column(actual, column), _column(expected, column)
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=atol)


# What scores are.


@pytest.mark.parametrize("name", MAKERS)
def test_scores_are_the_answers_of_the_model(runs, name, tmp_path):
    run, split = runs[name], _split(name)
    rows = _score(run, _write(tmp_path / "in.csv", name), tmp_path / "out.csv")
    answer = run.model.term_names[0]
    assert list(rows[0]) == ["row", answer, "percentile"]
    assert [row["row"] for row in rows] == [str(i + 1) for i in range(ROWS)]
    scores = _column(rows, answer)
    # Noise follows the number of the row.
    expected = Scorer(run.model)(split, first_row=0)[answer]
    np.testing.assert_allclose(scores, expected, rtol=1e-5, atol=1e-5)
    if answer == "log_prob":
        exact = run.model.log_prob(split.x, split.context)
        np.testing.assert_allclose(scores, exact, rtol=1e-5, atol=1e-5)
    shares = _column(rows, "percentile")
    np.testing.assert_allclose(
        shares, percentiles(expected, run.report), atol=0.051 + 1e-3
    )


@pytest.mark.parametrize("name", MAKERS)
def test_the_batch_size_changes_nothing(runs, name, tmp_path):
    source = _write(tmp_path / "in.csv", name)
    whole = _score(runs[name], source, tmp_path / "whole.csv")
    parts = _score(runs[name], source, tmp_path / "parts.csv", batch_size=7)
    _assert_close(parts, whole)


@pytest.mark.parametrize("name", TABLES)
def test_columns_are_found_by_name(runs, name, tmp_path):
    frame = _frame(name)
    other = frame[frame.columns[::-1]]
    other.insert(0, "comment", "any text")
    expected = _score(runs[name], _write(tmp_path / "in.csv", name), tmp_path / "1.csv")
    source = _write(tmp_path / "other.csv", name, other)
    assert _score(runs[name], source, tmp_path / "2.csv") == expected


def test_percentiles_are_shares_of_training_rows_that_score_lower():
    scores = np.random.default_rng(0).standard_normal(5000)
    report = {"train_quantiles": np.quantile(scores, np.linspace(0, 1, 1001)).tolist()}
    x = np.linspace(-3, 3, 100)
    shares = percentiles(x, report)
    expected = [scipy.stats.percentileofscore(scores, a, kind="strict") for a in x]
    np.testing.assert_allclose(shares, expected, atol=0.1)
    assert np.all(np.diff(shares) >= 0)
    low, high = scores.min(), scores.max()
    ends = [low, low - 1, -np.inf, high, high + 1, np.inf]
    np.testing.assert_array_equal(percentiles(ends, report), [0, 0, 0, 100, 100, 100])
    assert np.isnan(percentiles(np.array([np.nan]), report))


# Rows without a score.

BAD = {
    "text": ("height", "tall", "column 'height' is the text 'tall'"),
    "missing": ("width", "", "column 'width' is missing"),
    "infinite": ("width", "inf", "column 'width' is inf, which is no finite"),
    "too large": ("height", "1e+39", "column 'height' is 1e+39, which is no finite"),
}
BAD_COUNTS = {
    **BAD,
    "off its grid": ("width", "50.5", "column 'width' is off its grid of step 1"),
}
BAD_LABELS = {
    **BAD,
    "unknown label": ("kind", "3", "the label is not an integer from 0 to 2"),
    "no label": ("kind", "", "column 'kind' is missing"),
}


@pytest.mark.parametrize("batch_size", [3, 1000])
@pytest.mark.parametrize(
    ("name", "bad"), [("table", BAD), ("counts", BAD_COUNTS), ("labelled", BAD_LABELS)]
)
def test_bad_rows_are_named_and_the_others_scored(
    runs, name, bad, batch_size, tmp_path, capsys
):
    good = _score(runs[name], _write(tmp_path / "in.csv", name), tmp_path / "good.csv")
    capsys.readouterr()
    frame = _frame(name).astype(object)
    numbers = range(5, 5 + 4 * len(bad), 4)
    for number, (column, value, _) in zip(numbers, bad.values(), strict=True):
        frame.loc[number - 1, column] = value
    source = _write(tmp_path / "bad.csv", name, frame)
    rows = _score(runs[name], source, tmp_path / "out.csv", batch_size=batch_size)
    told = capsys.readouterr().out
    for number, (_, _, reason) in zip(numbers, bad.values(), strict=True):
        assert f"row {number} has no score: {reason}" in told
    for number in numbers:
        good[number - 1] = {**dict.fromkeys(good[0], ""), "row": str(number)}
    _assert_close(rows, good)
    assert told.count("has no score") == len(bad)


def test_bad_images_are_named_and_the_others_scored(runs, tmp_path, capsys):
    good = _score(runs["images"], _write(tmp_path / "in", "images"), tmp_path / "1.csv")
    x = _split("images").x.astype("float32")
    x[3, 1, 1], x[7, 0, 0], x[9, 2, 0], x[11, 0, 0] = 8, -1, 0.5, np.nan
    np.savez(tmp_path / "bad.npz", x=x)
    rows = _score(runs["images"], str(tmp_path / "bad.npz"), tmp_path / "2.csv")
    told = capsys.readouterr().out
    for number in (4, 8, 10):
        reason = "a value is not an integer from 0 to 7"
        assert f"row {number} has no score: {reason}" in told
    assert "row 12 has no score: a pixel is missing or infinite" in told
    for number in (4, 8, 10, 12):
        good[number - 1] = {**dict.fromkeys(good[0], ""), "row": str(number)}
    _assert_close(rows, good)


def test_many_bad_rows_are_counted(runs, tmp_path, capsys):
    frame = _frame("table").astype(object)
    frame.loc[:11, "height"] = "tall"
    source = _write(tmp_path / "in.csv", "table", frame)
    _score(runs["table"], source, tmp_path / "out.csv")
    told = capsys.readouterr().out
    assert told.count("has no score") == 10
    assert told.splitlines()[-1] == "... and 2 more rows without a score"


def test_the_lowest_row_is_named_however_low(runs, tmp_path, capsys):
    frame = _frame("table").astype(object)
    frame.loc[6, "height"] = "30"
    target = tmp_path / "out.csv"
    rows = _score(runs["table"], _write(tmp_path / "in.csv", "table", frame), target)
    shown = f"lowest log_prob: {rows[6]['log_prob']} nats, row 7\n"
    assert shown in capsys.readouterr().out
    assert rows[6]["percentile"] == "0.0"
    # So far away that the square is beyond 32 bits.
    frame.loc[8, "height"] = "1e30"
    rows = _score(runs["table"], _write(tmp_path / "in.csv", "table", frame), target)
    assert "lowest log_prob: -inf nats, row 9\n" in capsys.readouterr().out
    assert rows[8] == {"row": "9", "log_prob": "-inf", "percentile": "0.0"}


def test_a_row_for_which_the_model_has_no_number_is_named(
    runs, tmp_path, capsys, monkeypatch
):
    def scores(self, split, first_row):
        return {"log_prob": np.where(np.arange(len(split)) == 4, np.nan, -1.0)}

    monkeypatch.setattr(Scorer, "__call__", scores)
    source = _write(tmp_path / "in.csv", "table")
    rows = _score(runs["table"], source, tmp_path / "out.csv")
    assert rows[4] == {"row": "5", "log_prob": "", "percentile": ""}
    told = capsys.readouterr().out
    assert "row 5 has no score: its values are too large for" in told


# Files.


def test_the_story_is_told(runs, tmp_path, capsys):
    source, target = _write(tmp_path / "in.csv", "table"), tmp_path / "out.csv"
    rows = _score(runs["table"], source, target)
    first, second = capsys.readouterr().out.splitlines()
    assert first == f"40 rows of {source} scored into {target}"
    lowest = 1 + int(np.argmin(_column(rows, "log_prob")))
    assert second.startswith("lowest log_prob: ")
    assert second.endswith(f" nats, row {lowest}")


UNREADABLE = {
    "missing column": ("height\n1\n2\n", "without 'width'"),
    "nearly named column": ("height,widht\n1,2\n", "without 'width', but 'widht'"),
    "no rows": ("height,width\n", "must hold rows; received none"),
    "empty file": ("", "which is empty"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_files_that_do_not_fit_are_refused(runs, tmp_path, name):
    text, message = UNREADABLE[name]
    (tmp_path / "in.csv").write_text(text)
    with pytest.raises(ValueError, match=message):
        score_file(runs["table"], str(tmp_path / "in.csv"), str(tmp_path / "out.csv"))
    assert {path.name for path in tmp_path.iterdir()} == {"in.csv"}


def test_images_of_another_size_are_refused(runs, tmp_path):
    np.savez(tmp_path / "in.npz", x=np.zeros([4, 3, 4], "uint8"))
    with pytest.raises(ValueError, match=r"takes rows of shape \(3, 3\); received"):
        score_file(runs["images"], str(tmp_path / "in.npz"), str(tmp_path / "out.csv"))


def test_the_output_appears_when_it_is_whole(runs, tmp_path, monkeypatch):
    read = scoring.iterate_rows

    def fails_halfway(*arguments):
        yield next(read(*arguments))
        assert target.read_text() == "before"
        raise OSError("the disk is gone")

    monkeypatch.setattr(scoring, "iterate_rows", fails_halfway)
    source, target = _write(tmp_path / "in.csv", "table"), tmp_path / "out.csv"
    target.write_text("before")
    with pytest.raises(OSError, match="the disk is gone"):
        score_file(runs["table"], source, str(target), batch_size=5)
    assert target.read_text() == "before"
    assert {path.name for path in tmp_path.iterdir()} == {"in.csv", "out.csv"}


@pytest.mark.parametrize("target", ["in.csv", "nowhere/../in.csv"])
def test_the_input_is_not_overwritten(runs, tmp_path, target):
    (tmp_path / "nowhere").mkdir()
    source = _write(tmp_path / "in.csv", "table")
    before = (tmp_path / "in.csv").read_text()
    with pytest.raises(ValueError, match="the same file as --input and as --output"):
        score_file(runs["table"], source, str(tmp_path / target))
    assert (tmp_path / "in.csv").read_text() == before


def test_the_output_needs_a_directory(runs, tmp_path):
    source = _write(tmp_path / "in.csv", "table")
    target = str(tmp_path / "nowhere" / "out.csv")
    with pytest.raises(FileNotFoundError, match="a directory that exists; received"):
        score_file(runs["table"], source, target)
