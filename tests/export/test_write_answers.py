"""Answers into files: what is kept, and what is said, when something goes wrong."""

import contextlib
import csv
import os
import resource
from pathlib import Path

import numpy as np
import pytest

from export._write_answers import check_target, write_answers

KINDS = ("csv", "npz")
# Random digits, which do not compress: 100,000 bytes are more than the disk takes.
ANSWERS = [
    {"z": part} for part in np.random.default_rng(0).standard_normal([50, 100, 2])
]


@contextlib.contextmanager
def full_disk(size=20_000):
    """No file grows beyond `size`, which is how a full disk looks to who writes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def broken_off(answers, error):
    """Answers, then a fault."""
    yield from answers
    raise error


def _rows(path):
    if path.suffix == ".npz":
        with np.load(path) as arrays:
            return arrays["z"]
    with path.open(newline="") as file:
        return np.array([row[1:] for row in csv.reader(file)][1:], "float64")


@pytest.mark.parametrize("kind", KINDS)
def test_answers_before_a_fault_are_kept(tmp_path, kind):
    target = tmp_path / f"out.{kind}"
    with pytest.raises(OSError, match="late. The 300 rows that were answ") as error:
        write_answers(broken_off(ANSWERS[:3], TimeoutError("It is late.")), target)
    part = tmp_path / f"out.part.{kind}"
    assert str(error.value).endswith(f"are in {part}.")
    assert list(tmp_path.iterdir()) == [part]
    expected = np.concatenate([answer["z"] for answer in ANSWERS[:3]])
    np.testing.assert_array_equal(_rows(part), expected)


@pytest.mark.parametrize("kind", KINDS)
def test_a_fault_before_any_answer_is_the_fault(tmp_path, kind):
    fault = TimeoutError("It is late.")
    with pytest.raises(TimeoutError) as error:
        write_answers(broken_off([], fault), tmp_path / f"out.{kind}")
    assert error.value is fault
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("fault", [None, TimeoutError("late"), KeyboardInterrupt()])
@pytest.mark.parametrize("kind", KINDS)
def test_a_full_disk_keeps_and_claims_nothing(tmp_path, capsys, kind, fault):
    target = tmp_path / f"out.{kind}"
    target.write_text("before")
    answers = broken_off(ANSWERS, fault) if fault else iter(ANSWERS)
    with full_disk(), pytest.raises(OSError, match="cannot write") as error:
        write_answers(answers, target)
    assert str(error.value) == (
        "Answers are written where there is room for all of them; cannot write "
        f"{target} (File too large). Make room, or give another --output."
    )
    assert target.read_text() == "before"
    assert list(tmp_path.iterdir()) == [target]
    assert capsys.readouterr() == ("", "")


def test_a_disk_that_is_full_at_the_end_keeps_and_claims_nothing(tmp_path):
    """What is written when the file is closed, and no sooner."""
    with full_disk(50), pytest.raises(OSError, match=r"cannot write .*too large\)\."):
        write_answers([{"z": np.zeros(20)}], tmp_path / "out.csv")
    assert not list(tmp_path.iterdir())


def test_an_interrupted_row_is_not_kept(tmp_path):
    class Interrupting:
        def __str__(self):
            raise KeyboardInterrupt

    answers = [{"z": np.zeros(3)}, {"z": np.array([1.0, Interrupting()])}]
    with pytest.raises(KeyboardInterrupt):
        write_answers(answers, tmp_path / "out.csv")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", KINDS)
def test_a_part_that_cannot_have_its_name_is_not_claimed(tmp_path, kind):
    (tmp_path / f"out.part.{kind}").mkdir()
    answers = broken_off(ANSWERS, TimeoutError("late"))
    with pytest.raises(OSError, match=r"cannot write .*\.part\..* \(Is a directory\)"):
        write_answers(answers, tmp_path / f"out.{kind}")
    assert [path.name for path in tmp_path.iterdir()] == [f"out.part.{kind}"]


TARGETS = {
    "/proc/out.npz": "No such file or directory",
    "no/out.npz": "No such file or directory",
    "file/out.csv": "Not a directory",
    "directory.npz": "Is a directory",
    f"{'o' * 300}.csv": "File name too long",
}


@pytest.mark.parametrize("name", TARGETS)
def test_targets_that_cannot_be_written_are_refused(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    Path("directory.npz").mkdir()
    before = set(os.listdir())
    with pytest.raises(OSError, match="cannot write") as error:
        check_target(name)
    assert f"; cannot write {name} ({TARGETS[name]}). " in str(error.value)
    assert set(os.listdir()) == before
    with pytest.raises(OSError, match="cannot write"):
        write_answers([], name)
