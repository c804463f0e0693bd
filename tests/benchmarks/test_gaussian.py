"""The baseline of the tables: one Gaussian."""

import sys

import numpy as np
import pytest
from scipy import stats

from benchmarks import gaussian
from zoo.data import load


@pytest.fixture
def run(monkeypatch):
    """A function that runs the command."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["gaussian.py", *arguments])
        gaussian.main()

    return run


def test_the_number_is_that_of_the_fitted_density(run, tmp_path, capsys):
    rows = np.random.default_rng(0).normal([1.0, -200.0], [3.0, 0.1], [50, 2])
    path = str(tmp_path / "rows.npy")
    np.save(path, rows.astype("float32"))
    run(path)
    data = load(path)
    train, test = (part.x.astype(float) for part in (data.train, data.test))
    density = stats.multivariate_normal(train.mean(axis=0), np.cov(train.T))
    told = capsys.readouterr().out
    assert f": {density.logpdf(test).mean():.3f} " in told
    assert told.endswith("nats (5 test rows)\n")


def test_what_is_missing_or_unknown_is_told_in_a_sentence(run, capsys):
    with pytest.raises(SystemExit) as error:
        run()
    assert error.value.code == 2
    assert "arguments are required: dataset" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="error: zoo has no data set 'nothing'"):
        run("nothing")
    with pytest.raises(SystemExit, match="error: .* must exist; received"):
        run("nothing.csv")
