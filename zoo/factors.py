"""Data made of factors: each combination of their values has one image."""

import dataclasses
import math
from collections.abc import Callable, Sequence

import numpy as np

_CHUNK = 1_000


@dataclasses.dataclass(frozen=True)
class Factors:
    """A grid of factors of variation, with an image at each of its points.

    A point is a row of integers, one for each factor, from 0 to below the factor's
    size. Points are numbered as the elements of an array: the last factor changes
    first. `len` is their number.

    Args:
        names: What the factors are called.
        sizes: How many values each has.
        render: The images `[rows, *event_shape]` of points `[rows, factors]`.
        categorical: Those of the names whose values have no order.

    Raises:
        ValueError: If names and sizes are no such grid.
    """

    names: tuple[str, ...]
    sizes: tuple[int, ...]
    render: Callable[[np.ndarray], np.ndarray]
    categorical: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raises ValueError where there is no grid."""
        fits = len(self.names) == len(self.sizes) and min(self.sizes, default=0) >= 2
        if not (fits and {*self.categorical} <= {*self.names}):
            raise ValueError(
                "Each factor has a name and at least two values, and categorical ones "
                f"are some of them; received names={self.names}, sizes={self.sizes}, "
                f"categorical={self.categorical}. Leave out a factor of one value."
            )

    def __len__(self) -> int:
        """How many points, and images, there are."""
        return math.prod(self.sizes)

    @property
    def categorical_columns(self) -> tuple[int, ...]:
        """The columns of points whose values have no order."""
        return tuple(self.names.index(name) for name in self.categorical)

    def index(self, points: np.ndarray) -> np.ndarray:
        """The numbers `[rows]` of points `[rows, factors]`."""
        return np.ravel_multi_index(tuple(self._checked(points).T), self.sizes)

    def points(self, index: Sequence[int] | np.ndarray) -> np.ndarray:
        """The points `[rows, factors]` of numbers `[rows]`, such as a range.

        Raises:
            ValueError: If there is no point of such a number.
        """
        index = np.asarray(index, np.int64)
        if index.ndim != 1 or ((index < 0) | (index >= len(self))).any():
            raise ValueError(
                f"Points are numbered from 0 to {len(self) - 1}; received shape "
                f"{list(index.shape)}, from {index.min()} to {index.max()}. "
                "Give a list of such numbers."
            )
        return np.stack(np.unravel_index(index, self.sizes), axis=-1)

    def draw(self, points: np.ndarray) -> np.ndarray:
        """The images `[rows, *event_shape]` of points `[rows, factors]`.

        Raises:
            ValueError: If they are no points of the grid.
        """
        return self.render(self._checked(points))

    def images(self, index: Sequence[int] | np.ndarray) -> np.ndarray:
        """The images `[rows, *event_shape]` of the points of numbers `[rows]`."""
        return self.render(self.points(index))

    def random(self, num_points: int, seed: int) -> np.ndarray:
        """Points `[num_points, factors]`, each as likely; equal seeds, equal points."""
        rng = np.random.default_rng(seed)
        return rng.integers(self.sizes, size=[num_points, len(self.sizes)])

    def pairs(
        self, num_pairs: int, name: str, seed: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Pairs of random points that share the value of one factor.

        Args:
            num_pairs: How many.
            name: The factor.
            seed: Equal seeds, equal pairs.

        Returns:
            Twice `[num_pairs, factors]`.

        Raises:
            ValueError: If there is no such factor.
        """
        if name not in self.names:
            raise ValueError(
                f"The factors are {', '.join(self.names)}; received {name!r}. "
                "Choose one of them."
            )
        one, other = np.split(self.random(2 * num_pairs, seed), 2)
        shared = self.names.index(name)
        other[:, shared] = one[:, shared]
        return one, other

    def tabulate(
        self, encode: Callable[[np.ndarray], np.ndarray]
    ) -> Callable[[np.ndarray], np.ndarray]:
        """Encodes the image of every point once, and looks codes up from then on.

        The scores of `tfgen.metrics` that hold a factor fixed ask for millions of
        codes, more than a grid has points.

        Args:
            encode: Codes `[rows, latents]` of images `[rows, *event_shape]`.

        Returns:
            The codes `[rows, latents]` of points `[rows, factors]`.
        """
        starts = range(0, len(self), _CHUNK)
        chunks = (range(at, min(at + _CHUNK, len(self))) for at in starts)
        codes = np.concatenate([encode(self.images(chunk)) for chunk in chunks])
        return lambda points: codes[self.index(points)]

    def _checked(self, points: np.ndarray) -> np.ndarray:
        points = np.asarray(points)
        fits = points.ndim == 2 and points.shape[1] == len(self.sizes)
        fits = fits and points.dtype.kind in "iu"
        if not fits or ((points < 0) | (points >= self.sizes)).any():
            sizes = zip(self.names, self.sizes, strict=True)
            shown = ", ".join(f"{name} below {size}" for name, size in sizes)
            raise ValueError(
                f"A point has an integer from 0 for each factor, {shown}; received "
                f"{points.dtype} of shape {list(points.shape)} with values elsewhere, "
                "or of another shape or kind. Give rows of such integers."
            )
        return points
