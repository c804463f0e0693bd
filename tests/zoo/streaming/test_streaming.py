"""Data on disk: the same rows as in memory, well shuffled, and what may go wrong."""

import json
import os

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tfgen import DensityModel, base
from tfgen.distributions import Flow, StandardNormal
from tfgen.flows import Standardize
from zoo import _frames, data, fitting, labels
from zoo.data import Split
from zoo.evaluation import Scorer
from zoo.streaming import batches, loading, sources, stored
from zoo.streaming.shuffling import ArrayWriter, Shuffler
from zoo.streaming.stored import StoredRows

ROWS = 600


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def blocks(monkeypatch):
    """Blocks, buckets and windows so small that a few hundred rows fill many."""
    monkeypatch.setattr(sources, "ROWS", 64)
    monkeypatch.setattr(loading, "BUCKET_BYTES", 1000)
    monkeypatch.setattr(batches, "_BLOCK_BYTES", 40)
    monkeypatch.setattr(batches, "_WINDOW_BYTES", 100)


def _frame(rows=ROWS):
    """Sorted by its first column; `number` tells rows from each other."""
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "number": np.arange(rows) * 1.0,
            "width": rng.normal(size=rows),
            "rooms": rng.permutation(np.arange(rows) % 3),
        }
    )


def _load(name="rows.parquet", **options):
    return data.load(name, data_dir="kept", stream=True, **options)


def _tfrecord(frame, path):
    """An example a row; a feature of two numbers beside one of a single integer."""
    with tf.io.TFRecordWriter(path) as writer:
        for row in frame.itertuples():
            features = {
                "x": tf.train.Feature(
                    float_list=tf.train.FloatList(value=[row.number, row.width])
                ),
                "rooms": tf.train.Feature(
                    int64_list=tf.train.Int64List(value=[row.rooms])
                ),
            }
            example = tf.train.Example(features=tf.train.Features(feature=features))
            writer.write(example.SerializeToString())


def _write(frame, kind):
    """Three shards of one kind; the name of all of them, and of the columns."""
    names = list(frame)
    for number, index in enumerate(np.array_split(np.arange(len(frame)), 3)):
        shard, path = frame.iloc[index], f"shards/rows-{number}.{kind}"
        os.makedirs("shards", exist_ok=True)
        if kind == "csv":
            shard.to_csv(path, index=False)
        elif kind == "parquet":
            shard.to_parquet(path, index=False, row_group_size=50)
        elif kind == "npy":
            np.save(path, shard.to_numpy())
            names = ["0", "1", "2"]
        else:
            _tfrecord(shard, f"{path}-{number:05d}-of-00003")
            names = ["x_0", "x_1", "rooms"]
    return names


# The same rows.


@pytest.mark.parametrize("kind", ["csv", "parquet", "npy", "tfrecord"])
def test_all_rows_of_all_shards_are_in_one_split_once(blocks, kind):
    frame = _frame()
    names = _write(frame, kind)
    dataset = data.load("shards/", data_dir="kept", context=[names[2]])
    assert list(dataset.spec.columns) == names[:2]
    assert [len(split) for split in dataset.splits.values()] == [480, 60, 60]
    assert dataset.spec.num_train == 480
    x = np.concatenate([split.x for split in dataset.splits.values()])
    context = np.concatenate([split.context for split in dataset.splits.values()])
    order = x[:, 0].argsort()
    expected = frame[["number", "width"]].to_numpy(np.float32)
    np.testing.assert_array_equal(x[order], expected)
    np.testing.assert_array_equal(context[order], frame.rooms)
    assert context.dtype == np.int32


def test_the_spec_is_that_of_rows_in_memory():
    _frame().to_parquet("rows.parquet")
    for options in ({"context": ["rooms"]}, {"dequantize": ["rooms", "number"]}):
        whole = data.load("rows.parquet", **options)
        assert _load(**options).spec == whole.spec
        assert whole.spec.steps in (None, (1.0, 0.0, 1.0))


def test_numbers_as_a_context_and_files_for_each_split():
    frame = _frame()
    for name, rows in (("train", 400), ("validation", 80), ("test", 120)):
        frame.sample(rows, random_state=rows).to_parquet(f"{name}.parquet")
    files = {"validation": "validation.parquet", "test": "test.parquet"}
    options = {"context": ["width", "rooms"], **files}
    whole = data.load("train.parquet", **options)
    dataset = _load("train.parquet", **options)
    assert dataset.spec == whole.spec
    for name, split in dataset.splits.items():
        order, other = split.x[:][:, 0].argsort(), whole.splits[name].x[:, 0].argsort()
        np.testing.assert_array_equal(split.x[order], whole.splits[name].x[other])
        expected = whole.splits[name].context[other]
        np.testing.assert_array_equal(split.context[order], expected)
    # Nothing is split, so that one copy serves all seeds.
    assert (
        _load("train.parquet", seed=7, **options).train.x.path == dataset.train.x.path
    )


@pytest.mark.parametrize("kind", ["npy", "tfrecord"])
def test_blocks_of_wide_rows_are_small(kind, monkeypatch):
    monkeypatch.setattr(_frames, "_MOST_CELLS", 30)
    names = _write(_frame(90), kind)
    (path, *_) = sources._paths("shards/")
    sizes = [len(block.rows) for block in sources.files(path, [names[2]]).blocks()]
    assert sizes == [10, 10, 10]


def test_images_become_bytes_with_levels():
    x = np.random.default_rng(0).integers(0, 17, (50, 4, 3, 1), np.uint8)
    np.save("pictures.npy", x)
    dataset = _load("pictures.npy")
    assert dataset.spec == data.load("pictures.npy").spec
    found = np.concatenate([split.x for split in dataset.splits.values()])
    assert found.dtype == np.uint8
    assert sorted(map(bytes, found)) == sorted(map(bytes, x))


@pytest.mark.parametrize(
    ("splits", "labels"),
    [
        (("train",), "known"),
        (("train", "test"), "hidden"),
        (("train", "validation"), "known"),
    ],
)
def test_a_set_of_tfds_has_the_splits_that_it_has_in_memory(splits, labels):
    pytest.importorskip("importlib_resources")
    import tensorflow_datasets as tfds

    tfds.disable_progress_bar()
    x = np.random.default_rng(0).integers(0, 256, (50, 3, 2, 1), np.uint8)
    label = np.arange(50) % 4
    if labels == "hidden":
        label[:2] = -1
    tfds.dataset_builders.store_as_tfds_dataset(
        name="pictures",
        version="1.0.0",
        features=tfds.features.FeaturesDict(
            {
                "image": tfds.features.Image(shape=(3, 2, 1)),
                "label": tfds.features.ClassLabel(num_classes=4),
            }
        ),
        split_datasets={
            split: tf.data.Dataset.from_tensor_slices(
                {"image": x[start:], "label": label[start:]}
            )
            for start, split in enumerate(splits)
        },
        data_dir="sets",
    )
    whole = data.load("tfds:pictures", data_dir="sets")
    dataset = data.load("tfds:pictures", data_dir="sets", stream=True)
    assert dataset.spec == whole.spec
    assert (dataset.spec.context is None) == (labels == "hidden")
    for name, split in dataset.splits.items():
        assert len(split) == len(whole.splits[name])
        if name in splits[1:]:  # The set has it, and nothing is taken from it.
            expected = whole.splits[name].x
            assert sorted(map(bytes, split.x[:])) == sorted(map(bytes, expected))
    rest = [split for name, split in dataset.splits.items() if name not in splits[1:]]
    found = np.concatenate([split.x for split in rest])
    assert sorted(map(bytes, found)) == sorted(map(bytes, x))


def test_labels_of_some_rows_can_be_told(blocks):
    frame = _frame()
    frame.to_parquet("rows.parquet")
    told = labels.hide(_load(context=["rooms"]), 30, seed=0)
    assert (np.asarray(told.train.context) >= 0).sum() == 30
    assert (np.asarray(told.test.context) == -1).all()
    rooms = dict(zip(frame.number, frame.rooms, strict=True))
    found = 0
    for batch in fitting.training_batches(told.train, 48, 10, 1, seed=0):
        pairs = zip(batch["x"].numpy()[:, 0], batch["context"].numpy(), strict=True)
        for number, label in pairs:
            assert label in (-1, rooms[number])
            found += label >= 0
    assert found == 30


# Order.


def test_every_order_is_as_likely_for_rows_that_are_sorted(blocks):
    # Of a fair shuffle the mean distance of neighbours is a third of the rows, and no
    # correlation with the place is left; 600 sorted rows have distance 1 and 1.0.
    _frame().to_parquet("rows.parquet")
    numbers = _load(context=["rooms"]).train.x[:][:, 0]
    assert abs(np.abs(np.diff(numbers)).mean() / ROWS - 1 / 3) < 0.04
    assert abs(np.corrcoef(numbers, np.arange(len(numbers)))[0, 1]) < 0.15
    # No bucket of rows that came in together stays together.
    thirds = [part.mean() for part in np.array_split(numbers, 3)]
    np.testing.assert_allclose(thirds, ROWS / 2, atol=50)


def test_the_order_depends_on_the_seed_and_not_on_the_blocks(monkeypatch, tmp_path):
    rows = np.arange(1000)
    orders = []
    for seed, size in ((0, 10), (0, 333), (1, 333)):
        shuffler = Shuffler(tmp_path, rows.dtype, 7, [seed])
        for start in range(0, len(rows), size):
            shuffler.add(rows[start : start + size])
        orders.append(np.concatenate(list(shuffler)))
        assert shuffler.rows == len(rows)
        assert not list(tmp_path.iterdir())
    np.testing.assert_array_equal(*orders[:2])
    assert (orders[1] != orders[2]).mean() > 0.9
    np.testing.assert_array_equal(np.sort(orders[2]), rows)


def _stored(folder, rows=103):
    numbers = np.arange(rows, dtype=np.float32)[:, None]
    path = folder / "numbers.npy"
    np.save(path, numbers)
    return Split(StoredRows(path))


def _numbers(dataset):
    return np.stack([batch["x"].numpy()[:, 0] for batch in dataset])


def test_every_row_comes_once_an_epoch_in_an_order_of_its_own(blocks, folder):
    split = _stored(folder)
    epochs = _numbers(fitting.training_batches(split, 4, 25, 6, seed=0)).reshape(6, 100)
    for epoch in epochs:
        assert len(set(epoch)) == 100
        # A block has 8 rows, and a window 24.
        assert (np.diff(epoch) == 1).mean() < 0.2
    for i, k in ((0, 1), (1, 2), (0, 5)):
        assert (epochs[i] == epochs[k]).mean() < 0.1
        assert set(epochs[i][:20]) != set(epochs[k][:20])
    # Those that are left out change.
    assert len({min(set(range(103)) - set(epoch)) for epoch in epochs}) > 1


@pytest.mark.parametrize("done", [1, 24, 25, 37, 60])
def test_batches_go_on_in_the_middle_of_an_epoch(blocks, folder, done):
    split = _stored(folder)
    whole = _numbers(fitting.training_batches(split, 4, 25, 3, seed=5))
    rest = _numbers(fitting.training_batches(split, 4, 25, 3, seed=5, done=done))
    np.testing.assert_array_equal(rest, whole[done:])
    other = _numbers(fitting.training_batches(split, 4, 25, 3, seed=6))
    assert (other == whole).mean() < 0.1


def test_neighbours_are_as_far_apart_as_in_a_fair_shuffle(blocks):
    # In a window of 4 blocks of 10 among 40 rows rows may go anywhere.
    places = np.zeros((40, 40))
    for epoch in range(400):
        order = []
        for ranges, mixed in batches.windows(40, 10, 4, 40, 0, epoch):
            rows = np.concatenate([np.arange(*pair) for pair in ranges])
            order.append(rows[mixed])
        places[np.arange(40), np.concatenate(order)] += 1
    # 10 expected in each cell: chi-squared with 39 * 39 degrees of freedom.
    chi = ((places - 10) ** 2 / 10).sum()
    assert abs(chi - 39 * 39) < 5 * np.sqrt(2 * 39 * 39)


@pytest.mark.parametrize("rows", [30, 500, 1203])
def test_terms_are_those_of_rows_in_memory(folder, rows):
    x = np.random.default_rng(0).normal(size=(rows, 2)).astype(np.float32)
    path = folder / "x.npy"
    np.save(path, x)

    def terms(inputs):
        seed = tf.cast(inputs["seed"], tf.float32)
        return {"sum": tf.reduce_sum(inputs["x"], -1) + seed}

    expected = Scorer(terms)(Split(x), first_row=5)["sum"]
    found = Scorer(terms)(Split(StoredRows(path)), first_row=5)["sum"]
    np.testing.assert_array_equal(found, expected)


def test_a_model_adapts_to_the_same_rows(folder, monkeypatch):
    monkeypatch.setattr(base, "ADAPT_ROWS", 50)
    x = np.random.default_rng(0).normal(3.0, 2.0, (200, 2)).astype(np.float32)
    np.save(folder / "x.npy", x)
    weights = []
    for rows in (x, StoredRows(folder / "x.npy")):
        model = DensityModel(Flow(StandardNormal([2]), [Standardize([2])]))
        model.adapt(rows, seed=3)
        weights.append(model.get_weights())
    for one, other in zip(*weights, strict=True):
        np.testing.assert_array_equal(one, other)
    chosen = np.random.default_rng(3).choice(200, 50, replace=False)
    mean = x[chosen].mean(axis=0)
    assert any(np.allclose(weight, mean, rtol=1e-5) for weight in weights[0])


# Rows on disk.


def test_stored_rows_answer_as_arrays_do(folder):
    x = np.random.default_rng(0).normal(size=(20, 3, 2))
    with (folder / "x.npy").open("wb") as file:
        np.save(file, x)
    rows = StoredRows(folder / "x.npy")
    assert (len(rows), rows.shape, rows.dtype) == (20, (20, 3, 2), x.dtype)
    mask = x[:, 0, 0] > 0
    for index in (
        slice(3, 7),
        slice(None, -15),
        slice(7, 3),
        4,
        -1,
        [3, 1, 3, -2],
        np.empty(0, int),
        mask,
    ):
        np.testing.assert_array_equal(rows[index], x[index])
    np.testing.assert_array_equal(np.asarray(rows), x)
    assert rows.nbytes == x.nbytes
    for index in (20, [-21], slice(None, None, 2)):
        with pytest.raises((IndexError, ValueError), match="received"):
            rows[index]


def test_arrays_are_written_as_numpy_does(folder):
    x = np.arange(12, dtype=np.float32).reshape(6, 2)
    writer = ArrayWriter(folder / "x.npy", x.shape, x.dtype)
    writer.add(x[:4])
    writer.add(x[4:])
    digest = writer.close()
    np.testing.assert_array_equal(np.load(folder / "x.npy"), x)
    assert digest == stored.digest(folder / "x.npy")


# What is kept, and what goes wrong.


def _made(dataset):
    return dataset.train.x.path.stat().st_mtime_ns


def test_what_is_prepared_is_used_again_until_its_source_changes():
    frame = _frame()
    frame.to_parquet("rows.parquet")
    first = _load(context=["rooms"])
    again = _load(context=["rooms"])
    assert _made(again) == _made(first)
    assert again.fingerprint() == first.fingerprint()
    assert _load(context=["rooms"], seed=1).fingerprint() != first.fingerprint()
    frame.assign(width=frame.width + 1).to_parquet("rows.parquet")
    assert _load(context=["rooms"]).fingerprint() != first.fingerprint()
    frame.to_parquet("rows.parquet")
    assert _load(context=["rooms"]).fingerprint() == first.fingerprint()
    # One directory a source and options, whatever happened to the source.
    assert len([p for p in os.listdir("kept/streams") if p[0] != "."]) == 2


def test_what_is_prepared_is_that_of_the_source_wherever_a_command_is_run(
    folder, monkeypatch
):
    for name in ("rows", "validation", "test"):
        _frame(50).to_parquet(f"{name}.parquet")
    (folder / "elsewhere").mkdir()
    paths = set()
    for place, prefix in ((folder, ""), (folder / "elsewhere", "../")):
        monkeypatch.chdir(place)
        names = [f"{prefix}{name}.parquet" for name in ("rows", "validation", "test")]
        dataset = data.load(
            names[0],
            data_dir=str(folder / "kept"),
            context=["rooms"],
            validation=names[1],
            test=names[2],
            stream=True,
        )
        paths.add(dataset.train.x.path)
        assert loading._place("tfds:mnist") == "tfds:mnist"
    assert len(paths) == 1


@pytest.mark.parametrize("damage", ["altered", "cut", "gone", "manifest"])
def test_what_is_damaged_is_made_anew(damage):
    _frame().to_parquet("rows.parquet")
    first = _load(context=["rooms"])
    path = first.train.x.path
    content = path.read_bytes()
    if damage == "altered":
        path.write_bytes(content[:-1] + b"!")
    elif damage == "cut":
        path.write_bytes(content[:-8])
    elif damage == "gone":
        path.unlink()
    else:
        (path.parent / "stream.json").write_text("{}")
    again = _load(context=["rooms"])
    assert again.train.x.path.read_bytes() == content
    assert again.fingerprint() == first.fingerprint()


def test_what_was_killed_leaves_nothing_behind():
    _frame().to_parquet("rows.parquet")
    first = _load(context=["rooms"])
    target = first.train.x.path.parent
    (target / "stream.json").unlink()
    left = target.parent / f".tmp-1-{target.name}"
    left.mkdir()
    (left / "bucket-0").write_bytes(b"123")
    _load(context=["rooms"])
    assert not left.exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [("cut", "which was changed"), ("gone", "is not there"), ("rewritten", "changed")],
)
def test_data_that_change_end_training_with_what_happened(
    blocks, folder, change, words
):
    split = _stored(folder)
    path = split.x.path
    iterator = iter(fitting.training_batches(split, 4, 25, 1000, seed=0))
    next(iterator)
    content = path.read_bytes()
    if change == "gone":
        path.unlink()
    else:
        path.write_bytes(content[:-100] if change == "cut" else content + b"1")
    with (
        pytest.raises(OSError, match=f"{words}.*the last one") as caught,
        batches.plain_errors(split),
    ):
        for _ in iterator:
            pass
    assert caught.value.errno is None
    with pytest.raises(OSError, match=words):
        Scorer(lambda inputs: {"x": inputs["x"][:, 0]})(split)


def test_a_file_that_changes_while_it_is_read_is_not_kept(monkeypatch):
    _frame().to_parquet("rows.parquet")
    usual = loading._write

    def write(folder, plan):
        made = usual(folder, plan)
        _frame().assign(width=1.5).to_parquet("rows.parquet")
        return made

    monkeypatch.setattr(loading, "_write", write)
    with pytest.raises(OSError, match=r"rows\.parquet, which was changed meanwhile"):
        _load(context=["rooms"])
    assert [p for p in os.listdir("kept/streams") if p[0] != "."] == []


def test_a_directory_that_cannot_be_written_is_named():
    _frame().to_parquet("rows.parquet")
    with open("file", "w") as file:
        file.write("1")
    with pytest.raises(
        OSError, match=r"received file/streams, which cannot be written"
    ):
        data.load("rows.parquet", data_dir="file", stream=True, context=["rooms"])


def test_rows_that_a_disk_takes_in_part_are_an_error(folder):
    resource = pytest.importorskip("resource")
    rows = np.arange(30.0)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    writer = ArrayWriter(folder / "x.npy", rows.shape, rows.dtype)
    shuffler = Shuffler(folder, rows.dtype, 1, [0])
    # As a disk that is nearly full: a file takes so many bytes, and then no more.
    resource.setrlimit(resource.RLIMIT_FSIZE, (150, before[1]))
    try:
        with pytest.raises(OSError, match="too large"):
            shuffler.add(rows)
        writer.add(rows[:5])
        with pytest.raises(OSError, match="too large"):
            writer.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


# What is refused.


def test_a_file_with_brackets_in_its_name_is_no_pattern():
    _frame(50).to_parquet("rows1.parquet")
    _frame(70).to_parquet("rows[1].parquet")
    assert (
        sum(map(len, _load("rows[1].parquet", context=["rooms"]).splits.values())) == 70
    )


@pytest.mark.parametrize("kind", ["csv", "parquet", "npy", "tfrecord"])
def test_a_file_that_this_user_may_not_read_is_named(kind, monkeypatch):
    _write(_frame(9), kind)
    monkeypatch.setattr(
        os, "access", lambda path, mode: "rows-1" not in path or mode != os.R_OK
    )
    with pytest.raises(PermissionError, match=r"readable; received .*rows-1"):
        data.load("shards/", data_dir="kept")


@pytest.mark.parametrize("kind", ["csv", "parquet", "npy", "tfrecord"])
def test_a_bad_row_is_named_by_file_and_number(blocks, kind):
    frame = _frame()
    frame.loc[313, "width"] = np.inf
    names = _write(frame, kind)
    ending = "-00001-of-00003" if kind == "tfrecord" else ""
    with pytest.raises(
        ValueError,
        match=rf"row 114 of shards/rows-1\.{kind}{ending}, where column '{names[1]}'",
    ):
        data.load("shards/", data_dir="kept", context=[names[2]])
    assert [p for p in os.listdir("kept/streams") if p[0] != "."] == []


def test_features_that_would_be_one_column_are_named():
    features = {
        name: tf.train.Feature(float_list=tf.train.FloatList(value=values))
        for name, values in (("x", [1.0, 2.0]), ("x_0", [3.0]))
    }
    example = tf.train.Example(features=tf.train.Features(feature=features))
    with tf.io.TFRecordWriter("rows.tfrecord") as writer:
        writer.write(example.SerializeToString())
    with pytest.raises(ValueError, match=r"two are the column 'x_0' in rows\.tfrecord"):
        data.load("rows.tfrecord", data_dir="kept")


def test_an_example_without_a_feature_is_named():
    _write(_frame(9), "tfrecord")
    path = "shards/rows-1.tfrecord-00001-of-00003"
    records = list(tf.data.TFRecordDataset(path).as_numpy_iterator())
    with tf.io.TFRecordWriter(path) as writer:
        for record in (*records, tf.train.Example().SerializeToString()):
            writer.write(record)
    with pytest.raises(
        ValueError, match=r"received row 4 of .*-00001-of-00003 \(Feature: "
    ):
        data.load("shards/*", data_dir="kept", context=["rooms"])
    with open(path, "r+b") as file:
        file.truncate(70)
    with pytest.raises(
        ValueError, match="a record after row . is damaged or cut short"
    ):
        data.load("shards/*", data_dir="kept", context=["rooms"])


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("nothing-*.csv", {}, "received 'nothing-\\*.csv', where there is no"),
        ("rows.npz", {"stream": True}, "--stream is for .csv, .parquet, .npy"),
        ("digits", {"stream": True}, "--stream is for"),
        ("shards/*", {}, "received .csv and .parquet in shards"),
        ("rows-*.csv", {"stream": False}, "received --nostream"),
        ("rows.csv", {"stream": True, "binarize": "dynamic"}, "leave one of them out"),
        ("rows.csv", {"stream": True, "test": "rows.csv"}, "give both, or neither"),
        ("rows.csv", {"stream": True, "drop": ["wdth"]}, "did you mean 'width'"),
        ("rows.csv", {"stream": True}, "3 distinct values.*column 'rooms'"),
        ("empty.csv", {"stream": True}, "empty.csv', which is empty"),
        (
            "names.csv",
            {"stream": True},
            "Data must hold rows; received none in .*names",
        ),
        ("five.csv", {"stream": True, "drop": ["rooms"]}, "needs at least 10 rows"),
        ("tfds:mnist", {"stream": True, "drop": ["x"]}, "--drop is for your own files"),
    ],
)
def test_what_does_not_fit_is_refused(name, options, words):
    _frame().to_csv("rows.csv", index=False)
    _frame(5).to_csv("five.csv", index=False)
    os.makedirs("shards")
    _frame().to_csv("shards/rows.csv", index=False)
    _frame().to_parquet("shards/rows.parquet")
    for file, content in (("empty.csv", ""), ("names.csv", "a,b\n")):
        with open(file, "w") as out:
            out.write(content)
    with pytest.raises((ValueError, OSError), match=words):
        data.load(name, data_dir="kept", **options)


def test_data_that_cannot_fit_in_memory_are_told_of_the_disk(monkeypatch):
    _frame().to_parquet("rows.parquet")
    monkeypatch.setattr(sources, "_memory", lambda: 12 * 3 * ROWS - 1.0)
    with pytest.raises(ValueError, match=r"rows\.parquet, which would .*give --stream"):
        data.load("rows.parquet", context=["rooms"])
    monkeypatch.setattr(sources, "_memory", lambda: 12.0 * 3 * ROWS)
    data.load("rows.parquet", context=["rooms"])
    assert sources._memory() > 1


def test_labels_that_training_rows_have_not_are_named():
    for name, rooms in (("train", 3), ("validation", 3), ("test", 4)):
        frame = _frame(40)
        frame.assign(rooms=np.arange(40) % rooms).to_parquet(f"{name}.parquet")
    files = {"validation": "validation.parquet", "test": "test.parquet"}
    with pytest.raises(ValueError, match=r"Labels run .* 3 in row 4 of test\.parquet"):
        _load("train.parquet", context=["rooms"], **files)


def test_the_manifest_says_what_it_was_made_of():
    _frame().to_parquet("rows.parquet")
    path = _load(context=["rooms"]).train.x.path.parent / "stream.json"
    manifest = json.loads(path.read_text())
    assert manifest["parts"][0][1][0][0] == os.path.abspath("rows.parquet")
    assert set(manifest["sha256"]) == {
        f"{split}.{field}.npy"
        for split in ("train", "validation", "test")
        for field in ("x", "context")
    }
