"""The user's files: what is taken, what is refused and with which words."""

import json
import math
import tracemalloc

import hypothesis
import numpy as np
import pandas as pd
import pytest
from hypothesis import strategies as st

from zoo import _columns, _frames, data, tables

ROWS = 60


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _frame(rows=ROWS, seed=0):
    """Two columns with a density and four without."""
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "area": rng.normal(size=rows),
            "price": rng.lognormal(size=rows) * 100,
            "rooms": rng.permutation(np.arange(rows) % 7),
            "rating": 0.5 + 0.1 * rng.permutation(np.arange(rows) % 6),
            "city": rng.permutation(np.arange(rows) % 3),
            "name": [f"house {i}" for i in range(rows)],
        }
    )


def _write(frame, file):
    if file.endswith(".csv"):
        frame.to_csv(file, index=False)
    else:
        frame.to_parquet(file, index=False)
    return file


# What is taken.


@pytest.mark.parametrize("file", ["house.csv", "house.parquet"])
def test_a_table_becomes_float32_split_by_the_seed(folder, file):
    frame = _frame()
    options = {"drop": ["name", "rooms", "city", "rating"]}
    dataset = data.load(_write(frame, file), seed=1, **options)
    assert dataset.spec == data.DataSpec(
        "house", (2,), "float32", num_train=48, columns=("area", "price")
    )
    splits = dataset.splits.values()
    assert [len(split) for split in splits] == [48, 6, 6]
    x = np.concatenate([split.x for split in splits])
    expected = frame[["area", "price"]].to_numpy(np.float32)
    np.testing.assert_array_equal(x[x[:, 0].argsort()], expected[frame.area.argsort()])
    same, other = (data.load(file, seed=seed, **options) for seed in (1, 2))
    assert dataset.fingerprint() == same.fingerprint() != other.fingerprint()


def test_a_label_is_recognised(folder):
    frame = _frame()
    _write(frame, "house.csv")
    drop = ["name", "rooms", "rating"]
    dataset = data.load("house.csv", context=["city"], drop=drop)
    expected = data.ContextSpec((), "int32", num_classes=3, columns=("city",))
    assert dataset.spec.context == expected
    assert dataset.train.context.dtype == np.int32
    city = dict(zip(frame.area.astype(np.float32), frame.city, strict=True))
    for split in dataset.splits.values():
        assert [city[area] for area in split.x[:, 0]] == split.context.tolist()


@pytest.mark.parametrize("context", [["price"], ["city", "price"], ["rating"]])
def test_any_other_context_is_a_vector(folder, context):
    drop = [n for n in ("name", "rooms", "city", "rating") if n not in context]
    frame = _frame()
    dataset = data.load(_write(frame, "house.csv"), context=context, drop=drop)
    assert dataset.spec.context == data.ContextSpec(
        (len(context),), "float32", columns=tuple(context)
    )
    row = int(np.flatnonzero(frame.area.astype(np.float32) == dataset.test.x[0, 0])[0])
    np.testing.assert_array_equal(
        dataset.test.context[0], frame.loc[row, context].to_numpy(np.float32)
    )


def test_grid_columns_are_left_as_they_are_and_described(folder):
    frame = _frame()
    dataset = data.load(
        _write(frame, "house.csv"),
        dequantize=["rating", "rooms"],
        drop=["name", "city"],
    )
    spec = dataset.spec
    assert spec.columns == ("area", "price", "rooms", "rating")
    assert spec.steps == (0.0, 0.0, 1.0, 0.1)
    assert spec.offsets == (0.0, 0.0, 0.0, 0.5)
    assert set(dataset.train.x[:, 2]) == set(range(7))
    assert data.DataSpec.from_json(json.loads(json.dumps(spec.to_json()))) == spec


@pytest.mark.parametrize(
    ("values", "step"),
    [
        ([0, 2, 5, 2, 0], 1.0),  # The smallest gap is not the step.
        ([0.3, 0.1 + 0.2, 0.6, 0.1], 0.1),  # Two of them are one but for rounding.
        ([-7, 5, -1, -1, 11], 6.0),
        ([1e4, 1e4 + 0.25, 1e4 + 1], 0.25),
        (np.array([0.1, 0.2, 0.7, 0.3], np.float32), 0.1),
    ],
)
def test_the_step_of_a_grid(values, step):
    values = np.asarray(values, np.float64)
    found, offset = _columns.find_grid("a", values)
    assert found == pytest.approx(step, rel=1e-6)
    assert offset == values.min()


@pytest.mark.parametrize("values", [[0, 1, 2**0.5], [1e8, 1e8 + 1, 1e8 + 2]])
def test_no_grid(values):
    with pytest.raises(
        ValueError, match="no common divisor; leave it out with --drop=a"
    ):
        _columns.find_grid("a", np.asarray(values, np.float64))


@pytest.mark.parametrize("separator", [";", "\t"])
def test_other_separators_and_a_byte_order_mark(folder, separator):
    frame = _frame()[["area", "price"]]
    frame.to_csv("a.csv", index=False, sep=separator, encoding="utf-8-sig")
    assert data.load("a.csv").spec.columns == ("area", "price")


def test_own_splits_are_kept_and_their_columns_found_by_name(folder):
    frame = _frame()[["area", "price", "city"]]
    _write(frame[:30], "train.csv")
    _write(frame[30:50][["city", "price", "area"]], "val.parquet")
    _write(frame[50:].assign(extra="x"), "test.csv")
    files = {"validation": "val.parquet", "test": "test.csv"}
    dataset = data.load("train.csv", context=["city"], seed=5, **files)
    assert [len(split) for split in dataset.splits.values()] == [30, 20, 10]
    x = np.concatenate([split.x for split in dataset.splits.values()])
    np.testing.assert_array_equal(x, frame[["area", "price"]].to_numpy(np.float32))
    context = np.concatenate([split.context for split in dataset.splits.values()])
    np.testing.assert_array_equal(context, frame.city)


def test_a_bare_array_has_numbers_for_names(folder):
    x = np.random.default_rng(0).normal(size=(ROWS, 3))
    np.save("x.npy", x)
    spec = data.load("x.npy", drop=["1"]).spec
    assert spec.columns == ("0", "2")
    np.savez("x.npz", x)
    assert data.load("x.npz").spec.columns == ("0", "1", "2")
    np.savez("x.npz", table=x, city=np.arange(ROWS) % 3)
    dataset = data.load("x.npz:table", context=["city"])
    assert dataset.spec.name == "x-table"
    assert dataset.spec.context.num_classes == 3
    assert dataset.spec.columns == ("0", "1", "2")


@pytest.mark.parametrize(("largest", "levels"), [(1, 2), (3, 4), (16, 32), (255, 256)])
@pytest.mark.parametrize("dtype", [np.uint8, np.int64])
def test_images(folder, largest, levels, dtype):
    x = np.random.default_rng(0).integers(0, largest + 1, (ROWS, 4, 5, 1)).astype(dtype)
    x[0, 0, 0] = largest
    np.save("photo.npy", x)
    dataset = data.load("photo.npy")
    assert dataset.spec == data.DataSpec(
        "photo", (4, 5), "uint8", levels=levels, num_train=48
    )
    np.savez("photo.npz", image=x, kind=np.arange(ROWS) % 4)
    labelled = data.load("photo.npz:image", context=["kind"])
    assert labelled.spec.context.num_classes == 4
    np.testing.assert_array_equal(labelled.train.x, dataset.train.x)


def test_an_npz_may_hold_the_splits(folder):
    x = np.random.default_rng(0).integers(0, 2, (ROWS, 4, 5, 3)).astype(bool)
    np.savez("photo.npz", train=x, validation=x[:7], test=x[7:9])
    dataset = data.load("photo.npz")
    assert dataset.spec.event_shape == (4, 5, 3)
    np.testing.assert_array_equal(dataset.train.x, x)
    assert [len(split) for split in dataset.splits.values()] == [ROWS, 7, 2]


# What is refused.

_GOOD = "".join(f"{i * 1.37:.4f},{i * i * 0.1:.4f}\n" for i in range(30))
BAD_CSV = {
    "empty file": ("", "which is empty"),
    "header alone": ("a,b\n", "received none in x.csv"),
    "no header": (_GOOD, "which is numbers; put a row of names on top"),
    "index": (",a,b\n", "where name 1 is missing"),
    "same name": ("a,a\n" + _GOOD, "with two columns 'a'; rename one"),
    "text": (
        "a,b\n" + _GOOD + "x,1\n",
        "row 31 of x.csv, where column 'a' is the text",
    ),
    "number with comma": ('a,b\n"1,5",2\n' + _GOOD, "row 1 .* 'a' is the text '1,5'"),
    "date": ("a,b\n1,2024-01-02\n" + _GOOD, "column 'b' is the text '2024-01-02'"),
    "missing": (
        "a,b\n" + _GOOD + "1,\n",
        "row 31 of x.csv, where column 'b' is missing",
    ),
    "nan": ("a,b\n1,nan\n" + _GOOD, "row 1 of x.csv, where column 'b' is missing"),
    "infinite": ("a,b\n1,-inf\n" + _GOOD, "'b' is -inf, which is no finite"),
    "overflow": ("a,b\n1e39,1\n" + _GOOD, r"'a' is 1e\+39, which is no finite"),
    "short row": ("a,b,c\n" + _GOOD, "row 1 of x.csv, where column 'c' is missing"),
    "long row": ("a,b\n" + _GOOD + "1,2,3\n", "Expected 2 fields in line 32, saw 3"),
    "long rows": ("a\n" + _GOOD, "received longer rows in x.csv; name every column"),
    "quote": ('a,b\n1,"2\n' + _GOOD, "EOF inside string"),
    "few rows": ("a,b\n1,2\n3,5\n", "at least 10 rows; received 2"),
}


@pytest.mark.parametrize("case", BAD_CSV)
def test_bad_csv_files(folder, case):
    text, message = BAD_CSV[case]
    (folder / "x.csv").write_text(text)
    with pytest.raises(ValueError, match=message):
        data.load("x.csv")


_AREA = np.linspace(0, 1, ROWS) ** 2
BAD_COLUMNS = {
    "constant": (np.full(ROWS, 3.0), "only 3 in column 'b'; .*--drop=b"),
    "copy": (_AREA, "same values in 'a' and 'b'; leave one out with --drop=b"),
    "line": (32 - 1.8 * _AREA, "weighted sum is constant: a, b; .*--drop=b"),
    "flag": (
        np.arange(ROWS) % 2,
        r"2 distinct values in the 60 rows of column 'b' \(0 alone fills 30\); leave "
        "it out with --drop=b, or .* with --dequantize=b",
    ),
    "19 values": (np.arange(ROWS) % 19, "19 distinct values"),
    "spike": (np.maximum(_AREA, 0.1), "0.1 alone fills 19"),
    "time": (1.7e9 + _AREA, "differences would be lost; subtract a constant"),
    "category": (["x", "y"] * (ROWS // 2), "column 'b' is the text 'x'"),
}
GOOD_COLUMNS = {
    "20 values": np.arange(ROWS) % 20,
    "near line": _AREA + 1e-3 * np.sin(np.arange(ROWS)),
    "large": 1e30 * np.sin(np.arange(ROWS)),
    "big integers": np.arange(ROWS) ** 3 + 10**6,
}


@pytest.mark.parametrize("case", BAD_COLUMNS)
def test_columns_without_a_density(folder, case):
    values, message = BAD_COLUMNS[case]
    _write(pd.DataFrame({"a": _AREA, "b": values}), "x.csv")
    with pytest.raises(ValueError, match=message):
        data.load("x.csv")
    assert data.load("x.csv", drop=["b"]).spec.columns == ("a",)


@pytest.mark.parametrize("case", GOOD_COLUMNS)
def test_columns_with_a_density(folder, case):
    _write(pd.DataFrame({"a": _AREA, "b": GOOD_COLUMNS[case]}), "x.csv")
    assert data.load("x.csv").spec.columns == ("a", "b")


def test_a_sum_is_found_among_other_columns(folder):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(ROWS, 4)), columns=list("abcd"))
    frame["e"] = 100 - frame.a - 7 * frame.c
    with pytest.raises(ValueError, match="constant: a, c, e; leave one out"):
        data.load(_write(frame, "x.csv"))


def test_a_million_columns_are_refused_before_their_rows(folder, monkeypatch):
    width = 10**6
    (folder / "x.csv").write_text(",".join(f"c{i}" for i in range(width)) + "\n1,2\n")
    np.save("x.npy", np.zeros([10, width], np.uint8))
    np.savez("x.npz", np.zeros([10, width], np.uint8))
    spec = data.DataSpec("a", (1,), "float32", columns=("c1",))
    for file in ("x.csv", "x.npy", "x.npz"):
        message = f"at most 100,000 columns; received 1,000,000 in {file}; leave some"
        with pytest.raises(ValueError, match=message):
            data.load(file)
        with pytest.raises(ValueError, match=message):
            next(tables.iterate_rows(file, spec, 10))
    monkeypatch.setattr(_frames, "MOST_COLUMNS", 3)
    _write(_frame(), "x.parquet")
    with pytest.raises(ValueError, match="at most 3 columns; received 6 in x.parquet"):
        data.load("x.parquet")


def test_many_columns_are_checked(folder):
    # All pairs of columns would be 8 million comparisons.
    x = np.random.default_rng(0).standard_normal([30, 4000])
    np.save("x.npy", x)
    assert data.load("x.npy").spec.num_features == 4000
    x[:, 3999] = x[:, 1234]
    np.save("x.npy", x)
    with pytest.raises(ValueError, match="same values in '1234' and '3999'; leave one"):
        data.load("x.npy")


def test_zeros_are_equal_whatever_their_sign(folder):
    a = np.where(np.arange(ROWS) == 7, 0.0, np.sin(np.arange(ROWS)))
    _write(pd.DataFrame({"a": a, "b": np.where(a == 0, -0.0, a)}), "x.parquet")
    with pytest.raises(ValueError, match="same values in 'a' and 'b'"):
        data.load("x.parquet")


BAD_OPTIONS = {
    "unknown": (
        {"drop": ["room"]},
        "received 'room'; did you mean 'rooms'. It has: are",
    ),
    "unknown context": (
        {"context": ["x"]},
        "--context names .* 'x'; It has: area, pri",
    ),
    "unknown grid": ({"dequantize": ["Area"]}, "--dequantize .* did you mean 'area'"),
    "twice": ({"drop": ["area"], "context": ["area"]}, "in --context and --drop"),
    "no grid": ({"dequantize": ["area"]}, "'area', whose gaps .* no common divisor"),
    "text context": ({"context": ["name"]}, "'name' is the text 'house 0'"),
    "all": ({"drop": ["area", "price"]}, "received none beside those"),
    "one split": ({"test": "house.csv"}, "only one of --validation and --test"),
    "data_dir": ({"data_dir": "."}, "received --data_dir=. with the file house.csv"),
}


@pytest.mark.parametrize("case", BAD_OPTIONS)
def test_bad_options(folder, case):
    options, message = BAD_OPTIONS[case]
    drop = ["name", "rooms", "rating", "city"]
    _write(_frame(), "house.csv")
    options = {**options, "drop": [*drop, *options.get("drop", [])]}
    if case == "text context":
        options["drop"].remove("name")
    with pytest.raises(ValueError, match=message):
        data.load("house.csv", **options)


def test_a_constant_context_is_refused(folder):
    _write(pd.DataFrame({"a": _AREA, "b": 1}), "x.csv")
    with pytest.raises(ValueError, match="context must vary .* only 1 in column 'b'"):
        data.load("x.csv", context=["b"])


def test_own_splits_must_match_the_training_file(folder):
    _write(_frame()[["area", "city", "rooms"]], "train.csv")
    files = {"validation": "train.csv", "test": "test.csv"}
    options = {"context": ["city"], "dequantize": ["rooms"], **files}
    for change, message in [
        ({"rooms": None}, "received test.csv without 'rooms'"),
        ({"city": 3}, "from 0 to 2, .* received 3 in row 1 of test.csv"),
        ({"city": 0.5}, "received 0.5 in row 1 of test.csv"),
        (
            {"rooms": 2.5},
            "step 1 in the training rows; received 2.5 in row 1 of test.c",
        ),
    ]:
        frame = _frame(5)[["area", "city", "rooms"]]
        for name, value in change.items():
            frame = frame.drop(columns=name) if value is None else frame
            frame = frame if value is None else frame.assign(**{name: value})
        _write(frame, "test.csv")
        with pytest.raises(ValueError, match=message):
            data.load("train.csv", **options)


def test_files_that_are_not_what_they_are_called(folder):
    for file in ("x.csv", "x.parquet", "x.npz", "x.npy"):
        with pytest.raises(FileNotFoundError, match=f"received '{file}', where there"):
            data.load(file)
        (folder / file).write_bytes(b"a\xff\xfe\n1\n")
        with pytest.raises(ValueError, match=f"received '{file}', which is not"):
            data.load(file)
    np.save("x.npy", np.array([{"a": 1}]), allow_pickle=True)
    with pytest.raises(ValueError, match="received 'x.npy', which is not"):
        data.load("x.npy")


BAD_ARRAYS = {
    "vector": (np.zeros(9), r"received shape \(9,\), dtype float64"),
    "text": (np.array([["a", "b"]]), "dtype <U1"),
    "float images": (np.ones((9, 2, 2)) / 2, "received float64, 0.5 to 0.5, in x.npy"),
    "deep images": (np.full((9, 2, 2), 256), "received int64, 256 to 256, in x.npy"),
    "no rows": (np.zeros((0, 2, 2), np.uint8), "received none in x.npy"),
}


@pytest.mark.parametrize("case", BAD_ARRAYS)
def test_bad_arrays(folder, case):
    array, message = BAD_ARRAYS[case]
    np.save("x.npy", array)
    with pytest.raises(ValueError, match=message):
        data.load("x.npy")


def test_bad_choices_of_arrays(folder):
    x = np.zeros((20, 2, 2), np.uint8)
    np.savez("x.npz", image=x, kind=np.arange(9), other=x)
    for name, options, message in [
        ("x.npz", {}, "arrays image, kind, other; choose one, as x.npz:image"),
        ("x.npz:images", {}, "received 'images' of the arrays image, kind, other"),
        ("x.npz:image", {"context": ["kind"]}, r"'kind' of shape \(9,\)"),
        ("x.npz:image", {"drop": ["kind"]}, "--drop is for columns"),
        ("x.npz:image", {"context": ["kin"]}, "--context names"),
    ]:
        with pytest.raises(ValueError, match=message):
            data.load(name, **options)
    np.savez("s.npz", train=x, validation=x, test=x)
    with pytest.raises(ValueError, match="leave these two out"):
        data.load("s.npz", validation="s.npz", test="s.npz")


# Reading rows for a trained model.


def _read_all(path, spec, batch_size):
    batches = list(tables.iterate_rows(path, spec, batch_size))
    firsts = [first for first, *_ in batches]
    assert firsts == list(np.cumsum([1, *(len(x) for _, x, _, _ in batches)])[:-1])
    assert all(len(x) <= batch_size for _, x, _, _ in batches)
    x = np.concatenate([x for _, x, _, _ in batches])
    contexts = [context for _, _, context, _ in batches]
    context = None if contexts[0] is None else np.concatenate(contexts)
    return x, context, dict(bad for *_, bads in batches for bad in bads)


@pytest.mark.parametrize("file", ["new.csv", "new.parquet"])
@pytest.mark.parametrize("batch_size", [1, 7, 1000])
def test_rows_are_read_by_name_in_any_batch(folder, file, batch_size):
    frame = _frame()
    _write(frame, "house.csv")
    options = {"context": ["city"], "drop": ["name", "rating"], "dequantize": ["rooms"]}
    spec = data.load("house.csv", **options).spec
    _write(frame[["name", "rooms", "city", "price", "area"]], file)
    x, context, bad = _read_all(file, spec, batch_size)
    assert x.dtype == np.float32
    wanted = frame[["area", "price", "rooms"]].to_numpy(np.float32)
    np.testing.assert_array_equal(x, wanted)
    np.testing.assert_array_equal(context, frame.city)
    assert bad == {}


def test_bad_rows_are_named_and_do_not_stop_the_others(folder):
    spec = data.DataSpec(
        "a",
        (3,),
        "float32",
        steps=(0.0, 0.5, 0.0),
        offsets=(0.0, 1.0, 0.0),
        columns=("a", "b", "c"),
        context=data.ContextSpec((), "int32", num_classes=2, columns=("k",)),
    )
    (folder / "x.csv").write_text(
        "c,b,a,k\n1,1,1,0\n,1,1,0\n1,x,1,1\n1,1,inf,1\n1,1.2,1,1\n1,0.5,1,2\n1,1,1,\n"
        "1,1,1e99,1\n2,1.5,3,1\n"
    )
    for batch_size in (2, 100):
        x, context, bad = _read_all("x.csv", spec, batch_size)
        assert bad == {
            2: "column 'c' is missing",
            3: "column 'b' is the text 'x'",
            4: "column 'a' is inf, which is no finite 32-bit float",
            5: "column 'b' is off its grid of step 0.5",
            6: "the label is not an integer from 0 to 1",
            7: "column 'k' is missing",
            8: "column 'a' is 1e+99, which is no finite 32-bit float",
        }
        assert np.isnan(x[1:8]).all()
        np.testing.assert_array_equal(x[[0, 8]], [[1, 1, 1], [3, 1.5, 2]])
        np.testing.assert_array_equal(context, [0, 0, 0, 0, 0, 0, 0, 0, 1])


def test_a_blank_line_is_a_missing_value_only_where_there_is_one_column(folder):
    one = data.DataSpec("a", (1,), "float32", columns=("a",))
    (folder / "x.csv").write_text("a\n1\n\n3\n")
    x, _, bad = _read_all("x.csv", one, 2)
    np.testing.assert_array_equal(x, [[1], [np.nan], [3]])
    assert bad == {2: "column 'a' is missing"}
    (folder / "x.csv").write_text("a,b\n1,2\n\n3,4\n\n")
    x, _, bad = _read_all("x.csv", one, 2)
    np.testing.assert_array_equal(x, [[1], [3]])
    assert bad == {}


def test_a_vector_context_of_a_bad_row_is_nan(folder):
    context = data.ContextSpec((1,), "float32", columns=("k",))
    spec = data.DataSpec("a", (1,), "float32", context=context, columns=("a",))
    (folder / "x.csv").write_text("a,k\n1,2.5\n2,?\n")
    x, context, bad = _read_all("x.csv", spec, 10)
    np.testing.assert_array_equal(x, [[1], [np.nan]])
    np.testing.assert_array_equal(context, [[2.5], [np.nan]])
    assert bad == {2: "column 'k' is the text '?'"}


def test_rows_of_arrays_and_images(folder):
    dataset = data.load("digits")
    x, label = dataset.test.x, dataset.test.context
    plain = dataset.without_context().spec
    np.save("x.npy", x)
    np.savez("x.npz", image=x[..., None], label=label)
    np.savetxt(
        "x.csv", x.reshape(-1, 64), "%d", ",", header=",".join(map(str, range(64)))
    )
    flat = pd.DataFrame(x.reshape(-1, 64)).add_prefix("p").assign(label=label)
    flat.to_csv("x.csv", index=False)
    for path, spec in [
        ("x.npy", plain),
        ("x.npz:image", plain),
        ("x.npz", dataset.spec),
        ("x.csv", dataset.spec),
    ]:
        read, context, bad = _read_all(path, spec, 50)
        assert read.dtype == np.uint8
        np.testing.assert_array_equal(read, x)
        assert bad == {}
        if spec.context is not None:
            np.testing.assert_array_equal(context, label)


def test_impossible_pixels_are_bad_rows(folder):
    spec = data.load("digits").without_context().spec
    x = np.zeros((4, 8, 8))
    x[:, 0, 0] = [16, 17, 0.5, np.nan]
    np.save("x.npy", x)
    read, _, bad = _read_all("x.npy", spec, 3)
    reason = "a value is not an integer from 0 to 16"
    assert bad == {2: reason, 3: reason, 4: "a pixel is missing or infinite"}
    assert read[0, 0, 0] == 16
    assert not read[1:].any()


def test_rows_that_no_model_can_take(folder):
    spec = data.DataSpec("a", (2,), "float32", columns=("area", "price"))
    images = data.DataSpec("a", (8, 8), "uint8", levels=17)
    (folder / "a.csv").write_text("area,prize\n1,2\n")
    (folder / "b.csv").write_text("area,price\n")
    np.save("c.npy", np.zeros((3, 3)))
    np.save("d.npy", np.zeros((3, 9, 8)))
    for file, wanted, message in [
        ("a.csv", spec, "received a.csv without 'price', but 'prize'; add or rename"),
        ("b.csv", spec, "received none in b.csv"),
        ("c.npy", spec, "takes 2 columns; received 3 in c.npy"),
        ("d.npy", images, r"shape \(8, 8\); received \(9, 8\) in d.npy"),
        ("c.npy", images, "takes 64 columns; received 3 in c.npy"),
        ("e.txt", spec, "ends with .csv, .parquet, .npz or .npy; received 'e.txt'"),
    ]:
        with pytest.raises(ValueError, match=message):
            list(tables.iterate_rows(file, wanted, 10))


@pytest.mark.parametrize("file", ["x.csv", "x.npy"])
def test_no_more_than_a_batch_is_held(folder, file):
    x = np.random.default_rng(0).normal(size=(50_000, 10)).astype(np.float32)
    if file.endswith(".csv"):
        pd.DataFrame(x.round(2)).to_csv(file, index=False)
    else:
        np.save(file, x)
    spec = data.DataSpec("a", (10,), "float32", columns=tuple("0123456789"))
    tracemalloc.start()
    rows = sum(len(batch) for _, batch, _, _ in tables.iterate_rows(file, spec, 1000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert rows == 50_000
    assert peak < 1.5 * x.nbytes  # The whole .csv in float64 would take twice that.


# Anything at all.

_FUZZ = hypothesis.settings(derandomize=True, deadline=None, max_examples=100)
_CELLS = st.one_of(
    st.integers(-3, 30).map(str),
    st.floats(width=32).map(repr),
    st.sampled_from(["", "x", "nan", '"', '"1"', " 2", "1e400", "True", "\x00", "1;2"]),
)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz")


@_FUZZ
@hypothesis.given(
    names=st.lists(st.sampled_from(["a", "b", "", "1", "a b", '"', "é"]), max_size=4),
    rows=st.lists(st.lists(_CELLS, max_size=4), max_size=25),
    end=st.sampled_from(["\n", "\r\n", "\n\n"]),
)
def test_any_csv_is_a_data_set_or_an_error_in_one_sentence(scratch, names, rows, end):
    path = scratch / "x.csv"
    path.write_bytes(end.join(",".join(row) for row in [names, *rows]).encode())
    dataset, error = None, ""
    try:
        dataset = data.load(str(path))
    except ValueError as refusal:
        error = str(refusal)
    if dataset is None:
        assert "; received " in error
        assert error.endswith(".")
    else:
        assert dataset.spec.columns == tuple(name.strip() for name in names)


# Short of the largest: pandas before 3 may read that one as the number after it.
_NUMBERS = st.one_of(
    st.floats(-(2.0**127), 2.0**127, width=32),
    st.sampled_from([math.nan, math.inf, -math.inf]),
)


@_FUZZ
@hypothesis.given(
    cells=st.lists(
        st.tuples(
            st.one_of(_NUMBERS, st.sampled_from(["", "x", "1e40"])),
            _NUMBERS,
        ),
        min_size=1,
        max_size=30,
    ),
    batch_size=st.integers(1, 31),
)
def test_good_rows_survive_any_bad_ones(scratch, cells, batch_size):
    path = scratch / "y.csv"
    lines = [f"{a!r},{b!r}".replace("'", "") for a, b in cells]
    path.write_text("\n".join(["a,b", *lines]))
    spec = data.DataSpec("y", (2,), "float32", columns=("a", "b"))
    x, _, bad = _read_all(str(path), spec, batch_size)
    assert len(x) == len(cells)
    for number, (row, cell) in enumerate(zip(x, cells, strict=True), start=1):
        good = all(isinstance(v, float) and np.isfinite(v) for v in cell)
        assert (number not in bad) == good
        np.testing.assert_array_equal(row, np.float32(cell) if good else [np.nan] * 2)
