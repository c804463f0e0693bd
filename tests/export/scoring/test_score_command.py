"""The command `python -m export.score`."""

import contextlib
import importlib.util
import io
import logging
import runpy
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
from absl import flags
from absl.testing import flagsaver

import zoo.cli  # noqa: F401  (A call takes back all flags that it defines.)


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
    boxes, score_files, saved_model, tmp_path, monkeypatch
):
    frame = pd.DataFrame(boxes.rows(8_000), columns=boxes.columns)
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
    assert not (output / "_summary.json").exists()
    monkeypatch.chdir(tmp_path)
    score_files(str(saved_model), ["*.parquet"], str(output), block_rows=10)
    scores, letters = boxes.scores(output), boxes.dead_letters(output)
    bad = range(1, 8_001, 1000)
    assert scores.row.tolist() == [n for n in range(1, 8_001) if n not in bad]
    assert [int(row) for _, row, _ in letters] == list(bad)
    assert set(scores.file) == {"in.parquet"}
    good = frame.loc[scores.row - 1]
    np.testing.assert_allclose(
        scores.log_prob, boxes.log_prob(good), rtol=1e-5, atol=1e-5
    )
    assert {path.suffix for path in output.iterdir()} == {".parquet", ".csv", ".json"}
