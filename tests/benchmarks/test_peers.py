"""The comparison with peers: what is measured in which order, and what fails how."""

import sys
from pathlib import Path

import pytest

from benchmarks.peers import __main__ as command
from benchmarks.peers import report, workers
from benchmarks.peers.cases import TABLES, Case
from benchmarks.peers.libraries import tfgen as own


@pytest.fixture
def measure(monkeypatch, tmp_path):
    """A function that gives the order in which a command line has things measured."""

    def measure(*arguments, stored=()):
        order = []
        monkeypatch.setattr(sys, "argv", ["peers", *arguments])
        monkeypatch.setattr(report, "load", lambda _: dict.fromkeys(stored, {}))
        monkeypatch.setattr(report, "write", lambda *_: None)
        monkeypatch.setattr(command, "_RESULTS", tmp_path / "results.json")
        monkeypatch.setattr(command, "make_environment", lambda path: path)
        monkeypatch.setattr(command, "limit_cores", lambda: None)
        for kind in ("table", "curve"):
            monkeypatch.setattr(
                command, kind, lambda _, name, *args, **kwargs: order.append(name)
            )
        command.main()
        return order

    return measure


def test_tables_are_measured_before_their_curves(measure):
    assert measure("sample-rows", "maf-43", "--quick") == ["maf-43", "sample-rows"]
    everything = measure("--quick")
    assert everything == [*TABLES, "sample-features", "sample-rows", "train-rows"]


def test_what_a_curve_is_held_against_is_measured_unless_it_was(measure):
    assert measure("sample-rows") == ["maf-43", "sample-rows"]
    assert measure("sample-rows", stored=["maf-43"]) == ["sample-rows"]
    # A quick run knows nothing of earlier ones.
    order = measure("train-rows", "vae", "--quick", stored=["maf-43"])
    assert order == ["maf-43", "vae", "train-rows"]


@pytest.mark.parametrize(("model", "mode"), [("maf", "eager"), ("vae", "xla")])
def test_our_own_side_trains_in_finite_steps(model, mode):
    case = Case("train", model, features=4, hidden=5, rows=6, num_steps=2)
    task = own.prepare(case, mode)
    task.run()
    task.close()
    assert task.units == 100
    assert task.parameters > 0


def test_the_end_of_a_process_is_told_with_its_last_words():
    pool = workers.Pool(Path(sys.executable))
    case = TABLES["vae"].cases[0]
    for _ in range(2):  # Before its end is known, and after.
        with pytest.raises(workers.WorkerError) as error:
            pool.prepare("missing", "eager", case)
        told = str(error.value)
        assert told.startswith("The process of missing ended with status 1. The last")
        assert "No module named 'benchmarks.peers.libraries.missing'\nTo start" in told
        assert told.endswith(f"{sys.executable} -m benchmarks.peers.serve missing")
    pool.close()
