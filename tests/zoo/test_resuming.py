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

import tfgen
from zoo import checkpoints, fitting, resuming, training
from zoo.checkpoints import Checkpoints, NotFiniteError
from zoo.model_dir import ModelDir
from zoo.training import Options, train


class Killed(BaseException):
    """Stands for the end of the process."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A directory with a table of the user's own."""
    folder = tmp_path_factory.mktemp("resuming")
    rows = np.random.default_rng(0).standard_normal([60, 2]).round(5).tolist()
    with (folder / "table.csv").open("w", newline="") as file:
        csv.writer(file).writerows(["ab", *rows])
    return folder


@pytest.fixture(scope="module")
def options(folder):
    """`Options` of a small run, of four steps an epoch in two executions."""

    def options(model_dir, fields=(), **replaced):
        told = Options(
            model="gmm",
            dataset=str(folder / "table.csv"),
            model_dir=str(model_dir),
            settings={"num_components": "2"},
            fields={
                "epochs": 3,
                "batch_size": 12,
                "learning_rate": 0.05,
                "jit_compile": False,
                **dict(fields),
            },
            steps_per_execution=2,
        )
        return dataclasses.replace(told, **replaced)

    return options


@pytest.fixture(scope="module", autouse=True)
def _quick(finish_quickly):
    """Replaces the end of a run, pictures above all, by its weights and numbers."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "finish", finish_quickly)
        patch.setattr(training.evaluation, "describe", lambda *_: "")
        yield


def _often(patch):
    """Makes every moment that may have a checkpoint have one."""
    patch.setattr(resuming, "BETWEEN_EPOCHS", 0.0)
    patch.setattr(resuming, "WITHIN_EPOCHS", 0.0)
    patch.setattr(checkpoints, "_SHARE", math.inf)


@pytest.fixture(autouse=True)
def _interruptible():
    """Signals as in the foreground, wherever tests run."""
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, previous)


@pytest.fixture
def often(monkeypatch):
    _often(monkeypatch)


@pytest.fixture(scope="module")
def base(folder, options):
    """The path of a run that was not stopped, and too short for checkpoints."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delattr(Checkpoints, "save")
        train(options(folder / "base"))
    return folder / "base"


def _killed_after(told, number):
    """Trains until so many checkpoints are written."""
    save, left = Checkpoints.save, number

    def save_and_end(self, state, arrays):
        nonlocal left
        save(self, state, arrays)
        left -= 1
        if left == 0:
            raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Checkpoints, "save", save_and_end)
        with pytest.raises(Killed):
            train(told)


def _assert_equal(path, other):
    """Reports, tables of epochs and weights are equal: not close."""
    reports = [json.loads((p / "report.json").read_text()) for p in (path, other)]
    for report in reports:
        assert report.pop("seconds") > 0
    assert reports[0] == reports[1]
    assert (path / "metrics.csv").read_bytes() == (other / "metrics.csv").read_bytes()
    with np.load(path / "examples.npz") as a, np.load(other / "examples.npz") as b:
        assert set(a) == set(b)
        for name in a:
            np.testing.assert_array_equal(a[name], b[name])
    assert {p.name for p in path.iterdir()} == {p.name for p in other.iterdir()}


# Killed, and going on.


def test_a_run_that_is_killed_again_and_again(
    base, options, often, tmp_path, monkeypatch, capsys
):
    told, folder = options(tmp_path), tmp_path / "checkpoints"
    _killed_after(told, 2)

    # What a run starts from data is in its checkpoints.
    def adapt(*args, **kwargs):
        raise AssertionError

    monkeypatch.setattr(tfgen.GenerativeModel, "adapt", adapt)
    moments = {  # And after how many more checkpoints it is killed.
        "at epoch 1, step 3": 1,
        "at epoch 1, step 5": 1,  # The epoch is to be validated.
        "at epoch 2, step 1": 6,
        "after the last epoch": 0,
    }
    for moment, more in moments.items():
        assert len(list(folder.iterdir())) == 4
        capsys.readouterr()
        if more:
            _killed_after(told, more)
        else:
            train(told)
        out = capsys.readouterr().out
        assert f"run in {tmp_path} stopped before its end: going on {moment}." in out
    _assert_equal(tmp_path, base)


def test_steps_of_one_program_go_on(options, often, tmp_path, monkeypatch):
    # Two halves of each batch, and batches that are read ahead.
    monkeypatch.setattr(fitting, "_MANY_STEPS", 1)
    fields = {"jit_compile": True, "epochs": 2}
    train(options(tmp_path / "base", fields))
    told = options(tmp_path / "run", fields)
    _killed_after(told, 2)
    _killed_after(told, 1)
    train(told)
    _assert_equal(tmp_path / "run", tmp_path / "base")


def test_averaged_weights_go_on(options, often, tmp_path):
    fields = {"weight_averaging": 0.9, "schedule": "constant", "epochs": 2}
    train(options(tmp_path / "base", fields))
    told = options(tmp_path / "run", fields)
    _killed_after(told, 4)  # As the second epoch begins.
    _killed_after(told, 1)  # Within it.
    train(told)
    _assert_equal(tmp_path / "run", tmp_path / "base")


def test_batches_go_on_where_they_were():
    split = fitting.Split(np.arange(20, dtype="float32"))
    arguments = {"batch_size": 5, "steps": 4, "epochs": 3, "seed": 1}
    whole = [b["x"] for b in fitting.training_batches(split, **arguments)]
    for done in (0, 3, 4, 6, 12):
        rest = [b["x"] for b in fitting.training_batches(split, **arguments, done=done)]
        np.testing.assert_array_equal(np.ravel(rest), np.ravel(whole[done:]))


# Checkpoints.


@pytest.fixture(scope="module")
def half(options, folder):
    """The path of a run that was killed as its last epoch was written down."""
    append = fitting._append

    def append_and_end(path, rows, *, is_new):
        append(path, rows, is_new=is_new)
        if rows[-1]["epoch"] == 3:
            raise Killed

    with pytest.MonkeyPatch.context() as patch:
        _often(patch)
        patch.setattr(fitting, "_append", append_and_end)
        with pytest.raises(Killed):
            train(options(folder / "half"))
    return folder / "half"


@pytest.fixture
def kept(half, tmp_path):
    """The checkpoints of a copy of that run: of steps 2 and 4 of the last epoch."""
    path = shutil.copytree(half, tmp_path / "half")
    config = json.loads((path / "config.json").read_text())
    return Checkpoints(ModelDir(path), config)


def _flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def _truncate(path):
    path.write_bytes(path.read_bytes()[:-20])


def _rewrite(path, **changes):
    """Changes a checkpoint as one who wrote it would."""
    state = {**json.loads(path.read_text()), **changes}
    del state["sha256"]
    state["sha256"] = checkpoints._digest(state, path.with_suffix(".npz"))
    path.write_text(json.dumps(state))


DAMAGES = {
    "flipped arrays": ("npz", _flip, "it is damaged"),
    "truncated arrays": ("npz", _truncate, "it is damaged"),
    "no arrays": ("npz", os.unlink, "No such file"),
    "flipped state": ("json", _flip, ""),
    "truncated state": ("json", _truncate, ""),
    "no object": ("json", lambda path: path.write_text("[]"), "it is damaged"),
    "nothing": ("json", lambda path: path.write_text("{}"), "it is damaged"),
    "another version's": (
        "json",
        lambda path: _rewrite(path, format=0),
        "another version of the project wrote it",
    ),
    "another run's": (
        "json",
        lambda path: _rewrite(path, config={"model": "gmm", "seed": 7}),
        "it is of another run .*seed: was 7, is 0",
    ),
}


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
    stems = sorted(path.stem for path in folder.iterdir())
    assert len(set(stems)) == 2
    assert stems[0] == stems[1] < last.stem < stems[2] == stems[3]


def test_a_checkpoint_that_cannot_be_read_just_now_is_kept(kept, monkeypatch):
    def fail(*_):
        raise OSError(errno.EIO, "Input/output error")

    before = sorted(kept.directory.checkpoints.iterdir())
    monkeypatch.setattr(checkpoints, "_digest", fail)
    with pytest.raises(OSError, match="Input/output error"):
        kept.load()
    assert sorted(kept.directory.checkpoints.iterdir()) == before


def test_files_of_others_among_checkpoints_stay(kept):
    latest = kept.load()
    other = kept.directory.checkpoints / "000003-copy.npz"
    other.write_bytes(b"kept")
    kept.save(latest.state, latest.arrays)
    assert other.read_bytes() == b"kept"


def test_the_best_so_far_stays_the_best(kept, options):
    *_, last = sorted(kept.directory.checkpoints.glob("*.json"))
    _rewrite(last, best={"epoch": 0, "value": 1e9})
    best = kept.load().group("best")
    assert train(options(kept.directory.path))["best_epoch"] == 1
    with np.load(kept.directory.path / "examples.npz") as weights:
        assert len(weights) == len(best)
        for name, array in zip(weights, best, strict=True):
            np.testing.assert_array_equal(weights[name], array)


def test_without_a_good_checkpoint_a_run_starts_over(kept, options, base, capsys):
    for path in kept.directory.checkpoints.glob("*.npz"):
        _flip(path)
    train(options(kept.directory.path))
    assert "stopped before its end: starting over." in capsys.readouterr().out
    _assert_equal(kept.directory.path, base)
    assert len(list((kept.directory.path / "logs" / "train").iterdir())) == 1


def test_a_run_goes_on_with_other_versions_and_says_so(
    kept, options, monkeypatch, capsys
):
    now = {**training.versions(), "keras": "999"}
    monkeypatch.setattr(training, "versions", lambda: now)
    train(options(kept.directory.path))
    said = capsys.readouterr().out
    assert re.search(r"other versions \(keras: was 3\S+, is 999\): numbers may", said)


def test_a_checkpoint_of_another_model_is_refused(kept, options):
    *_, last = sorted(kept.directory.checkpoints.glob("*.json"))
    variables = json.loads(last.read_text())["variables"]
    variables["model"][0][1] = [7, 7]
    _rewrite(last, variables=variables)
    with pytest.raises(ValueError, match=r"differs in the model: .*\[7, 7\]"):
        train(options(kept.directory.path))


def test_another_division_into_steps_is_refused(kept, options):
    with pytest.raises(ValueError, match="--steps_per_execution=2, or --overwrite"):
        train(options(kept.directory.path, steps_per_execution=1))


def test_checkpoints_are_of_their_time(tmp_path, monkeypatch):
    now = 1000.0
    monkeypatch.setattr(checkpoints.time, "monotonic", lambda: now)
    kept = Checkpoints(ModelDir(tmp_path))
    assert not kept.is_due(60.0)
    now += 60.0
    assert kept.is_due(60.0)
    replacing = checkpoints.Replacing

    def slow(target):
        nonlocal now
        now += 2.0
        return replacing(target)

    # Writing takes four seconds: a hundredth of those until the next.
    monkeypatch.setattr(checkpoints, "Replacing", slow)
    kept.save({}, {})
    now += 399.0
    assert not kept.is_due(60.0)
    now += 1.0
    assert kept.is_due(60.0)
    # Seconds are those until it is written, and of what goes on from it.
    other = Checkpoints(ModelDir(tmp_path))
    other.load()
    now += 500.0
    other.start()
    now += 5.0
    assert other.seconds == 60.0 + 5.0


# Signals.


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_run_that_goes_on(
    options, tmp_path, monkeypatch, base, capsys, number
):
    told, look = options(tmp_path), fitting.StopOnFailure.on_train_batch_end

    def look_and_send(self, batch, logs=None):
        look(self, batch, logs)
        if int(self.model.optimizer.iterations) == 6:
            os.kill(os.getpid(), number)

    before = signal.getsignal(number)
    error = SystemExit if number == signal.SIGTERM else KeyboardInterrupt
    with monkeypatch.context() as patch:
        patch.setattr(fitting.StopOnFailure, "on_train_batch_end", look_and_send)
        with pytest.raises(error) as stop:
            train(told)
    assert signal.getsignal(number) is before
    out = capsys.readouterr().out
    assert f"{number.name}: stopped, with a checkpoint in {tmp_path}. The same" in out
    if number == signal.SIGTERM:
        assert stop.value.code == 143
        train(told)
        assert "going on at epoch 2, step 3." in capsys.readouterr().out
        _assert_equal(tmp_path, base)


def test_a_signal_is_deferred_once_and_never_lost():
    handler, deferred = signal.getsignal(signal.SIGINT), []

    def send(times):
        with resuming.DeferredSignals() as signals:
            for _ in range(times):
                os.kill(os.getpid(), signal.SIGINT)
                deferred.append(signals.received)

    for times in (1, 2):
        with pytest.raises(KeyboardInterrupt):
            send(times)
        assert signal.getsignal(signal.SIGINT) is handler
    assert deferred == [signal.SIGINT] * 2

    # Nor where a run would go back and on.
    def fail():
        with resuming.DeferredSignals():
            os.kill(os.getpid(), signal.SIGINT)
            raise checkpoints.NotFiniteError(1, "loss")

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert signal.getsignal(signal.SIGINT) is handler


def test_ignored_signals_stay_ignored():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with resuming.DeferredSignals() as signals:
        os.kill(os.getpid(), signal.SIGINT)
    assert signals.received is None


# Numbers that are not finite.


def _poison(patch, *steps):
    """Lets numbers explode after so many steps; in a run that goes back, again."""
    look, left = fitting.StopOnFailure.on_train_batch_end, list(steps)

    def look_and_fail(self, batch, logs=None):
        if left and int(self.model.optimizer.iterations) == left[0]:
            failure = self.model.first_non_finite
            failure._step.assign(left.pop(0) - 1)
            failure._index.assign(0)
        look(self, batch, logs)

    patch.setattr(fitting.StopOnFailure, "on_train_batch_end", look_and_fail)


def test_a_failure_ends_a_run_and_its_checkpoints_stay(
    options, often, tmp_path, monkeypatch
):
    _poison(monkeypatch, 6)
    with pytest.raises(ArithmeticError, match="at step 6 the log_prob .*--on_nan=roll"):
        train(options(tmp_path))
    directory = ModelDir(tmp_path)
    latest = Checkpoints(directory, directory.config).load()
    assert (latest.state["epoch"], latest.state["step"]) == (1, 0)
    assert latest.state["variables"]["metrics"][-1][0].startswith("first_non_finite")
    assert latest.group("metrics")[-1] == -1


def test_a_run_goes_back_and_on_at_half_the_rate(
    options, tmp_path, monkeypatch, capsys
):
    fields = {"schedule": "constant"}
    _poison(monkeypatch, 2, 4)
    report = train(options(tmp_path / "run", fields, on_nan="rollback"))
    assert report["rollbacks"] == [
        {"step": 2, "term": "log_prob"},
        {"step": 4, "term": "log_prob"},
    ]
    out = capsys.readouterr().out
    for step in (2, 4):
        assert (
            f"At step {step} the log_prob was not finite: going back, on at epo" in out
        )
        assert f"rate halved at step {step}, where the log_prob was not finite" in out
    # It is as if it had begun at a quarter of the rate.
    train(options(tmp_path / "slow", {**fields, "learning_rate": 0.05 / 4}))
    metrics = [tmp_path / name / "metrics.csv" for name in ("run", "slow")]
    assert metrics[0].read_bytes() == metrics[1].read_bytes()


def test_the_rate_is_halved_three_times(kept, capsys):
    kept.on_nan = "rollback"
    kept.load()
    failure = NotFiniteError(9, "kl")
    for number in range(1, 4):
        kept.roll_back(failure)
        # One that goes on knows of it.
        other = Checkpoints(kept.directory, kept._config)
        other.load()
        assert other.rollbacks == [{"step": 9, "term": "kl"}] * number
    with pytest.raises(ArithmeticError, match="step 9 the kl .* was halved 3 times"):
        kept.roll_back(failure)
    assert capsys.readouterr().out.count("going back, on at epoch 3, step 5 at") == 3


# Others at work, and no room.


def test_two_processes_do_not_train_in_one_directory(kept, options):
    path = kept.directory.path
    before = {p: p.stat().st_mtime_ns for p in path.rglob("*")}
    program = (
        "import sys; from zoo.model_dir import ModelDir\n"
        "with ModelDir(sys.argv[1]).locked(): print('in', flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as other:
        assert other.stdout.readline() == b"in\n"
        with pytest.raises(ValueError, match="One process at a time trains in a mod"):
            train(options(path))
        other.kill()
    # What it left behind keeps nobody out.
    assert (path / ".lock").is_file()
    with kept.directory.locked():
        with pytest.raises(ValueError, match="where another one does"):
            kept.directory.locked().__enter__()
    assert {p: p.stat().st_mtime_ns for p in path.rglob("*")} == before


def test_a_full_disk_is_named_and_nothing_is_lost(
    kept, options, base, often, monkeypatch
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
    # Nor is the last epoch twice in what it wrote.
    train(options(kept.directory.path))
    _assert_equal(kept.directory.path, base)


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


def test_a_process_is_killed_and_another_one_goes_on(base, options, tmp_path, capsys):
    told = options(tmp_path / "run")
    command = [sys.executable, "-c", PROGRAM, repr(told)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    train(told)
    assert "going on at epoch 2, step 3." in capsys.readouterr().out
    _assert_equal(tmp_path / "run", base)
