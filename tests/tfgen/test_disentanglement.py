"""Scores of disentanglement: perfect, random and turned codes, and counting by hand."""

import functools
import math

import numpy as np
import pytest

from tfgen.metrics import disentanglement as scores
from tfgen.metrics.disentanglement import _codes, dci
from tfgen.metrics.disentanglement.mutual_information import binned

SIZES = (4, 4, 4, 4)
# Each combination once, and rows in no order: shares are exact, and there are enough.
GRID = np.stack(np.unravel_index(np.arange(256), SIZES), axis=1)
ROWS = np.random.default_rng(0).permutation(np.repeat(GRID, 12, axis=0))
FEW = {"num_train": 500, "num_test": 500, "batch_size": 32}

# From a function of points to a number; all scores of which 1 is perfect.
SCORES = {
    "beta_vae": lambda encode: scores.beta_vae_score(encode, SIZES, **FEW),
    "factor_vae": lambda encode: scores.factor_vae_score(encode, SIZES, **FEW),
    "mig": lambda encode: scores.mig_score(encode(ROWS), ROWS),
    "sap": lambda encode: scores.sap_score(encode(ROWS), ROWS),
    "sap_categorical": lambda encode: scores.sap_score(
        encode(ROWS), ROWS, categorical=range(4)
    ),
    "disentanglement": lambda encode: _dci(encode).disentanglement,
    "completeness": lambda encode: _dci(encode).completeness,
    "informativeness": lambda encode: _dci(encode).informativeness,
    "modularity": lambda encode: scores.modularity_score(encode(ROWS), ROWS),
}


@functools.cache
def _dci(encode):
    return scores.dci_scores(encode(ROWS), ROWS)


def _perfect(points):
    return np.asarray(points, np.float32)


def _random(points, latents=6):
    """Noise that knows nothing of the points, and is the same in each test."""
    return _noise(len(points), latents).copy()


@functools.cache
def _noise(rows, latents):
    return np.random.default_rng(rows).standard_normal([rows, latents])


def _turned(points):
    """The first two latents turned by 45 degrees, and longer."""
    turn = np.eye(4)
    turn[:2, :2] = [[1, 1], [1, -1]]
    return points @ turn


def _blurred(points):
    """Each latent tells of its factor, and a little of the next."""
    return points + 0.3 * np.roll(points, 1, axis=1) + 0.5 * _random(points, 4)


@pytest.mark.parametrize("name", SCORES)
def test_a_perfect_code_scores_1(name):
    assert SCORES[name](_perfect) == pytest.approx(1.0, abs=1e-12)


# Modularity is a mean over latents.
@pytest.mark.parametrize("name", [name for name in SCORES if name != "modularity"])
def test_latents_that_are_not_used_do_not_matter(name):
    zeros = SCORES[name](lambda points: np.pad(_perfect(points), [(0, 0), (1, 2)]))
    assert zeros == pytest.approx(1.0, abs=1e-12)


def _reordered(encode, points):
    return encode(points)[:, [2, 0, 3, 1]] * np.array([-1.0, 1.0, -1.0, -1.0])


OTHERS = {
    encode: functools.partial(_reordered, encode) for encode in (_perfect, _blurred)
}


@pytest.mark.parametrize("name", SCORES)
@pytest.mark.parametrize("encode", OTHERS)
def test_order_and_signs_of_latents_do_not_matter(name, encode):
    # The trees of a forest break ties by the order of the latents.
    forest = name in ("disentanglement", "completeness", "informativeness")
    tolerance = 0.02 if forest and encode is _blurred else 1e-9
    expected = SCORES[name](encode)
    assert SCORES[name](OTHERS[encode]) == pytest.approx(expected, abs=tolerance)


# With four factors of four values each.
CHANCE = {
    "beta_vae": (0.25, 0.06),
    "factor_vae": (0.25, 0.06),
    "mig": (0.0, 0.01),
    "sap": (0.0, 0.01),
    "sap_categorical": (0.0, 0.03),
    "disentanglement": (0.0, 0.02),
    "completeness": (0.0, 0.02),
    "informativeness": (0.25, 0.05),
}


@pytest.mark.parametrize("name", CHANCE)
def test_a_random_code_scores_by_chance(name):
    expected, tolerance = CHANCE[name]
    assert SCORES[name](_random) == pytest.approx(expected, abs=tolerance)


def test_a_code_that_is_independent_of_the_factors_scores_exactly_0():
    # Thirds and sevenths leave rounding errors.
    sizes = (3, 7, 5, 6)
    grid = np.stack(np.unravel_index(np.arange(630), sizes), axis=1)
    codes, factors = grid[:, 2:], grid[:, :2]
    for score in (scores.mig_score, scores.sap_score, scores.modularity_score):
        assert score(codes, factors) == pytest.approx(0.0, abs=1e-12)
    categorical = scores.sap_score(codes, factors, categorical=[0, 1])
    assert categorical == pytest.approx(0.0, abs=1e-12)


# Two of four factors have a latent of their own. The other two have two latents that
# tell as much of both; so one factor cannot be told from the other, there are no gaps,
# and the latents are 1 / 2 disentangled, log(2) / log(4), and 2 / 3 modular.
TURNED = {
    "beta_vae": (0.75, 0.06),
    "factor_vae": (0.75, 0.06),
    "mig": (0.5, 1e-12),
    "sap": (0.5, 1e-12),
    "sap_categorical": (0.5, 1e-12),
    "disentanglement": (0.75, 0.01),
    "completeness": (0.75, 0.01),
    "informativeness": (1.0, 1e-12),
    "modularity": (5 / 6, 1e-12),
}


@pytest.mark.parametrize("name", SCORES)
def test_a_code_turned_by_45_degrees_is_in_between(name):
    expected, tolerance = TURNED[name]
    assert SCORES[name](_turned) == pytest.approx(expected, abs=tolerance)


def test_equal_seeds_give_equal_scores():
    for name in ("beta_vae", "factor_vae"):
        assert SCORES[name](_blurred) == SCORES[name](_blurred)
    one, two = (scores.dci_scores(_blurred(GRID), GRID, seed=3) for _ in range(2))
    np.testing.assert_array_equal(one.importance, two.importance)


# Counting by hand. Of four rows, factors v and w; the first latent is v, the other is 1
# where both are 1.

HAND_FACTORS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
HAND_CODES = np.array([[0.0, 0.0], [0.0, 0.0], [1.0, 0.0], [1.0, 1.0]])
# Entropies of shares (3/4, 1/4) and (1/2, 1/4, 1/4); log(2) is that of (1/2, 1/2).
_THREE_TO_ONE = 2 * math.log(2) - 0.75 * math.log(3)
_BOTH = _THREE_TO_ONE + math.log(2) - 1.5 * math.log(2)


def test_mutual_information_is_that_of_the_counts():
    expected = [[math.log(2), 0.0], [_BOTH, _BOTH]]
    information = scores.mutual_information(HAND_CODES, HAND_FACTORS)
    np.testing.assert_allclose(information, expected, atol=1e-12)


def test_gaps_and_modularity_are_those_of_the_counts():
    # Of v the gap is (log 2 - both) / log 2, of w it is both / log 2.
    assert scores.mig_score(HAND_CODES, HAND_FACTORS) == pytest.approx(0.5)
    v = HAND_FACTORS[:, :1]
    expected = 1 - _BOTH / math.log(2)
    assert scores.mig_score(HAND_CODES, v) == pytest.approx(expected)
    # Latents that tell of one factor, and of both alike.
    assert scores.modularity_score(HAND_CODES, HAND_FACTORS) == pytest.approx(0.5)
    # A latent that tells all of one factor, and of another `both`.
    u = (HAND_FACTORS.sum(axis=1) == 2).astype(int)
    expected = 1 - (_BOTH / math.log(2)) ** 2
    found = scores.modularity_score(HAND_CODES[:, :1], np.stack([v[:, 0], u], axis=1))
    assert found == pytest.approx(expected)
    # A covariance of 1/8, variances of 1/4 and 3/16: R^2 is 1/3.
    assert scores.sap_score(HAND_CODES, v) == pytest.approx(2 / 3)
    assert scores.sap_score(HAND_CODES, HAND_FACTORS) == pytest.approx((2 + 1) / 6)
    # The other latent finds 0 always and 1 half of the time: 3/4, from 1/2 by chance.
    assert scores.sap_score(HAND_CODES, v, categorical=[0]) == pytest.approx(0.5)
    # Values that do not occur are no classes.
    assert scores.sap_score(HAND_CODES, 5 * v, categorical=[0]) == pytest.approx(0.5)


def test_classes_weigh_the_same_and_their_numbers_do_not_matter():
    # Of class 0 there are many rows; class 2 lies between 0 and 1.
    factors = np.array([[0]] * 8 + [[2]] * 2 + [[1]] * 2)
    codes = np.array([[0.0]] * 8 + [[1.0]] * 2 + [[2.0]] * 2)
    assert scores.sap_score(codes, factors, categorical=[0]) == pytest.approx(1.0)
    assert scores.sap_score(codes, factors) < 0.9
    # One latent cannot tell 1 from 2: two of three classes are found.
    codes = np.minimum(codes, 1.0)
    found = (2 / 3 - 1 / 3) / (2 / 3)
    assert scores.sap_score(codes, factors, categorical=[0]) == pytest.approx(found)


def test_bins_have_equal_width():
    codes = np.array([[0.0, 7.0], [0.49, 7.0], [0.51, 7.0], [9.4, 7.0], [10.0, 7.0]])
    bins = binned(codes, 20)
    np.testing.assert_array_equal(bins[:, 0], [0, 0, 1, 18, 19])
    np.testing.assert_array_equal(bins[:, 1], [0] * 5)


def test_a_histogram_tells_no_more_values_than_it_has_bins():
    values = np.arange(40)[:, None]
    expected = math.log(20) / math.log(40)
    assert scores.mig_score(values, values) == pytest.approx(expected)
    assert scores.mig_score(values, values, num_bins=40) == pytest.approx(1.0)


def test_importances_are_weighed_by_hand():
    matrix = np.array([[1.0, 0.0], [0.3, 0.3], [0.25, 0.75], [0.0, 0.0]])
    quarter = 1 - (2 - 0.75 * math.log2(3))
    found = dci._concentration(matrix)
    np.testing.assert_allclose(found, [1.0, 0.0, quarter, 0.0], atol=1e-12)


def test_codes_that_tell_nothing_are_not_disentangled():
    factors = np.tile(np.arange(2), 30)[:, None]
    found = scores.dci_scores(np.zeros([60, 3]), factors)
    assert (found.disentanglement, found.completeness) == (0.0, 0.0)
    np.testing.assert_array_equal(found.importance, 0.0)


def test_two_latents_for_a_factor_are_not_complete():
    found = _dci(lambda points: np.asarray(points)[:, [0, 0, 1, 2, 3]])
    assert found.disentanglement == pytest.approx(1.0, abs=1e-12)
    # By chance it is one or the other that a split takes.
    share = found.importance[0, 0]
    entropy = -share * math.log(share) - (1 - share) * math.log(1 - share)
    expected = 1 - entropy / math.log(5) / 4
    assert 0.2 < share < 0.8
    assert found.completeness == pytest.approx(expected)


def test_two_factors_in_a_latent_are_not_disentangled():
    found = _dci(lambda points: points[:, [0, 2, 3]] + 4 * points[:, [1, 2, 3]])
    assert found.completeness == pytest.approx(1.0, abs=1e-12)
    # The latent matters to two of four factors alike, as much as both others together.
    assert found.disentanglement == pytest.approx(0.5 * 0.5 + 0.5)
    np.testing.assert_allclose(found.importance.sum(axis=0), 1.0)


def test_scores_are_of_rows_that_were_not_learnt_from():
    # 40 latents of noise learn 60 rows by heart.
    few = {"num_train": 60, "num_test": 1_000, "batch_size": 4}
    wide = functools.partial(_random, latents=40)
    found = scores.beta_vae_score(wide, SIZES, **few)
    assert found == pytest.approx(0.25, abs=0.05)
    found = scores.factor_vae_score(wide, SIZES, **few)
    assert found == pytest.approx(0.25, abs=0.05)
    # So do forests.
    found = scores.dci_scores(_random(ROWS[:300], 40), ROWS[:300])
    assert found.informativeness == pytest.approx(0.25, abs=0.08)


def test_pairs_share_one_factor():
    asked = []

    def encode(points):
        asked.append(points)
        return points

    few = {"num_train": 100, "num_test": 100, "batch_size": 10}
    scores.beta_vae_score(encode, (9,) * 5, **few)
    one, other = (points.reshape(200, 10, 5) for points in asked)
    equal = one == other
    always = equal.all(axis=1)
    # By chance pairs of 10 share no other value ten times.
    np.testing.assert_array_equal(always.sum(axis=1), 1)
    assert 20 < always.sum(axis=0).min()
    # The value that a pair shares is not that of another pair, nor are the others.
    assert len(np.unique(one[always.argmax(axis=1) == 0][0, :, 0])) > 1
    assert equal.mean() == pytest.approx(1 / 5 + 4 / 5 / 9, abs=0.01)


def test_points_of_a_trial_share_one_value():
    asked = []

    def encode(points):
        asked.append(points)
        return points

    few = {"num_train": 100, "num_test": 100, "batch_size": 10}
    scores.factor_vae_score(encode, (9,) * 5, **few)
    variance, trials = asked
    assert np.ptp(variance, axis=0).tolist() == [8] * 5
    trials = trials.reshape(200, 10, 5)
    held = np.ptp(trials, axis=1) == 0
    np.testing.assert_array_equal(held.sum(axis=1), 1)
    assert 20 < held.sum(axis=0).min()
    # Another value in another trial.
    assert set(trials[held[:, 0], 0, 0]) == set(range(9))


def test_latents_vote_by_how_much_they_vary_at_all():
    def encode(points):
        return _perfect(points) + 2.0 * _random(points, 4)

    expected = SCORES["factor_vae"](encode)
    scale = np.array([1.0, 100.0, 7.0, 2.0])
    assert SCORES["factor_vae"](lambda points: encode(points) * scale) == expected
    assert 0.3 < expected < 0.9


def test_latents_that_hardly_vary_do_not_vote():
    def encode(points):
        return _perfect(points) * np.array([0.1, 1.0, 1.0, 1.0])

    # One factor is never found: its trials go to others by chance.
    score = scores.factor_vae_score(encode, SIZES, **FEW)
    assert score == pytest.approx(0.75, abs=0.06)
    assert scores.factor_vae_score(encode, SIZES, **FEW, min_variance=0.0) == 1.0
    assert scores.factor_vae_score(encode, SIZES, **FEW, min_variance=2.0) == 0.0


@pytest.mark.parametrize("name", ["beta_vae", "factor_vae"])
def test_codes_may_be_asked_for_in_any_chunks(name, monkeypatch):
    # Of codes that are functions of the points alone.
    expected = SCORES[name](_turned)
    monkeypatch.setattr(_codes, "_CHUNK", 777)
    assert SCORES[name](_turned) == expected


def test_the_table_has_every_score():
    table = scores.disentanglement_scores(_perfect, (3, 4), categorical=[0])
    assert list(table) == [
        "beta_vae",
        "factor_vae",
        "mig",
        "sap",
        "disentanglement",
        "completeness",
        "informativeness",
        "modularity",
    ]
    np.testing.assert_allclose(list(table.values()), 1.0, atol=0.01)


@pytest.mark.parametrize(
    ("codes", "factors", "message"),
    [
        (
            np.zeros(5),
            GRID[:5],
            r"of one row and latent at least; .* shape \[5\], 5 of",
        ),
        (np.zeros([0, 2]), GRID[:0], r"received shape \[0, 2\], 0 of 0 finite"),
        ([[1.0], [np.nan]], GRID[:2], "1 of 2 finite. Look for NaN"),
        (np.zeros([4, 2]), GRID[:5], r"int64 \[5, 4\] for codes \[4, 2\]. Give both"),
        (np.zeros([5, 2]), GRID[:5] / 2, "received float64"),
        (np.zeros([256, 2]), GRID - 1, "count from 0.*from .-1 -1 -1 -1. to"),
        (
            np.zeros([9, 2]),
            GRID[:9],
            r"two values at least; .* from .0 0 0 0. to .0 0 2",
        ),
    ],
)
@pytest.mark.parametrize(
    "score",
    [scores.mig_score, scores.sap_score, scores.dci_scores, scores.modularity_score],
)
def test_what_are_no_codes_and_factors_is_refused(score, codes, factors, message):
    with pytest.raises(ValueError, match=message):
        score(codes, factors)


@pytest.mark.parametrize("score", [scores.beta_vae_score, scores.factor_vae_score])
def test_what_are_no_codes_of_points_is_refused(score):
    with pytest.raises(ValueError, match=r"two values at least.*received sizes=\(3, 1"):
        score(_perfect, (3, 1))
    with pytest.raises(ValueError, match=r"at least; received sizes=\(\)"):
        score(_perfect, ())
    with pytest.raises(ValueError, match="one code for each point; received"):
        score(lambda points: _perfect(points)[1:], SIZES, **FEW)
    with pytest.raises(ValueError, match="Codes are finite numbers"):
        score(lambda points: np.full([len(points), 2], np.nan), SIZES, **FEW)


def test_what_a_score_cannot_be_of_is_refused():
    with pytest.raises(ValueError, match="two factors at least; received one. Give"):
        scores.modularity_score(GRID, GRID[:, :1])
    with pytest.raises(ValueError, match=r"are 0 to 3; received categorical=\(4,\)"):
        scores.sap_score(GRID, GRID, categorical=[4])
