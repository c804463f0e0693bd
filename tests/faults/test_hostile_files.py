"""Files from strangers: none runs code, writes elsewhere or fills the memory."""

import json
import os
import resource
import struct
import sys
import types
import zipfile

import h5py
import keras
import numpy as np
import pandas as pd
import pyarrow
import pytest
from pyarrow import parquet

import tfgen
from export import _read_inputs, exporting
from tfgen.distributions import Gaussian, StandardNormal
from zoo import _arrays, data, runs, tables
from zoo.checkpoints import Checkpoints
from zoo.model_dir import ModelDir

WIDTH = 2
# More than any of these files may take: gigabytes are what they ask for.
ALLOWED = 1.5 * 2**30


@pytest.fixture(autouse=True)
def _little_memory():
    """Each test of a process that may not have gigabytes more than it has."""
    with open("/proc/self/statm", encoding="ascii") as file:
        now = int(file.read().split()[0]) * resource.getpagesize()
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (int(now + 4 * ALLOWED), before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


def _peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@pytest.fixture
def frugal():
    """A test that does not take gigabytes."""
    before = _peak()
    yield
    assert _peak() - before < ALLOWED


@pytest.fixture
def model():
    return tfgen.DensityModel(StandardNormal([WIDTH]))


@pytest.fixture
def folder(tmp_path, model, monkeypatch, write_run):
    """A finished run on a file of the user's own, and the place to call commands in."""
    monkeypatch.chdir(tmp_path)
    x = np.random.default_rng(0).standard_normal([20, WIDTH])
    pd.DataFrame(x, columns=["a", "b"]).to_csv("x.csv", index=False)
    write_run("run", "x.csv", model)
    return tmp_path


def _change(path, *keys, value):
    """Puts a value into a JSON file."""
    content = found = json.loads(path.read_text())
    for key in keys[:-1]:
        found = found[key]
    found[keys[-1]] = value
    path.write_text(json.dumps(content, indent=2))


def test_a_run_is_opened(folder):
    run = runs.open_run("run")
    assert run.load_data().spec.columns == ("a", "b")


# Code: of classes.


def _members(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _pack(path, members, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def _with_config(path, config):
    members = _members(path)
    members["config.json"] = json.dumps(config).encode()
    _pack(path, members)


def _layer(module, name, config=None, registered_name=None):
    return {
        "module": module,
        "class_name": name,
        "config": config or {},
        "registered_name": registered_name,
    }


CODE = "__import__('os').mkdir('ran')"
CLASSES = {
    "a function of the system": _layer("os", "system", {"command": "mkdir ran"}),
    "a class of a module": _layer("subprocess", "Popen", {"args": ["mkdir", "ran"]}),
    "a module of a stranger": _layer("evil", "Evil"),
    "a registered name": _layer("os", "system", registered_name="os>system"),
    "a program": _layer(
        "keras.layers",
        "Lambda",
        {"function": {"class_name": "__lambda__", "config": {"value": CODE}}},
    ),
    "a bare program": {"class_name": "__lambda__", "config": {"value": CODE}},
    "a SavedModel": _layer("keras.layers", "TFSMLayer", {"filepath": "evil"}),
    "a module of PyTorch": _layer(
        "keras.layers", "TorchModuleWrapper", {"module": "gASVKAAAAAAAAAB="}
    ),
    "another file": _layer("keras.layers", "StringLookup", {"vocabulary": "secret"}),
    "a download": _layer(
        "keras.utils", "get_file", {"origin": "http://127.0.0.1:9/evil"}
    ),
    "inside of Keras": _layer(
        "keras.src.saving.saving_lib", "load_model", {"filepath": "evil"}
    ),
    "an array": _layer("keras.layers", "__numpy__", {"value": 1, "dtype": "S99"}),
    "a registered array": _layer(
        "x", "__numpy__", {"value": 1, "dtype": "S99"}, "tfgen>Gaussian"
    ),
    "no name": _layer(["os"], 3),
}


@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize("place", ["outermost", "inside", "registered"])
def test_classes_of_elsewhere_are_not_made(folder, name, place):
    (folder / "evil.py").write_text("open('ran', 'w').close()\nclass Evil: pass\n")
    (folder / "secret").write_text("secret\n")
    sys.path.insert(0, str(folder))
    try:
        path = folder / "run" / "model.keras"
        config = json.loads(_members(path)["config.json"])
        if place == "outermost":
            config = CLASSES[name]
        elif place == "inside":
            config["config"]["distribution"] = CLASSES[name]
        else:  # By the name of a class that is registered, and its own arguments.
            config["config"]["distribution"]["config"]["event_shape"] = CLASSES[name]
        _with_config(path, config)
        with pytest.raises(ValueError, match="cannot be read as a model"):
            runs.open_run("run")
    finally:
        sys.path.remove(str(folder))
    assert "evil" not in sys.modules
    assert not (folder / "ran").exists()


def test_our_own_parts_import_nothing():
    # Parts bring back the arguments of parts, wherever these come from. What Keras has
    # that reads files is refused before, where a file of a model is read.
    for name, config in CLASSES.items():
        if name not in ("a SavedModel", "another file", "a module of PyTorch"):
            with pytest.raises((AttributeError, TypeError, ValueError)):
                StandardNormal.from_config({"event_shape": config})


def test_data_in_a_model_dir_are_not_read(folder):
    _change(folder / "run/config.json", "dataset", "data_dir", value="run/tfds")
    _change(folder / "run/config.json", "dataset", "name", value="mnist")
    with pytest.raises(ValueError, match="does not bring its own data_dir; received"):
        runs.open_run("run").load_data()


def test_prepared_data_name_no_modules_of_strangers(folder):
    # Beside the run, and not in it: `python -m` finds modules in the current folder.
    (folder / "evil.py").write_text("open('ran', 'w').close()\n")
    prepared = folder / "data" / "odd" / "1.0.0"
    prepared.mkdir(parents=True)
    about = {"name": "odd", "version": "1.0.0", "fileFormat": "tfrecord"}
    (prepared / "dataset_info.json").write_text(json.dumps(about))
    features = {"pythonClassName": "evil.Evil", "featuresDict": {"features": {}}}
    features = {**features, "featuresDict": {"features": {"x": features}}}
    (prepared / "features.json").write_text(json.dumps(features))
    _change(folder / "run/config.json", "dataset", "data_dir", value="data")
    _change(folder / "run/config.json", "dataset", "name", value="tfds:odd")
    sys.path.insert(0, str(folder))
    try:
        with pytest.raises(ValueError, match="features of TFDS; received evil.Evil in"):
            runs.open_run("run").load_data()
    finally:
        sys.path.remove(str(folder))
    assert "evil" not in sys.modules
    assert not (folder / "ran").exists()


# Code: pickles.


class _Evil:
    def __reduce__(self):
        return os.mkdir, ("ran",)


def _npz(path):
    np.savez(path, x=np.array([_Evil()], dtype=object))


def _npy(path):
    np.save(path, np.array([_Evil()], dtype=object), allow_pickle=True)


def _bare(path):
    import pickle

    path.write_bytes(pickle.dumps(_Evil()))


def _read_for_model(path):
    spec = data.DataSpec("a", (1,), "float32")
    return list(tables.iterate_rows(str(path), spec, 10))


def _read_for_server(path):
    # With seeds, of which there is one for each row.
    seed = {"shape": [None], "dtype": "int32"}
    inputs = {"x": {"shape": [None, 1], "dtype": "float32"}, "seed": seed}
    return list(_read_inputs.read_inputs(str(path), inputs))


def _read_examples(path):
    directory = ModelDir(path.parent)
    run = types.SimpleNamespace(directory=directory)
    path.rename(path.with_name("examples.npz"))
    return exporting._examples(run)


READERS = {
    "training": lambda path: data.load(str(path)),
    "scoring": _read_for_model,
    "asking": _read_for_server,
    "exporting": _read_examples,
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("write", [_npz, _npy, _bare])
@pytest.mark.parametrize("suffix", [".npz", ".npy"])
def test_nothing_is_unpickled(tmp_path, monkeypatch, reader, write, suffix):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / f"x{suffix}"
    with path.open("wb") as file:
        write(path if write is _bare else file)
    if reader == "exporting" and suffix == ".npy":
        pytest.skip("examples are an .npz")
    with pytest.raises(ValueError, match="read|plain"):
        READERS[reader](path)
    assert not (tmp_path / "ran").exists()


# Writing elsewhere.


@pytest.mark.parametrize(
    "name", ["../../out", "/tmp/out-of-tfgen", "assets/../../out", "assets/x"]
)
def test_archives_with_other_members_are_refused(folder, name):
    path = folder / "run" / "model.keras"
    _pack(path, {**_members(path), name: b"out"})
    with pytest.raises(ValueError, match=r"it holds .*(out|assets)"):
        runs.open_run("run")
    assert not list(folder.parent.rglob("out*"))


def test_archives_with_links_are_refused(folder):
    path = folder / "run" / "model.keras"
    members = _members(path)
    link = zipfile.ZipInfo("model.weights.h5")
    link.external_attr = 0o120777 << 16
    weights = members.pop("model.weights.h5")
    _pack(path, members)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(link, b"/etc/passwd")
    with pytest.raises(ValueError, match="cannot be read as a model"):
        runs.open_run("run")
    # A member twice: which of them is looked at, and which is read?
    members["model.weights.h5"] = weights
    _pack(path, members)
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Dup"):
        archive.writestr("config.json", "{}")
    with pytest.raises(ValueError, match="it holds config.json, config.json"):
        runs.open_run("run")


def test_members_of_an_npz_are_never_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a").mkdir()
    x = np.random.default_rng(0).standard_normal([20, 2])
    np.savez("a/x.npz", x=x)
    _pack("a/x.npz", {"../y.npy": _members("a/x.npz")["x.npy"]})
    assert len(data.load("a/x.npz").train) == 16
    assert {path.name for path in tmp_path.rglob("*")} == {"a", "x.npz"}


LINKS = ("logs", "logs/train", "checkpoints", "teacher", ".lock")


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("name", LINKS)
def test_a_run_does_not_write_through_links(folder, name, overwrite):
    directory = ModelDir("run")
    config = directory.config
    outside = folder / "outside"
    for path in ("train/events.out.tfevents.1", "events.out.tfevents.1"):
        (outside / path).parent.mkdir(parents=True, exist_ok=True)
        (outside / path).write_text("mine")
    for path in ("000001.json", "000001.npz", ".tmp-1-x", "model.keras"):
        (outside / path).write_text("mine")
    (outside / "config.json").write_bytes((folder / "run/config.json").read_bytes())
    before = {p: p.read_bytes() for p in outside.rglob("*") if p.is_file()}
    (folder / "run" / name).parent.mkdir(exist_ok=True)
    target = outside / "new" if name == ".lock" else outside
    (folder / "run" / name).symlink_to(target)
    with directory.locked():
        with pytest.raises(
            ValueError, match=f"received run/{name}, which is a link to"
        ):
            directory.enter({**config, "seed": 1}, overwrite=overwrite)
    directory.clear()
    directory.teacher._remove()
    assert {p: p.read_bytes() for p in outside.rglob("*") if p.is_file()} == before


@pytest.mark.parametrize("name", ["seed-0", "teacher"])
def test_a_part_of_several_runs_is_no_link(folder, name):
    (folder / "parent").mkdir()
    (folder / "parent" / name).symlink_to(folder / "run")
    with pytest.raises(ValueError, match="which is a link to .*run. Remove the link"):
        ModelDir(folder / "parent" / name).enter({"seed": 0}, overwrite=True)
    assert (folder / "run" / "report.json").exists()


def test_files_that_are_links_are_replaced_and_not_followed(folder):
    directory = ModelDir("run")
    (folder / "mine.txt").write_text("mine")
    names = ("report.json", "metrics.csv", "config.json", "examples.npz")
    for name in (*names, f".tmp-{os.getpid()}-config.json"):
        (folder / "run" / name).unlink(missing_ok=True)
        (folder / "run" / name).symlink_to(folder / "mine.txt")
    with directory.replacing("config.json") as path:
        path.write_text("{}")
    directory.write("report.json", {})
    directory.clear()
    assert (folder / "mine.txt").read_text() == "mine"
    assert not (folder / "run" / "config.json").is_symlink()


# Memory.


def _bomb(shape, dtype="<f8", data=b""):
    """An .npy that says more than it holds."""
    header = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}"
    header = header.ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", 118) + header.encode() + data


SHAPES = {
    "terabytes": (2**40, 2),
    "beyond addresses": (2**62, 2**62),
    "negative": (-3, 2),
    "rows of nothing": (2**40, 0),
    "a number": (),
}


@pytest.mark.parametrize("suffix", [".npz", ".npy"])
@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("reader", ["training", "scoring", "asking"])
@pytest.mark.usefixtures("frugal")
def test_arrays_are_no_larger_than_their_files(tmp_path, reader, name, suffix):
    content = _bomb(SHAPES[name], data=b"\0" * 8 if name == "a number" else b"")
    path = tmp_path / f"x{suffix}"
    path.write_bytes(content)
    if suffix == ".npz":
        _pack(path, {"x.npy": content})
    read = READERS[reader]
    if reader == "asking" and name == "a number":
        read(path)  # What does not fit a model is refused as it is asked.
        return
    with pytest.raises(ValueError, match=r"received .*x\.np"):
        read(path)


@pytest.mark.parametrize("dtype", ["|V0", "<U0", "|S0"])
@pytest.mark.usefixtures("frugal")
def test_rows_are_of_something(tmp_path, dtype):
    (tmp_path / "x.npy").write_bytes(_bomb((2**40, 2), dtype))
    _pack(tmp_path / "x.npz", {"x.npy": _bomb((2**40, 2), dtype)})
    for file in ("x.npy", "x.npz"):
        for reader in ("training", "scoring", "asking"):
            with pytest.raises(ValueError, match="its rows hold nothing: "):
                READERS[reader](tmp_path / file)


def _inflating(path, shape, dtype):
    """An archive of a kilobyte in which an array of zeros has gigabytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("x.npy", "w", force_zip64=True) as file:
            file.write(_bomb(shape, dtype))
            for _ in range(shape[0] * shape[1] // 2**20):
                file.write(bytes(2**20))


@pytest.mark.usefixtures("frugal")
def test_archives_do_not_grow_without_bound(tmp_path, monkeypatch):
    monkeypatch.setattr(_arrays, "_LARGE", 2**20)  # Writing a gigabyte takes long.
    _inflating(tmp_path / "x.npz", (2**20, 8), "|u1")
    assert os.path.getsize(tmp_path / "x.npz") < 2**14
    for reader in READERS:
        with pytest.raises(ValueError, match="would grow to 8,388,"):
            READERS[reader](
                tmp_path / "x.npz" if reader != "exporting" else _copy(tmp_path)
            )
    np.savez_compressed(tmp_path / "y.npz", x=_noise([2**16, 16]))
    assert set(_arrays.read_npz(tmp_path / "y.npz")) == {"x"}


def _packed_beyond_what_it_says(path, name):
    """A small archive, whose member is of 4 KiB by its word, and of a gibibyte."""
    said = 2**12
    with zipfile.ZipFile(path, "w", zipfile.ZIP_BZIP2) as archive:
        with archive.open(name, "w") as file:
            file.write(_bomb((said - 128,), "|u1"))
            for _ in range(2**10):
                file.write(bytes(2**20))
    member, content = archive.getinfo(name), path.read_bytes()
    path.write_bytes(
        content.replace(*(struct.pack("<I", x) for x in (member.file_size, said)))
    )


@pytest.mark.usefixtures("frugal")
def test_archives_do_not_unpack_more_than_they_say(tmp_path):
    _packed_beyond_what_it_says(tmp_path / "x.npz", "x.npy")
    assert os.path.getsize(tmp_path / "x.npz") < 2**12
    with pytest.raises(ValueError, match="as np.savez_compressed does not"):
        data.load(str(tmp_path / "x.npz"))


def _noise(shape):
    """Bits in bytes: an eighth of their size at best."""
    return np.random.default_rng(0).integers(0, 2, shape, np.uint8)


def _copy(folder):
    (folder / "copy").mkdir()
    (folder / "copy" / "x.npz").write_bytes((folder / "x.npz").read_bytes())
    return folder / "copy" / "x.npz"


@pytest.mark.usefixtures("frugal")
def test_tables_do_not_grow_without_bound(tmp_path):
    table = pyarrow.table(
        {name: pyarrow.array(np.zeros(10**7)) for name in "abcdefghijklmno"}
    )
    path = tmp_path / "x.parquet"
    parquet.write_table(table, path, compression="zstd")
    del table
    assert path.stat().st_size < 2**20
    with pytest.raises(ValueError, match="150,000,000 values in 10,000,000 rows"):
        data.load(str(path))
    spec = data.DataSpec("a", (1,), "float32", columns=("a",))
    _, x, *_ = next(tables.iterate_rows(str(path), spec, 1000))
    assert len(x) == 1000
    names = ",".join(f"c{i}" for i in range(20_000))
    (tmp_path / "x.csv").write_text(names + "\n" + "1\n" * 10_000)
    with pytest.raises(ValueError, match="10,001 lines below 20,000 names"):
        data.load(str(tmp_path / "x.csv"))
    spec = data.DataSpec("a", (1,), "float32", columns=("c7",))
    _, x, _, bad = next(tables.iterate_rows(str(tmp_path / "x.csv"), spec, 10_000))
    assert len(x) < 1_000
    assert bad[0] == (1, "column 'c7' is missing")


@pytest.mark.usefixtures("frugal")
def test_lists_in_a_table_do_not_grow_without_bound(tmp_path):
    lists = pyarrow.FixedSizeListArray.from_arrays(
        pyarrow.array(np.zeros(2**24, np.int8)), 2**20
    )
    schema = pyarrow.schema([("x", lists.type)])
    path = tmp_path / "x.parquet"
    with parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        for _ in range(16):
            writer.write_table(pyarrow.table({"x": lists}))
    assert path.stat().st_size < 2**20
    with pytest.raises(ValueError, match="268,435,456 values in 256 rows"):
        data.load(str(path))


@pytest.mark.usefixtures("frugal")
def test_a_long_text_is_in_memory_once(tmp_path):
    rows = 2**14
    texts = pyarrow.DictionaryArray.from_arrays(
        pyarrow.array(np.zeros(rows, np.int32)), pyarrow.array(["x" * 2**18])
    )
    x = np.random.default_rng(0).standard_normal(rows)
    path = tmp_path / "x.parquet"
    # Other writers do not tell pyarrow that it was a dictionary.
    parquet.write_table(pyarrow.table({"x": x, "t": texts}), path, store_schema=False)
    assert path.stat().st_size < 2**20
    assert data.load(str(path), drop=["t"]).spec.columns == ("x",)
    spec = data.DataSpec("a", (1,), "float32", columns=("x",))
    assert len(next(tables.iterate_rows(str(path), spec, rows))[1]) == rows


def test_a_table_without_columns_has_no_rows(tmp_path):
    table = pyarrow.table({"a": [1.0, 2.0]}).select([])
    parquet.write_table(table, tmp_path / "x.parquet")
    spec = data.DataSpec("a", (1,), "float32")
    for read in (data.load, lambda path: list(tables.iterate_rows(path, spec, 5))):
        with pytest.raises(ValueError, match="at least one column; received none"):
            read(str(tmp_path / "x.parquet"))


# Memory: of models.


def _gaussian():
    """A part with a network: of 2 numbers, without conditions."""
    return tfgen.DensityModel(tfgen.maf([WIDTH], num_steps=1, hidden_units=[8]))


def _replace(value, key, new):
    """The configuration with another value for every key of a name."""
    if isinstance(value, dict):
        return {k: new if k == key else _replace(v, key, new) for k, v in value.items()}
    return [_replace(v, key, new) for v in value] if isinstance(value, list) else value


WIDE = {
    "wide": [20_000, 20_000],
    "many": [1000] * 3000,
    "beyond all measure": [2**60],
    "beyond 64 bits": [10**30],
    "one after the other": [2**18, 2**18],
}


@pytest.mark.parametrize("name", WIDE)
@pytest.mark.usefixtures("frugal")
def test_models_are_no_larger_than_their_weights(folder, name):
    path = folder / "run" / "model.keras"
    _gaussian().save(path)
    runs.open_run("run")
    config = json.loads(_members(path)["config.json"])
    _with_config(path, _replace(config, "hidden_units", WIDE[name]))
    with pytest.raises(
        ValueError, match="a larger model than its weights|that no model here has"
    ):
        runs.open_run("run")


def test_configurations_are_nested_as_deep_as_models(folder):
    path = folder / "run" / "model.keras"
    members = _members(path)
    for depth in (900, 100_000):
        members["config.json"] = b'{"a":' * depth + b"1" + b"}" * depth
        _pack(path, members)
        with pytest.raises(ValueError, match="cannot be read as a model"):
            runs.open_run("run")


def _weights(path, change):
    members = _members(path)
    (path.parent / "w.h5").write_bytes(members["model.weights.h5"])
    with h5py.File(path.parent / "w.h5", "a") as file:
        change(file)
    members["model.weights.h5"] = (path.parent / "w.h5").read_bytes()
    (path.parent / "w.h5").unlink()
    _pack(path, members)


def _first(file):
    """The first array of a file of weights: its group, and its name."""
    found = []
    file.visititems(
        lambda name, item: (
            found.append(name) if isinstance(item, h5py.Dataset) else None
        )
    )
    group, _, name = found[0].rpartition("/")
    return file[group], name


def _never_stored(file):
    group, name = _first(file)
    del group[name]
    group.create_dataset(name, (2**18, 2**18), "f4", chunks=(2**10, 2**10))


def _compressed(file):
    group, name = _first(file)
    del group[name]
    group.create_dataset(name, data=np.zeros([2**10, 2**12]), compression="gzip")


def _external(file):
    group, name = _first(file)
    del group[name]
    group.create_dataset(name, (4,), "u1", external=[("/etc/passwd", 0, 4)])


def _link_elsewhere(file):
    group, name = _first(file)
    del group[name]
    group[name] = h5py.ExternalLink("/tmp/other.h5", "/x")


def _soft_link(file):
    group, name = _first(file)
    del group[name]
    group[name] = h5py.SoftLink("/x")


def _lists(file):
    group, name = _first(file)
    del group[name]
    lists = np.empty([3], object)
    lists[:] = [np.zeros(4)] * 3
    group.create_dataset(name, data=lists, dtype=h5py.vlen_dtype("f8"))


@pytest.mark.parametrize(
    "change",
    [_never_stored, _compressed, _external, _link_elsewhere, _soft_link, _lists],
)
@pytest.mark.usefixtures("frugal")
def test_weights_are_in_the_file(folder, change):
    path = folder / "run" / "model.keras"
    _gaussian().save(path)
    _weights(path, change)
    with pytest.raises(ValueError, match=r"\(its weights (would|are) "):
        runs.open_run("run")


@pytest.mark.parametrize("size", [2**24, 2])
@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])
@pytest.mark.usefixtures("frugal")
def test_a_compressed_model_is_refused(folder, size, method):
    path = folder / "run" / "model.keras"
    members = _members(path)
    members["metadata.json"] = b" " * size
    _pack(path, members, method)
    with pytest.raises(ValueError, match="it would grow as it is read"):
        runs.open_run("run")


# Wrong types.

REPORT, CONFIG = "report.json", "config.json"
TYPES = {
    "a list": (CONFIG, [], []),
    "a number": (REPORT, [], 3),
    "no model": (CONFIG, ["model"], None),
    "a model that is a list": (CONFIG, ["model"], ["gmm"]),
    "no spec": (CONFIG, ["dataset", "spec"], None),
    "a shape of text": (CONFIG, ["dataset", "spec", "event_shape"], "2"),
    "a shape of texts": (CONFIG, ["dataset", "spec", "event_shape"], ["2"]),
    "a terabyte": (CONFIG, ["dataset", "spec", "event_shape"], [10**12]),
    "columns of numbers": (CONFIG, ["dataset", "spec", "columns"], [1, 2]),
    "a context of text": (CONFIG, ["dataset", "spec", "context"], "y"),
    "an unknown field": (CONFIG, ["dataset", "spec", "evil"], 1),
    "an unknown option": (CONFIG, ["dataset", "evil"], 1),
    "a seed of text": (CONFIG, ["seed"], "0"),
    "data without a name": (CONFIG, ["dataset", "name"], 7),
    "drop": (CONFIG, ["dataset", "drop"], [[]]),
    "training": (CONFIG, ["training"], []),
    "test": (REPORT, ["test"], []),
    "no terms": (REPORT, ["test"], {}),
    "terms": (REPORT, ["test"], {"log_prob": 3}),
    "means": (REPORT, ["test", "log_prob", "mean"], "-2"),
    "no quantiles": (REPORT, ["train_quantiles"], []),
    "falling quantiles": (REPORT, ["train_quantiles"], [1.0, 0.0]),
    "quantiles": (REPORT, ["train_quantiles"], [[0.0], [1.0]]),
    "kind": (REPORT, ["kind"], {}),
    "a cursor that moves": (REPORT, ["model"], "maf\x1b[2J"),
    "lines": (CONFIG, ["dataset", "name"], "x.csv\nerror: none"),
}


@pytest.mark.parametrize("name", TYPES)
def test_descriptions_of_other_types_are_named(folder, name):
    file, keys, value = TYPES[name]
    path = folder / "run" / file
    if keys:
        _change(path, *keys, value=value)
    else:
        path.write_text(json.dumps(value))
    with pytest.raises(ValueError, match=f"{file} is not|of one run") as error:
        runs.open_run("run")
    assert str(error.value).endswith("--overwrite.")


DAMAGED = {
    "nested": b'{"a":' * 100_000,
    "lists": b"[" * 100_000,
    "no text": b"\xff\xfe\x00",
    "a long number": b'{"seed": ' + b"1" * 10_000 + b"}",
    "cut off": b'{\n  "model": "gm',
    "nothing": b"",
}


@pytest.mark.parametrize("name", DAMAGED)
@pytest.mark.parametrize("file", [REPORT, CONFIG])
def test_descriptions_that_cannot_be_read_are_named(folder, file, name):
    (folder / "run" / file).write_bytes(DAMAGED[name])
    with pytest.raises(ValueError, match=f"{file} is not valid JSON") as error:
        runs.open_run("run")
    assert len(str(error.value)) < 500


@pytest.mark.parametrize("name", DAMAGED)
def test_checkpoints_that_cannot_be_read_are_left_out(folder, name, capsys):
    directory = ModelDir("run")
    directory.checkpoints.mkdir()
    (directory.checkpoints / "000001.json").write_bytes(DAMAGED[name])
    (directory.checkpoints / "000001.npz").write_bytes(b"")
    assert Checkpoints(directory).load() is None
    assert "000001.json is left out: it is damaged." in capsys.readouterr().out


def test_keras_does_not_write_what_is_refused():
    # The part that Keras writes is what is asked for here: it may change with it.
    assert keras.saving.get_registered_name(Gaussian) == "tfgen>Gaussian"
