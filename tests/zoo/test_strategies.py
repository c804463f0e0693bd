"""Several devices and several workers come to what one device comes to."""

import contextlib
import csv
import dataclasses
import json
import math
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from zoo import checkpoints, fitting, resuming, strategies, training
from zoo.data import Split
from zoo.strategies import Devices, Share, parse_cluster
from zoo.streaming.stored import StoredRows
from zoo.training import Options, train

ROOT = Path(__file__).parents[2]


@pytest.fixture(params=["memory", "disk"])
def split(request, tmp_path):
    """Makes rows that are numbered from 0, in memory or on disk."""

    def split(rows):
        x = np.arange(rows, dtype=np.float32)[:, np.newaxis]
        if request.param == "memory":
            return Split(x)
        np.save(tmp_path / "x.npy", x)
        return Split(StoredRows(tmp_path / "x.npy"))

    return split


@pytest.mark.parametrize(("first", "count", "of"), [(0, 1, 2), (1, 1, 2), (1, 2, 3)])
def test_shares_of_training_batches_make_up_the_batch(first, count, of, split):
    told = {"batch_size": 6, "steps": 3, "epochs": 2, "seed": 1, "done": 1}
    whole = [b["x"] for b in fitting.training_batches(split(20), **told)]
    share = Share(first, count, of)
    parts = [b["x"] for b in fitting.training_batches(split(20), **told, share=share)]
    assert len(parts) == len(whole) * count == 5 * count
    for number, part in enumerate(parts):
        batch, replica = divmod(number, count)
        np.testing.assert_array_equal(part, whole[batch][first + replica :: of])


def test_shares_of_evaluation_batches_have_each_row_once(split):
    rows = split(501)
    batches = list(fitting.evaluation_batches(rows, seed=3))
    expected = np.concatenate([inputs["seed"] for inputs, _, _ in batches])[:501]
    found = {}
    for first in range(3):
        shared = fitting.evaluation_batches(rows, seed=3, share=Share(first, 1, 3))
        sizes = set()
        for inputs, weights, _ in shared:
            sizes.add(len(weights))
            for x, seed, weight in zip(*inputs.values(), weights, strict=True):
                if weight:
                    assert float(x[0]) not in found
                    found[float(x[0])] = int(seed)
        assert sizes == {167}
    assert found == dict(enumerate(expected.tolist()))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        '{"cluster": {"worker": []}, "task": {"type": "worker", "index": 0}}',
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}',
        '{"cluster": {"worker": ["a"]}, "task": {"type": "worker", "index": 0}}',
        '{"cluster": {"worker": [1]}, "task": {"type": "worker", "index": 0}}',
        '{"cluster": {"worker": ["a:1", "a:1"]}, "task": {"type": "worker", '
        '"index": 0}}',
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "ps", "index": 0}}',
        '{"cluster": {"ps": ["a:1"], "worker": ["b:1"]}, "task": {"type": "worker", '
        '"index": 0}}',
    ],
)
def test_what_is_no_cluster_is_refused(text):
    with pytest.raises(ValueError, match="TF_CONFIG has the addresses of all"):
        parse_cluster(text)


def test_an_unknown_strategy_is_refused():
    with pytest.raises(ValueError, match=r"none, mirrored, multi_worker; received 'x'"):
        strategies.devices("x")


def test_several_seeds_on_several_workers_are_refused(monkeypatch):
    from zoo.seeds import train_seeds

    monkeypatch.delattr(strategies, "_connected")
    with pytest.raises(ValueError, match="Several workers train one run"):
        train_seeds(Options("gmm", strategy="multi_worker"), [0, 1])


class Threads:
    """Workers of one process, one a thread, that add up numbers as others do."""

    def __init__(self, count):
        self.barrier = threading.Barrier(count, timeout=20)
        self.numbers = [None] * count

    def run(self, function):
        """What the function of each worker's `Devices` answers, or raises."""
        answers = [None] * len(self.numbers)

        def work(worker):
            devices = Devices(None, worker, len(self.numbers))
            devices._sum = lambda numbers: self._sum(worker, numbers)
            try:
                answers[worker] = function(devices)
            except Exception as error:
                answers[worker] = error

        threads = [threading.Thread(target=work, args=[i]) for i in range(len(answers))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return answers

    def _sum(self, worker, numbers):
        self.numbers[worker] = numbers
        self.barrier.wait()
        total = sum(self.numbers)
        assert total.dtype == numbers.dtype
        self.barrier.wait()
        return total


@pytest.mark.parametrize("text", ["", "abc", "-" * 100])
def test_all_workers_get_what_the_chief_answers(text, monkeypatch):
    monkeypatch.setattr(strategies, "_PIECE", 32)
    calls = []

    def function(devices):
        return devices.of_chief(lambda: calls.append(1) or {"text": text})

    assert Threads(3).run(function) == [{"text": text}] * 3
    assert calls == [1]


def test_all_workers_get_the_arrays_of_the_chief():
    arrays = [np.float32([[0.1, math.nan]]), np.int64([2**40])]

    def function(devices):
        return devices.arrays_of_chief(lambda: arrays if devices.is_chief else 1 / 0)

    for answer in Threads(2).run(function):
        for array, expected in zip(answer, arrays, strict=True):
            np.testing.assert_array_equal(array, expected)
            assert array.dtype == expected.dtype


def test_all_workers_get_the_files_of_the_chief(tmp_path):
    (tmp_path / "0" / "a").mkdir(parents=True)
    (tmp_path / "0" / "a" / "b.txt").write_bytes(b"\x00\xff\n")

    def function(devices):
        names = ["a/b.txt"] if devices.is_chief else []
        devices.copy_of_chief(tmp_path / str(devices.worker), names)

    assert Threads(2).run(function) == [None, None]
    assert (tmp_path / "1" / "a" / "b.txt").read_bytes() == b"\x00\xff\n"


def test_an_error_of_the_chief_is_one_of_all_workers():
    def fail():
        raise OSError("no room")

    first, second = Threads(2).run(lambda devices: devices.of_chief(fail))
    assert isinstance(first, OSError)
    assert str(second) == "The chief, worker 0, stopped: no room"


def test_workers_that_are_told_different_things_stop():
    def function(devices):
        devices.require_alike({"seed": devices.worker == 1, "versions": devices.worker})

    first, second, third = map(str, Threads(3).run(function))
    assert "another one received something else" in first
    assert first == third
    assert "worker 1 received seed: was False, is True" in second
    assert (
        Threads(2).run(lambda d: d.require_alike({"versions": d.worker})) == [None] * 2
    )


def test_a_signal_to_one_worker_stops_all_and_the_chief_has_the_clock():
    def function(devices):
        received = signal.SIGTERM if devices.worker == 1 else None
        return devices.agreed(received, is_due=devices.is_chief)

    assert Threads(2).run(function) == [(signal.SIGTERM, True)] * 2

    def function(devices):
        return devices.agreed(None, is_due=not devices.is_chief)

    assert Threads(2).run(function) == [(None, False)] * 2


def test_workers_that_lose_another_one_say_so(capsys):
    def function(devices):
        with devices.at_work("runs/x") as path:
            assert (path == "runs/x") == devices.is_chief
            print(f"this is worker {devices.worker}")
            raise tf.errors.UnavailableError(
                None, None, "{{node add_1}} 10.0.0.2:2222 is gone (it stopped):\nmore"
            )

    # One after the other: they share standard output.
    for worker in range(2):
        with pytest.raises(
            ConnectionError,
            match=r"of another one: 10\.0\.0\.2:2222 is gone \(it stopped\)\. Start",
        ):
            function(Devices(None, worker, 2))
    out = capsys.readouterr().out
    assert out == (
        "this is worker 0\n"
        "Worker 1 of 2: it works with worker 0, which prints and writes.\n"
    )


def test_the_manifest_starts_workers_of_one_cluster(tmp_path):
    yaml = pytest.importorskip("yaml")
    text = (ROOT / "deploy" / "train.yaml").read_text(encoding="utf-8")
    service, policy, job = yaml.safe_load_all(text)
    spec, pod = job["spec"], job["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    environment = {one["name"]: one["value"] for one in container["env"]}
    workers = int(environment["WORKERS"])
    assert spec["completions"] == spec["parallelism"] == workers
    assert spec["completionMode"] == "Indexed"
    assert service["spec"]["clusterIP"] == "None"
    name = {"job-name": job["metadata"]["name"]}
    assert service["spec"]["selector"] == name
    assert policy["spec"]["podSelector"] == {"matchLabels": name}
    assert pod["subdomain"] == service["metadata"]["name"]
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert spec["activeDeadlineSeconds"] > 0

    # Its program, with a Python that tells what it is given.
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\necho "$TF_CONFIG"\necho "$@"\n')
    python.chmod(0o755)
    for index in range(workers):
        environment["PATH"] = f"{tmp_path}:{os.environ['PATH']}"
        environment["JOB_COMPLETION_INDEX"] = str(index)
        (script,) = container["args"]
        out = subprocess.run(
            [*container["command"], script],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        cluster, command = out.splitlines()
        worker, addresses = parse_cluster(cluster)
        assert worker == index
        job_name, subdomain = job["metadata"]["name"], pod["subdomain"]
        port = service["spec"]["ports"][0]["port"]
        assert addresses == [
            f"{job_name}-{number}.{subdomain}:{port}" for number in range(workers)
        ]

    _, module, *arguments = command.split()
    assert (_, module) == ("-m", "zoo.train")
    asked = subprocess.run(
        [sys.executable, "-c", FLAGS, *arguments],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert asked.split() == ["maf", "multi_worker"]


# What the command makes of its arguments; without TensorFlow.
FLAGS = """
import sys
from absl import flags
from zoo import train
assert flags.FLAGS(sys.argv) == sys.argv[:1]
print(flags.FLAGS.model, flags.FLAGS.strategy)
"""


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """A table of the user's own; 48 of its rows are for training."""
    path = tmp_path_factory.mktemp("strategies") / "table.csv"
    rows = np.random.default_rng(0).standard_normal([60, 2]).round(5).tolist()
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(["ab", *rows])
    return path


@pytest.fixture
def quick(monkeypatch, finish_quickly):
    """Replaces the end of a run, pictures above all, by its weights."""
    monkeypatch.setattr(training, "finish", finish_quickly)
    monkeypatch.setattr(training.evaluation, "describe", lambda *_: "")


def _options(table, path, **replaced):
    """A run with noise, clipping and averaged weights; of two executions an epoch."""
    told = Options(
        model="vae",
        dataset=str(table),
        model_dir=str(path),
        settings={"latents": "1", "hidden_units": "4"},
        fields={
            "epochs": 3,
            "batch_size": 12,
            "learning_rate": 0.05,
            "weight_averaging": 0.5,
            "clip_norm": 0.1,
            "jit_compile": False,
        },
        steps_per_execution=2,
    )
    return dataclasses.replace(told, **replaced)


def _metrics(path):
    with (path / "metrics.csv").open(newline="") as file:
        return [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)]


def _assert_same(path, other):
    """Epochs are equal but for rounding."""
    rows, expected = _metrics(path), _metrics(other)
    assert len(rows) == len(expected)
    for row, wanted in zip(rows, expected, strict=True):
        assert row == pytest.approx(wanted, rel=1e-5)


def _assert_same_weights(path, other):
    with np.load(path / "examples.npz") as one, np.load(other / "examples.npz") as two:
        assert one.files == two.files
        for name in one.files:
            np.testing.assert_allclose(one[name], two[name], rtol=1e-4, atol=1e-5)


@pytest.mark.usefixtures("quick")
def test_two_devices_go_on_as_the_one_that_stopped_would_have(
    table, tmp_path, monkeypatch, capsys
):
    assert strategies.devices("mirrored").count == 2
    one = train(_options(table, tmp_path / "one"))
    assert "On 2 devices" not in capsys.readouterr().out
    for module, name, value in (
        (resuming, "BETWEEN_EPOCHS", 0.0),
        (resuming, "WITHIN_EPOCHS", 0.0),
        (checkpoints, "_SHARE", math.inf),
    ):
        monkeypatch.setattr(module, name, value)
    # Stopped within the second epoch: its means are part of what is put back.
    save = checkpoints.Checkpoints.save

    def stop(self, state, arrays):
        save(self, state, arrays)
        if (state["epoch"], state["step"]) == (1, 2):
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(checkpoints.Checkpoints, "save", stop)
        with pytest.raises(KeyboardInterrupt):
            train(_options(table, tmp_path / "parts"))
    two = train(_options(table, tmp_path / "parts", strategy="mirrored"))
    out = capsys.readouterr().out
    assert "going on at epoch 2, step 3" in out
    assert "On 2 devices of 1 worker.\n" in out
    assert one["best_epoch"] == two["best_epoch"]
    assert one["steps"] == two["steps"] == 12
    _assert_same(tmp_path / "parts", tmp_path / "one")
    _assert_same_weights(tmp_path / "parts", tmp_path / "one")


def test_batches_that_devices_do_not_divide_are_refused(table, tmp_path):
    told = _options(table, tmp_path / "run", strategy="mirrored")
    told = dataclasses.replace(told, fields={"batch_size": 11})
    with pytest.raises(ValueError, match="11 rows for 2 devices.* such as 10."):
        train(told)
    assert not (tmp_path / "run").exists()


@contextlib.contextmanager
def _workers(arguments, count=2, program=("-m", "zoo.train")):
    """Processes that train together, on ports of the loopback that are free."""
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    addresses = [f"127.0.0.1:{one.getsockname()[1]}" for one in sockets]
    for one in sockets:
        one.close()
    processes = []
    try:
        for index in range(count):
            cluster = {
                "cluster": {"worker": addresses},
                "task": {"type": "worker", "index": index},
            }
            processes.append(
                subprocess.Popen(
                    [sys.executable, *program, *arguments, "--strategy=multi_worker"],
                    env={**os.environ, "TF_CONFIG": json.dumps(cluster)},
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                )
            )
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.wait()
            process.stdout.close()


def _train_together(arguments, count=2):
    """The output of each worker, after all have come to a good end."""
    with _workers(arguments, count) as processes:
        outputs = [process.communicate(timeout=900)[0] for process in processes]
    assert [p.returncode for p in processes] == [0] * count, outputs
    return outputs


def test_two_workers_train_as_one(table, tmp_path):
    arguments = [
        "--model=gmm",
        f"--dataset={table}",
        "--set=num_components=2",
        "--epochs=20",
        "--batch_size=48",
        "--learning_rate=0.05",
    ]
    path = tmp_path / "two"
    outputs = _train_together([*arguments, f"--model_dir={path}"])
    assert "On 2 devices of 2 workers, without XLA.\n" in outputs[0]
    assert "epoch 20/20" in outputs[0]
    assert len(outputs[1].splitlines()) == 2  # That it waits, and who it is.

    one = train(
        Options(
            "gmm",
            dataset=str(table),
            model_dir=str(tmp_path / "one"),
            settings={"num_components": "2"},
            fields={"epochs": 20, "batch_size": 48, "learning_rate": 0.05},
        )
    )
    _assert_same(path, tmp_path / "one")
    two = json.loads((path / "report.json").read_text())
    for split in ("validation", "test"):
        assert two[split]["log_prob"] == pytest.approx(one[split]["log_prob"], rel=1e-5)
    names = {file.name for file in path.iterdir()}
    assert names == {file.name for file in (tmp_path / "one").iterdir()}


# The command, with a checkpoint at every moment that may have one.
OFTEN = """
import math
from zoo import cli, train

def main():
    cli.import_tensorflow(is_to_connect=True)
    from zoo import checkpoints, resuming
    resuming.BETWEEN_EPOCHS = resuming.WITHIN_EPOCHS = 0.0
    checkpoints._SHARE = math.inf
    train.main()

cli.run(main)
"""


def _arguments(table, path, *more):
    return [
        "--model=maf",
        f"--dataset={table}",
        "--set=num_steps=2",
        "--set=hidden_units=8",
        "--epochs=60",
        "--batch_size=12",
        "--steps_per_execution=2",
        f"--model_dir={path}",
        *more,
    ]


@pytest.fixture(scope="module")
def whole(table, tmp_path_factory):
    """The path of a run of two workers that nothing happened to."""
    path = tmp_path_factory.mktemp("strategies") / "whole"
    _train_together(_arguments(table, path))
    return path


def _wait_for(condition):
    end = time.monotonic() + 300
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.slow  # Seven pairs of processes, 240 s of CPU time in all.
@pytest.mark.parametrize(
    ("victim", "number"),
    [(1, signal.SIGKILL), (0, signal.SIGKILL), (1, signal.SIGTERM)],
)
def test_workers_end_together_and_go_on_together(
    victim, number, table, whole, tmp_path
):
    path = tmp_path / "run"
    with _workers(_arguments(table, path), program=("-c", OFTEN)) as processes:
        _wait_for(lambda: len(list(path.glob("checkpoints/*.json"))) == 2)
        processes[victim].send_signal(number)
        outputs = [process.communicate(timeout=120)[0] for process in processes]
    for index, process in enumerate(processes):
        if number == signal.SIGTERM:
            assert process.returncode == 128 + signal.SIGTERM
        elif index == victim:
            assert process.returncode == -number
        else:
            assert process.returncode != 0
    assert not (path / "report.json").exists()
    outputs = _train_together(_arguments(table, path))
    assert "going on at epoch" in outputs[0]
    _assert_same(path, whole)
    reports = [json.loads((p / "report.json").read_text()) for p in (path, whole)]
    for split in ("validation", "test"):
        one, two = (report[split]["log_prob"]["mean"] for report in reports)
        assert one == pytest.approx(two, rel=1e-5)
