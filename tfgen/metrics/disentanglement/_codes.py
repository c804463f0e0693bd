"""What the scores share: checks, points drawn at random, codes of many points."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np

# From points `[rows, factors]` to codes `[rows, latents]`.
Encode: TypeAlias = Callable[[np.ndarray], np.ndarray]

_CHUNK = 10_000


def checked(codes: np.ndarray, factors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Codes in double precision, and factors.

    Args:
        codes: `[rows, latents]`.
        factors: Integers from 0, `[rows, factors]`.

    Raises:
        ValueError: If they are something else, or a factor has one value alone.
    """
    codes, factors = _checked_codes(codes), np.asarray(factors)
    if (
        factors.ndim != 2
        or len(factors) != len(codes)
        or factors.dtype.kind not in "iu"
    ):
        raise ValueError(
            "Factors are integers [rows, factors], a row for each row of codes; "
            f"received {factors.dtype} {list(factors.shape)} for codes "
            f"{list(codes.shape)}. Give both for the same rows."
        )
    if factors.min() < 0 or (factors.min(axis=0) == factors.max(axis=0)).any():
        raise ValueError(
            "Factors count from 0, and each takes two values at least; received "
            f"values from {factors.min(axis=0)} to {factors.max(axis=0)}. Leave out "
            "factors that do not vary."
        )
    return codes, factors


def draw(sizes: Sequence[int], num_points: int, rng: np.random.Generator) -> np.ndarray:
    """Points `[num_points, factors]`, each as likely.

    Args:
        sizes: How many values each factor has.
        num_points: How many points.
        rng: Source of randomness.

    Raises:
        ValueError: If there are no factors, or one with a single value.
    """
    if min(sizes, default=0) < 2:
        raise ValueError(
            "Factors have two values at least, and there is one factor at least; "
            f"received sizes={tuple(sizes)}. Leave out factors that do not vary."
        )
    return rng.integers(sizes, size=[num_points, len(sizes)])


def codes_of(encode: Encode, points: np.ndarray) -> np.ndarray:
    """Codes `[rows, latents]` of any number of points, some thousands at a time.

    Args:
        encode: From points `[rows, factors]` to codes `[rows, latents]`.
        points: `[rows, factors]`.

    Raises:
        ValueError: If it answers anything but finite codes, one a point.
    """
    starts = range(0, len(points), _CHUNK)
    parts = [np.asarray(encode(points[at : at + _CHUNK])) for at in starts]
    codes = _checked_codes(np.concatenate(parts))
    if len(codes) != len(points):
        raise ValueError(
            "There is one code for each point; received "
            f"{len(codes)} for {len(points)} points. Encode row by row."
        )
    return codes


def mean_gap(scores: np.ndarray) -> float:
    """The best latent of a factor against its second best, a mean over factors.

    Args:
        scores: `[latents, factors]`; a second best that is not there has 0.
    """
    best = np.sort(np.pad(scores, [(1, 0), (0, 0)]), axis=0)
    return float((best[-1] - best[-2]).mean())


def _checked_codes(codes: np.ndarray) -> np.ndarray:
    codes = np.asarray(codes, np.float64)
    if codes.ndim != 2 or 0 in codes.shape or not np.isfinite(codes).all():
        raise ValueError(
            "Codes are finite numbers [rows, latents], of one row and latent at least; "
            f"received shape {list(codes.shape)}, "
            f"{np.isfinite(codes).sum()} of {codes.size} finite. Look for NaN."
        )
    return codes
