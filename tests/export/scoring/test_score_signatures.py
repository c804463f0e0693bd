"""Which signature answers rows, and what becomes of its answers."""

import json

import numpy as np
import pyarrow
import pytest
import tensorflow as tf

from export.blocks import Block, RowSignature, answer
from tfgen import random
from zoo.fitting import EVALUATION_SEED


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
def test_what_is_no_model_of_this_zoo_is_refused(boxes, tmp_path, missing):
    boxes.save(tmp_path)
    (tmp_path / missing).unlink()
    with pytest.raises(FileNotFoundError, match=f"without {missing}"):
        RowSignature.find(str(tmp_path))


DAMAGED = {
    "empty": [],
    "a list": None,
    "no default": ["default_signature"],
    "no signatures": ["signatures"],
    "no inputs": ["signatures", "log_prob", "inputs"],
    "no spec": ["dataset", "spec"],
    "no quantiles": ["report", "train_quantiles"],
    "another default": (["default_signature"], "classify"),
    "default as a list": (["default_signature"], ["log_prob"]),
    "signatures as a list": (["signatures"], ["log_prob"]),
    "inputs as text": (["signatures", "log_prob", "inputs"], "x"),
    "a context from nowhere": (
        ["signatures", "log_prob", "inputs"],
        {"x": {}, "context": {}},
    ),
    "dataset as text": (["dataset"], "boxes"),
    "spec of something else": (["dataset", "spec"], {"colour": "red"}),
    "shape as text": (["dataset", "spec", "event_shape"], "3"),
    "columns as numbers": (["dataset", "spec", "columns"], [1, 2, 3]),
    "levels as text": (["dataset", "spec", "levels"], "many"),
    "context as a number": (["dataset", "spec", "context"], 1),
    "quantiles as text": (["report", "train_quantiles"], ["low", "high"]),
    "one quantile": (["report", "train_quantiles"], [-1.0]),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_a_damaged_description_is_refused(boxes, tmp_path, case):
    (tmp_path / "saved_model.pb").touch()
    signatures = {"log_prob": {"inputs": {"x": {}}}}
    report = {"train_quantiles": boxes.quantiles.tolist()}
    boxes.describe(tmp_path, boxes.spec, signatures, report)
    assert RowSignature.find(str(tmp_path)).name == "log_prob"
    file = tmp_path / "assets.extra" / "model.json"
    about = json.loads(file.read_text())
    match DAMAGED[case]:
        case None:
            about = []
        case []:
            about = {}
        case ([*keys, last], value):
            _at(about, keys)[last] = value
        case [*keys, last]:
            del _at(about, keys)[last]
    file.write_text(json.dumps(about))
    with pytest.raises(ValueError, match=r"^[^\n]*model\.json is damaged, or [^\n]*$"):
        RowSignature.find(str(tmp_path))


def _at(about, keys):
    for key in keys:
        about = about[key]
    return about


def test_a_description_nested_without_end_is_refused(saved_model, tmp_path):
    (tmp_path / "saved_model.pb").touch()
    (tmp_path / "assets.extra").mkdir()
    (tmp_path / "assets.extra" / "model.json").write_text("[" * 200_000)
    with pytest.raises(ValueError, match="is damaged"):
        RowSignature.find(str(tmp_path))


def test_seeds_follow_from_the_number_of_the_row(boxes, saved_model):
    signature = RowSignature.find(str(saved_model), "elbo")
    block = Block("in.csv", 101, boxes.rows(10), None, [])
    expected = random.row_seeds(EVALUATION_SEED, tf.range(100, 110))
    for batch_size in (3, 10, 50):
        answers = signature.load()(block, batch_size)
        np.testing.assert_array_equal(answers["seed"], expected)
    # The training's quantiles are of another answer.
    table, _ = signature.table(block, answers)
    assert table.column_names == ["file", "row", "elbo", "seed"]


def test_a_signature_gets_what_it_takes(boxes):
    def function(x, context):
        return {"sum": x[:, 0] + tf.cast(context, tf.float32)}

    block = Block("in.csv", 1, boxes.rows(5), np.arange(5, dtype="int32"), [])
    answers = answer(function, ("context", "x"), block, batch_size=2)
    expected = block.x[:, 0] + np.arange(5)
    np.testing.assert_allclose(answers["sum"], expected, rtol=1e-6)


def test_rows_without_an_answer_are_left_out(boxes, saved_model):
    signature = RowSignature.find(str(saved_model))
    block = Block(
        "in.csv", 11, boxes.rows(5), None, [(12, "column 'width' is missing")]
    )
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


def test_vectors_get_a_column_for_each_number(boxes, saved_model):
    signature = RowSignature.find(str(saved_model), "encode")
    block = Block("in.csv", 1, boxes.rows(4), None, [])
    table, reasons = signature.table(block, signature.load()(block, 3))
    assert table.column_names == ["file", "row", "z_0", "z_1", "z_2"]
    assert table.schema.field("z_0").type == pyarrow.float32()
    expected = (block.x - boxes.loc) / boxes.scale
    z = table.select(["z_0", "z_1", "z_2"]).to_pandas()
    np.testing.assert_allclose(z, expected, rtol=1e-5, atol=1e-5)
    assert not reasons
