"""A run that was stopped goes on and ends with the numbers of one that was not."""

import csv
import dataclasses
import errno
import json
import math
import os
import re
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest

from zoo import checkpoints, fitting, resuming
from zoo.checkpoints import Checkpoints
from zoo.model_dir import ModelDir
from zoo.runs import open_run
from zoo.seeds import train_seeds
from zoo.training import Options, train

# Four steps an epoch in two executions. Where every moment has a checkpoint, these are
# before steps 0, 2, 4 of epochs 0, 1, 2, and after the last.
CHECKPOINTS = [(epoch, step) for epoch in range(3) for step in (0, 2, 4)] + [(3, 0)]
FIELDS = {"epochs": 3, "batch_size": 12, "learning_rate": 0.05, "jit_compile": False}


class Killed(BaseException):
    """Stands for the end of the process."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A directory with a table of the user's own."""
    folder = tmp_path_factory.mktemp("resuming")
    rows = np.random.default_rng(0).standard_normal([60, 2]).round(5).tolist()
    with (folder / "table.csv").open("w", newline="") as file:
        csv.writer(file).writerows(["ab", *rows])
    (folder / "teacher.py").write_text(TEACHER)
    return folder


TEACHER = """
import dataclasses

from zoo.models import maf


def build(spec):
    return maf.build(spec, num_steps=1, hidden_units=(8,))


RECIPE = dataclasses.replace(maf.RECIPE, build=build, epochs=2, batch_size=24)
"""
FLOW = {"num_steps": "1", "hidden_units": "8"}
KINDS = {
    "plain": {},
    "averaged": {"fields": {"weight_averaging": 0.9, "schedule": "constant"}},
    # At so large a rate it goes up and down.
    "patient": {
        "fields": {
            "epochs": 9,
            "patience": 1,
            "learning_rate": 1.0,
            "schedule": "constant",
        },
    },
    "compiled": {"fields": {"jit_compile": True}},
}


@pytest.fixture(scope="module")
def options(folder):
    """`Options` of a small run; `fields` are added, other keywords replace."""

    def options(model_dir, *, fields=(), **replaced):
        told = Options(
            model="gmm",
            dataset=str(folder / "table.csv"),
            model_dir=str(model_dir),
            settings={"num_components": "2"},
            fields={**FIELDS, **dict(fields)},
            steps_per_execution=2,
        )
        return dataclasses.replace(told, **replaced)

    return options


@pytest.fixture(scope="module")
def bases(folder, options):
    """A function that gives the path of a finished run of a kind, never stopped."""

    def base(kind):
        path = folder / kind
        if not path.exists():
            train(options(path, **KINDS[kind]))
        return path

    return base


@pytest.fixture
def often(monkeypatch):
    """Makes every moment that may have a checkpoint have one."""
    monkeypatch.setattr(resuming, "BETWEEN_EPOCHS", 0.0)
    monkeypatch.setattr(resuming, "WITHIN_EPOCHS", 0.0)
    monkeypatch.setattr(checkpoints, "_SHARE", math.inf)


@pytest.fixture
def stopped(often, monkeypatch):
    """A function that trains until so many checkpoints are written, then is killed."""

    def stopped(told, number, act=None, run=train):
        save, left = Checkpoints.save, number

        def save_and_end(self, state, arrays):
            nonlocal left
            save(self, state, arrays)
            left -= 1
            if left == 0:
                (act or end)()

        def end():
            raise Killed

        with monkeypatch.context() as patch:
            patch.setattr(Checkpoints, "save", save_and_end)
            with pytest.raises((Killed, SystemExit, KeyboardInterrupt)) as stop:
                run(told)
        return stop

    return stopped


def _report(path):
    report = json.loads((path / "report.json").read_text())
    report.pop("seconds")
    report.get("teacher", {}).pop("seconds", None)
    return report


def _assert_equal(path, other):
    """Reports, tables of epochs and weights are equal: not close."""
    assert _report(path) == _report(other)
    assert (path / "metrics.csv").read_bytes() == (other / "metrics.csv").read_bytes()
    runs = open_run(str(path)), open_run(str(other))
    for array, expected in zip(*(run.model.get_weights() for run in runs), strict=True):
        np.testing.assert_array_equal(array, expected)
    assert {p.name for p in path.iterdir()} == {p.name for p in other.iterdir()}


# Killed, and going on.


@pytest.mark.parametrize("number", [1, 5, 6, 7, 10])
def test_a_run_goes_on_from_where_it_was(
    bases, options, stopped, tmp_path, number, capsys
):
    told = options(tmp_path / "run")
    stopped(told, number)
    assert len(list((tmp_path / "run" / "checkpoints").iterdir())) == 2 * min(number, 2)
    capsys.readouterr()
    train(told)
    epoch, step = CHECKPOINTS[number - 1]
    where = f"at epoch {epoch + 1}, step {step + 1}" if epoch < 3 else "after the last"
    assert f"stopped before its end: going on {where}" in capsys.readouterr().out
    _assert_equal(tmp_path / "run", bases("plain"))


@pytest.mark.parametrize(
    ("kind", "number"),
    [("averaged", 5), ("averaged", 7), ("patient", 7), ("compiled", 5)],
)
def test_whatever_the_recipe(bases, options, stopped, tmp_path, kind, number):
    base = bases(kind)
    told = options(tmp_path / "run", **KINDS[kind])
    stopped(told, number)
    train(told)
    _assert_equal(tmp_path / "run", base)
    if kind == "patient":
        assert 3 <= _report(base)["epochs"] < 9


def test_a_run_may_be_stopped_again_and_again(bases, options, stopped, tmp_path):
    told = options(tmp_path / "run")
    for _ in range(3):
        stopped(told, 3)
    train(told)
    _assert_equal(tmp_path / "run", bases("plain"))


def test_rows_of_epochs_that_are_run_again_are_not_doubled(
    bases, options, often, tmp_path, monkeypatch
):
    told = options(tmp_path / "run")
    append = fitting._append

    def append_and_end(path, rows, *, is_new):
        append(path, rows, is_new=is_new)
        if rows[-1]["epoch"] == 2:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(fitting, "_append", append_and_end)
        patch.setattr(resuming, "WITHIN_EPOCHS", 1000.0)
        with pytest.raises(Killed):
            train(told)
    train(told)
    _assert_equal(tmp_path / "run", bases("plain"))


def test_what_a_run_starts_from_data_is_not_started_again(
    options, stopped, tmp_path, monkeypatch
):
    told = options(tmp_path / "run")
    stopped(told, 4)

    def adapt(*args, **kwargs):
        raise AssertionError

    monkeypatch.setattr("tfgen.GenerativeModel.adapt", adapt)
    train(told)


def test_seconds_add_up(options, stopped, tmp_path):
    told = options(tmp_path / "run")
    stopped(told, 5)
    for path in (tmp_path / "run" / "checkpoints").glob("*.json"):
        state = json.loads(path.read_text())
        del state["sha256"]
        state["seconds"] = 1000.0
        state["sha256"] = checkpoints._digest(state, path.with_suffix(".npz"))
        path.write_text(json.dumps(state))
    assert train(told)["seconds"] > 1000.0


def test_another_division_into_steps_is_refused(options, stopped, tmp_path):
    stopped(options(tmp_path / "run"), 5)
    with pytest.raises(ValueError, match="--steps_per_execution=2, or --overwrite"):
        train(options(tmp_path / "run", steps_per_execution=1))


def test_short_runs_write_no_checkpoint(options, tmp_path, monkeypatch):
    monkeypatch.delattr(Checkpoints, "save")
    train(options(tmp_path / "run"))


def test_writing_takes_a_small_share_of_the_time(tmp_path, monkeypatch):
    now = 0.0
    monkeypatch.setattr(checkpoints.time, "monotonic", lambda: now)
    kept = Checkpoints(ModelDir(tmp_path))
    assert not kept.is_due(60.0)
    now = 60.0
    assert kept.is_due(60.0)
    replacing = checkpoints.Replacing

    def slow(target):
        nonlocal now
        now += 2.0
        return replacing(target)

    monkeypatch.setattr(checkpoints, "Replacing", slow)
    kept.save({}, {})
    now += 399.0
    assert not kept.is_due(60.0)
    now += 1.0
    assert kept.is_due(60.0)


# Stages.


MIXTURE = {
    "model": "gmvae",
    "dataset": None,
    "settings": {"latents": "2", "hidden_units": "8"},
}


def test_a_student_and_its_teacher_go_on(options, stopped, folder, tmp_path):
    fields = {"teacher": str(folder / "teacher.py")}
    told = {"model": "iaf_distilled", "settings": FLOW, "fields": fields}
    train(options(tmp_path / "base", **told))
    told = options(tmp_path / "run", **told)
    stopped(told, 3)  # The teacher.
    assert ModelDir(tmp_path / "run" / "teacher").checkpoints.is_dir()
    stopped(told, 8)  # The student.
    assert (tmp_path / "run" / "teacher" / "report.json").is_file()
    train(told)
    for name in ("", "teacher"):
        _assert_equal(tmp_path / "run" / name, tmp_path / "base" / name)


def test_seeds_go_on(options, stopped, tmp_path):
    train_seeds(options(tmp_path / "base"), (0, 1))
    told = options(tmp_path / "run")
    stopped(told, 14, run=lambda told: train_seeds(told, (0, 1)))
    assert ModelDir(tmp_path / "run").seed(0).is_finished
    train_seeds(told, (0, 1))
    for name in ("seed-0", "seed-1"):
        _assert_equal(tmp_path / "run" / name, tmp_path / "base" / name)


# Checkpoints that are not as they were written.


def _flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def _truncate(path):
    path.write_bytes(path.read_bytes()[:-20])


def _foreign(path):
    state = json.loads(path.read_text())
    del state["sha256"]
    state["config"]["seed"] = 7
    state["sha256"] = checkpoints._digest(state, path.with_suffix(".npz"))
    path.write_text(json.dumps(state))


DAMAGES = {
    "flipped arrays": ("npz", _flip, "it is damaged"),
    "truncated arrays": ("npz", _truncate, "it is damaged"),
    "no arrays": ("npz", os.unlink, "No such file"),
    "flipped state": ("json", _flip, ""),
    "truncated state": ("json", _truncate, ""),
    "no object": ("json", lambda path: path.write_text("[]"), "it is damaged"),
    "foreign": ("json", _foreign, "of another run .seed: was 7, is 0."),
}


@pytest.fixture(scope="module")
def half(options, folder):
    """The path of a run that was killed; tests that change it take a copy."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resuming, "BETWEEN_EPOCHS", 0.0)
        patch.setattr(resuming, "WITHIN_EPOCHS", 0.0)
        patch.setattr(checkpoints, "_SHARE", math.inf)

        def end(self, path, rows, **_):
            if rows[-1]["epoch"] == 3:
                raise Killed

        patch.setattr(fitting, "_append", lambda path, rows, **_: end(None, path, rows))
        with pytest.raises(Killed):
            train(options(folder / "half"))
    return folder / "half"


@pytest.fixture
def kept(half, options, tmp_path):
    """The checkpoints of a copy of that run: of steps 2 and 4 of the last epoch."""
    path = shutil.copytree(half, tmp_path / "half")
    config = json.loads((path / "config.json").read_text())
    return Checkpoints(ModelDir(path), config)


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_checkpoint_is_named_and_the_one_before_taken(kept, name, capsys):
    suffix, damage, reason = DAMAGES[name]
    folder = kept.directory.checkpoints
    assert kept.load().state["step"] == 4
    *_, last = sorted(folder.glob(f"*.{suffix}"))
    damage(last)
    latest = kept.load()
    assert (latest.state["epoch"], latest.state["step"]) == (2, 2)
    (line,) = capsys.readouterr().out.splitlines()
    number = last.with_suffix(".json")
    assert re.fullmatch(f"The checkpoint {number} is left out: .*{reason}.*", line)
    # The next one drives out the damaged one, not the good one.
    kept.save(latest.state, latest.arrays)
    assert len(list(folder.iterdir())) == 4
    assert sorted(p.stem for p in folder.glob("*.json")) == ["000008", "000010"]


def test_without_a_good_checkpoint_a_run_starts_over(kept, options, bases, capsys):
    for path in kept.directory.checkpoints.glob("*.npz"):
        _flip(path)
    train(options(kept.directory.path))
    assert "stopped before its end: starting over." in capsys.readouterr().out
    _assert_equal(kept.directory.path, bases("plain"))


def test_a_checkpoint_of_another_model_is_refused(kept, options):
    latest = kept.load()
    latest.state["variables"]["model"][0][1] = [3, 3]
    kept.save(latest.state, latest.arrays)
    with pytest.raises(ValueError, match=r"differs in the model: .*\[3, 3\]"):
        train(options(kept.directory.path))


def test_starting_anew_and_ending_leave_no_checkpoint(kept, options):
    train(options(kept.directory.path, seed=1, overwrite=True))
    assert not kept.directory.checkpoints.exists()


# Signals.


@pytest.mark.parametrize(
    ("number", "error", "code"),
    [(signal.SIGTERM, SystemExit, 143), (signal.SIGINT, KeyboardInterrupt, None)],
)
def test_a_signal_ends_a_run_that_goes_on(
    options, tmp_path, monkeypatch, bases, capsys, number, error, code
):
    told = options(tmp_path / "run")
    look, handlers = fitting.StopOnFailure.on_train_batch_end, []

    def look_and_send(self, batch, logs=None):
        look(self, batch, logs)
        if int(self.model.optimizer.iterations) == 6:
            os.kill(os.getpid(), number)

    before = signal.getsignal(number)
    with monkeypatch.context() as patch:
        patch.setattr(fitting.StopOnFailure, "on_train_batch_end", look_and_send)
        with pytest.raises(error) as stop:
            train(told)
    assert signal.getsignal(number) is before
    assert getattr(stop.value, "code", None) == code
    out = capsys.readouterr().out
    assert (
        f"{number.name}: stopped, with a checkpoint in {tmp_path / 'run'}. The" in out
    )
    train(told)
    assert "going on at epoch 2, step 3." in capsys.readouterr().out
    _assert_equal(tmp_path / "run", bases("plain"))


def test_a_second_signal_is_not_deferred():
    with resuming.DeferredSignals() as signals:
        os.kill(os.getpid(), signal.SIGINT)
        assert signals.received is signal.SIGINT
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


# Numbers that are not finite.


def _poison(monkeypatch, steps):
    """Lets numbers explode at these steps, each once."""
    look, left = fitting.StopOnFailure.on_train_batch_end, list(steps)

    def look_and_fail(self, batch, logs=None):
        if left and int(self.model.optimizer.iterations) >= left[0]:
            failure = self.model.first_non_finite
            failure._step.assign(left.pop(0) - 1)
            failure._index.assign(0)
        look(self, batch, logs)

    monkeypatch.setattr(fitting.StopOnFailure, "on_train_batch_end", look_and_fail)


def test_by_default_a_failure_stops_the_run_and_keeps_its_checkpoints(
    options, often, tmp_path, monkeypatch
):
    told = options(tmp_path / "run")
    with monkeypatch.context() as patch:
        _poison(patch, [6])
        with pytest.raises(ArithmeticError, match="step 6 the log_prob .*--on_nan="):
            train(told)
    kept = Checkpoints(ModelDir(tmp_path / "run"), ModelDir(told.model_dir).config)
    assert (kept.load().state["epoch"], kept.latest.state["step"]) == (1, 0)
    report = train(dataclasses.replace(told, on_nan="rollback"))
    assert "rollbacks" not in report


@pytest.mark.parametrize("schedule", ["cosine", "constant"])
def test_a_run_goes_back_and_on_at_half_the_rate(
    options, tmp_path, monkeypatch, capsys, schedule
):
    fields = {"schedule": schedule}
    told = options(tmp_path / "run", on_nan="rollback", fields=fields)
    _poison(monkeypatch, [2, 4])
    report = train(told)
    assert report["rollbacks"] == [
        {"step": 2, "term": "log_prob"},
        {"step": 4, "term": "log_prob"},
    ]
    out = capsys.readouterr().out
    assert out.count("going back, on at epoch 1, step 1 at half the") == 2
    assert "learning rate halved at step 4, where the log_prob was not finite" in out
    # It is as if it had begun at a quarter of the rate.
    slow = {**fields, "learning_rate": FIELDS["learning_rate"] / 4}
    train(options(tmp_path / "slow", fields=slow))
    metrics = [tmp_path / name / "metrics.csv" for name in ("run", "slow")]
    assert metrics[0].read_bytes() == metrics[1].read_bytes()


def test_after_three_times_it_stops(options, tmp_path, monkeypatch):
    _poison(monkeypatch, [2, 2, 2, 4])
    told = options(tmp_path / "run", on_nan="rollback")
    with pytest.raises(ArithmeticError, match="step 4 .* was halved 3 times"):
        train(told)


# Others at work, and no room.


def test_two_processes_do_not_train_in_one_directory(kept, options, half):
    before = {p: p.stat().st_mtime_ns for p in kept.directory.path.rglob("*")}
    program = (
        "import sys; from zoo.model_dir import ModelDir\n"
        "with ModelDir(sys.argv[1]).locked(): print('in', flush=True); input()"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", program, kept.directory.path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with other:
        assert other.stdout.readline() == b"in\n"
        with pytest.raises(ValueError, match="One process at a time trains in a"):
            train(options(kept.directory.path))
        other.kill()
    (kept.directory.path / ".lock").unlink()
    after = {p: p.stat().st_mtime_ns for p in before}
    assert after == before
    with kept.directory.locked(), pytest.raises(ValueError, match="where another one"):
        kept.directory.locked().__enter__()
    assert not (kept.directory.path / ".lock").exists()


def test_the_lock_of_a_killed_process_is_free(kept, options):
    (kept.directory.path / ".lock").touch()
    (kept.directory.path / "config.json").unlink()
    with pytest.raises(ValueError, match="holds other files"):
        train(options(kept.directory.path))
    shutil.rmtree(kept.directory.path)
    kept.directory.path.mkdir()
    (kept.directory.path / ".lock").touch()
    train(options(kept.directory.path))
    assert not (kept.directory.path / ".lock").exists()


def test_a_full_disk_is_named_and_nothing_is_lost(
    kept, options, bases, often, monkeypatch
):
    before = {p: p.read_bytes() for p in kept.directory.checkpoints.iterdir()}

    def savez(file, **_):
        file.write(b"half of it")
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(checkpoints.np, "savez", savez)
        with pytest.raises(OSError, match="received .*half .No space left on device.*"):
            train(options(kept.directory.path))
    after = {p: p.read_bytes() for p in kept.directory.checkpoints.iterdir()}
    assert after == before
    train(options(kept.directory.path))
    _assert_equal(kept.directory.path, bases("plain"))


# A process that is killed.

PROGRAM = """
import math, os, signal, sys
from zoo import checkpoints, fitting, resuming
from zoo.training import Options, train

resuming.BETWEEN_EPOCHS = resuming.WITHIN_EPOCHS = 0.0
checkpoints._SHARE = math.inf
look = fitting.StopOnFailure.on_train_batch_end

def look_and_end(self, batch, logs=None):
    look(self, batch, logs)
    if int(self.model.optimizer.iterations) == 8:
        os.kill(os.getpid(), signal.SIGKILL)

fitting.StopOnFailure.on_train_batch_end = look_and_end
train(eval(sys.argv[1]))
"""


def test_a_process_is_killed_and_another_one_goes_on(bases, options, tmp_path, capsys):
    told = options(tmp_path / "run")
    command = [sys.executable, "-c", PROGRAM, repr(told)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    train(told)
    assert "going on at epoch 2, step 3." in capsys.readouterr().out
    _assert_equal(tmp_path / "run", bases("plain"))
