"""The data sets keep their promises: shapes, splits, densities, ways out."""

import dataclasses
import functools
import io
import json
import math
import os
import socket
import urllib.request

import numpy as np
import pytest
from scipy import stats

from zoo import data, registry, tfds_sets
from zoo.datasets import protein
from zoo.factors import Factors

ROOT = os.environ.get("TFGEN_DATA_DIR")
DATA_DIRS = {
    "mnist": "tfds",
    "fashion_mnist": "tfds",
    "binarized_mnist": "tfds",
    "protein": "npz",
    "caltech101_silhouettes": "npz",
    "freyfaces": "npz",
    "omniglot28": "npz",
    "skeletons": "npz",
    "skeletons_actions": "npz",
    "dsprites": "tfds",
    "shapes3d": "tfds",
    "smallnorb": "tfds",
}
TOYS = (
    "checkerboard",
    "eight_gaussians",
    "gaussian_mixture",
    "pinwheel",
    "rings",
    "two_moons",
)
ROWS = {
    "breast_cancer": (457, 56, 56),
    "digits": (1439, 179, 179),
    "wine": (144, 17, 17),
    "protein": (36584, 4573, 4573),
    "caltech101_silhouettes": (4100, 2264, 2307),
    "freyfaces": (1565, 200, 200),
    "omniglot28": (17352, 1928, 13180),
    "skeletons": (2010, 383, 1264),
    "skeletons_actions": (1436, 435, 1786),
    "smallnorb": (38600, 4000, 6000),
    **dict.fromkeys(("dsprites", "shapes3d", "sprites_2d"), (40000, 4000, 10000)),
    "hearts_2d": (3600, 352, 800),
    "walkers": (2080, 520, 520),
    **dict.fromkeys(TOYS, (50000, 10000, 10000)),
    **dict.fromkeys(
        ("mnist", "fashion_mnist", "binarized_mnist"), (50000, 10000, 10000)
    ),
}
# Shape and largest value of the arrays in NAME.npz.
ARRAYS = {
    "caltech101_silhouettes": {"image": ((8671, 28, 28), 1), "label": ((8671,), 100)},
    "freyfaces": {"image": ((1965, 28, 20), 255)},
    "omniglot28": {"image": ((32460, 28, 28), 1), "split": ((32460,), 1)},
}
# Whose file has another name.
FILES = dict.fromkeys(("skeletons", "skeletons_actions"), "msr_action3d")
# What grey levels there are, where they are not all; None if nobody has looked.
LEVELS = {"freyfaces": (8, 238), "shapes3d": None, "smallnorb": None}
# Tests do not download them, and not everybody has them.
RARE = ("dsprites", "shapes3d", "smallnorb")
needs_data = pytest.mark.skipif(
    ROOT is None, reason="TFGEN_DATA_DIR names no directory with tfds/ and npz/"
)


@functools.cache
def _load(name):
    if name not in DATA_DIRS:
        return data.load(name)
    if ROOT is None:
        pytest.skip("TFGEN_DATA_DIR names no directory with tfds/ and npz/")
    folder = os.path.join(ROOT, DATA_DIRS[name])
    file = FILES.get(name, name) + ".npz"
    if name in {*ARRAYS, *FILES} and not os.path.exists(f"{folder}/{file}"):
        pytest.skip(f"{folder} has no {file}")
    if name in RARE and not os.path.exists(f"{folder}/{name}"):
        pytest.skip(f"{folder} has no {name}")
    return data.load(name, data_dir=folder)


@pytest.fixture(autouse=True)
def _no_network(monkeypatch):
    def refuse(*args, **kwargs):
        raise OSError("tests use no network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


# It is read like mnist, and reading takes seconds.
NAMES = [
    pytest.param(name, marks=[pytest.mark.slow] if name == "fashion_mnist" else [])
    for name in registry.names("datasets")
]


@pytest.mark.parametrize("name", NAMES)
def test_contract(name):
    dataset = _load(name)
    spec = dataset.spec
    assert spec.name == name
    assert spec.num_train == len(dataset.train)
    assert data.DataSpec.from_json(json.loads(json.dumps(spec.to_json()))) == spec
    assert len(spec.columns) in (0, spec.num_features)
    for split in dataset.splits.values():
        assert split.x.flags.c_contiguous
        if spec.levels is not None and name not in LEVELS:
            assert split.x.min() == 0
            assert split.x.max() == spec.levels - 1
        if spec.context is not None and spec.context.num_classes is not None:
            assert set(split.context) == set(range(spec.context.num_classes))


@pytest.mark.parametrize("name", [name for name in NAMES if name.values[0] in ROWS])
def test_splits_have_the_sizes_of_the_docstrings(name):
    assert tuple(map(len, _load(name).splits.values())) == ROWS[name]


@pytest.mark.parametrize("name", ["digits", "wine", "two_moons"])
def test_built_in_data_do_not_depend_on_the_seed(name):
    assert (
        data.load(name, seed=0).fingerprint() == data.load(name, seed=1).fingerprint()
    )


def test_digits_never_change():
    # Reported numbers are for these splits.
    fingerprint = data.load("digits").fingerprint()
    assert fingerprint == (
        "44478b7ad051e53654e94809430124f189dd56ed481293c7cd54ec34315b1cbe"
    )


def test_splits_share_no_rows():
    dataset = data.load("digits")
    rows = np.concatenate([s.x for s in dataset.splits.values()]).reshape(-1, 64)
    assert len(np.unique(rows, axis=0)) == len(rows) == 1797


@pytest.mark.parametrize("name", TOYS)
def test_density_integrates_to_one_and_is_that_of_the_samples(name):
    dataset = data.load(name)
    # 28 x 28 cells of side 0.5 on [-7, 7]^2, each integrated on 12 x 12 points.
    side = 28 * 12
    step = 14 / side
    axis = -7 + step * (np.arange(side) + 0.5)
    points = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    mass = step**2 * np.exp(dataset.log_prob(points))
    assert mass.sum() == pytest.approx(1.0, abs=1e-6)
    expected = mass.reshape(28, 12, 28, 12).sum(axis=(1, 3)).ravel()
    for x in (dataset.sample(100_000, 1), dataset.train.x):
        assert x.dtype == np.float32
        edges = np.linspace(-7, 7, 29)
        counts = np.histogram2d(*x.T.astype(np.float64), bins=[edges, edges])[0].ravel()
        many = expected * len(x) > 5
        observed = np.append(counts[many], len(x) - counts[many].sum())
        wanted = len(x) * np.append(expected[many], 1 - expected[many].sum())
        few = wanted < 1e-6
        assert observed[few].sum() == 0
        chi = ((observed - wanted)[~few] ** 2 / wanted[~few]).sum()
        assert stats.chi2.sf(chi, (~few).sum() - 1) > 1e-4


def test_log_prob_of_a_gaussian_mixture_equals_scipy():
    from zoo.datasets import gaussian_mixture as toy

    x = data.load("gaussian_mixture").test.x[:100]
    components = [
        stats.multivariate_normal(loc, scale @ scale.T)
        for loc, scale in zip(toy._LOCS, toy._SCALES, strict=True)
    ]
    expected = np.log(
        sum(w * c.pdf(x) for w, c in zip(toy._WEIGHTS, components, strict=True))
    )
    dataset = data.load("gaussian_mixture")
    np.testing.assert_allclose(dataset.log_prob(x), expected, rtol=1e-10)


def test_two_moons_quadrature_has_converged(monkeypatch):
    from zoo.datasets import two_moons

    x = data.load("two_moons").test.x[:1000]
    before = two_moons._log_prob(x)
    monkeypatch.setattr(two_moons, "_NODES", 1000)
    np.testing.assert_allclose(two_moons._log_prob(x), before, rtol=1e-8)


def test_checkerboard_never_draws_a_point_of_no_density():
    dataset = data.load("checkerboard")
    assert np.isfinite(dataset.log_prob(dataset.train.x)).all()
    edge = np.array([[-2.0, -3.0], [4.0, 3.0], [-4.1, -4.1], [-4.0, -4.0]])
    assert np.isfinite(dataset.log_prob(edge)).tolist() == [False, False, False, True]


@pytest.mark.parametrize("name", TOYS)
def test_fresh_points_repeat_by_seed_and_are_fresh(name):
    dataset = data.load(name)
    x = dataset.sample(1000, 0)
    np.testing.assert_array_equal(x, dataset.sample(1000, 0))
    assert not (x == dataset.sample(1000, 1)).all(axis=1).any()
    for split in dataset.splits.values():
        assert not (x == split.x[:1000]).all(axis=1).any()


def test_split_rows_is_a_partition_that_keeps_rows_with_their_context():
    x = np.arange(103)[:, None]
    splits = data.split_rows(x, 2 * x, seed=3)
    assert [len(s) for s in splits] == [83, 10, 10]
    assert sorted(np.concatenate([s.x for s in splits])[:, 0]) == list(range(103))
    assert all((s.context == 2 * s.x).all() for s in splits)
    other = data.split_rows(x, None, seed=4)
    assert other[0].context is None
    assert (other[0].x != splits[0].x).any()


def test_split_rows_needs_a_row_for_each_split():
    assert [len(s) for s in data.split_rows(np.zeros(10), None, seed=0)] == [8, 1, 1]
    with pytest.raises(ValueError, match="at least 10 rows; received 9"):
        data.split_rows(np.zeros(9), None, seed=0)


def test_fingerprint_sees_every_byte():
    dataset = data.load("wine")
    seen = {dataset.fingerprint(), data.load("wine").fingerprint()}
    assert len(seen) == 1
    for split in ("train", "validation", "test"):
        for key in ("x", "context"):
            array = getattr(getattr(dataset, split), key).copy()
            array.reshape(-1)[-1] += 1
            changed = dataclasses.replace(getattr(dataset, split), **{key: array})
            seen.add(dataclasses.replace(dataset, **{split: changed}).fingerprint())
    swapped = {"validation": dataset.test, "test": dataset.validation}
    seen.add(dataclasses.replace(dataset, **swapped).fingerprint())
    grouped = dataclasses.replace(dataset.test, group=np.arange(len(dataset.test)))
    seen.add(dataclasses.replace(dataset, test=grouped).fingerprint())
    assert len(seen) == 9


def test_without_context_leaves_the_examples():
    dataset = data.load("wine").without_context()
    assert dataset.spec.context is None
    assert [split.context for split in dataset.splits.values()] == [None] * 3
    np.testing.assert_array_equal(dataset.test.x, data.load("wine").test.x)


def test_without_context_classes_are_labels_and_numbers_are_not():
    digits = data.load("digits")
    alone = digits.without_context()
    for name, split in alone.splits.items():
        np.testing.assert_array_equal(split.label, digits.splits[name].context)
    assert alone.without_context() is alone
    # What a model cannot see does not make the data other data.
    bare = dataclasses.replace(
        alone,
        **{k: dataclasses.replace(s, label=None) for k, s in alone.splits.items()},
    )
    assert bare.fingerprint() == alone.fingerprint()
    numbers = data.load("inverse_sinusoid").without_context()
    assert numbers.test.label is numbers.test.context is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"dtype": "float64"}, "either 'float32' or 'uint8'; received dtype='float64'"),
        ({"dtype": "uint8"}, "received dtype='uint8', levels=None"),
        ({"levels": 4}, "received dtype='float32', levels=4"),
        ({"steps": (1.0,)}, "steps has one number for each feature; received 1"),
        ({"offsets": (1.0,)}, "offsets has one number for each feature; received 1"),
    ],
)
def test_a_spec_is_checked(arguments, message):
    with pytest.raises(ValueError, match=message):
        data.DataSpec(
            **{"name": "a", "event_shape": (2,), "dtype": "float32", **arguments}
        )


def _spoilt(x, context, row):
    dataset = data.load("wine")
    split = data.Split(
        dataset.test.x.copy() if x is None else x,
        dataset.test.context.copy() if context is None else context,
    )
    split.x[row:, 0] = np.nan
    return dataclasses.replace(dataset, test=split)


_NUMBERS, _LABELS = np.ones((17, 13), np.float32), np.zeros(17, np.int32)


@pytest.mark.parametrize(
    ("x", "context", "row", "message"),
    [
        (None, None, 3, "received NaN or infinity in row 4 of the test split of wine"),
        (_NUMBERS[:0], _LABELS[:0], 20, "received none in the test split of wine"),
        (_NUMBERS[:, :5], None, 20, r"shape \(13,\) .* received \(5,\)"),
        (_NUMBERS.astype(float), None, 20, "float32; received .* float64"),
        (None, _LABELS[:5], 20, "received 5 for 17 rows"),
        (None, _LABELS + 3, 20, "from 0 to 2; received 3 to 3"),
        (None, _LABELS - 1, 20, "from 0 to 2; received -1 to -1"),
        (None, _LABELS.astype(np.int64), 20, "the context of the test split"),
    ],
)
def test_load_checks_every_source(monkeypatch, x, context, row, message):
    dataset = _spoilt(x, context, row)
    module = registry.find("datasets", "wine")
    monkeypatch.setattr(module, "load", lambda **_: dataset)
    with pytest.raises(ValueError, match=message):
        data.load("wine")


def test_load_checks_levels_and_that_contexts_are_there(monkeypatch):
    dataset = data.load("digits")
    module = registry.find("datasets", "digits")
    few = dataclasses.replace(
        dataset, spec=dataclasses.replace(dataset.spec, levels=16)
    )
    monkeypatch.setattr(module, "load", lambda **_: few)
    with pytest.raises(ValueError, match="levels=16 end at 15; received 16"):
        data.load("digits")
    lost = dataclasses.replace(dataset, validation=data.Split(dataset.validation.x))
    monkeypatch.setattr(module, "load", lambda **_: lost)
    with pytest.raises(ValueError, match="another in the validation split"):
        data.load("digits")


@pytest.mark.parametrize("option", ["context", "drop", "dequantize"])
@pytest.mark.parametrize("name", ["digits", "tfds:mnist"])
def test_options_for_files_are_refused_elsewhere(name, option):
    with pytest.raises(ValueError, match=f"--{option} is for your own .*={name}"):
        data.load(name, **{option: ["a"]})


# Protein: one data set from either of two files.


def _protein_files(folder):
    """45,730 made-up rows in the form of CASP.csv, and shuffled as the collection."""
    rng = np.random.default_rng(0)
    raw = np.round(rng.gamma(2.0, 1000.0, (45_730, 10)), 2)
    raw[:, 8] = rng.integers(0, 351, 45_730)
    raw[:, 0] = np.round(rng.uniform(0, 21, 45_730), 3)
    (folder / "csv").mkdir()
    header = "RMSD,F1,F2,F3,F4,F5,F6,F7,F8,F9"
    np.savetxt(
        folder / "csv" / "CASP.csv", raw, "%.3f", ",", header=header, comments=""
    )
    x = np.concatenate([raw[:, 1:], np.log1p(raw[:, :1])], axis=1)
    x -= x.mean(axis=0)
    digits = np.array([float(f"{v:.5g}") for v in rng.permutation(x).ravel()])
    (folder / "npz").mkdir()
    np.savez(
        folder / "npz" / "uci_small.npz", protein=digits.reshape(x.shape).astype("f4")
    )


def test_protein_is_the_same_from_both_files(tmp_path):
    _protein_files(tmp_path)
    one = data.load("protein", data_dir=str(tmp_path / "csv"))
    two = data.load("protein", data_dir=str(tmp_path / "npz"))
    assert one.spec == two.spec
    for name, split in one.splits.items():
        np.testing.assert_allclose(split.x, two.splits[name].x, rtol=1e-4, atol=1e-9)


@needs_data
def test_protein_is_what_its_docstring_says():
    dataset = _load("protein")
    x = np.concatenate([split.x for split in dataset.splits.values()])
    assert len(x) - len(np.unique(x, axis=0)) == 1712
    count = x[:, dataset.spec.columns.index("F8")]
    assert (count.min(), count.max()) == (0, 350)
    assert (count == np.round(count)).all()
    assert dataset.spec.steps == (0.0,) * 7 + (1.0, 0.0, 0.0)
    np.testing.assert_allclose(np.delete(x, 7, axis=1).std(axis=0)[-1], 0.7, atol=0.2)


def test_protein_names_the_way_out(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match="CASP.csv or uci_small.npz in --data"):
        data.load("protein", data_dir=str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="no network.*with --data_dir"):
        data.load("protein")
    assert not list((tmp_path / "tfgen-zoo").iterdir())


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"<html>gone</html>", "received the header '<html>gone</html>'"),
        (b"RMSD,F1,F2,F3,F4,F5,F6,F7,F8,F9\n" + b"1,2,3,4,5,6,7,8,9,0\n" * 7, "7 rows"),
        (b"RMSD,F1,F2,F3,F4,F5,F6,F7,F8,F9\n1,2,x,4,5,6,7,8,9,0\n", "'x'"),
    ],
)
def test_a_wrong_download_is_not_kept(tmp_path, monkeypatch, answer, message):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(urllib.request, "urlopen", lambda *_, **__: io.BytesIO(answer))
    with pytest.raises(ValueError, match=message):
        data.load("protein")
    assert not list((tmp_path / "tfgen-zoo").iterdir())


def test_a_good_download_is_kept(tmp_path, monkeypatch):
    _protein_files(tmp_path)
    answer = (tmp_path / "csv" / "CASP.csv").read_bytes()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(urllib.request, "urlopen", lambda *_, **__: io.BytesIO(answer))
    first = data.load("protein")
    assert [f.name for f in (tmp_path / "tfgen-zoo").iterdir()] == ["CASP.csv"]
    monkeypatch.undo()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert data.load("protein").fingerprint() == first.fingerprint()


def test_a_slow_download_ends(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(protein, "_SECONDS", -1)
    monkeypatch.setattr(urllib.request, "urlopen", lambda *_, **__: io.BytesIO(b"x"))
    with pytest.raises(FileNotFoundError, match="not done in -1 s.*--data_dir"):
        data.load("protein")


# Arrays that the user writes.


def _arrays(name):
    """Made-up arrays of NAME.npz; an image is the number of its row, in bits."""
    arrays = {}
    for key, (shape, largest) in ARRAYS[name].items():
        rows = np.arange(shape[0])
        if key == "image":
            array = np.zeros((shape[0], math.prod(shape[1:])), np.uint8)
            array[:, :15] = (rows[:, None] >> np.arange(15)) % 2 * largest
            arrays[key] = array.reshape(shape)
        else:
            arrays[key] = rows % (largest + 1)
    if "split" in arrays:
        arrays["split"][: 32460 - 2 * 13180] = 0
    return arrays


def _rows(split):
    """The numbers of the rows of a split of made-up images."""
    bits = split.x.reshape(len(split), -1)[:, :15] > 0
    return bits @ (1 << np.arange(15))


@pytest.mark.parametrize("name", ARRAYS)
def test_each_row_of_an_array_is_in_one_split(tmp_path, monkeypatch, name):
    arrays = _arrays(name)
    # Any integers will do, and other arrays do not matter.
    other = {key: array.astype(np.int64) for key, array in arrays.items()}
    (tmp_path / "npz").mkdir()
    np.savez(tmp_path / "npz" / f"{name}.npz", names=np.array(["a"]), **other)
    monkeypatch.setenv("TFGEN_DATA_DIR", str(tmp_path))
    dataset = data.load(name)
    rows = [_rows(split) for split in dataset.splits.values()]
    assert tuple(map(len, rows)) == ROWS[name]
    assert sorted(np.concatenate(rows)) == list(range(len(arrays["image"])))
    for split, numbers in zip(dataset.splits.values(), rows, strict=True):
        # In no order that the file has.
        assert name == "omniglot28" or np.any(np.diff(numbers) < 0)
        if "label" in arrays:
            np.testing.assert_array_equal(split.context, numbers % 101)
    if "split" in arrays:
        np.testing.assert_array_equal(rows[2], np.flatnonzero(arrays["split"]))
        assert np.any(np.diff(rows[0]) < 0)
    monkeypatch.setenv("TFGEN_DATA_DIR", "nowhere")
    folder = str(tmp_path / "npz")
    again = data.load(name, data_dir=folder, seed=1)
    assert again.fingerprint() == dataset.fingerprint()


@needs_data
@pytest.mark.parametrize(
    ("name", "fingerprint"),
    [
        (
            "caltech101_silhouettes",
            "9a695507ccc229bd71f1ad7860123ea58955a99f520573db0f13054c8381298a",
        ),
        (
            "freyfaces",
            "6a9b7b7add6e2ba81627e6e5156aea424cd79909312db6fe792ec58d65a1ee5e",
        ),
        (
            "omniglot28",
            "387fbba86c59dfcfe635ca8ad6b287289dcb1aa1c2da8f29066de575884a15cb",
        ),
    ],
)
def test_arrays_never_change(name, fingerprint):
    # Reported numbers are for these splits.
    assert _load(name).fingerprint() == fingerprint


def _distinct(*splits):
    return {row.tobytes() for split in splits for row in split.x}


@needs_data
def test_silhouettes_are_what_their_docstring_says():
    train, validation, test = _load("caltech101_silhouettes").splits.values()
    assert 8671 - len(_distinct(train, validation, test)) == 46
    seen = _distinct(train)
    assert sum(row.tobytes() in seen for row in test.x) == 20
    # Objects are 0, in the middle, and 1 around.
    assert test.x[:, 0, 0].mean() > 0.9
    assert test.x[:, 14, 14].mean() < 0.1


@needs_data
def test_frey_faces_are_what_their_docstring_says():
    dataset = _load("freyfaces")
    x = np.concatenate([split.x for split in dataset.splits.values()])
    assert (x.min(), x.max()) == LEVELS["freyfaces"]
    assert len(np.unique(x, axis=0)) == 1965


@needs_data
def test_omniglot_is_what_its_docstring_says():
    train, validation, test = _load("omniglot28").splits.values()
    assert not _distinct(train, validation) & _distinct(test)
    # There is less ink than paper.
    assert 0.05 < test.x.mean() < 0.1


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_that_are_not_there_are_described(tmp_path, monkeypatch, name):
    monkeypatch.delenv("TFGEN_DATA_DIR", raising=False)
    contents = " and ".join(
        f"the array {key} {list(shape)} of integers 0 to {largest}"
        for key, (shape, largest) in ARRAYS[name].items()
    )
    message = f"{name}.npz in --data_dir or in $TFGEN_DATA_DIR/npz; received {{}}; "
    message += f"write it, with {contents}, from "
    for folder, received in ((None, "neither"), (tmp_path, f"{tmp_path}, which has")):
        with pytest.raises(FileNotFoundError, match="https://") as error:
            data.load(name, data_dir=folder and str(folder))
        before, after = message.split("{}")
        assert before + received in str(error.value)
        assert after in str(error.value)


def _without(key):
    return lambda arrays: arrays.pop(key)


def _as(key, change):
    return lambda arrays: arrays.update({key: change(arrays[key])})


FAULTS = {
    "missing": (_without("label"), "received label missing in"),
    "shape": (_as("image", lambda x: x[1:]), r"image of shape \[8670, 28, 28\] and dt"),
    "floats": (_as("image", lambda x: x / 2), r"\[8671, 28, 28\] and dtype float64 in"),
    "large": (_as("label", lambda y: y + 1), "received label from 1 to 101 in"),
    "negative": (_as("label", lambda y: y - 1), "received label from -1 to 99 in"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_wrong_arrays_are_described(tmp_path, name):
    change, message = FAULTS[name]
    arrays = _arrays("caltech101_silhouettes")
    change(arrays)
    np.savez(tmp_path / "caltech101_silhouettes.npz", **arrays)
    with pytest.raises(ValueError, match=f"holds the array image .*{message}.*again"):
        data.load("caltech101_silhouettes", data_dir=str(tmp_path))


def test_the_splits_of_omniglot_are_not_taken_for_each_other(tmp_path):
    arrays = _arrays("omniglot28")
    arrays["split"] = 1 - arrays["split"]
    np.savez(tmp_path / "omniglot28.npz", **arrays)
    with pytest.raises(ValueError, match="13180 evaluation images.*received 19280;"):
        data.load("omniglot28", data_dir=str(tmp_path))


@pytest.mark.parametrize("content", [b"", b"no zip", "pickle"])
def test_a_file_that_holds_no_arrays_is_named(tmp_path, content):
    path = tmp_path / "freyfaces.npz"
    if content == "pickle":
        np.savez(path, image=np.array([{}]))
    else:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=r"freyfaces\.npz', which is not \("):
        data.load("freyfaces", data_dir=str(tmp_path))


# TensorFlow Datasets.


@needs_data
@pytest.mark.slow
def test_any_prepared_set_can_be_named():
    dataset = data.load("tfds:mnist:3.0.1", data_dir=f"{ROOT}/tfds")
    assert [len(s) for s in dataset.splits.values()] == [54_000, 6_000, 10_000]
    own = _load("mnist")
    np.testing.assert_array_equal(dataset.test.x, own.test.x)
    np.testing.assert_array_equal(dataset.test.context, own.test.context)


@needs_data
def test_a_set_with_nothing_to_model_names_its_features():
    message = r"received tfds:spoken_digit with .*audio Audio\(None,\).*save what you"
    with pytest.raises(ValueError, match=message):
        data.load("tfds:spoken_digit", data_dir=f"{ROOT}/tfds")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nosuchset", "received 'tfds:nosuchset' .*catalog"),
        ("mnist:9.9.9", "only: 3.0.1"),
        ("huggingface:mnist", "NAME, NAME/CONFIG or NAME:VERSION; received"),
        ("", "NAME, NAME/CONFIG or NAME:VERSION; received"),
    ],
)
def test_unknown_names_of_tfds(tmp_path, name, message):
    with pytest.raises(ValueError, match=message):
        data.load(f"tfds:{name}", data_dir=str(tmp_path))


def test_a_set_that_is_not_there_names_the_way_out(tmp_path, monkeypatch):
    import tensorflow_datasets as tfds
    from tensorflow_datasets.core.download import downloader

    seen = []

    def fail(self, download_config):
        seen.append((download_config.try_download_gcs, downloader.MAX_RETRIES))
        raise ConnectionError("no route\nmany\nlines")

    monkeypatch.setattr(tfds.core.DatasetBuilder, "download_and_prepare", fail)
    monkeypatch.setattr(downloader, "MAX_RETRIES", 7)
    message = f"in {tmp_path}.*(ConnectionError: no route).*--data_dir."
    with pytest.raises(FileNotFoundError, match=message):
        data.load("mnist", data_dir=str(tmp_path))
    assert seen == [(False, 2)]
    assert downloader.MAX_RETRIES == 7


def _store(folder, name, features, **splits):
    """Writes a small set as TFDS would, and reads it back."""
    _write(folder, name, features, **splits)
    return data.load(f"tfds:{name}", data_dir=str(folder))


def _write(folder, name, features, **splits):
    # TFDS imports this to write, and does not depend on it.
    pytest.importorskip("importlib_resources")
    import tensorflow as tf
    import tensorflow_datasets as tfds

    tfds.disable_progress_bar()
    tfds.dataset_builders.store_as_tfds_dataset(
        name=name,
        version="1.0.0",
        features=tfds.features.FeaturesDict(features),
        split_datasets={
            key: tf.data.Dataset.from_tensor_slices(rows)
            for key, rows in splits.items()
        },
        data_dir=str(folder),
    )


def test_a_set_with_a_train_split_alone_is_split(tmp_path):
    import tensorflow_datasets as tfds

    x = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    dataset = _store(
        tmp_path,
        "points",
        {
            "point": tfds.features.Tensor(shape=(3,), dtype=np.float32),
            "kind": tfds.features.ClassLabel(num_classes=5),
        },
        train={"point": x, "kind": np.arange(50) % 5},
    )
    assert [len(split) for split in dataset.splits.values()] == [40, 5, 5]
    assert dataset.spec.dtype == "float32"
    assert dataset.spec.event_shape == (3,)
    assert dataset.spec.context.num_classes == 5
    assert dataset.spec.context.columns == ("kind",)
    context = np.concatenate([split.context for split in dataset.splits.values()])
    drawn = np.concatenate([split.x for split in dataset.splits.values()])
    order, place = np.argsort(x[:, 0]), np.argsort(drawn[:, 0])
    np.testing.assert_array_equal(drawn[place], x[order])
    np.testing.assert_array_equal(context[place], order % 5)


def test_a_set_keeps_its_validation_split_and_colours(tmp_path):
    import tensorflow_datasets as tfds

    x = np.random.default_rng(0).integers(0, 256, (30, 4, 5, 3)).astype(np.uint8)
    dataset = _store(
        tmp_path,
        "photos",
        {"image": tfds.features.Image(shape=(4, 5, 3))},
        train={"image": x},
        validation={"image": x[:7]},
    )
    assert [len(split) for split in dataset.splits.values()] == [27, 7, 3]
    assert dataset.spec.event_shape == (4, 5, 3)
    assert dataset.spec.levels == 256
    assert dataset.spec.context is None
    assert {row.tobytes() for row in dataset.validation.x} == {
        row.tobytes() for row in x[:7]
    }


def test_hidden_labels_are_no_context(tmp_path):
    import tensorflow_datasets as tfds

    x = np.zeros((20, 2), np.float32)
    dataset = _store(
        tmp_path,
        "secret",
        {
            "point": tfds.features.Tensor(shape=(2,), dtype=np.float32),
            "label": tfds.features.ClassLabel(num_classes=2),
        },
        train={"point": x, "label": np.arange(20) % 2},
        test={"point": x[:4], "label": np.full(4, -1)},
    )
    assert [len(split) for split in dataset.splits.values()] == [18, 2, 4]
    assert dataset.spec.context is None


def test_two_images_are_one_too_many(tmp_path):
    import tensorflow_datasets as tfds

    x = np.zeros((4, 2, 2, 1), np.uint8)
    image = tfds.features.Image(shape=(2, 2, 1))
    with pytest.raises(ValueError, match=r"left Image\(2, 2, 1\), right Image"):
        _store(
            tmp_path,
            "pairs",
            {"left": image, "right": image},
            train={"left": x, "right": x},
        )


# Data made of factors.


def _blocks(folder, rows):
    """Grey images that show the numbers of two labels, in no order."""
    import tensorflow_datasets as tfds

    rows = np.asarray(rows)
    images = np.zeros((len(rows), 2, 3, 1), np.uint8)
    images[:, 0, :2, 0] = rows
    features = {
        "image": tfds.features.Image(shape=(2, 3, 1)),
        "label_height": tfds.features.ClassLabel(num_classes=3),
        "width": tfds.features.ClassLabel(num_classes=4),
        "label_other": tfds.features.ClassLabel(num_classes=2),
    }
    columns = {
        "image": images,
        "label_height": rows[:, 0],
        "width": rows[:, 1],
        "label_other": np.zeros(len(rows), int),
    }
    cut = len(rows) // 2
    _write(
        folder,
        "blocks",
        features,
        train={key: column[:cut] for key, column in columns.items()},
        test={key: column[cut:] for key, column in columns.items()},
    )
    return tfds_sets.load_factors(
        "blocks",
        {"width": "width", "height": "label_height"},
        data_dir=str(folder),
        categorical=("height",),
    )


_COMBINATIONS = np.stack(np.unravel_index(np.arange(12), (3, 4)), axis=1)


def test_factors_of_a_set_find_their_image(tmp_path):
    order = np.random.default_rng(0).permutation(12)
    factors = _blocks(tmp_path, _COMBINATIONS[order])
    assert factors.names == ("width", "height")
    assert factors.sizes == (4, 3)
    assert factors.categorical_columns == (1,)
    images = factors.images(range(12))
    assert images.shape == (12, 2, 3)
    np.testing.assert_array_equal(images[:, 0, 1], np.arange(12) // 3)
    np.testing.assert_array_equal(images[:, 0, 0], np.arange(12) % 3)


def test_factors_without_an_image_or_with_two_are_counted(tmp_path):
    rows = [*_COMBINATIONS[:9], *_COMBINATIONS[:2]]
    with pytest.raises(
        ValueError, match="blocks with 3 of 12 missing and 2 there twic"
    ):
        _blocks(tmp_path, rows)


@pytest.mark.parametrize("name", RARE)
def test_factors_are_class_labels_of_tfds(name, monkeypatch):
    import tensorflow_datasets as tfds

    labels = tfds.builder(name).info.features
    asked = []

    def load_factors(tfds_name, features, *, data_dir, categorical):
        asked.append((tfds_name, data_dir))
        assert labels["image"].np_dtype == np.uint8
        sizes = tuple(labels[key].num_classes for key in features.values())
        levels = 2 if name == "dsprites" else 256

        def render(points):
            return (points[:, :1, None] % levels).astype(np.uint8)

        return Factors(tuple(features), sizes, render, categorical)

    monkeypatch.setattr(tfds_sets, "load_factors", load_factors)
    dataset = data.load(name, data_dir="somewhere")
    assert asked == [(name, "somewhere")]
    assert tuple(map(len, dataset.splits.values())) == ROWS[name]
    sizes = {"dsprites": 737_280, "shapes3d": 480_000, "smallnorb": 48_600}
    assert len(dataset.factors) == sizes[name]
    assert dataset.spec.levels == (2 if name == "dsprites" else 256)
    for split in dataset.splits.values():
        np.testing.assert_array_equal(split.x[:, 0, 0] % 2, split.factors[:, 0] % 2)


def test_factors_are_nothing_that_a_model_sees():
    dataset = data.load("sprites_2d")
    bare = {
        name: dataclasses.replace(split, factors=None)
        for name, split in dataset.splits.items()
    }
    assert dataclasses.replace(dataset, **bare).fingerprint() == dataset.fingerprint()
    assert dataset.spec.context is None
