"""Pictures of the categories of a model: samples, codes and classes of each.

They are of models that offer `classify`. Where no label was told in training,
categories have no names: they take the colours and the order of the classes of test
rows that match them best.
"""

import dataclasses
import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import scipy.linalg

from tfgen.metrics import best_matching, contingency
from zoo import labels, pictures
from zoo.data import DataSet
from zoo.offers import Offer, ask, encode, only, row_seeds, shades
from zoo.pictures.points import some_rows

_COLUMNS = 10
_MOST_CATEGORIES = 20  # that a page has rows for
_MOST_CODES, _DRAWS = 5_000, 2_000


@dataclasses.dataclass(frozen=True)
class Categories:
    """The categories of test rows, and their classes where these are known.

    Attributes:
        found: The most probable category of each row, `[rows]`.
        count: How many categories the model has.
        label: The class of each row, `[rows]`, or None.
        told: Whether categories are classes, because labels were told in training.
    """

    found: np.ndarray
    count: int
    label: np.ndarray | None
    told: bool

    @classmethod
    def of(cls, offered: Offer, data: DataSet) -> "Categories":
        """The categories of all test rows."""
        shares = ask(offered["classify"], x=data.test.x)["probabilities"]
        told = labels.are_told(data)
        return cls(np.argmax(shares, axis=1), shares.shape[1], data.test.label, told)

    @property
    def counts(self) -> np.ndarray:
        """Test rows of each class in each category, `[classes, count]`."""
        if self.label is None:
            return np.zeros([0, self.count], int)
        counts = contingency(self.found, self.label).T
        return np.pad(counts, ((0, 0), (0, self.count - counts.shape[1])))

    @property
    def matches(self) -> dict[int, int]:
        """The class of each category that is one, or that is matched with one."""
        if self.label is None:
            return {}
        if self.told:
            return {k: k for k in range(min(self.count, self.label.max() + 1))}
        return best_matching(self.found, self.label)

    @property
    def order(self) -> list[int]:
        """The categories in the order of their classes.

        Those that are no class come after all that are, in the order of the class that
        most of their rows have, and those without rows last.
        """
        if self.label is None:
            return list(range(self.count))
        counts, matches = self.counts, self.matches
        others = sorted(
            set(range(self.count)) - set(matches),
            key=lambda k: (counts[:, k].sum() == 0, np.argmax(counts[:, k])),
        )
        return [*sorted(matches, key=matches.__getitem__), *others]

    @property
    def styles(self) -> list[int]:
        """The style of each category, `[count]`: that of its class, if it is one.

        Others have the colour of the class that most of their rows have, and a marker
        of their own.
        """
        if self.label is None:
            return list(range(self.count))
        counts, styles = self.counts, dict(self.matches)
        taken = set(range(len(counts)))
        for category in self.order:
            if category not in styles:
                colour = int(np.argmax(counts[:, category])) % 10
                free = (s for s in itertools.count(colour, 10) if s not in taken)
                styles[category] = next(free)
                taken.add(styles[category])
        return [styles[category] for category in range(self.count)]

    def caption(self, category: int) -> str:
        """What test rows say of a category: the class that most of its rows have."""
        inside = self.found == category
        if not inside.any():
            return f"{category}: no test row"
        if self.label is None:
            return f"{category}: {inside.mean():.0%} of test rows"
        sizes = np.bincount(self.label[inside])
        return f"{category}: mostly {sizes.argmax()} ({sizes.max() / sizes.sum():.0%})"

    def largest(self) -> np.ndarray:
        """The categories that have most test rows, by number, for a page's rows."""
        sizes = np.bincount(self.found, minlength=self.count)
        return np.sort(np.argsort(-sizes, kind="stable")[:_MOST_CATEGORIES])


def classes(path: Path, offered: Offer, data: DataSet) -> Path | None:
    """Decoder means of draws from each category, a row each; None but of images.

    The images of a column share their noise, so that they differ by the category alone.
    """
    if "classify" not in offered or not data.spec.is_image:
        return None
    categories = Categories.of(offered, data)
    chosen = categories.largest()
    means = _draws(offered, "mean", chosen, _COLUMNS)
    return pictures.image_grid(
        path,
        shades(np.concatenate(means), data.spec),
        levels=None,
        title=f"{data.spec.name}: decoder means of draws from {_which(categories)}; "
        "a column has the same noise",
        columns=_COLUMNS,
        row_labels=[categories.caption(category) for category in chosen],
    )


def codes(path: Path, offered: Offer, data: DataSet) -> Path | None:
    """Codes of test rows in a plane, coloured by class, and by the model's category.

    Two codes are the plane. Of more it is that of the linear discriminants of the
    model's categories; of models without any, and where test rows are in less than
    three, that of the principal components. None where nothing gives a colour, and of
    codes that are no vectors; without categories, two codes are `latent_plane`'s.
    """
    label = data.test.label
    size = offered["decode"].inputs["z"].shape[1:]
    has_categories = "classify" in offered
    if len(size) != 1 or size[0] < 2:
        return None
    if not has_categories and (label is None or size[0] == 2):
        return None
    rows = some_rows(np.arange(len(data.test)), _MOST_CODES)
    z, what = encode(offered, data.test.x[rows])
    panels, centres, found = [], None, None
    if label is not None:
        panels.append(pictures.Panel("true class", label[rows]))
    if has_categories:
        categories = Categories.of(offered, data)
        found = categories.found[rows]
        panels.append(pictures.Panel("the model's category", found, categories.styles))
        draws = _draws(offered, "z", range(categories.count), _DRAWS)
        centres = draws.mean(axis=1)
    names, plane = ("z1", "z2"), ""
    if size[0] > 2:
        middle = z.mean(axis=0)
        names, plane, directions = _directions(z - middle, found)
        z = (z - middle) @ directions
        centres = None if centres is None else (centres - middle) @ directions
    return pictures.code_clouds(
        path,
        z,
        panels,
        centres=centres,
        names=names,
        title=f"{data.spec.name}: {what} of {len(rows):,} test rows{plane}",
    )


def confusion(path: Path, offered: Offer, data: DataSet) -> Path | None:
    """Test rows of each class in each category; None where no class is known."""
    if "classify" not in offered or data.test.label is None:
        return None
    categories = Categories.of(offered, data)
    order = categories.order
    counts, matches = categories.counts[:, order], categories.matches
    place = {category: column for column, category in enumerate(order)}
    hits = [(row, place[category]) for category, row in matches.items()]
    share = sum(counts[hit] for hit in hits) / counts.sum()
    how = "accuracy" if categories.told else "accuracy by the best matching"
    return pictures.confusion_matrix(
        path,
        counts,
        row_labels=[str(row) for row in range(len(counts))],
        column_labels=[str(category) for category in order],
        hits=hits,
        title=f"{data.spec.name}: {how} {share:.1%} ({counts.sum():,} test rows)",
    )


def skeletons(path: Path, offered: Offer, data: DataSet) -> Path | None:
    """A test window and the mean at its code, then one of each category.

    Of models without categories, four test windows with their means. None but of
    skeletons.
    """
    parents = data.spec.parents
    if parents is None:
        return None
    has_categories = "classify" in offered
    count = min(1 if has_categories else 4, len(data.test))
    x = data.test.x[np.linspace(0, len(data.test) - 1, count).astype(int)]
    z, where = encode(offered, x)
    means = ask(offered["decode"], z=z)["mean"]
    windows = list(np.stack([x, means], axis=1).reshape(-1, *x.shape[1:]))
    names = ["test", "mean"] * count
    title = f"{data.spec.name}: test windows and decoder means at their {where}"
    if has_categories:
        categories = Categories.of(offered, data)
        chosen = categories.largest()
        windows += list(_draws(offered, "mean", chosen, 1)[:, 0])
        names += [categories.caption(category) for category in chosen]
        title = (
            f"{data.spec.name}: a test window, the decoder mean at its code, and means "
            f"of draws from {_which(categories)}"
        )
    return pictures.stick_figures(
        path, np.stack(windows), parents, title=title, row_labels=names
    )


def _which(categories: Categories) -> str:
    if categories.count <= _MOST_CATEGORIES:
        return "each category"
    return (
        f"{_MOST_CATEGORIES} of {categories.count} categories, those of most test rows"
    )


def _draws(
    offered: Offer, output: str, categories: Sequence[int] | np.ndarray, count: int
) -> np.ndarray:
    """Draws of each category, `[categories, count, ...]`, all from the same noise."""
    seeds = np.tile(row_seeds(count), len(categories))
    context = np.repeat(np.asarray(categories, np.int32), count)
    sample = only(output, offered["sample"])
    rows = ask(sample, seed=seeds, context=context)[output]
    return rows.reshape(len(categories), count, *rows.shape[1:])


def _directions(
    z: np.ndarray, groups: np.ndarray | None
) -> tuple[tuple[str, str], str, np.ndarray]:
    """Names, description and directions `[d, 2]` of a plane of centred codes."""
    z = z.astype(np.float64)
    spread = z.T @ z / len(z)
    if groups is None or len(np.unique(groups)) < 3:
        shares, axes = np.linalg.eigh(spread)
        share = shares[-2:].sum() / max(shares.sum(), np.finfo(float).tiny)
        described = f", plane of two principal components ({share:.0%} of the variance)"
        return ("component 1", "component 2"), described, _oriented(axes)
    means = np.stack([z[groups == group].mean(axis=0) for group in np.unique(groups)])
    sizes = np.unique(groups, return_counts=True)[1]
    between = (means.T * sizes) @ means / len(z)
    # Codes that do not vary must not divide by zero.
    within = spread - between + 1e-6 * (np.trace(spread) + 1e-30) * np.eye(len(spread))
    _, axes = scipy.linalg.eigh(between, within)
    described = ", plane of two linear discriminants of the model's categories"
    return ("discriminant 1", "discriminant 2"), described, _oriented(axes)


def _oriented(axes: np.ndarray) -> np.ndarray:
    """The last two axes, the last first, each with its largest entry above 0."""
    axes = axes[:, :-3:-1]
    largest = np.argmax(np.abs(axes), axis=0)
    return axes * np.sign(axes[largest, range(2)])
