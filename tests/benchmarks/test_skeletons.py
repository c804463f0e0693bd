"""The baselines of skeletons: what is counted, and that nothing tunes on test rows."""

import sys

import numpy as np
import pytest

from benchmarks import skeletons
from zoo.data import Split
from zoo.models import gmvae_supervised


def test_windows_and_sequences_are_counted():
    # Sequence 7 has three windows, one of them right; sequence 2 a wrong one.
    log_prob = np.log([[0.7, 0.3], [0.4, 0.6], [0.2, 0.8], [0.45, 0.55]])
    split = Split(
        np.zeros([4, 1]),
        np.zeros(4, "int32"),
        group=np.array([7, 2, 7, 7]),
    )
    assert skeletons.accuracies(log_prob, split) == (0.25, 0.0)
    log_prob[0] = np.log([0.9, 0.1])
    assert skeletons.accuracies(log_prob, split) == (0.25, 0.5)


def test_no_probability_is_no_infinity():
    class Sure:
        def predict_proba(self, x):
            return np.tile([0.0, 1.0], (len(x), 1))

    assert np.isfinite(skeletons.log_probs(Sure(), np.zeros([3, 2]))).all()


def test_a_row_for_each_classifier(monkeypatch, capsys):
    small = {"PENALTIES": (1e-3,), "LAYERS": ((16,),), "ALPHAS": (0.1,)}
    small |= {"RATES": (1e-3,), "EPOCHS": 3, "SEEDS": range(2)}
    small["SETTINGS"] = {"walkers": {"hidden_units": "16", "label_weight": "30"}}
    small["FIELDS"] = {**skeletons.FIELDS, "epochs": 2, "jit_compile": False}
    for name, value in small.items():
        monkeypatch.setattr(skeletons, name, value)
    monkeypatch.setattr(sys, "argv", ["skeletons", "walkers"])
    skeletons.main()
    _, rule, logistic, mlp, mixture = capsys.readouterr().out.splitlines()
    assert rule.startswith("| --- |")
    assert logistic.startswith("| walkers | logistic regression | ")
    assert float(logistic.split("|")[3]) > 0.9
    assert [len(cell.split(",")) for cell in mlp.split("|")[3:5]] == [2, 2]
    assert "layers 16, alpha = 0.1, rate = 0.001, epochs " in mlp
    assert mixture.startswith("| walkers | gmvae_supervised | ")
    assert [len(cell.split(",")) for cell in mixture.split("|")[3:5]] == [2, 2]
    assert "hidden_units = 16, " in mixture


def test_the_settings_are_those_of_the_documented_command():
    command = " ".join((gmvae_supervised.__doc__ or "").replace("\\", " ").split())
    assert "--set code_evidence=false" in command
    for name, value in skeletons.FIELDS.items():
        assert f"--{name}={value}" in command
    for name, settings in skeletons.SETTINGS.items():
        for key, value in settings.items():
            assert f"--set {key}={value}" in command
        assert f"--dataset={name} " in command or f"`{name}`" in command


def test_unknown_data_are_told_in_a_sentence(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["skeletons", "nothing"])
    with pytest.raises(SystemExit, match="error: zoo has no data set 'nothing'"):
        skeletons.main()
