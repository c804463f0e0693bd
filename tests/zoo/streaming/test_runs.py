"""Whole runs on data that stay on disk, which may vanish."""

import math

import numpy as np
import pandas as pd
import pytest

from zoo import checkpoints, fitting, resuming, training
from zoo.streaming import batches
from zoo.training import Options


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(batches, "_BLOCK_BYTES", 500)
    monkeypatch.setattr(batches, "_WINDOW_BYTES", 2000)
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(400, 2)), columns=["a", "b"])
    for number in range(2):
        frame[number::2].to_parquet(f"rows-{number}.parquet")
    return tmp_path


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    """Checkpoints whenever there may be one, and weights instead of a report."""
    monkeypatch.setattr(resuming, "BETWEEN_EPOCHS", 0.0)
    monkeypatch.setattr(checkpoints, "_SHARE", math.inf)

    def finish(model, data, fitted, directory, name, teacher=None):
        return {"history": fitted.history, "weights": model.get_weights()}

    monkeypatch.setattr(training, "finish", finish)
    monkeypatch.setattr(training.evaluation, "describe", lambda *_: "")


def _train(model_dir):
    fields = {"epochs": 9, "batch_size": 16, "jit_compile": True}
    return training.run_plan(
        training.plan_run(
            Options(
                "gmm",
                "rows-*.parquet",
                data={"data_dir": "kept"},
                model_dir=model_dir,
                settings={"num_components": "2"},
                fields=fields,
            )
        )
    )


def test_a_run_whose_data_vanish_goes_on_with_the_same_command(
    folder, monkeypatch, capsys
):
    whole = _train("whole")
    (prepared,) = folder.glob("kept/streams/*/train.x.npy")
    usual = fitting.Log.on_epoch_end

    def vanish(log, epoch, logs=None):
        usual(log, epoch, logs)
        if epoch == 1:
            prepared.unlink()

    monkeypatch.setattr(fitting.Log, "on_epoch_end", vanish)
    with pytest.raises(OSError, match=r"train\.x\.npy, which is not there any more"):
        _train("part")
    assert list(folder.glob("part/checkpoints/*.json"))
    monkeypatch.setattr(fitting.Log, "on_epoch_end", usual)
    # While the source is away too, nothing is lost.
    (folder / "rows-1.parquet").rename("away")
    with pytest.raises(ValueError, match=r"holds another run.*fingerprint"):
        _train("part")
    (folder / "away").rename("rows-1.parquet")
    capsys.readouterr()
    again = _train("part")
    assert "going on at epoch" in capsys.readouterr().out
    assert again["history"] == whole["history"]
    for one, other in zip(again["weights"], whole["weights"], strict=True):
        np.testing.assert_array_equal(one, other)
