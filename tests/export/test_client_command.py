"""`python -m export.client` as people call it, against a server on loopback."""

import contextlib
import csv
import importlib
import io
import logging
import resource
import subprocess
import sys
from typing import NamedTuple

import numpy as np
import pytest
from absl import flags
from absl.testing import flagsaver

from export import _read_inputs, client
from export._read_inputs import row_seeds
from export.client import Client
from zoo import cli

APIS = ("rest", "grpc")

X = np.random.default_rng(0).standard_normal([9, 2]).astype("float32")
Z = np.random.default_rng(1).standard_normal([9, 2]).astype("float32")
SEED = np.array([3, 1, 4, 1, 5, -9, 2**31 - 1, -(2**31), 0], "int32")
KIND = np.arange(9, dtype="int32") % 3
IMAGES = np.random.default_rng(2).integers(0, 256, [9, 2, 3]).astype("uint8")


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    monkeypatch.setattr(client, "_FIRST_WAIT", 0.001)


class Answer(NamedTuple):
    """What a command leaves: its exit code and what it says."""

    code: int
    out: str
    err: str


def call(*arguments):
    """`python -m export.client ARGUMENTS`, in this process; flags are taken back."""
    out, err = io.StringIO(), io.StringIO()
    argv, handlers = sys.argv, logging.root.handlers[:]
    sys.argv = ["client", *map(str, arguments)]
    sys.modules.pop("export._client_command", None)
    try:
        with (
            flagsaver.flagsaver(),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            cli.run(importlib.import_module("export._client_command").main)
    except SystemExit as end:
        return Answer(end.code or 0, out.getvalue(), err.getvalue())
    finally:
        sys.argv, logging.root.handlers[:] = argv, handlers
        flags.FLAGS.unparse_flags()
    raise AssertionError("A command ends with an exit code.")


@pytest.fixture
def command(server, tmp_path, monkeypatch):
    """A function that calls the command for `points`, in a directory of its own."""
    monkeypatch.chdir(tmp_path)

    def command(*arguments, model="points", api="rest"):
        where = [f"--server={server.address(api)}", f"--api={api}"]
        return call(*where, f"--model={model}", *arguments)

    return command


def _write_csv(path, names, rows):
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows([names, *rows])


def _read_csv(path):
    with open(path, newline="") as file:
        rows = list(csv.reader(file))
    return rows[0], np.array(rows[1:], "float64").reshape(-1, len(rows[0]))


@pytest.mark.parametrize("api", APIS)
def test_without_a_file_the_signatures_are_shown(command, api):
    answer = command(api=api)
    assert answer.code == 0, answer.err
    lines = answer.out.splitlines()
    assert lines[0] == "points, version 2, answers"
    assert (
        "  elbo             seed [rows] int32, x [rows, 2] float32 -> "
        "elbo [rows] float32, log_likelihood [rows] float32"
    ) in lines
    assert "  mean             x [rows, 2] float32 -> mean [] float32" in lines


def test_the_command_is_a_module_that_needs_no_tensorflow(server, tmp_path):
    np.save(tmp_path / "x.npy", X)
    target = tmp_path / "z.npz"
    done = subprocess.run(
        [
            *(sys.executable, "-W", "error", "-X", "importtime"),
            *("-m", "export.client", f"--server={server.rest}", "--model=points"),
            *("--signature=encode", f"--input={tmp_path / 'x.npy'}"),
            f"--output={target}",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("9 rows of encode by points, version 2, in ")
    assert done.stdout.endswith(f" s, written to {target}\n")
    for package in ("tensorflow", "keras", "pandas", "grpc"):
        assert f" {package}\n" not in done.stderr
    with np.load(target) as answer:
        np.testing.assert_array_equal(answer["z"], 2 * X)


@pytest.mark.parametrize("kind", ["npz", "npy", "csv"])
@pytest.mark.parametrize("api", APIS)
def test_files_stream_to_what_one_request_answers(
    command, server, tmp_path, monkeypatch, kind, api
):
    monkeypatch.setattr(_read_inputs, "_ROWS", 70)
    x = np.random.default_rng(5).standard_normal([150, 2]).astype("float32")
    np.savez("in.npz", x=x, other=np.zeros(3))
    np.save("in.npy", x)
    _write_csv("in.csv", ["a", "b"], x.tolist())
    with Client(server.address(api), "points", api=api) as client:
        seeds = {"seed": np.arange(5, 155)}
        expected = client.predict({"x": x, **seeds}, "elbo")
    del server.requests[:]
    asked = ("--signature=elbo", "--seed=5", "--batch_size=20", f"--input=in.{kind}")
    answer = command(*asked, "--output=out.npz", api=api)
    assert answer.code == 0, answer.err
    assert answer.out.startswith("150 rows of elbo by points, version 2, in ")
    rows = [20, 20, 20] * 2 + [20, 10] if kind == "csv" else [20] * 7 + [10]
    assert [r for _, _, r in server.requests] == rows
    assert command(*asked, "--output=out.csv", api=api).code == 0
    names, table = _read_csv("out.csv")
    assert names == ["row", "elbo", "log_likelihood"]
    np.testing.assert_array_equal(table[:, 0], np.arange(1, 151))
    with np.load("out.npz") as arrays:
        assert set(arrays) == set(expected)
        for i, (name, array) in enumerate(expected.items(), start=1):
            np.testing.assert_array_equal(arrays[name], array)
            np.testing.assert_array_equal(table[:, i].astype("float32"), array)
    assert {p.name for p in tmp_path.iterdir()} == {
        *("in.npz", "in.npy", "in.csv", "out.npz", "out.csv")
    }


def test_arrays_on_disk_are_not_read_at_once(monkeypatch, tmp_path):
    np.save(tmp_path / "x.npy", X)
    inputs = {"x": {"shape": [None, 2], "dtype": "float32"}}
    (chunk,) = _read_inputs.read_inputs(str(tmp_path / "x.npy"), inputs)
    assert isinstance(chunk["x"], np.memmap)


def test_samples_are_drawn_row_by_row(command, server):
    seed = 2**31 - 3
    answer = command(
        "--signature=sample",
        "--num_samples=9",
        f"--seed={seed}",
        "--batch_size=4",
        "--output=out.npz",
        model="images",
    )
    assert answer.code == 0, answer.err
    with Client(server.rest, "images") as client:
        wrapped = [*range(2**31 - 3, 2**31), *range(-(2**31), -(2**31) + 6)]
        expected = client.predict({"seed": np.array(wrapped)}, "sample")["x"]
    with np.load("out.npz") as arrays:
        assert arrays["x"].dtype == "uint8"
        np.testing.assert_array_equal(arrays["x"], expected)
    command(
        "--signature=sample",
        "--num_samples=9",
        f"--seed={seed}",
        "--output=out.csv",
        model="images",
    )
    names, table = _read_csv("out.csv")
    assert names == ["row", *(f"x_{i}" for i in range(6))]
    np.testing.assert_array_equal(table[:, 1:], expected.reshape(9, 6))


@pytest.mark.parametrize("seed", [0, 7, -5, 2**31 - 2, -(2**31), 2**40 + 3, -(2**70)])
def test_seeds_count_and_wrap(seed):
    exact = [(seed + i + 2**31) % 2**32 - 2**31 for i in range(5, 10)]
    np.testing.assert_array_equal(row_seeds(seed, 5, first=5), exact)
    assert row_seeds(seed, 0).dtype == "int32"


def test_columns_are_data_context_and_seed(command, server):
    rows = [[k, *x, s, *c] for k, x, s, c in zip(KIND, X, SEED, Z, strict=True)]
    names = ["kind", "a", "b", "seed", "c", "d"]
    _write_csv("all.csv", names, rows)
    sampled = ("--signature=sample", "--input=all.csv", "--context=kind")
    answer = command(*sampled, "--output=out.npz", model="kinds")
    assert answer.code == 0, answer.err
    with Client(server.rest, "kinds") as client:
        inputs = {"seed": SEED, "context": KIND}
        expected = client.predict(inputs, "sample")["x"]
        with np.load("out.npz") as arrays:
            np.testing.assert_array_equal(arrays["x"], expected)
        # The order of the context is that of the flag.
        _write_csv("pair.csv", ["c", "a", "b", "d"], np.c_[Z[:, :1], X, Z[:, 1:]])
        asked = ("--signature=log_prob", "--input=pair.csv", "--context=d,c")
        assert command(*asked, "--output=out.npz", model="kinds").code == 0
        expected = client.predict({"x": X, "context": Z[:, ::-1]})["log_prob"]
    with np.load("out.npz") as arrays:
        np.testing.assert_allclose(arrays["log_prob"], expected, rtol=1e-6)


def test_columns_of_the_data_are_picked_by_name(command, server):
    """In the order of the flag; what is not named is not looked at."""
    rows = [["note", *x[::-1], *c] for x, c in zip(X.tolist(), Z.tolist(), strict=True)]
    _write_csv("in.csv", ["name", "b", "a", "c", "d"], rows)
    asked = ("--input=in.csv", "--output=out.npz", "--columns=a, b")
    for model, signature, flags_, inputs in (
        ("points", "encode", (), {"x": X}),
        ("kinds", "log_prob", ("--context=d,c",), {"x": X, "context": Z[:, ::-1]}),
    ):
        answer = command(*asked, f"--signature={signature}", *flags_, model=model)
        assert answer.code == 0, answer.err
        with Client(server.rest, model) as client, np.load("out.npz") as arrays:
            for name, expected in client.predict(inputs, signature).items():
                np.testing.assert_allclose(arrays[name], expected, rtol=1e-6)


def test_a_seed_that_is_named_as_data_is_data(command, server):
    _write_csv("in.csv", ["seed", "b"], X.tolist())
    asked = ("--signature=elbo", "--input=in.csv", "--output=out.npz", "--seed=4")
    assert command(*asked, "--columns=seed,b").code == 0
    with Client(server.rest, "points") as client, np.load("out.npz") as arrays:
        expected = client.predict({"x": X, "seed": np.arange(4, 13)}, "elbo")
        np.testing.assert_array_equal(arrays["elbo"], expected["elbo"])


def test_images_are_rows_of_pixels(command):
    _write_csv("in.csv", [f"p{i}" for i in range(6)], IMAGES.reshape(9, 6))
    assert command("--input=in.csv", "--output=out.csv", model="images").code == 0
    names, table = _read_csv("out.csv")
    assert names == ["row", "log_prob"]
    np.testing.assert_array_equal(table[:, 1], -IMAGES.sum(axis=(1, 2), dtype="int64"))


def test_missing_values_are_left_to_the_model(command):
    _write_csv("in.csv", ["a", "b"], [[1, 2], ["", 2], [1, "inf"]])
    assert command("--input=in.csv", "--output=out.csv", "--version=1").code == 0
    _, table = _read_csv("out.csv")
    np.testing.assert_array_equal(table[:, 1], [-2.5, np.nan, -np.inf])


@pytest.mark.parametrize("target", ["out.csv", "out.npz"])
def test_no_rows_make_a_file_of_no_rows(command, target):
    _write_csv("in.csv", ["a", "b"], [])
    asked = ("--signature=elbo", "--input=in.csv", f"--output={target}")
    assert command(*asked).out.startswith("0 rows of elbo by points")
    if target == "out.csv":
        names, table = _read_csv(target)
        assert (names, len(table)) == (["row", "elbo", "log_likelihood"], 0)
    else:
        with np.load(target) as arrays:
            assert arrays["elbo"].shape == (0,)


@pytest.mark.parametrize("kind", ["csv", "npz"])
@pytest.mark.parametrize("api", APIS)
def test_what_was_answered_is_kept_when_the_server_dies(
    command, server, tmp_path, kind, api
):
    np.save("in.npy", np.tile(X, [10, 1]))
    target = tmp_path / f"out.{kind}"
    target.write_text("before")
    server.dies_at = 4
    answer = command(
        "--signature=encode",
        "--input=in.npy",
        "--batch_size=20",
        f"--output={target}",
        api=api,
    )
    assert answer.code == 1
    assert answer.err.startswith(
        f"error: A server must answer at {server.address(api)}"
    )
    assert "; 4 attempts failed (" in answer.err
    part = tmp_path / f"out.part.{kind}"
    assert answer.err.endswith(f"The 60 rows that were answered are in {part}.\n")
    assert answer.err.count("\n") == 1
    expected = 2 * np.tile(X, [10, 1])[:60]
    if kind == "csv":
        names, table = _read_csv(part)
        assert names == ["row", "z_0", "z_1"]
        np.testing.assert_array_equal(table[:, 0], np.arange(1, 61))
        np.testing.assert_array_equal(table[:, 1:].astype("float32"), expected)
    else:
        with np.load(part) as arrays:
            np.testing.assert_array_equal(arrays["z"], expected)
    assert target.read_text() == "before"
    assert {p.name for p in tmp_path.iterdir()} == {"in.npy", target.name, part.name}


def test_rows_of_an_interrupted_command_are_kept(command, monkeypatch, tmp_path):
    def interrupted(*_, **__):
        yield {"z": X[:4]}
        raise KeyboardInterrupt

    monkeypatch.setattr(Client, "stream", interrupted)
    np.save("in.npy", X)
    answer = command("--signature=encode", "--input=in.npy", "--output=out.csv")
    assert answer.code == 130
    assert "The 4 rows that were answered are in out.part.csv." in answer.err
    assert len(_read_csv("out.part.csv")[1]) == 4


COMMAND_FAULTS = {
    "no output": (["--input=x.npy"], "--output goes with --input or --num_samples;"),
    "output alone": (["--output=o.csv"], "received one alone. Give both, or neither"),
    "two sources": (
        ["--input=x.npy", "--num_samples=3", "--output=o.csv"],
        "from --input or from --num_samples; received both.",
    ),
    "kind of output": (
        ["--input=x.npy", "--output=o.txt"],
        ".csv and .npz files; received o.txt. Give another --output.",
    ),
    "same file": (["--input=in.npz", "--output=./in.npz"], "the same file as --input"),
    "no directory": (
        ["--input=x.npy", "--output=no/o.csv"],
        "cannot write no/o.csv (No such file or directory). Give another --output,",
    ),
    "no files": (
        ["--input=x.npy", "--output=/proc/o.npz"],
        "cannot write /proc/o.npz (No such file or directory). Give another --output,",
    ),
    "kind of input": (
        ["--input=x.txt", "--output=o.csv"],
        ".csv files; received x.txt",
    ),
    "no input": (["--input=n.npy", "--output=o.csv"], "n.npy, where there is none."),
    "no arrays": (["--input=bad.npy", "--output=o.csv"], "plain arrays; received bad"),
    "broken archive": (
        ["--input=bad.npz", "--output=o.csv"],
        "received bad.npz, which",
    ),
    "misnamed": (["--input=x.npz", "--output=o.csv"], "(it is an .npy). Write it aga"),
    "arrays": (
        ["--input=in.npz", "--output=o.csv"],
        "named as the inputs, x; received in.npz with data. Rename its arrays.",
    ),
    "no csv": (["--input=n.csv", "--output=o.csv"], "n.csv', where there is none;"),
    "columns": (
        ["--input=wide.csv", "--output=o.csv"],
        "x takes 2 columns; received 3 of wide.csv: a, b, c. Name 2 of these, in the "
        "order of the model, by --columns.",
    ),
    "too many columns": (
        ["--input=wide.csv", "--columns=c,a,b", "--output=o.csv"],
        "x takes 2 columns; received 3 of wide.csv: c, a, b. Name 2 of these, in the ",
    ),
    "too few columns": (
        ["--input=wide.csv", "--columns=c", "--output=o.csv"],
        "x takes 2 columns; received 1 of wide.csv: c. Give the others too.",
    ),
    "unknown columns": (
        ["--input=wide.csv", "--columns=a,e", "--output=o.csv"],
        "--columns names columns of wide.csv; received e, where the columns are a, b, ",
    ),
    "a column twice": (
        ["--input=wide.csv", "--columns=b,b", "--output=o.csv"],
        "A column is named once, by --columns or by --context; received b twice. Na",
    ),
    "columns of an array": (
        ["--input=x.npy", "--columns=a", "--output=o.csv"],
        "--columns names columns of a .csv; received it with x.npy. Leave it out.",
    ),
    "columns of none": (
        ["--input=wide.csv", "--signature=sample", "--columns=a", "--output=o.csv"],
        "received --columns=a for the inputs seed. Leave it out.",
    ),
    "columns of samples": (
        ["--num_samples=3", "--columns=a", "--output=o.csv"],
        "--columns names columns of --input; received it without. Leave it out.",
    ),
    "context of samples": (
        ["--num_samples=3", "--context=a", "--output=o.csv"],
        "--context names columns of --input; received it without. Leave it out.",
    ),
    "text": (
        ["--input=text.csv", "--output=o.csv"],
        "numbers; received 'tall' in row 2, column 'b' of text.csv. Mend it.",
    ),
    "context of an array": (
        ["--input=x.npy", "--context=a", "--output=o.csv"],
        "--context names columns of a .csv; received it with x.npy.",
    ),
    "context of none": (
        ["--input=wide.csv", "--context=a", "--output=o.csv"],
        "received --context=a for the inputs x. Leave it out.",
    ),
    "samples of data": (
        ["--num_samples=3", "--output=o.csv"],
        "the inputs of serving_default are x. Give a file of them as --input.",
    ),
    "two inputs": (
        ["--input=x.npy", "--signature=sample", "--output=o.csv"],
        "the inputs are seed. Give an .npz with arrays of these names.",
    ),
    "no seeds": (
        ["--input=in.npz", "--signature=sample", "--output=o.csv"],
        "received in.npz without seed. Where seeds are the only input, give --num_",
    ),
    "neither": (
        ["--input=wide.csv", "--signature=sample", "--output=o.csv"],
        "received wide.csv without seed. Where",
    ),
    "signature": (
        ["--input=x.npy", "--signature=none", "--output=o.csv"],
        "points (version 2) has no signature 'none'; it has: decode,",
    ),
    "version": (["--version=9"], "asked for points version 9, "),
    "timeout": (["--timeout=0"], "timeout is seconds above 0; received 0.0."),
    "alone": (["points"], "is a flag, --name=value; received 'points' alone."),
}


@pytest.mark.parametrize("name", COMMAND_FAULTS)
def test_errors_are_one_sentence(command, tmp_path, name):
    np.save("x.npy", X)
    np.savez("in.npz", data=X)
    (tmp_path / "x.npz").write_bytes((tmp_path / "x.npy").read_bytes())
    for bad in ("bad.npy", "bad.npz", "x.txt"):
        (tmp_path / bad).write_text("PK\x03\x04 no archive" if "z" in bad else "text")
    _write_csv("wide.csv", "abc", [[1, 2, 3]])
    _write_csv("text.csv", "ab", [[1, 2], [3, "tall"]])
    before = set(tmp_path.iterdir())
    arguments, message = COMMAND_FAULTS[name]
    answer = command(*arguments)
    assert answer.code == 1
    assert answer.err.startswith("error: ")
    assert answer.err.count("\n") == 1
    assert message in answer.err
    assert not answer.out
    assert set(tmp_path.iterdir()) == before


def test_a_target_is_refused_before_the_server_is_asked(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", X)
    where = ("--server=127.0.0.1:1", "--model=points", "--input=x.npy")
    answer = call(*where, "--output=/proc/o.npz")
    assert answer.code == 1
    assert answer.err.startswith("error: Answers ")
    assert answer.err.count("\n") == 1


def test_a_full_disk_claims_no_rows(command, tmp_path):
    np.save("in.npy", np.random.default_rng(0).standard_normal([2000, 2]))
    asked = ("--signature=encode", "--input=in.npy", "--output=out.csv")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    try:
        answer = command(*asked)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert answer.code == 1
    assert answer.err.startswith("error: Answers are written where there is room")
    assert answer.err.count("\n") == 1
    assert "rows" not in answer.err + answer.out
    assert [path.name for path in tmp_path.iterdir()] == ["in.npy"]


def test_a_context_has_columns(command):
    _write_csv("in.csv", ["a", "b", "c"], [[1, 2, 3]])
    for flag, message in (
        ((), "received --context= for the inputs context, seed. Name them."),
        (("--context=c,e",), "received e, where the columns are a, b, c. Choose"),
        (
            ("--context=b,c",),
            "context takes 1 columns; received 2 of in.csv: b, c. Name 1 of these, in "
            "the order of the model, by --context.",
        ),
    ):
        asked = ("--signature=sample", "--input=in.csv", *flag, "--output=o.csv")
        answer = command(*asked, model="kinds")
        assert answer.code == 1
        assert message in answer.err
