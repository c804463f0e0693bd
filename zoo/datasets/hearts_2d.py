"""Hearts: the part of `sprites_2d` whose four factors a model learns within minutes.

The hearts of `sprites_2d`, upright and turned by up to an eighth of a turn to either
side, about the middle:

    scale         6   0.5, 0.6, ... 1.0
    orientation  11   turned counterclockwise by -5/40, -4/40, ... 5/40 of a full turn
    position_x   12   columns 26, 27, ... 37 of the pixel at the centre of mass
    position_y    6   rows 29, 30, ... 34 of it, from the top

These are 4,752 images, with the last factor changing first, all different. No factor
is a category and none comes full circle, so that a latent can stand for each. Columns
reach twice as far as rows: where both reach as far, as in `sprites_2d`, only the edges
of the square tell a model its axes from any others, turned by some angle, and finding
them takes long. All else is as in `sprites_2d`.

The splits are points of the grid chosen at random, always the same: 3,600 / 352 /
800.
"""

import numpy as np

from zoo.data import DataSet
from zoo.datasets import _grid, sprites_2d
from zoo.factors import Factors

_HEART, _TURNS = 2, 11
_FIRST = (10, 13)  # column and row, counted from the first of `sprites_2d`
_ROWS = (3_600, 352, 800)


def load(*, data_dir: str | None, seed: int) -> DataSet:
    """The data set, with fixed splits.

    Args:
        data_dir: Not used.
        seed: Not used.

    Returns:
        The data set.
    """
    del data_dir, seed
    return _grid.dataset("hearts_2d", FACTORS, _ROWS, levels=2)


def _render(points: np.ndarray) -> np.ndarray:
    """Images `[rows, 64, 64]` of points `[rows, 4]`."""
    scale, orientation, x, y = points.T
    orientation = (orientation - _TURNS // 2) % sprites_2d.FACTORS.sizes[2]
    heart = np.full_like(scale, _HEART)
    return sprites_2d.FACTORS.draw(
        np.stack([heart, scale, orientation, _FIRST[0] + x, _FIRST[1] + y], axis=1)
    )


FACTORS = Factors(
    names=("scale", "orientation", "position_x", "position_y"),
    sizes=(6, _TURNS, 12, 6),
    render=_render,
)
