"""Pictures of latent codes: reconstructions, interpolations, the plane of two codes.

They ask a model what it answers when it is served, so that each model that offers
`encode`, `decode` and `reconstruct` has them.
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

import numpy as np
import tensorflow as tf

from tfgen import GenerativeModel, random
from tfgen.signatures import Signature
from zoo import pictures
from zoo.data import DataSet, DataSpec
from zoo.evaluation import input_specs
from zoo.pictures.points import some_rows

Offer: TypeAlias = Mapping[str, Signature]

_CHUNK = 1000
_COLUMNS, _PAIRS_OF_ROWS, _LINES = 10, 4, 8
_MOST_CODES = 5_000
# Places on the plane from quantile to quantile of the prior, one of them the median.
_QUANTILES, _DRAWS = np.linspace(0.01, 0.99, 21), 20_000


def offer(model: GenerativeModel, data: DataSet) -> Offer:
    """The signatures of a model that reconstructs data from codes; of others none."""
    inputs = {"x": data.test.x[:1]}
    if data.test.context is not None:
        inputs["context"] = data.test.context[:1]
    found = {s.name: s for s in model.signatures(input_specs(inputs))}
    return found if "reconstruct" in found else {}


def ask(signature: Signature, **rows: np.ndarray) -> dict[str, np.ndarray]:
    """What a signature answers to rows, in chunks, so that any number fits in memory.

    Args:
        signature: The signature.
        **rows: Its inputs, and perhaps others, which it does not get.
    """
    function = signature.concrete()
    given = {name: rows[name] for name in signature.inputs}
    count = len(next(iter(given.values())))
    parts = [
        function(**{k: tf.constant(v[at : at + _CHUNK]) for k, v in given.items()})
        for at in range(0, count, _CHUNK)
    ]
    return {k: np.concatenate([p[k].numpy() for p in parts]) for k in parts[0]}


def row_seeds(count: int, seed: int = 0) -> np.ndarray:
    """Seeds int32 `[count]`, those of `model.sample(count, seed)`."""
    return random.row_seeds(seed, tf.range(count)).numpy()


def shades(x: np.ndarray, spec: DataSpec) -> np.ndarray:
    """Images in their own units as floats, levels from 0 to 1."""
    return x.astype(np.float32) / ((spec.levels or 2) - 1)


def sample_means(
    offered: Offer, count: int, seed: int = 0, context: np.ndarray | None = None
) -> np.ndarray:
    """The means `[count, *event_shape]` of which `model.sample(count, seed)` draws."""
    given = {} if context is None else {"context": context}
    return ask(offered["sample"], seed=row_seeds(count, seed), **given)["mean"]


def reconstructions(path: Path, offered: Offer, data: DataSet) -> Path | None:
    """The first test images, and below each the mean at its code; None of tables."""
    if not data.spec.is_image:
        return None
    x = data.test.x[: _PAIRS_OF_ROWS * _COLUMNS]
    columns = min(_COLUMNS, len(x))
    pairs = len(x) // columns
    x = x[: pairs * columns]
    codes, where = _encode(offered, x)
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
    codes, where = _encode(offered, x)
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
    codes, _ = _encode(offered, test.x[rows])
    grid = images = None
    if data.spec.is_image:
        prior = _only("z", offered["sample"])
        # A class, where there is one, is unknown.
        unknown = np.full(_DRAWS, -1, np.int32)
        draws = ask(prior, seed=row_seeds(_DRAWS), context=unknown)["z"]
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
    drawn = [
        picture(folder / f"{prefix}{name}.png", offered, data)
        for name, picture in PICTURES.items()
    ]
    return [path for path in drawn if path is not None]


def _encode(offered: Offer, x: np.ndarray) -> tuple[np.ndarray, str]:
    """One code a row, and what it is: the posterior's mean, or all there is."""
    codes = ask(offered["encode"], x=x, seed=row_seeds(len(x)))
    if "loc" in codes:
        return codes["loc"], "posterior means"
    return codes["z"], "codes"


def _only(name: str, signature: Signature) -> Signature:
    """The signature with one output, which spares what the others cost."""

    def function(inputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        return {name: signature.function(inputs)[name]}

    return dataclasses.replace(signature, function=function)
