"""Noise: known answers, laws of the draws, and purity in the row."""

import math

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from tfgen import random

# From the known-answer tests of the Random123 distribution.
KNOWN_ANSWERS = {
    "zeros": ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
    "ones": ((0xFFFFFFFF,) * 2, (0xFFFFFFFF,) * 2, (0x1CB996FC, 0xBB002BE7)),
    "digits of pi": (
        (0x13198A2E, 0x03707344),
        (0x243F6A88, 0x85A308D3),
        (0xC4923A9C, 0x483DF7A0),
    ),
}

DRAWS = {"uniform": random.uniform, "normal": random.normal}
DISTRIBUTIONS = {"uniform": scipy.stats.uniform.cdf, "normal": scipy.stats.norm.cdf}
SEEDS = [tf.TensorSpec([None], tf.int32)]
MODES = {
    "eager": lambda function: function,
    "graph": tf.function(input_signature=SEEDS),
    "xla": tf.function(input_signature=SEEDS, jit_compile=True),
}
BATCHES = (1, 2, 3, 7, 64)
WIDTHS = (1, 2, 31, 32, 33, 63, 784)

# Below it a seeded test of a true hypothesis is a bug, or very bad luck once.
SIGNIFICANCE = 1e-5


@pytest.mark.parametrize("name", KNOWN_ANSWERS)
def test_threefry_gives_the_known_answers(name):
    key, counter, expected = (
        [tf.constant(word, tf.uint32) for word in pair] for pair in KNOWN_ANSWERS[name]
    )
    assert [int(word) for word in random.threefry(key, counter)] == [
        int(word) for word in expected
    ]


def test_draws_never_change_between_versions():
    # Served models promise equal samples for equal seeds.
    seeds = tf.constant([0, -1])
    rows, folded = [-1273341396, 1683383854], [1709915755, 906353298]
    assert random.row_seeds(3, tf.range(2)).numpy().tolist() == rows
    assert random.fold_in(seeds, 5).numpy().tolist() == folded
    uniform = [[0.42402166, 0.78329927], [0.75632745, 0.65602523]]
    normal = [[0.27207747, -1.28137244], [-0.41609364, -0.62082832]]
    np.testing.assert_allclose(random.uniform(seeds, [2]), uniform, rtol=1e-6)
    np.testing.assert_allclose(random.normal(seeds, [2]), normal, rtol=1e-5)
    uniform = [
        [0.42402167295365467, 0.14839109425910924],
        [0.7563274749521197, 0.9299293611816241],
    ]
    draws = random.uniform(seeds, [2], dtype="float64")
    np.testing.assert_allclose(draws, uniform, rtol=1e-15)
    integers = [[44856, 19793, 27788], [44413, 17591, 49566]]
    assert random.integers(seeds, [3]).numpy().tolist() == integers


@pytest.mark.parametrize("stream", [0, 3])
def test_integers_are_the_halves_of_the_words(stream):
    seeds = [5, -1]
    for seed, draws in zip(seeds, random.integers(seeds, [7], stream=stream), strict=1):
        key = [tf.constant(seed % 2**32, tf.uint32), tf.constant(stream + 2, tf.uint32)]
        counter = [tf.constant([0, 1], tf.uint32), tf.constant(0, tf.uint32)]
        words = np.concatenate(random.threefry(key, counter)).astype(np.int64)
        expected = np.concatenate([words % 2**16, words // 2**16])
        np.testing.assert_array_equal(draws, expected[:7])


def test_integers_have_their_distribution():
    draws = random.integers(tf.range(500), [10, 20]).numpy()
    assert draws.dtype == np.int32
    assert 0 <= draws.min() < 10
    assert 2**16 - 10 < draws.max() < 2**16
    for digits in (draws // 2**8, draws % 2**8):
        assert scipy.stats.chisquare(np.bincount(digits.ravel())).pvalue > SIGNIFICANCE


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", DRAWS)
@pytest.mark.parametrize("direction", ["down the rows", "along a row", "both"])
def test_draws_have_their_distribution(name, dtype, direction):
    rows, width = {"down the rows": (20_000, 1), "along a row": (1, 20_000)}.get(
        direction, (200, 101)
    )
    draws = DRAWS[name](tf.range(rows), [width], dtype=dtype).numpy()
    assert draws.dtype == dtype
    assert draws.shape == (rows, width)
    test = scipy.stats.kstest(draws.ravel(), DISTRIBUTIONS[name])
    assert test.pvalue > SIGNIFICANCE


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_uniform_is_inside_the_open_interval_at_the_extreme_words(monkeypatch, dtype):
    words = tf.constant([[0], [0xFFFFFFFF]], tf.uint32)
    monkeypatch.setattr(random, "threefry", lambda key, counter: (words, words))
    low, high = random.uniform(tf.range(2), [1], dtype=dtype).numpy()[:, 0]
    assert 0.0 < low < 1e-6
    assert 1.0 - 1e-6 < high < 1.0
    assert np.all(np.isfinite(random.normal(tf.range(2), [2], dtype=dtype)))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("mode", MODES)
def test_a_row_is_the_same_bits_in_every_batch(mode, dtype):
    @MODES[mode]
    def draw(seeds):
        # Normal draws are made of all uniform ones.
        return [random.normal(seeds, [width], dtype=dtype) for width in WIDTHS]

    seeds = random.row_seeds(0, tf.range(max(BATCHES)))
    expected = draw(seeds)
    for batch in BATCHES[:-1]:
        for start in (0, 64 - batch):
            for rows, whole in zip(
                draw(seeds[start : start + batch]), expected, strict=True
            ):
                np.testing.assert_array_equal(rows, whole[start : start + batch])


@pytest.mark.parametrize("mode", MODES)
def test_integers_of_a_row_are_the_same_in_every_batch(mode):
    draw = MODES[mode](lambda seeds: random.integers(seeds, [5]))
    seeds = tf.range(7)
    expected = random.integers(seeds, [5])
    for rows in (slice(0, 7), slice(2, 5), slice(6, 7)):
        np.testing.assert_array_equal(draw(seeds[rows]), expected[rows])


@pytest.mark.parametrize("draw", [*DRAWS.values(), random.integers])
def test_shape_is_only_a_view(draw):
    seeds = tf.range(3)
    draws = draw(seeds, [2, 5, 3])
    assert draws.shape == (3, 2, 5, 3)
    np.testing.assert_array_equal(tf.reshape(draws, [3, 30]), draw(seeds, [30]))
    assert draw(seeds, []).shape == (3,)


def test_streams_children_positions_and_rows_are_independent():
    seeds = random.row_seeds(1, tf.range(20_000))
    parts = [
        random.normal(seeds, [4]),
        random.normal(seeds, [2], stream=1),
        random.normal(random.fold_in(seeds, 0), [1]),
        random.normal(random.fold_in(seeds, 1), [1]),
        random.normal(random.row_seeds(2, tf.range(20_000)), [1]),
        random.normal(seeds[::-1], [1]),
        tf.roll(random.normal(seeds, [1]), 1, axis=0),
    ]
    draws = tf.concat(parts, axis=1).numpy()
    # Of squares too: the halves of a Box-Muller pair share their radius.
    for columns in (draws, draws**2):
        correlations = np.corrcoef(columns, rowvar=False) - np.eye(draws.shape[1])
        assert np.abs(correlations).max() < 4.5 / math.sqrt(len(draws))


def test_seeds_are_distinct_and_pure():
    seeds = random.row_seeds(0, tf.range(10_000))
    assert seeds.dtype == tf.int32
    assert len(np.unique(seeds)) == 10_000
    np.testing.assert_array_equal(seeds[40:50], random.row_seeds(0, tf.range(40, 50)))
    children = [random.fold_in(seeds, child) for child in range(3)]
    assert len(np.unique(np.concatenate(children))) > 29_990


@pytest.mark.parametrize("dtype", [tf.int32, tf.int64, tf.uint32])
def test_integers_of_any_type_are_the_same_seed(dtype):
    rows = tf.range(5)
    expected = random.fold_in(random.row_seeds(7, rows), 9)
    seeds = random.row_seeds(tf.constant(7, dtype), tf.cast(rows, dtype))
    np.testing.assert_array_equal(
        random.fold_in(seeds, tf.constant(9, dtype)), expected
    )


def test_negative_seeds_are_seeds():
    rows = tf.range(5)
    np.testing.assert_array_equal(
        random.row_seeds(-3, rows), random.row_seeds(tf.constant(-3), rows)
    )


@pytest.mark.parametrize("shape", [(), (3,)])
def test_categories_come_with_their_probabilities(shape):
    probabilities = np.array([0.05, 0.0, 0.5, 0.45])
    with np.errstate(divide="ignore"):
        logits = np.log(probabilities) + 2.0
    logits = tf.broadcast_to(tf.constant(logits, tf.float32), [1, *shape, 4])
    draws = random.categorical(random.row_seeds(0, tf.range(20_000)), logits).numpy()
    assert draws.shape == (20_000, *shape)
    assert draws.dtype == np.int32
    counts = np.bincount(draws.ravel(), minlength=4)
    assert counts[1] == 0
    present = probabilities > 0
    test = scipy.stats.chisquare(counts[present], probabilities[present] * draws.size)
    assert test.pvalue > SIGNIFICANCE


def test_each_row_has_its_own_logits():
    expected = tf.random.stateless_uniform([100], [0, 0], 0, 5, tf.int32)
    logits = 200.0 * tf.one_hot(expected, 5)
    np.testing.assert_array_equal(random.categorical(tf.range(100), logits), expected)


@pytest.mark.parametrize(("draw", "category"), [(2.0**-24, 0), (1 - 2.0**-24, 999)])
def test_categories_are_in_range_at_the_extreme_draws(monkeypatch, draw, category):
    # The float32 probabilities of a thousand categories sum to less than 1 - 2**-24.
    logits = tf.constant(np.random.default_rng(0).normal(size=[50, 1000]), tf.float32)
    assert np.min(tf.cumsum(tf.nn.softmax(logits), axis=-1)[:, -1]) < 1 - 2.0**-24
    monkeypatch.setattr(
        random, "uniform", lambda seeds, shape, **_: tf.fill([50, *shape], draw)
    )
    assert np.all(random.categorical(tf.range(50), logits) == category)


@pytest.mark.parametrize("mode", MODES)
def test_no_rows_give_no_rows(mode):
    @MODES[mode]
    def draw(seeds):
        return (
            random.uniform(seeds, [5, 2]),
            random.normal(seeds, [3]),
            random.categorical(seeds, tf.zeros([1, 4])),
            random.integers(seeds, [5]),
        )

    uniform, normal, categorical, integers = draw(tf.zeros([0], tf.int32))
    assert (uniform.shape, normal.shape) == ((0, 5, 2), (0, 3))
    assert (categorical.shape, integers.shape) == ((0,), (0, 5))


def test_the_batch_may_be_unknown_in_a_graph():
    draw = MODES["graph"](lambda seeds: random.normal(seeds, [3]))
    assert draw.get_concrete_function().structured_outputs.shape.as_list() == [None, 3]
    assert draw(tf.range(4)).shape == (4, 3)


def test_different_rows_have_different_seeds():
    seeds = random.row_seeds(0, tf.range(200_000))
    for derived in (seeds, random.fold_in(seeds, 7)):
        assert len(np.unique(derived)) == 200_000
