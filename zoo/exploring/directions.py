"""Semantic directions: how codes move with the labels or factors behind the data."""

import numpy as np

from zoo.data import DataSet

# Of singular values, those below are of columns that follow from others.
_RANK = 1e-6


def meanings(data: DataSet, rows: np.ndarray) -> tuple[list[str], np.ndarray]:
    """What is known of test rows: their factors or, without any, their labels.

    A class, and a value of a categorical factor, is a column of zeros and ones. Other
    factors are counted in standard deviations of theirs.

    Args:
        data: The data set.
        rows: Which rows of the test split.

    Returns:
        A name for each column, and `[rows, columns]`, none of them constant.
    """
    columns: dict[str, np.ndarray] = {}
    test = data.test
    if data.factors is not None and test.factors is not None:
        for name, values in zip(data.factors.names, test.factors[rows].T, strict=True):
            if name in data.factors.categorical:
                columns |= _one_hot(name, values)
            elif np.ptp(values) > 0:
                columns[name] = values / values.std()
    elif test.label is not None:
        columns = _one_hot("class", test.label[rows])
    table = np.array([*columns.values()], np.float64).reshape(-1, len(rows))
    return [*columns], table.T


def fit(codes: np.ndarray, values: np.ndarray) -> np.ndarray:
    """How far codes move with each column of values, the others held fixed.

        codes = b + values @ directions + noise

    by least squares. One-hot columns leave their directions open up to a common shift;
    the shortest ones are taken, which add up to zero: a class's direction leads from
    the middle of the means of all classes to its own mean.

    Args:
        codes: `[rows, latents]`.
        values: `[rows, columns]`.

    Returns:
        The directions `[columns, latents]`.

    Example:
        >>> import numpy as np
        >>> codes, classes = np.array([[0.0], [1.0], [5.0]]), np.eye(3)
        >>> fit(codes, classes).round(3).ravel().tolist()
        [-2.0, -1.0, 3.0]
    """
    values, codes = np.asarray(values, np.float64), np.asarray(codes, np.float64)
    centred = values - values.mean(axis=0), codes - codes.mean(axis=0)
    return np.linalg.lstsq(*centred, rcond=_RANK)[0]


def cosines(directions: np.ndarray) -> np.ndarray:
    """Cosine similarity of directions: `[columns, columns]`, 0 with one of length 0."""
    lengths = np.linalg.norm(directions, axis=1, keepdims=True)
    units = np.divide(
        directions, lengths, out=np.zeros_like(directions), where=lengths > 0
    )
    return units @ units.T


def _one_hot(name: str, values: np.ndarray) -> dict[str, np.ndarray]:
    """A column for each value that occurs; none where there is but one."""
    found = np.unique(values)
    if len(found) < 2:
        return {}
    return {f"{name} {value}": values == value for value in found}
