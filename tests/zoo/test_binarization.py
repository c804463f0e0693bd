"""Dynamic binarization: shares of the bits, what is drawn anew, what is not, names."""

import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf

from tfgen import random
from zoo import binarization, data, evaluation, fitting, pictures
from zoo.binarization import binarize, draw_bits
from zoo.data import DataSet, DataSpec, Split
from zoo.fitting import training_batches
from zoo.runs import open_run
from zoo.scoring import score_file
from zoo.showing import write_samples
from zoo.strategies import Share
from zoo.training import Options, train

NAME = "faces (dynamically binarized)"
LEVELS = np.arange(256, dtype="uint8").reshape(16, 16)


def _grey(rows=60, shape=(8, 8), levels=256, dtype="uint8"):
    """Images of all levels, with the number of the row as context."""
    x = np.random.default_rng(0).integers(0, 256, (rows, *shape)).astype(dtype)
    x[:, 0, 0], x[:, 0, 1] = 0, 255
    label = np.arange(rows, dtype="int32")
    thirds = [slice(0, -20), slice(-20, -10), slice(-10, None)]
    context = data.ContextSpec((), "int32", num_classes=rows)
    spec = DataSpec("faces", shape, dtype, levels=levels, context=context)
    return DataSet(spec, *(Split(x[rows], label[rows]) for rows in thirds))


# The bits.


def test_each_level_has_its_share_of_all_draws(monkeypatch):
    draws = tf.reshape(tf.range(2**16), [1, 256, 256])
    monkeypatch.setattr(random, "integers", lambda seeds, shape, stream: draws)
    grey = np.broadcast_to(LEVELS.reshape(256, 1, 1), (256, 256, 256))
    bits = draw_bits(tf.constant(grey), tf.range(256)).numpy()
    assert bits.dtype == np.uint8
    ones = bits.sum(axis=(1, 2), dtype=np.int64)
    np.testing.assert_array_equal(ones, np.rint(LEVELS.ravel() * (2**16 / 255)))
    assert (ones[0], ones[255]) == (0, 2**16)


def test_bits_are_not_the_noise_of_a_model_with_the_same_seeds():
    seeds = random.row_seeds(0, tf.range(4000))
    bits = draw_bits(tf.fill([4000, 4, 4], tf.constant(128, tf.uint8)), seeds)
    noise = random.uniform(seeds, [16])
    columns = np.concatenate([tf.reshape(bits, [4000, 16]), noise], axis=1)
    correlations = np.corrcoef(columns, rowvar=False) - np.eye(32)
    assert np.abs(correlations).max() < 0.1


# Training.


def _epochs(split, *, batch_size=10, epochs=2, seed=0, jit_compile=False):
    """The bits of each epoch in the order of the rows, `[epochs, rows, ...]`."""
    steps = len(split) // batch_size
    batches = list(
        training_batches(
            split, batch_size, steps, epochs, seed, jit_compile=jit_compile
        )
    )
    x, row = (np.concatenate([batch[k] for batch in batches]) for k in ("x", "context"))
    x, row = (a.reshape(epochs, len(split), *a.shape[1:]) for a in (x, row))
    return np.stack([x[i][np.argsort(row[i])] for i in range(epochs)])


def test_rates_over_epochs_are_the_levels():
    grey = np.broadcast_to(LEVELS, (20, 16, 16))
    split = Split(np.zeros_like(grey), np.arange(20, dtype="int32"), grey)
    bits = _epochs(split, epochs=200)
    assert bits.dtype == np.uint8
    rate, expected = bits.mean(axis=(0, 1)), LEVELS / 255
    deviation = np.sqrt(expected * (1 - expected) / 4000)
    # 0 and 255 have no deviation: they are never and always 1.
    assert np.all(np.abs(rate - expected) <= 4.5 * deviation)
    # Each row, each epoch and each pixel draws for itself.
    half = (bits[:, :, 7:9] - expected[7:9]).reshape(200, 20, 32)
    for axis in range(3):
        of_one = np.moveaxis(half, axis, 0).reshape(half.shape[axis], -1)
        correlations = np.corrcoef(of_one) - np.eye(len(of_one))
        assert np.abs(correlations).max() < 5.5 / np.sqrt(of_one.shape[1])


def test_bits_are_a_function_of_seed_epoch_and_row():
    split = binarize(_grey()).train
    bits = _epochs(split)
    np.testing.assert_array_equal(_epochs(split), bits)
    np.testing.assert_array_equal(_epochs(split, batch_size=20, epochs=3)[:2], bits)
    np.testing.assert_array_equal(_epochs(split, jit_compile=True), bits)
    for epoch in range(2):
        seeds = random.fold_in(random.row_seeds(0, tf.range(len(split))), epoch)
        np.testing.assert_array_equal(draw_bits(split.grey, seeds), bits[epoch])
    others = [bits[1], _epochs(split, seed=1)[0], split.x]
    for other in others:
        assert np.all(np.any(other != bits[0], axis=(1, 2)))


def test_rows_without_grey_images_are_left_as_they_are():
    split = _grey().train
    np.testing.assert_array_equal(_epochs(split), [split.x, split.x])


# The data set.


def test_a_binarized_set_keeps_all_but_pixels_levels_and_name():
    grey = _grey()
    bits = binarize(grey)
    assert bits.spec == dataclasses.replace(grey.spec, name=NAME, levels=2)
    for name, split in bits.splits.items():
        before = grey.splits[name]
        assert split.x.dtype == np.uint8
        assert split.x.shape == before.x.shape
        assert set(split.x.ravel()) == {0, 1}
        assert np.all(split.x[before.x == 0] == 0)
        assert np.all(split.x[before.x == 255] == 1)
        np.testing.assert_array_equal(split.context, before.context)
    np.testing.assert_array_equal(bits.train.grey, grey.train.x)
    assert bits.validation.grey is bits.test.grey is None
    alone = bits.without_context()
    assert alone.train.grey is bits.train.grey
    assert alone.train.context is None
    assert data._checks.check(bits) is bits


def test_bits_of_a_split_are_drawn_once_for_all(monkeypatch):
    bits = binarize(_grey())
    # Reported numbers are for these draws.
    fingerprint = "3651d287ad98802fcc351c80529585d8d204758e0b8e6791caa08e0aab38a60a"
    assert bits.fingerprint() == fingerprint
    monkeypatch.setattr(binarization, "_CHUNK", 7)
    assert binarize(_grey()).fingerprint() == bits.fingerprint()
    other = dataclasses.replace(bits.train, grey=255 - bits.train.grey)
    assert dataclasses.replace(bits, train=other).fingerprint() != bits.fingerprint()


def test_splits_of_equal_images_get_other_bits():
    grey = _grey()
    same = DataSet(grey.spec, *[grey.test] * 3)
    train, validation, test = (s.x for s in binarize(same).splits.values())
    for one, other in ((train, validation), (train, test), (validation, test)):
        assert np.all(np.any(one != other, axis=(1, 2)))


WRONG = {
    "few levels": ({"levels": 17}, "received faces with levels=17 and rows of shape"),
    "colours": ({"shape": (4, 5, 3)}, r"levels=256 and rows of shape \(4, 5, 3\); lea"),
    "floats": ({"levels": None, "dtype": "float32"}, "levels=None and rows of"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_grey_image_is_refused(name):
    options, message = WRONG[name]
    with pytest.raises(ValueError, match=f"of 256 levels; .*{message}.*take mnist"):
        binarize(_grey(**options))


# The commands.


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A directory with images of the user's own."""
    folder = tmp_path_factory.mktemp("binarization")
    splits = {name: split.x for name, split in _grey().splits.items()}
    np.savez(folder / "faces.npz", **splits)
    return folder


@pytest.fixture(scope="module")
def trained(folder):
    """A finished run, the titles of its pictures, and what its batches were made of."""
    calls = []

    def keep(module, name):
        function = getattr(module, name)
        patch.setattr(
            module, name, lambda *a, **k: calls.append((a, k)) or function(*a, **k)
        )

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        keep(fitting, "training_batches")
        keep(pictures, "image_grid")
        keep(pictures, "training_curve")
        train(
            Options(
                model="made",
                dataset="faces.npz",
                data={"binarize": "dynamic"},
                settings={"hidden_units": "8"},
                fields={"epochs": 2, "batch_size": 40, "jit_compile": False},
            )
        )
        yield open_run("runs/made-faces-dynamically-binarized"), calls


def test_training_draws_from_the_grey_images(trained):
    _, (((split, *_), options), *_) = trained
    np.testing.assert_array_equal(split.grey, _grey().train.x)
    assert options == {"jit_compile": False, "done": 0, "share": Share()}


def test_every_number_and_picture_says_how_bits_were_made(trained):
    run, (_, *drawn) = trained
    assert run.report["dataset"] == run.spec.name == NAME
    assert run.config["dataset"]["binarize"] == "dynamic"
    told = evaluation.describe(run.report, run.spec)
    assert told.startswith(f"made on {NAME}, exact, nats per example")
    assert [options["title"] for _, options in drawn] == [NAME, f"made on {NAME}"]


def test_a_finished_run_finds_its_bits_again(trained):
    run, _ = trained
    splits = run.load_data()
    numbers = evaluation.report_on(run.model, splits)
    assert numbers["test"] == run.report["test"]
    assert numbers["bits_per_dim"] == run.report["bits_per_dim"]
    with np.load(run.directory.path / "examples.npz") as examples:
        np.testing.assert_array_equal(examples["x"], splits.test.x)
    target, _ = write_samples(run, splits, num_samples=5)
    with np.load(target) as samples:
        assert set(samples["x"].ravel()) == {0, 1}


def test_rows_to_score_are_bits(trained, folder, capsys):
    run, _ = trained
    rows = _grey().test.x
    rows[0] = rows[0] > 127
    np.savez(folder / "rows.npz", x=rows)
    score_file(run, str(folder / "rows.npz"), str(folder / "scores.csv"))
    told = capsys.readouterr().out
    assert "row 1 has" not in told
    assert "row 2 has no score: a value is not an integer from 0 to 1" in told


def test_a_run_on_grey_levels_is_another_run(trained):
    run, _ = trained
    config = json.loads((run.directory.path / "config.json").read_text())
    with pytest.raises(ValueError, match="dataset.binarize: was dynamic, is None"):
        run.directory.enter(
            {**config, "dataset": {**config["dataset"], "binarize": None}},
            overwrite=False,
        )


def test_other_ways_to_binarize_are_unknown(folder):
    with pytest.raises(ValueError, match="'dynamic' or left out; received 'static'"):
        data.load(str(folder / "faces.npz"), binarize="static")
