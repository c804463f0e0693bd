"""The commands as people call them: their story, their flags, their errors."""

import contextlib
import csv
import importlib.util
import io
import json
import logging
import os
import runpy
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from absl import flags
from absl.testing import flagsaver

import tfgen
from tfgen.distributions import Autoregressive, Bernoulli
from tfgen.networks import MADE
from zoo import cli, registry, seeds, showing, training
from zoo.data import ContextSpec, DataSet, DataSpec, Split
from zoo.model_dir import ModelDir
from zoo.recipe import Recipe
from zoo.runs import open_run
from zoo.showing import parse_context, write_samples
from zoo.training import Options, training_fields

ROOT = Path(__file__).parents[2]


class Answer(NamedTuple):
    """What a command leaves: its exit code and what it says."""

    code: int
    out: str
    err: str


def call(command, *arguments):
    """`python -m zoo.COMMAND ARGUMENTS`, in this process: TensorFlow is here already.

    Commands define their flags when they are imported; these are taken back.
    """
    out, err = io.StringIO(), io.StringIO()
    argv, handlers = sys.argv, logging.root.handlers[:]
    sys.argv = [command, *map(str, arguments)]
    try:
        with (
            flagsaver.flagsaver(),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            runpy.run_module(f"zoo.{command}", run_name="__main__")
    except SystemExit as end:
        return Answer(end.code or 0, out.getvalue(), err.getvalue())
    finally:
        sys.argv, logging.root.handlers[:] = argv, handlers
        flags.FLAGS.unparse_flags()
    raise AssertionError("A command ends with an exit code.")


def start(*arguments):
    """`python ARGUMENTS` in a process of its own."""
    done = subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, check=False
    )
    return Answer(done.returncode, done.stdout, done.stderr)


def _write(path, columns, rows):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([columns, *rows])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A directory with tables, good and bad."""
    folder = tmp_path_factory.mktemp("commands")
    points = np.random.default_rng(0).standard_normal([60, 2]).round(5).tolist()
    _write(folder / "table.csv", "ab", points)
    _write(folder / "labels.csv", "aby", [[*p, i % 3] for i, p in enumerate(points)])
    _write(folder / "one.csv", "a", [p[:1] for p in points])
    _write(folder / "text.csv", "ab", [*points[:9], ["tall", 1], *points[10:]])
    _write(folder / "nan.csv", "ab", [*points[:9], ["nan", 1], *points[10:]])
    _write(folder / "constant.csv", "ab", [[a, 7] for a, _ in points])
    (folder / "empty.csv").write_text("")
    (folder / "foreign").mkdir()
    (folder / "foreign" / "notes.txt").write_text("mine")
    (folder / "half").mkdir()
    ModelDir(folder / "half").write("config.json", {"model": "gmm"})
    (folder / "many" / "seed-3").mkdir(parents=True)
    ModelDir(folder / "many").seed(3).write("config.json", {"model": "gmm"})
    return folder


QUICK = ("--epochs=2", "--batch_size=16", "--nojit_compile", "--set=num_components=2")


@pytest.fixture(scope="module")
def trained(folder):
    """The directory of a run that `zoo.train` finished, and what it said."""
    arguments = [f"--dataset={folder / 'table.csv'}", f"--model_dir={folder / 'run'}"]
    answer = call("train", "--model=gmm", *arguments, *QUICK)
    assert answer.code == 0, answer.err
    return folder / "run", answer


# The story.


def test_training_tells_what_to_do_next(trained):
    path, answer = trained
    assert not answer.err
    for command in ("evaluate", "sample", "score"):
        assert f"python -m zoo.{command} --model_dir={path}" in answer.out
    assert open_run(str(path)).model.count_params() > 0


def test_evaluating_in_another_process_gives_the_same_numbers(trained):
    path, trained_answer = trained
    answer = start("-m", "zoo.evaluate", f"--model_dir={path}")
    assert answer.code == 0
    assert not answer.err  # Nor any line of TensorFlow's.
    assert answer.out.splitlines()[0] == "gmm on table, exact, nats per example"
    assert answer.out in trained_answer.out
    assert call("evaluate", f"--model_dir={path}") == answer


def test_sampling_writes_samples_and_a_picture(trained, tmp_path):
    path, _ = trained
    answer = call("sample", f"--model_dir={path}", "--num_samples=50", "--seed=3")
    assert answer.code == 0, answer.err
    shown = f"50 samples: {path}/samples.npz\nPicture: {path}/samples.png\n"
    assert answer.out == shown
    expected = open_run(str(path)).model.sample(50, seed=3)
    with np.load(path / "samples.npz", allow_pickle=False) as samples:
        assert set(samples) == {"x"}
        np.testing.assert_allclose(samples["x"], expected, rtol=1e-5, atol=1e-5)
    output = tmp_path / "mine.npz"
    call("sample", f"--model_dir={path}", "--num_samples=7", f"--output={output}")
    with np.load(output) as samples:
        assert samples["x"].shape == (7, 2)
    assert {p.name for p in tmp_path.iterdir()} == {"mine.npz", "mine.png"}


def test_scoring_writes_a_row_for_each_row(trained, folder, tmp_path):
    path, _ = trained
    output = tmp_path / "scores.csv"
    places = [f"--input={folder / 'text.csv'}", f"--output={output}"]
    answer = call("score", f"--model_dir={path}", *places, "--batch_size=7")
    assert answer.code == 0, answer.err
    assert f"60 rows of {folder / 'text.csv'} scored into {output}" in answer.out
    assert "row 10 has no score: column 'a' is the text 'tall'" in answer.out
    with output.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 60
    assert [row["row"] for row in rows if not row["log_prob"]] == ["10"]


def _pretend(monkeypatch, *, gradio):
    """As if Gradio, an extra, were installed or not."""
    find = importlib.util.find_spec

    def pretend(name):
        return gradio if name == "gradio" else find(name)

    monkeypatch.setattr(importlib.util, "find_spec", pretend)


def test_without_gradio_exploring_says_what_to_install(monkeypatch):
    _pretend(monkeypatch, gradio=None)
    answer = call("explore", "--model_dir=anywhere")
    assert answer.code == 1
    assert answer.err == (
        "error: The page needs Gradio, which is not installed. Install it: "
        "pip install -e '.[explore]'.\n"
    )


def test_exploring_names_a_port_that_is_taken(monkeypatch):
    _pretend(monkeypatch, gradio=True)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        answer = call("explore", "--model_dir=anywhere", f"--port={port}")
    assert answer.code == 1
    assert f"received --host=127.0.0.1 --port={port} (Address already" in answer.err
    assert f"Choose another, such as --port={port + 1}." in answer.err


def test_a_model_without_codes_is_not_explored(trained, monkeypatch):
    path, _ = trained
    _pretend(monkeypatch, gradio=True)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
    answer = call("explore", f"--model_dir={path}", f"--port={port}")
    assert answer.code == 1
    assert "error: To be explored a model encodes data and decodes codes" in answer.err


def test_a_conditional_model_is_told_what_to_condition_on(folder):
    path = folder / "conditional"
    arguments = (f"--dataset={folder / 'labels.csv'}", "--context=y", *QUICK)
    trained = call("train", "--model=mdn", f"--model_dir={path}", *arguments)
    assert trained.code == 0, trained.err
    for flag, expected in (((), [0, 1, 2, 0, 1]), (("--context=2",), [2] * 5)):
        call("sample", f"--model_dir={path}", "--num_samples=5", *flag)
        with np.load(path / "samples.npz") as samples:
            np.testing.assert_array_equal(samples["context"], expected)
    for flag in ("--context=3", "--context=1,2", "--context=one"):
        answer = call("sample", f"--model_dir={path}", flag)
        assert answer.code == 1
        assert "is a class, 0 to 2; received --context=" in answer.err


def test_several_seeds_are_evaluated_by_their_reports(trained, tmp_path):
    path, _ = trained
    shutil.copytree(path, tmp_path / "runs" / "seed-0")
    answer = call("evaluate", f"--model_dir={tmp_path / 'runs'}")
    assert not answer.err
    assert answer.out.startswith("| seed   | log_prob (exact) | best epoch | seconds")
    mean = open_run(str(path)).report["test"]["log_prob"]["mean"]
    assert f"| 0      | {mean:.3f} ± " in answer.out
    assert "Test numbers of gmm on table, nats per example.\n" in answer.out


def test_reporting_prints_a_table_and_keeps_results(trained, tmp_path):
    path, _ = trained
    (tmp_path / "docs").mkdir()
    answer = call("report", path, "--save", f"--root={tmp_path}")
    assert answer.code == 0, answer.err
    (kept,) = (tmp_path / "docs" / "results").glob("gmm-table-*.json")
    assert f"Kept: {kept}\n" in answer.out
    report = open_run(str(path)).report
    stored = json.loads(kept.read_text())
    mean = report["test"]["log_prob"]["mean"]
    np.testing.assert_allclose(stored["numbers"]["log_prob"]["mean"], mean, rtol=1e-5)
    assert f"| {mean:.2f} ± " in answer.out
    for flag in QUICK:
        flag = flag.replace("--nojit_compile", "--jit_compile=false")
        assert f"`{flag}`" in answer.out
        assert flag in stored["command"]


def test_data_that_changed_are_not_taken_for_the_old(trained, folder, tmp_path):
    path = shutil.copytree(trained[0], tmp_path / "run")
    config = json.loads((path / "config.json").read_text())
    shutil.copy(folder / "labels.csv", tmp_path / "table.csv")
    config["dataset"] |= {"name": str(tmp_path / "table.csv"), "drop": ["y", "b"]}
    (path / "config.json").write_text(json.dumps(config))
    answer = call("evaluate", f"--model_dir={path}")
    assert answer.code == 1
    assert "is not what the model was trained on" in answer.err


# Flags.


def test_every_flag_reaches_its_place(monkeypatch):
    received = []
    monkeypatch.setattr(training, "train", received.append)
    fields = {
        "epochs": 3,
        "batch_size": 7,
        "learning_rate": 0.5,
        "schedule": "constant",
        "monitor": "accuracy",
        "patience": 4,
        "clip_norm": 0.0,
        "weight_decay": 0.25,
        "weight_averaging": 0.75,
        "jit_compile": False,
        "teacher": "maf",
        "pretraining_epochs": 2,
        "num_labels": 100,
    }
    assert set(fields) == set(training_fields(Recipe(lambda spec: None, "digits")))
    data = {
        "data_dir": "prepared",
        "context": ["a", "b"],
        "drop": ["c"],
        "dequantize": ["d"],
        "validation": "validation.csv",
        "test": "test.csv",
        "binarize": "dynamic",
        "stream": True,
    }
    places = {"model": "gmm", "dataset": "table.csv", "model_dir": "run"}
    numbers = {
        "seed": 5,
        "steps_per_execution": 6,
        "overwrite": True,
        "on_nan": "rollback",
        "strategy": "mirrored",
    }
    texts = {
        key: ",".join(value) if isinstance(value, list) else value
        for key, value in {**fields, **data, **places, **numbers}.items()
    }
    settings = ("--set=covariance=diagonal", "--set=text=a=b,c")
    answer = call("train", *(f"--{k}={v}" for k, v in texts.items()), *settings)
    assert answer == Answer(0, "", "")
    assert received == [
        Options(
            **places,
            **numbers,
            data=data,
            settings={"covariance": "diagonal", "text": "a=b,c"},
            fields=fields,
        )
    ]
    call("train", "--model=gmm")
    (defaults,) = received[1:]
    assert defaults.data["binarize"] is None
    assert (defaults.fields, defaults.settings, defaults.dataset) == ({}, {}, None)


def test_several_seeds_reach_their_place(monkeypatch):
    received = []
    monkeypatch.setattr(seeds, "train_seeds", lambda *given: received.append(given))
    answer = call("train", "--model=gmm", "--seeds=0..2,9", "--overwrite")
    assert answer == Answer(0, "", "")
    ((options, given),) = received
    assert given == (0, 1, 2, 9)
    assert (options.model, options.overwrite, options.model_dir) == ("gmm", True, None)


LIGHT = {
    "list": (["-m", "zoo"], 0),
    "help": (["-m", "zoo.train", "--help"], 1),  # What absl ends help with.
    "unknown model": (["-m", "zoo.train", "--model=mfa"], 1),
    "check": (["-m", "zoo.report", "--check", f"--root={ROOT}"], 0),
}


@pytest.mark.parametrize("name", LIGHT)
def test_questions_are_answered_without_tensorflow(name):
    arguments, code = LIGHT[name]
    begin = time.monotonic()
    answer = start("-W", "error", "-X", "importtime", *arguments)
    assert time.monotonic() - begin < 2.0
    assert answer.code == code
    assert "zoo.registry" in answer.err
    for package in ("tensorflow", "keras", "numpy"):
        assert f" {package}\n" not in answer.err
    if name == "list":
        for kind in ("models", "datasets"):
            for entry in registry.names(kind):
                assert f"  {entry} " in answer.out
                assert registry.summary(kind, entry) in answer.out
    if name == "help":
        for field in training_fields(Recipe(lambda spec: None, "digits")):
            assert f"--{field}:" in answer.out or f"--[no]{field}:" in answer.out
    if name == "unknown model":
        assert "did you mean 'maf'?" in answer.err


@pytest.mark.parametrize("command", ["evaluate", "sample", "score"])
def test_a_recipe_that_a_model_dir_names_is_not_executed(
    trained, folder, tmp_path, monkeypatch, command
):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(trained[0], "run")
    (tmp_path / "run" / "evil.py").write_text("open('ran', 'w').close()")
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    for name in ("run/evil.py", str(tmp_path / "run" / "evil.py")):
        ModelDir("run").write("config.json", {**config, "model": name})
        rows = [f"--input={folder / 'table.csv'}", "--output=scores.csv"]
        answer = call(command, "--model_dir=run", *(rows if command == "score" else ()))
        assert answer.code == 0, answer.err
        assert not (tmp_path / "ran").exists()


# Errors.

TRAIN = {
    "unknown model": (
        ["--model=mfa"],
        "no model 'mfa'; did you mean 'maf'? It has: ae, beta_tcvae, ",
    ),
    "no recipe file": (["--model=mine.py"], "received 'mine.py', where there is no"),
    "unknown data": (["--dataset=rngs"], "'rngs'; did you mean 'rings'? It has: "),
    "unknown option": (
        ["--set=num_steps=3"],
        "received 'num_steps'. It has: num_components (an integer, default 20), ",
    ),
    "ill-typed option": (
        ["--set=num_components=few"],
        "--set num_components is an integer; received 'few'. Its default is 20.",
    ),
    "option without value": (
        ["--set=num_components"],
        "--set takes name=value; received 'num_components'.",
    ),
    "field": (["--epochs=0"], "epochs is at least 1; received 0. Give another --epoc"),
    "missing file": (["--dataset={}/none.csv"], "none.csv', where there is none;"),
    "empty file": (["--dataset={}/empty.csv"], "empty.csv', which is empty;"),
    "text": (["--dataset={}/text.csv"], "row 10 of {}/text.csv, where column 'a' is "),
    "missing value": (["--dataset={}/nan.csv"], "row 10 of {}/nan.csv, where column"),
    "constant": (["--dataset={}/constant.csv"], "received only 7 in column 'b'; leave"),
    "levels": (["--model=made", "--dataset=digits"], "made_gaussian for other data."),
    "binarize": (
        ["--dataset=digits", "--binarize=dynamic"],
        "received digits with levels=17 and rows of shape (8, 8); leave it out, or ta",
    ),
    "no arrays": (
        ["--dataset=freyfaces", "--data_dir={}"],
        "needs freyfaces.npz in --data_dir or in $TFGEN_DATA_DIR/npz; received {}, wh",
    ),
    "one column": (
        ["--model=realnvp", "--dataset={}/one.csv"],
        "needs at least 2 features, one to transform given the other; received ",
    ),
    "not prepared": (
        ["--model=made", "--data_dir={}/nothing"],
        "must be prepared in {}/nothing or be downloadable; received neither (Conn",
    ),
    "foreign directory": (["--model_dir={}/foreign"], "which holds other files."),
    "no directory": (["--model_dir={}/empty.csv/run"], "must be writable; received "),
    "seeds": (["--seeds=4..0"], "none twice; received '4..0'. For example --seeds=0.."),
    "seed and seeds": (
        ["--seed=0", "--seeds=1,2"],
        "takes --seed or --seeds; received --seed=0 and --seeds=1,2. Leave one",
    ),
    "a run of several": (["--model_dir={}/many"], "which holds the runs of several s"),
    "several in a run": (
        ["--seeds=0,1", "--model_dir={}/half"],
        "received {}/half, which holds a single run. Give another, such as --model_",
    ),
    "another run": (["--model_dir={}/half"], "another run; it differs in dataset: "),
    "context": (["--dataset={}/labels.csv", "--context=y"], "takes no context; recei"),
    "context of built-in": (["--context=y"], "--context is for your own .csv, "),
    "alone": (["maf"], "is a flag, --name=value; received 'maf' alone. See --help."),
}
DIR = "--model_dir={}/half"
RUN = "--model_dir={}/run"
MANY = "--model_dir={}/many"
OTHERS = {
    "evaluate": ("evaluate", [DIR], "has a report.json; received {}/half, which has"),
    "sample": ("sample", [DIR], "Train first: python -m zoo.train --model=maf --mod"),
    "score": ("score", [DIR, "--input=a", "--output=b"], "received {}/half, which has"),
    "no directory": ("evaluate", ["--model_dir={}/none"], "received {}/none, which"),
    "alone": ("evaluate", [RUN, "again"], "received 'again' alone. See --help."),
    "several": (
        "sample",
        [MANY],
        "holds those of several seeds. Give one of them: {}/",
    ),
    "none of several": (
        "evaluate",
        [MANY],
        "received {}/many/seed-3, none of which is",
    ),
    "importance of several": (
        "evaluate",
        [MANY, "--num_importance_samples=5"],
        "with those of several seeds. Give one of them: {}/many/seed-3.",
    ),
    "importance": (
        "evaluate",
        [RUN, "--num_importance_samples=5"],
        "received a DensityModel of kind exact. Leave --num_importance_samples out.",
    ),
    "context": ("sample", [RUN, "--context=1"], "Only conditional models take a cont"),
    "samples": ("sample", [RUN, "--output=x.png"], "received --output=x.png. Give a n"),
    "too many": (
        "sample",
        [RUN, "--num_samples=9999999999999"],
        "received --num_samples=9999999999999 of 2 each. Draw fewer, each part with a ",
    ),
    "nowhere": ("sample", [RUN, "--output={}/no/x.npz"], "received {}/no/x.npz. Make"),
    "no run": ("report", [], "Tables are of finished runs; received none. Give their"),
    "not finished": ("report", ["{}/half"], "has a report.json; received {}/half"),
    "no checkout": (
        "report",
        ["--check", "--root={}/half"],
        "received {}/half, which has no docs. Go there, or give --root.",
    ),
    "column": (
        "score",
        [RUN, "--input={}/one.csv", "--output={}/scores.csv"],
        "needs the columns a, b; received {}/one.csv without 'b';",
    ),
}
ERRORS = {
    **{
        f"train, {name}": ("train", ["--model=gmm", *arguments], message)
        for name, (arguments, message) in TRAIN.items()
    },
    **{f"{case[0]}, {name}": case for name, case in OTHERS.items()},
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors_are_one_sentence(name, folder, trained, monkeypatch):
    def no_network(*arguments, **options):
        raise ConnectionError("no network")

    monkeypatch.setattr(tfds.core.DatasetBuilder, "download_and_prepare", no_network)
    monkeypatch.chdir(folder)
    before = set(folder.rglob("*"))
    command, arguments, message = ERRORS[name]
    answer = call(command, *(a.replace("{}", str(folder)) for a in arguments))
    assert answer.code == 1
    assert answer.err.startswith("error: ")
    assert answer.err.count("\n") == 1
    assert message.replace("{}", str(folder)) in answer.err
    assert not answer.out
    assert set(folder.rglob("*")) - before <= {folder / "nothing"}


WRONG_FLAGS = {
    "unknown": (["--modle=maf"], "Unknown command line flag 'modle'"),
    "no model": ([], "--model must have a value"),
    "ill-typed": (["--model=gmm", "--epochs=many"], "flag --epochs=many"),
    "schedule": (["--model=gmm", "--schedule=linear"], "<cosine|constant>"),
    "switch": (["--model=gmm", "--nojit_compile=x"], "neither (--nojit_compile=x does"),
    "seed": (["--model=gmm", "--seed=-1"], "flag --seed=-1"),
    "binarize": (["--model=made", "--binarize=static"], "should be one of <dynamic>"),
    "looks": (["--model=gmm", "--steps_per_execution=-1"], "steps_per_execution=-1"),
}


@pytest.mark.parametrize("name", WRONG_FLAGS)
def test_wrong_flags_are_named(name):
    arguments, message = WRONG_FLAGS[name]
    answer = call("train", *arguments)
    assert answer.code == 1
    assert message in answer.err
    assert "Traceback" not in answer.err


def test_a_traceback_is_shown_to_those_who_ask():
    with pytest.raises(ValueError, match="no model 'mfa'"):
        call("train", "--model=mfa", "--traceback")


NO_MEMORY = (
    "error: Models and the rows of a step are held in memory; received more than there "
    "is room for ({}). Give fewer rows or columns, a smaller --batch_size, or a "
    "smaller model.\n"
)


@pytest.mark.parametrize(
    ("error", "answer"),
    [
        (KeyboardInterrupt(), Answer(130, "", "interrupted\n")),
        (ArithmeticError("not finite"), Answer(1, "", "error: not finite\n")),
        (MemoryError("7 TiB"), Answer(1, "", NO_MEMORY.format("7 TiB"))),
        (
            tf.errors.ResourceExhaustedError(None, None, "OOM\nof a node"),
            Answer(1, "", NO_MEMORY.format("OOM")),
        ),
        (TypeError("no number"), Answer(1, "", "error: no number\n")),
    ],
    ids=lambda value: type(value).__name__,
)
def test_how_a_command_ends(monkeypatch, error, answer):
    def fails(options):
        raise error

    monkeypatch.setattr(training, "train", fails)
    assert call("train", "--model=gmm") == answer


def test_lines_of_libraries_are_shown_if_they_fail_to_load(capfd):
    with cli._held_back_stderr():
        os.write(2, b"just saying\n")
    with pytest.raises(ImportError), cli._held_back_stderr():  # noqa: PT012
        os.write(2, b"no such library\n")
        raise ImportError
    assert capfd.readouterr().err == "no such library\n"


# Samples.


def _bits():
    """A run of a model whose samples are floats, on data that are integers."""
    spec = DataSpec("bits", (2, 3), "uint8", levels=2)
    layer = Autoregressive(Bernoulli([2, 3], MADE(6, 1, [8])))
    split = Split(np.zeros([4, 2, 3], "uint8"))
    run = SimpleNamespace(model=tfgen.DensityModel(layer), spec=spec)
    return run, DataSet(spec, split, split, split)


def test_samples_are_of_the_kind_of_the_data(tmp_path):
    run, data = _bits()
    target = str(tmp_path / "samples.npz")
    paths = write_samples(run, data, num_samples=9, output=target)
    with np.load(paths[0]) as samples:
        assert samples["x"].dtype == "uint8"
        assert samples["x"].shape == (9, 2, 3)
        assert set(samples["x"].flatten()) == {0, 1}
    assert paths[1].stat().st_size > 0


def test_samples_do_not_depend_on_how_many_are_drawn_at_once(monkeypatch):
    run, _ = _bits()
    whole = showing.draw(run.model, 10, seed=4)
    monkeypatch.setattr(showing, "_CHUNK", 3)
    np.testing.assert_array_equal(showing.draw(run.model, 10, seed=4), whole)
    np.testing.assert_array_equal(showing.draw(run.model, 2, seed=4), whole[:2])
    assert np.any(showing.draw(run.model, 10, seed=5) != whole)


CLASS = ContextSpec((), "int32", num_classes=3)
PAIR = ContextSpec((2,), "float32")
CONTEXTS = {
    "class": (CLASS, ["2"], [2] * 4),
    "numbers": (PAIR, ["1.5", "-2e3"], [[1.5, -2000.0]] * 4),
}
WRONG_CONTEXTS = {
    "no such class": (CLASS, ["3"], "is a class, 0 to 2; received --context=3."),
    "negative class": (CLASS, ["-1"], "is a class, 0 to 2"),
    "half a class": (CLASS, ["0.5"], "is a class, 0 to 2"),
    "two classes": (CLASS, ["0", "1"], "received --context=0,1."),
    "text": (CLASS, ["one"], "received --context=one."),
    "nothing": (CLASS, [], "is a class, 0 to 2"),
    "too few numbers": (PAIR, ["1"], "is 2 numbers; received --context=1."),
    "too many numbers": (PAIR, ["1", "2", "3"], "is 2 numbers"),
    "infinite": (PAIR, ["1", "inf"], "is 2 numbers"),
    "no context": (None, ["1"], "Only conditional models take a context"),
}


def _spec(context):
    return DataSpec("data", (1,), "float32", context=context)


@pytest.mark.parametrize("name", CONTEXTS)
def test_a_context_is_the_same_for_all_samples(name):
    context, texts, expected = CONTEXTS[name]
    rows = parse_context(texts, _spec(context), 4)
    assert rows.dtype == context.dtype
    np.testing.assert_array_equal(rows, np.array(expected, context.dtype))


@pytest.mark.parametrize("name", WRONG_CONTEXTS)
def test_a_context_that_does_not_fit_is_refused(name):
    context, texts, message = WRONG_CONTEXTS[name]
    with pytest.raises(ValueError, match="context") as error:
        parse_context(texts, _spec(context), 4)
    assert message in str(error.value)
