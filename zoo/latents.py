"""Pictures of latent codes: reconstructions, interpolations, the plane of two codes.

They ask a model what it answers when it is served, so that each model that offers
`encode`, `decode` and `reconstruct` has them. Those of categories are in
`zoo.categories`, those of latents one by one in `zoo.dimensions`.
"""

import dataclasses
from pathlib import Path

import numpy as np

from tfgen import GenerativeModel
from zoo import categories, dimensions, labels, pictures
from zoo.data import DataSet
from zoo.offers import Offer, ask, encode, offer, only, row_seeds, shades, unknown
from zoo.pictures.points import some_rows

_COLUMNS, _PAIRS_OF_ROWS, _LINES = 10, 4, 8
_MOST_CODES = 5_000
# Places on the plane from quantile to quantile of the prior, one of them the median.
_QUANTILES, _DRAWS = np.linspace(0.01, 0.99, 21), 20_000


def reconstructions(path: Path, offered: Offer, data: DataSet) -> Path | None:
    """The first test images, and below each the mean at its code; None of tables."""
    if not data.spec.is_image:
        return None
    x = data.test.x[: _PAIRS_OF_ROWS * _COLUMNS]
    columns = min(_COLUMNS, len(x))
    pairs = len(x) // columns
    x = x[: pairs * columns]
    codes, where = encode(offered, x)
    means = ask(offered["decode"], z=codes)["mean"]
    rows = [shades(images, data.spec) for images in (x, means)]
    rows = [images.reshape(pairs, 1, columns, *x.shape[1:]) for images in rows]
    return pictures.image_grid(
        path,
        np.concatenate(rows, axis=1).reshape(-1, *x.shape[1:]),
        levels=None,
        title=f"{data.spec.name}: test images and decoder means at their {where}",
        columns=columns,
        row_labels=["test", "mean"] * pairs,
    )


def interpolation(path: Path, offered: Offer, data: DataSet) -> Path | None:
    """Means on straight lines between the codes of two test images; None of tables.

    The first image with the second, the third with the fourth, and so on.
    """
    lines = min(_LINES, len(data.test) // 2)
    if not data.spec.is_image or lines == 0:
        return None
    x = data.test.x[: 2 * lines]
    codes, where = encode(offered, x)
    shares = np.linspace(0, 1, _COLUMNS - 2, dtype=np.float32)
    weights = shares.reshape(-1, *[1] * (codes.ndim - 1))
    first, second = codes[::2, None], codes[1::2, None]
    between = (1 - weights) * first + weights * second
    means = ask(offered["decode"], z=between.reshape(-1, *codes.shape[1:]))["mean"]
    means = means.reshape(lines, len(shares), *x.shape[1:])
    rows = [shades(part, data.spec) for part in (x[::2, None], means, x[1::2, None])]
    return pictures.image_grid(
        path,
        np.concatenate(rows, axis=1).reshape(-1, *x.shape[1:]),
        levels=None,
        title=f"{data.spec.name}: decoder means on straight lines between two {where}",
        columns=_COLUMNS,
        column_labels=["test", *(f"{share:.2g}" for share in shares), "test"],
    )


def latent_plane(path: Path, offered: Offer, data: DataSet) -> Path | None:
    """Codes of test rows, and means at quantiles of the prior; None but of two codes.

    The quantiles are those of many draws, one code at a time. Tables have no means.
    """
    if offered["decode"].inputs["z"].shape[1:] != [2]:
        return None
    test = data.test
    rows = some_rows(np.arange(len(test)), _MOST_CODES)
    codes, _ = encode(offered, test.x[rows])
    grid = images = None
    if data.spec.is_image:
        prior = only("z", offered["sample"])
        seeds, context = row_seeds(_DRAWS), unknown(_DRAWS)
        draws = ask(prior, seed=seeds, context=context)["z"]
        grid = np.quantile(draws, _QUANTILES, axis=0)
        places = np.stack(np.meshgrid(*grid.T), axis=-1).astype(codes.dtype)
        means = ask(offered["decode"], z=places.reshape(-1, 2))["mean"]
        images = shades(means, data.spec).reshape(*places.shape[:2], *test.x.shape[1:])
    return pictures.latent_plane(
        path,
        codes,
        labels=None if test.label is None else test.label[rows],
        images=images,
        grid=grid,
        title=data.spec.name,
    )


PICTURES = {
    "reconstructions": reconstructions,
    "interpolation": interpolation,
    "latent_plane": latent_plane,
    "traversals": dimensions.traversals,
    "histograms": dimensions.histograms,
    "factors": dimensions.factors,
    "codes": categories.codes,
    "classes": categories.classes,
    "confusion": categories.confusion,
    "skeletons": categories.skeletons,
}


def draw_pictures(
    folder: Path, model: GenerativeModel, data: DataSet, prefix: str = ""
) -> list[Path]:
    """Writes the pictures of `PICTURES` that suit model and data.

    Args:
        folder: Where to write them, as `.png` files of their names.
        model: The model.
        data: The data set, for test rows.
        prefix: Of the names of the files.
    """
    offered = offer(model, data)
    if not offered:
        return []
    if data.test.label is not None:
        test = labels.known(data.test)
        test = test if len(test) else dataclasses.replace(data.test, label=None)
        data = dataclasses.replace(data, test=test)
    drawn = [
        picture(folder / f"{prefix}{name}.png", offered, data)
        for name, picture in PICTURES.items()
    ]
    return [path for path in drawn if path is not None]
