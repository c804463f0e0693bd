"""Whole runs on data that stay on disk, which may vanish."""

import json

import numpy as np
import pandas as pd
import pytest

from zoo import fitting, resuming
from zoo.runs import open_run
from zoo.streaming import batches
from zoo.training import Options, train


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(batches, "_BLOCK_BYTES", 500)
    monkeypatch.setattr(batches, "_WINDOW_BYTES", 2000)
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(500, 3)), columns=list("abc"))
    for number in range(2):
        half = frame.assign(kind=np.arange(500) % 3)[number::2]
        half.to_parquet(f"rows-{number}.parquet")
    return tmp_path


def _train(model_dir):
    return train(
        Options(
            "maf_conditional",
            "rows-*.parquet",
            data={"data_dir": "kept", "context": ["kind"]},
            model_dir=model_dir,
            settings={"hidden_units": "8", "num_steps": "1"},
            fields={"epochs": 9, "batch_size": 20, "jit_compile": False},
        )
    )


def test_a_run_whose_data_vanish_goes_on_with_the_same_command(
    folder, monkeypatch, capsys
):
    whole = _train("whole")
    assert whole["test"]["log_prob"]["rows"] == 50
    monkeypatch.setattr(resuming, "BETWEEN_EPOCHS", 0.0)
    monkeypatch.setattr("zoo.checkpoints._SHARE", np.inf)
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
    for report in (whole, again):
        del report["seconds"]
    assert json.dumps(again) == json.dumps(whole)
    runs = open_run("whole"), open_run("part")
    for one, other in zip(*(run.model.get_weights() for run in runs), strict=True):
        np.testing.assert_array_equal(one, other)
    assert runs[1].load_data().fingerprint() == runs[0].load_data().fingerprint()
