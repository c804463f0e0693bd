"""Sprites: a square, ellipse or heart, 64 x 64 bits, from five independent factors.

Procedural. The grid of factors is that of dSprites (Matthey, Higgins, Hassabis and
Lerchner, 2017), the drawing is this file's own:

    shape         3   square, ellipse, heart
    scale         6   0.5, 0.6, ... 1.0
    orientation  40   turned counterclockwise by 0, 1/40, ... 39/40 of a full turn
    position_x   32   columns 16, 17, ... 47 of the pixel at the centre of mass
    position_y   32   rows 16, 17, ... 47 of it, from the top

These are 737,280 images, with the last factor changing first. A pixel is 1 if its
centre is inside the shape and 0 if not; there is no antialiasing, and no pixel centre
is so near to an outline that rounding could matter. Shapes of scale 1 have an area of
360 pixels each, so that their area does not tell them apart:

    square    |x| <= a,  |y| <= a                            a = sqrt(360) / 2
    ellipse   (x / b)^2 + (2 y / b)^2 <= 1                   b = sqrt(720 / pi)
    heart     a square of side 2 c on its corner, and        c = sqrt(360 / (4 + pi))
              discs of radius c about the middles of its
              two upper sides

A shape moves by whole pixels, so that an image is a window onto one of 720 sprites, and
drawing is copying: over 100,000 images a second, in batches. Squares look the same
after a quarter of a turn and ellipses after half of one; 430,080 images are different.

The splits are points of the grid chosen at random, always the same: 40,000 / 4,000 /
10,000, of which a variational autoencoder learns within minutes; `load` takes other
numbers for training. No point is in two splits, but by the symmetries 7 % of the test
images are among the training images. `DataSet.factors` has the whole grid.
"""

import functools
import math

import numpy as np

from zoo.data import DataSet
from zoo.datasets import _grid
from zoo.factors import Factors

_SIDE, _FIRST, _POSITIONS = 64, 16, 32
_SCALES, _ORIENTATIONS = 6, 40
_AREA = 360.0
_HELD_OUT = (4_000, 10_000)


def load(*, data_dir: str | None, seed: int, num_train: int = 40_000) -> DataSet:
    """The data set, with fixed splits.

    Args:
        data_dir: Not used.
        seed: Not used.
        num_train: How many training rows, up to 723,280; 4 KiB of memory each.

    Returns:
        The data set.
    """
    del data_dir, seed
    rows = (num_train, *_HELD_OUT)
    return _grid.dataset("sprites_2d", FACTORS, rows, levels=2)


def _render(points: np.ndarray) -> np.ndarray:
    """Images `[rows, 64, 64]` of points `[rows, 5]`."""
    shape, scale, orientation, x, y = points.T
    # The further right a sprite is, the further left the window onto it.
    last = _POSITIONS - 1
    return _windows()[shape, scale, orientation, last - y, last - x]


@functools.cache
def _windows() -> np.ndarray:
    """Views `[3, 6, 40, 32, 32, 64, 64]` onto sprites with much room around."""
    reach = np.arange(_FIRST + _POSITIONS - 1, _FIRST - _SIDE, -1, dtype=np.float64)
    angle = 2 * math.pi * np.arange(_ORIENTATIONS) / _ORIENTATIONS
    scale = 0.5 + 0.1 * np.arange(_SCALES)
    cos, sin = (f(angle)[:, None, None] for f in (np.cos, np.sin))
    # Pixels are turned back and shrunk back, columns to the right, rows downwards.
    right, up = -reach, reach[:, None]
    x = (cos * right + sin * up) / scale[:, None, None, None]
    y = (cos * up - sin * right) / scale[:, None, None, None]
    sprites = np.stack([outline(x, y) <= 0 for outline in (_square, _ellipse, _heart)])
    window = (_SIDE, _SIDE)
    return np.lib.stride_tricks.sliding_window_view(
        sprites.astype(np.uint8), window, axis=(3, 4)
    )


# Below 0 inside, above 0 outside; centres of mass at 0.


def _square(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.maximum(np.abs(x), np.abs(y)) - math.sqrt(_AREA) / 2


def _ellipse(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.hypot(x, 2 * y) - math.sqrt(2 * _AREA / math.pi)


def _heart(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    half = math.sqrt(_AREA / (4 + math.pi))
    # Half a disc has its centre of mass 4 / (3 pi) radii from its straight side.
    y = y / half + (math.pi + 4 / 3) / (math.sqrt(2) * (4 + math.pi))
    x = np.abs(x) / half
    corner = x + np.abs(y) - math.sqrt(2)
    disc = np.hypot(x - math.sqrt(0.5), y - math.sqrt(0.5)) - 1
    return np.minimum(corner, disc)


FACTORS = Factors(
    names=("shape", "scale", "orientation", "position_x", "position_y"),
    sizes=(3, _SCALES, _ORIENTATIONS, _POSITIONS, _POSITIONS),
    render=_render,
    categorical=("shape",),
)
