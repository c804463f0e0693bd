"""Labels that a model is told, and labels that only testing knows.

A model that takes labels as a prior trains on rows with and without them. Here the
context of each row is its label, or -1 where the model is not to know it; what the
labels really are stays with the split, for testing.
"""

import dataclasses

import numpy as np

from zoo.data import ContextSpec, DataSet, Split

ALL = -1


def hide(data: DataSet, num_labels: int, seed: int) -> DataSet:
    """The data with labels told for so many training rows, and -1 for all others.

    As many rows of each class are told, or one more, chosen by the seed. For validation
    and testing none is, so that their numbers are of the data alone. Labels that are -1
    in the data are not known to anybody.

    Args:
        data: The data set.
        num_labels: How many; `ALL` for all training rows. With 0, data may have no
            labels.
        seed: Chooses the rows.

    Raises:
        ValueError: If there are not so many labels.
    """
    spec = data.spec
    context = spec.context
    classes = context.num_classes if context is not None else None
    if context is None or classes is None:
        if num_labels == 0:
            return data.without_context()
        raise ValueError(
            "Labels are told where data have classes; received num_labels="
            f"{num_labels} for {spec.name}, which has none. Take digits or mnist, "
            "or a table with --context=column."
        )
    label = np.asarray(data.train.context)
    told = label if num_labels == ALL else _balanced(label, classes, num_labels, seed)
    return dataclasses.replace(
        data,
        spec=dataclasses.replace(
            spec, context=dataclasses.replace(context, optional=True)
        ),
        train=dataclasses.replace(data.train, context=told, label=label),
        validation=_hidden(data.validation),
        test=_hidden(data.test),
    )


def for_model(
    data: DataSet, *, conditional: bool, num_labels: int | None, seed: int
) -> DataSet:
    """The data as a model is given them.

    Args:
        data: The data set.
        conditional: Whether the model takes a context.
        num_labels: Of models that take labels as a prior, how many are told, as for
            `hide`; None for others.
        seed: Chooses the rows.

    Raises:
        ValueError: If there are not so many labels.
    """
    if not conditional:
        return data.without_context()
    if num_labels is None:
        return as_numbers(data)
    return hide(data, num_labels, seed)


def known(split: Split) -> Split:
    """Those rows of a split whose label is known, for testing."""
    if split.label is None or (np.asarray(split.label) >= 0).all():
        return split
    rows = np.flatnonzero(np.asarray(split.label) >= 0)
    arrays = {key: value for key, value in vars(split).items() if value is not None}
    return dataclasses.replace(split, **{k: v[rows] for k, v in arrays.items()})


def as_numbers(data: DataSet) -> DataSet:
    """The data, with labels of which some are not known as numbers, -1 being one.

    For models that condition on contexts as they are.
    """
    context = data.spec.context
    if context is None or not context.optional:
        return data

    def numbers(split: Split) -> Split:
        values = np.asarray(split.context, np.float32)[:, None]
        return dataclasses.replace(split, context=values)

    spec = ContextSpec((1,), "float32", columns=context.columns)
    return dataclasses.replace(
        data,
        spec=dataclasses.replace(data.spec, context=spec),
        train=numbers(data.train),
        validation=numbers(data.validation),
        test=numbers(data.test),
    )


def are_told(data: DataSet) -> bool:
    """Whether any training row has its label, so that categories are classes."""
    context = data.train.context
    return context is not None and bool(np.any(context >= 0))


def _hidden(split: Split) -> Split:
    nothing = np.full_like(split.context, -1)
    return dataclasses.replace(split, context=nothing, label=split.context)


def _balanced(
    label: np.ndarray, classes: int, num_labels: int, seed: int
) -> np.ndarray:
    """The labels of a seeded choice of rows, and -1 elsewhere."""
    rng = np.random.default_rng(seed)
    told = np.full_like(label, -1)
    # Which classes have one more.
    favoured = np.random.default_rng([seed, 1]).permutation(classes)
    favoured = favoured[: num_labels % classes]
    for number in range(classes):
        wanted = num_labels // classes + int(number in favoured)
        rows = np.flatnonzero(label == number)
        if wanted > len(rows):
            raise ValueError(
                "Labels are told in equal numbers for all classes; received num_labels="
                f"{num_labels} where class {number} has {len(rows)} training rows. "
                f"Give fewer, or {ALL} for all that there are."
            )
        told[rng.choice(rows, wanted, replace=False)] = number
    return told
