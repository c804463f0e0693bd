"""Processes that are killed at random moments, and runs that end as if none had been.

They are of a density, a variational autoencoder, one of two stages, a student with its
teacher, and several seeds.
"""

import json
import subprocess
import sys
import time

import numpy as np
import pytest

from zoo.runs import open_run

pytestmark = pytest.mark.slow

KILLS = 20
PROGRAM = """
import math, sys
from zoo import checkpoints, resuming
from zoo.seeds import train_seeds
from zoo.training import Options, train

resuming.BETWEEN_EPOCHS = resuming.WITHIN_EPOCHS = 0.0
checkpoints._SHARE = math.inf
told, seeds = eval(sys.argv[1])
print("started", flush=True)
train_seeds(told, seeds) if seeds else train(told)
"""
SMALL = "'hidden_units': '16'"
KINDS = {
    "density": ("'maf'", f"{{'num_steps': '2', {SMALL}}}", "{}"),
    "averaged density": (
        "'maf'",
        f"{{'num_steps': '2', {SMALL}}}",
        "{'weight_averaging': 0.9, 'patience': 2}",
    ),
    "autoencoder": ("'vae'", f"{{'latents': '2', {SMALL}}}", "{}"),
    "two stages": (
        "'gmvae'",
        f"{{'latents': '2', {SMALL}}}",
        "{'pretraining_epochs': 4}",
    ),
    "student": (
        "'iaf_distilled'",
        f"{{'num_steps': '2', {SMALL}}}",
        "{'jit_compile': False}",
    ),
    "seeds": ("'gmm'", "{'num_components': '3'}", "{}"),
}


def _command(kind, path):
    model, settings, fields = KINDS[kind]
    fields = f"{{'epochs': 6, 'batch_size': 50, **{fields}}}"
    data = "'wine'" if kind in ("student", "seeds") else "'digits'"
    seeds = (0, 1) if kind == "seeds" else ()
    options = (
        f"Options({model}, {data}, model_dir={str(path)!r}, settings={settings}, "
        f"fields={fields}, steps_per_execution=3)"
    )
    return [sys.executable, "-c", PROGRAM, f"({options}, {seeds})"]


def _assert_equal(path, other):
    """Reports, tables of epochs and weights are equal: not close."""
    reports = []
    for directory in (path, other):
        report = json.loads((directory / "report.json").read_text())
        for part in (report, report.get("teacher", {})):
            part.pop("seconds", None)
        reports.append(report)
    assert reports[0] == reports[1]
    assert (path / "metrics.csv").read_bytes() == (other / "metrics.csv").read_bytes()
    runs = open_run(str(path)), open_run(str(other))
    for array, expected in zip(*(run.model.get_weights() for run in runs), strict=True):
        np.testing.assert_array_equal(array, expected)
    assert not (path / "checkpoints").exists()


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_is_killed_again_and_again(tmp_path, kind):
    start = time.monotonic()
    subprocess.run(_command(kind, tmp_path / "base"), check=True, capture_output=True)
    seconds = time.monotonic() - start
    rng, kills, number = np.random.default_rng(0), 0, 0
    places = {"seeds": ("seed-0", "seed-1"), "student": ("", "teacher")}
    while kills < KILLS:
        path = tmp_path / f"run-{number}"
        is_new, start = not path.exists(), time.monotonic()
        limit = rng.uniform(0.2, 1.0) * seconds
        try:
            subprocess.run(
                _command(kind, path), check=True, capture_output=True, timeout=limit
            )
        except subprocess.TimeoutExpired:  # By SIGKILL.
            kills += 1
            continue
        for place in places.get(kind, ("",)):
            _assert_equal(path / place, tmp_path / "base" / place)
        number += 1
        if is_new:  # The machine may have less to do than it had at first.
            seconds = min(seconds, time.monotonic() - start)
        assert number < 5 * KILLS, "Runs end before they are killed."
    subprocess.run(_command(kind, path), check=True, capture_output=True)
    for place in places.get(kind, ("",)):
        _assert_equal(path / place, tmp_path / "base" / place)
