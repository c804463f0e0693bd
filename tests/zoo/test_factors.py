"""Grids of factors, and the sprites, which are drawn again here, one by one."""

import numpy as np
import pytest

from zoo import data
from zoo.datasets import _grid, hearts_2d, sprites_2d
from zoo.factors import Factors

SPRITES = sprites_2d.FACTORS


def _render(points):
    """Images of one row that show the points."""
    return points[:, None].astype(np.uint8)


SMALL = Factors(("a", "b", "c"), (2, 3, 4), _render, categorical=("c",))


def test_points_are_numbered_as_elements_of_an_array():
    points = SMALL.points(range(24))
    assert len(SMALL) == 24
    assert points[:5].tolist() == [
        [0, 0, 0],
        [0, 0, 1],
        [0, 0, 2],
        [0, 0, 3],
        [0, 1, 0],
    ]
    np.testing.assert_array_equal(SMALL.index(points), np.arange(24))
    np.testing.assert_array_equal(SMALL.index(points[[7, 3]]), [7, 3])
    assert SMALL.categorical_columns == (2,)


def test_images_are_those_of_the_points():
    index = [5, 0, 23, 5]
    points = SMALL.points(index)
    np.testing.assert_array_equal(SMALL.images(index)[:, 0], points)
    np.testing.assert_array_equal(SMALL.draw(points)[:, 0], points)


def test_random_points_are_of_the_grid_and_repeat_by_seed():
    points = SMALL.random(12_000, seed=1)
    np.testing.assert_array_equal(points, SMALL.random(12_000, seed=1))
    assert (points != SMALL.random(12_000, seed=2)).any()
    counts = np.bincount(SMALL.index(points), minlength=24)
    assert counts.min() > 400
    assert counts.max() < 600


@pytest.mark.parametrize("name", SMALL.names)
def test_pairs_share_one_factor_and_the_others_by_chance_alone(name):
    one, other = SMALL.pairs(12_000, name, seed=0)
    shares = (one == other).mean(axis=0)
    for column, (factor, size) in enumerate(zip(SMALL.names, SMALL.sizes, strict=True)):
        expected = 1.0 if factor == name else 1 / size
        assert shares[column] == pytest.approx(expected, abs=0.02 * (factor != name))
    counts = np.bincount(SMALL.index(other), minlength=24)
    assert counts.min() > 400


def test_codes_are_looked_up(monkeypatch):
    monkeypatch.setattr("zoo.factors._CHUNK", 10)
    asked = []

    def encode(images):
        asked.append(len(images))
        return images[:, 0] * 0.5

    look_up = SMALL.tabulate(encode)
    points = SMALL.random(100, seed=0)
    np.testing.assert_array_equal(look_up(points), points * 0.5)
    assert asked == [10, 10, 4]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: SMALL.points([24]),
            r"from 0 to 23; received shape \[1\], from 24 to 24",
        ),
        (lambda: SMALL.points([-1]), "from -1 to -1. Give a list"),
        (lambda: SMALL.points(3), r"received shape \[\], from 3"),
        (lambda: SMALL.draw([[0, 3, 0]]), "a below 2, b below 3, c below 4; received"),
        (lambda: SMALL.index([[0, 0, -1]]), "integer from 0 for each factor"),
        (lambda: SMALL.draw([[0, 0]]), r"int64 of shape \[1, 2\]"),
        (lambda: SMALL.draw([[0.0, 0.0, 0.0]]), r"float64 of shape \[1, 3\]"),
        (lambda: SMALL.pairs(5, "d", 0), "are a, b, c; received 'd'. Choose"),
        (lambda: Factors(("a",), (1,), _render), "at least two values.*sizes=.1,"),
        (lambda: Factors(("a",), (2, 2), _render), "Each factor has a name"),
        (lambda: Factors((), (), _render), "Each factor has a name"),
        (lambda: Factors(("a",), (2,), _render, ("b",)), "categorical=.'b',"),
    ],
)
def test_what_is_no_point_or_grid_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_rows_of_a_grid_are_points_of_it_and_in_one_split():
    dataset = _grid.dataset("small", SMALL, (14, 4, 6), levels=4)
    index = [SMALL.index(split.factors) for split in dataset.splits.values()]
    assert sorted(np.concatenate(index)) == list(range(24))
    for split in dataset.splits.values():
        np.testing.assert_array_equal(split.x[:, 0], split.factors)
    fewer = _grid.dataset("small", SMALL, (3, 4, 6), levels=4)
    for name in ("validation", "test"):
        np.testing.assert_array_equal(fewer.splits[name].x, dataset.splits[name].x)
    with pytest.raises(ValueError, match=r"24 at most; received \(15, 4, 6\)"):
        _grid.dataset("small", SMALL, (15, 4, 6), levels=4)
    with pytest.raises(ValueError, match=r"a row at least.*received \(0, 4, 6\)"):
        _grid.dataset("small", SMALL, (0, 4, 6), levels=4)


# Sprites.

SHAPES = (sprites_2d._square, sprites_2d._ellipse, sprites_2d._heart)
CENTRE = 16 + 1j * 16  # the first positions: a row and a column


def _distances():
    """How far outside pixels are, `[3, 6, 40, 64, 64]`, at the first position."""
    row, column = np.mgrid[:64, :64]
    # Upwards is against the rows.
    place = (column - CENTRE.real) - 1j * (row - CENTRE.imag)
    turn = np.exp(-2j * np.pi * np.arange(40) / 40)[:, None, None]
    scale = np.linspace(0.5, 1.0, 6)[:, None, None, None]
    z = place * turn / scale
    return np.stack([outside(z.real, z.imag) for outside in SHAPES])


def _at_first_position():
    points = SPRITES.points(range(0, len(SPRITES), 32 * 32))
    assert not points[:, 3:].any()
    return SPRITES.draw(points).reshape(3, 6, 40, 64, 64)


def test_sprites_are_the_pixels_inside_whatever_the_rounding():
    distances = _distances()
    np.testing.assert_array_equal(_at_first_position(), distances <= 0)
    assert np.abs(distances).min() > 1e-6


@pytest.mark.parametrize("outside", SHAPES)
def test_shapes_have_the_same_area_and_their_centre_of_mass_at_0(outside):
    axis = np.linspace(-16, 16, 3201)[:-1] + 0.005
    x, y = np.meshgrid(axis, axis)
    inside = outside(x, y) <= 0
    assert 0.01**2 * inside.sum() == pytest.approx(360.0, abs=0.4)
    assert x[inside].mean() == pytest.approx(0.0, abs=1e-3)
    assert y[inside].mean() == pytest.approx(0.0, abs=1e-3)
    # Nothing is so far out that an image would cut it.
    assert np.hypot(x, y)[inside].max() < 16


def test_shapes_are_what_they_are_called():
    square, ellipse, heart = (shape <= 0 for shape in _distances()[:, -1, 0])
    assert square[16 - 9 : 16 + 10, 16 - 9 : 16 + 10].all()
    assert square.sum() == 19**2
    # Twice as wide as high.
    assert [ellipse.any(axis=axis).sum() for axis in (0, 1)] == [31, 15]
    # The same to the left and right; two tops, with a notch between, and one tip.
    np.testing.assert_array_equal(heart[:, :16], heart[:, 32:16:-1])
    rows = np.flatnonzero(heart.any(axis=1))
    assert not heart[rows[0], 16]
    assert heart[rows[0], :16].any()
    assert heart[rows[-1]].sum() == 1


def test_shapes_turn_counterclockwise():
    quarter = _at_first_position()[:, :, [0, 10], :33, :33]
    np.testing.assert_array_equal(
        quarter[:, :, 1], np.rot90(quarter[:, :, 0], axes=(2, 3))
    )


def test_positions_move_right_and_down():
    points = SPRITES.random(200, seed=0)
    images = SPRITES.draw(points)
    first = SPRITES.draw(points * [1, 1, 1, 0, 0])
    for image, start, (x, y) in zip(images, first, points[:, 3:], strict=True):
        np.testing.assert_array_equal(image, np.roll(start, (y, x), axis=(0, 1)))


def test_turns_that_cannot_be_seen_are_counted():
    sprites = _at_first_position().reshape(3, 240, -1)
    seen = [len(np.unique(shape, axis=0)) for shape in sprites]
    assert seen == [6 * 10, 6 * 20, 6 * 40]
    assert sum(seen) * 32 * 32 == 430_080


def test_sprites_never_change():
    dataset = data.load("sprites_2d")
    # Reported numbers are for these splits.
    assert dataset.fingerprint() == (
        "930b17c8537da91739da3a7a9e19a074fae455660e86842278d2480efcec308b"
    )
    train = {row.tobytes() for row in dataset.train.x}
    again = np.mean([row.tobytes() in train for row in dataset.test.x])
    assert again == pytest.approx(0.07, abs=0.005)
    few = sprites_2d.load(data_dir=None, seed=0, num_train=10)
    assert len(few.train) == few.spec.num_train == 10
    np.testing.assert_array_equal(few.test.x, dataset.test.x)


def test_hearts_are_hearts_of_the_sprites_and_all_different():
    factors = hearts_2d.FACTORS
    images = factors.images(range(len(factors)))
    assert len(np.unique(images.reshape(len(images), -1), axis=0)) == len(factors)
    # Upright, two steps to the left, and two to the right.
    for turn, orientation in ((5, 0), (7, 2), (3, 38)):
        heart = factors.draw(np.array([[4, turn, 9, 3]]))
        np.testing.assert_array_equal(
            heart, SPRITES.draw(np.array([[2, 4, orientation, 19, 16]]))
        )
    upright = factors.draw(np.array([[5, 5, 2, 1]]))[0]
    # The centre of mass is column 28 and row 30; the heart is symmetric about it.
    np.testing.assert_array_equal(upright[:, 1:56], upright[:, 55:0:-1])
    assert np.argwhere(upright).mean(axis=0) == pytest.approx([30, 28], abs=0.5)
    assert data.load("hearts_2d").fingerprint() == (
        "af1a01f192b86bfafe94a3acfc490a274bb07580756ef42a054ec03c81fdcd3f"
    )
