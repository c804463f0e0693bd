"""Anything at all as input: an answer, or an error in one sentence.

    TFGEN_FUZZ=20000 python -m pytest -m "slow or not slow" tests/faults/test_fuzz.py

tries as many examples of each, and not the same ones each time. What was found so
is kept below each, and in `test_hostile_files.py`.
"""

import contextlib
import io
import json
import os
import re
import runpy
import sys
import warnings
import zipfile

import hypothesis
import numpy as np
import pandas as pd
import pytest
from absl import flags
from absl.testing import flagsaver
from hypothesis import strategies as st

import tfgen
from export import _read_inputs
from export._inputs import fit_inputs
from tfgen.distributions import StandardNormal
from zoo import _keras_files, cli, data, runs, tables, training
from zoo.checkpoints import Checkpoints
from zoo.model_dir import ModelDir

EXAMPLES = int(os.environ.get("TFGEN_FUZZ", "0"))
FUZZ = hypothesis.settings(
    derandomize=not EXAMPLES,
    database=None,
    deadline=None,
    max_examples=EXAMPLES or 40,
    suppress_health_check=list(hypothesis.HealthCheck),
)
# What a function may raise of its input, and nothing else.
REFUSALS = (ValueError, TypeError, FileNotFoundError)


def _assert_tells(error):
    """An error has a rule, what was received, and a way out, in little space."""
    text = str(error)
    assert text.endswith("."), text
    assert re.search("received|is not|cannot be read|zoo has no", text), text
    assert "\n" not in text, text
    assert len(text) < 1000, text


@contextlib.contextmanager
def _answers_or_tells():
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Of parsers, of the odd things they see.
            yield
    except REFUSALS as error:
        _assert_tells(error)


def _mutations(valid):
    """Bytes: of anything, of valid files with changes, cuts and repeats."""
    changes = st.lists(
        st.tuples(
            st.sampled_from(["set", "cut", "insert", "repeat", "drop"]),
            st.integers(0, 2**16),
            st.binary(min_size=1, max_size=8),
        ),
        min_size=1,
        max_size=6,
    )

    def change(start, parts):
        content = bytearray(start)
        for kind, at, new in parts:
            at %= len(content) + 1
            if kind == "set":
                content[at : at + len(new)] = new
            elif kind == "cut":
                del content[at:]
            elif kind == "insert":
                content[at:at] = new
            elif kind == "repeat":
                content[at:at] = content[max(0, at - 40) : at]
            else:
                del content[at : at + new[0]]
        return bytes(content)

    return st.one_of(
        st.binary(max_size=200), st.builds(change, st.sampled_from(valid), changes)
    )


def _written(write):
    """What a function writes into a file."""
    target = io.BytesIO()
    write(target)
    return target.getvalue()


X = np.random.default_rng(0).standard_normal([20, 2])
FRAME = pd.DataFrame(X, columns=["a", "b"]).assign(y=np.arange(20) % 3)
PIXELS = np.arange(320, dtype="uint8").reshape(20, 4, 4)
VALID = {
    ".csv": [FRAME.to_csv(index=False).encode(), b"a;b\n1;2\n" + b"3.5;4\n" * 12],
    ".parquet": [
        _written(FRAME.to_parquet),
        _written(lambda file: FRAME.to_parquet(file, compression="gzip")),
    ],
    ".npy": [
        _written(lambda file: np.save(file, X)),
        _written(lambda file: np.save(file, PIXELS)),
    ],
    ".npz": [
        _written(lambda file: np.savez(file, x=X, y=np.arange(20))),
        _written(lambda file: np.savez_compressed(file, train=X, validation=X, test=X)),
    ],
}
INPUTS = {
    "x": {"shape": [None, 2], "dtype": "float32"},
    "seed": {"shape": [None], "dtype": "int32"},
}


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz")


def _read_everywhere(path):
    """A file of rows, by all that read such files."""
    for context in ([], ["y"]):
        with _answers_or_tells():
            data.load(str(path), context=context)
    specs = (
        data.DataSpec("x", (2,), "float32", columns=("a", "b")),
        data.DataSpec("x", (4, 4), "uint8", levels=256),
    )
    for spec in specs:
        with _answers_or_tells():
            for _ in tables.iterate_rows(str(path), spec, 7):
                pass
    if path.suffix != ".parquet":
        with _answers_or_tells():
            for chunk in _read_inputs.read_inputs(str(path), INPUTS, columns=()):
                fit_inputs(chunk, INPUTS)


@pytest.mark.parametrize("suffix", VALID)
def test_any_file_of_rows(scratch, suffix):
    @FUZZ
    @hypothesis.given(content=_mutations(VALID[suffix]))
    def check(content):
        path = scratch / f"x{suffix}"
        path.write_bytes(content)
        _read_everywhere(path)

    check()


# Arrays inside of archives that are as they should be.


@FUZZ
@hypothesis.given(
    content=_mutations([*VALID[".npy"]]),
    name=st.sampled_from(["x.npy", "x", "../out.npy", "/out.npy", "é.npy"]),
    compression=st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]),
)
def test_any_member_of_an_archive(scratch, content, name, compression):
    path = scratch / "below" / "member.npz"
    path.parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr(name, content)
    _read_everywhere(path)
    assert not (scratch / "out.npy").exists()


@FUZZ
@hypothesis.given(
    shape=st.lists(st.integers(-(2**65), 2**65), max_size=5).map(tuple),
    descr=st.sampled_from(["<f8", "|O", "<U9", "|V0", "<f2", ">i8", "<M8[s]", "q", ""]),
    order=st.sampled_from(["False", "True", "7"]),
    body=st.binary(max_size=64),
)
def test_any_header_of_an_array(scratch, shape, descr, order, body):
    header = f"{{'descr': {descr!r}, 'fortran_order': {order}, 'shape': {shape}, }}\n"
    size = len(header).to_bytes(2, "little")
    content = b"\x93NUMPY\x01\x00" + size + header.encode() + body
    path = scratch / "header.npy"
    path.write_bytes(content)
    _read_everywhere(path)
    with zipfile.ZipFile(scratch / "header.npz", "w") as archive:
        archive.writestr("x.npy", content)
    _read_everywhere(scratch / "header.npz")


# Inputs of the client.

_ARRAYS = st.one_of(
    st.lists(st.floats(), max_size=4),
    st.lists(st.lists(st.floats(width=32), min_size=2, max_size=2), max_size=3),
    st.lists(st.integers(-(2**70), 2**70), max_size=3),
    st.lists(st.text(max_size=2), max_size=3),
    st.lists(st.booleans(), max_size=3),
    st.floats(),
    st.none(),
    st.lists(st.complex_numbers(max_magnitude=9), max_size=3),
)


@FUZZ
@hypothesis.given(
    inputs=st.dictionaries(st.sampled_from(["x", "seed", "z"]), _ARRAYS, max_size=3),
    dtype=st.sampled_from(["float32", "uint8", "int32", "bfloat16", "string", "bool"]),
    first_row=st.integers(1, 10**9),
)
def test_any_inputs_of_a_request(inputs, dtype, first_row):
    infos = {**INPUTS, "x": {"shape": [None, 2], "dtype": dtype}}
    with _answers_or_tells():
        fitted = fit_inputs(inputs, infos, first_row)
        for name, array in fitted.items():
            assert array.dtype == infos[name]["dtype"]
            assert array.shape[1:] == tuple(infos[name]["shape"][1:])


# Flags.

_FLAGS = st.sampled_from(
    ["model", "dataset", "epochs", "batch_size", "learning_rate", "set", "seed"]
    + ["seeds", "on_nan", "overwrite", "nojit_compile", "context", "binarize", "x", ""]
)
_VALUES = st.one_of(
    st.text(max_size=8).filter(lambda text: "\x00" not in text),
    st.integers(-(10**20), 10**20).map(str),
    st.floats().map(str),
    st.sampled_from(["gmm", "maf", "wine", "a=b", "=", "num_components=3", "0..3"]),
    st.sampled_from(["1..0", "0..99999999999", "true", "rollback", "steps=\u00b2"]),
)
_ARGUMENTS = st.one_of(
    st.builds("--{}={}".format, _FLAGS, _VALUES),
    st.builds("--{}".format, _FLAGS),
    st.builds("-{}".format, _VALUES),
    _VALUES,
)


def _call(command, arguments):
    """`python -m zoo.COMMAND ARGUMENTS`, in this process."""
    out, err, argv = io.StringIO(), io.StringIO(), sys.argv
    sys.argv = [command, *arguments]
    try:
        with (
            flagsaver.flagsaver(),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            runpy.run_module(f"zoo.{command}", run_name="__main__")
    except SystemExit as end:
        return end.code or 0, err.getvalue()
    finally:
        sys.argv = argv
        flags.FLAGS.unparse_flags()
    raise AssertionError("A command ends with an exit code.")


@FUZZ
@hypothesis.given(arguments=st.lists(_ARGUMENTS, max_size=5))
def test_any_flags(arguments):
    # Nothing is trained: what is told is looked at.
    def train(options):
        recipe = training.find_recipe(options.model)
        dataclass = type(recipe)
        kept = {f: getattr(recipe, f) for f in recipe.__dataclass_fields__}
        dataclass(**{**kept, **options.fields}).parse(options.settings)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "train", train)
        patch.setattr("zoo.seeds.train_seeds", lambda options, _: train(options))
        code, err = _call("train", arguments)
    told = not any(word in ("--help", "-help", "-h", "-?") for word in arguments)
    assert code == 0 or (code == 1 and err)
    assert "Traceback" not in err or not told
    if code and err.startswith("error: "):
        assert err.count("\n") == 1, err


@FUZZ
@hypothesis.given(
    text=st.one_of(_VALUES, st.from_regex(r"[0-9.,]{0,12}", fullmatch=True))
)
def test_any_seeds(text):
    with _answers_or_tells():
        seeds = cli.parse_seeds(text)
        assert 0 < len(seeds) == len(set(seeds)) <= 1000


# Runs.

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)


@pytest.fixture(scope="module")
def finished(tmp_path_factory, write_run):
    """A finished run: its directory, and what its files hold."""
    folder = tmp_path_factory.mktemp("runs")
    pd.DataFrame(X, columns=["a", "b"]).to_csv(folder / "x.csv", index=False)
    model = tfgen.DensityModel(StandardNormal([2]))
    run = write_run(folder / "run", str(folder / "x.csv"), model)
    contents = {path.name: path.read_bytes() for path in run.path.iterdir()}
    return run, contents


def _restore(run, contents):
    for name, content in contents.items():
        (run.path / name).write_bytes(content)


def _opened(run, *, model):
    """Opens a run; where its model is as before, that need not be read."""
    with pytest.MonkeyPatch.context() as patch, _answers_or_tells():
        if not model:
            loaded = tfgen.DensityModel(StandardNormal([2]))
            patch.setattr(ModelDir, "load_model", lambda self: loaded)
        runs.open_run(str(run.path)).load_data()


def _places(content, path=()):
    """All places in a description, as keys."""
    yield path
    if isinstance(content, dict):
        for key, value in content.items():
            yield from _places(value, (*path, key))
    elif isinstance(content, list):
        for key, value in enumerate(content):
            yield from _places(value, (*path, key))


@pytest.mark.parametrize("name", ["config.json", "report.json"])
def test_any_description_of_a_run(finished, name):
    run, contents = finished
    places = list(_places(json.loads(contents[name])))

    @FUZZ
    @hypothesis.given(place=st.sampled_from(places), value=_JSON)
    def values(place, value):
        content = found = json.loads(contents[name])
        for key in place[:-1]:
            found = found[key]
        if place:
            found[place[-1]] = value
        (run.path / name).write_text(json.dumps(content if place else value))
        _opened(run, model=False)

    @FUZZ
    @hypothesis.given(content=_mutations([contents[name]]))
    def texts(content):
        (run.path / name).write_bytes(content)
        _opened(run, model=False)

    try:
        values()
        texts()
    finally:
        _restore(run, contents)


@FUZZ
@hypothesis.given(content=_mutations([b'{"format": 1, "config": {}, "sha256": "0"}']))
def test_any_checkpoint(scratch, content):
    directory = ModelDir(scratch / "checkpointed")
    directory.checkpoints.mkdir(parents=True, exist_ok=True)
    (directory.checkpoints / "000001.json").write_bytes(content)
    (directory.checkpoints / "000001.npz").write_bytes(content)
    with contextlib.redirect_stdout(io.StringIO()) as said:
        assert Checkpoints(directory).load() is None
    assert "is left out: " in said.getvalue()


def _keras_members(content):
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _load(path):
    # The reason alone: `ModelDir` says the rest.
    with contextlib.suppress(ValueError):
        _keras_files.load_model(path)


@pytest.mark.parametrize("member", ["config.json", "model.weights.h5", None])
def test_any_model(finished, scratch, member):
    """Mutated as a whole, or a member of an archive that is as it should be."""
    _, contents = finished
    members = _keras_members(contents["model.keras"])
    valid = contents["model.keras"] if member is None else members[member]
    path = scratch / "x.keras"

    @FUZZ
    @hypothesis.given(content=_mutations([valid]))
    def check(content):
        if member is None:
            path.write_bytes(content)
        else:
            with zipfile.ZipFile(path, "w") as archive:
                for name, old in members.items():
                    archive.writestr(name, content if name == member else old)
        _load(path)

    check()


def test_any_value_in_a_model(finished, scratch):
    _, contents = finished
    members = _keras_members(contents["model.keras"])
    config = json.loads(members["config.json"])
    path = scratch / "y.keras"

    @FUZZ
    @hypothesis.given(place=st.sampled_from(list(_places(config))), value=_JSON)
    def check(place, value):
        content = found = json.loads(members["config.json"])
        for key in place[:-1]:
            found = found[key]
        if place:
            found[place[-1]] = value
        with zipfile.ZipFile(path, "w") as archive:
            for name, old in members.items():
                new = json.dumps(content if place else value).encode()
                archive.writestr(name, new if name == "config.json" else old)
        _load(path)

    check()
