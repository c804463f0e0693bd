"""A table of information: which latents tell which factors."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from zoo.pictures.cells import Cells
from zoo.pictures.paper import paper, save


def information_matrix(
    path: str | os.PathLike[str],
    shares: np.ndarray,
    *,
    factors: Sequence[str],
    latents: Sequence[str],
    title: str | None = None,
) -> Path:
    """Writes a table of factors and latents, a number a cell; returns `path`.

    In each row the largest share has a frame. Shares below 0.005 are left blank;
    numbers too, where cells are too small for them, and the heading says so.

    Args:
        path: A `.png` file, replaced atomically.
        shares: How much of each factor each latent tells, from 0 to 1 but for
            rounding, `[factors, latents]`.
        factors: Names of the factors.
        latents: Names of the latents.
        title: Stands above the table.

    Raises:
        ValueError: if the shapes do not fit, or shares are not in [0, 1].
    """
    with paper():
        return save(path, _figure(shares, factors, latents, title))


def _figure(
    shares: np.ndarray,
    factors: Sequence[str],
    latents: Sequence[str],
    title: str | None,
) -> Figure:
    shares = np.asarray(shares, np.float64)
    fits = shares.ndim == 2 and 0 not in shares.shape
    if not fits or not ((shares > -1e-6) & (shares < 1 + 1e-6)).all():
        raise ValueError(
            "shares must have shape [factors, latents], none empty, and be from 0 to "
            f"1; received shape {shares.shape}, from {shares.min(initial=np.inf)} to "
            f"{shares.max(initial=-np.inf)}. Divide by the entropy of the factors."
        )
    texts = [f"{share:.2f}" if share >= 0.005 else "" for share in shares.ravel()]
    cells = Cells(
        np.clip(shares, 0, 1),
        np.array(texts).reshape(shares.shape),
        rows=("factor", factors),
        columns=("latent", latents),
        shade="share of the factor's entropy",
        frames=[(row, int(best)) for row, best in enumerate(shares.argmax(axis=1))],
        framed="the latent that tells most",
    )
    return cells.figure(title)
