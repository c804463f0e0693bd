"""How well the categories of a model agree with labels that it was not told."""

import numpy as np

from tfgen import ConcreteMixtureVAE
from tfgen.metrics import accuracy, clustering_accuracy, normalized_mutual_information
from zoo import labels
from zoo.data import DataSet
from zoo.model_dir import Json

_CHUNK = 1_000


def log_probs(model: ConcreteMixtureVAE, x: np.ndarray) -> np.ndarray:
    """`log q(s | x)` of the categories of each row: `[rows, K]`."""
    parts = [
        model.category_log_prob(x[start : start + _CHUNK])
        for start in range(0, len(x), _CHUNK)
    ]
    return np.concatenate(parts)


def group_sums(
    log_prob: np.ndarray, group: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Sums over the rows of each group, and which row is the first of each.

    The largest of `sum log q(s | x)` over the windows of a sequence is the category of
    the sequence, where windows are taken as independent.

    Args:
        log_prob: `[rows, K]`.
        group: The number of each row's group, `[rows]`.

    Returns:
        `[groups, K]`, in float64 and in the order of the numbers, and `[groups]`.
    """
    _, first, place = np.unique(group, return_index=True, return_inverse=True)
    total = np.zeros((len(first), log_prob.shape[1]))
    np.add.at(total, place, log_prob)
    return total, first


def agreement(model: ConcreteMixtureVAE, data: DataSet) -> Json | None:
    """Measures of agreement on validation and test rows; None without labels.

    `accuracy` takes categories by their numbers, which mean classes where the model was
    told labels in training, as does `group_accuracy`, that of whole groups;
    `clustering_accuracy` is under the best matching of categories and classes. They are
    of rows whose label is known; a split without any has none of them.
    """
    if data.train.label is None or data.train.context is None:
        return None
    told = int(np.sum(data.train.context >= 0))
    report: Json = {"num_labels": told}
    for name in ("validation", "test"):
        split = labels.known(data.splits[name])
        if not len(split):
            continue
        log_prob, known = log_probs(model, split.x), np.asarray(split.label)
        found = log_prob.argmax(axis=1)
        measures: Json = {}
        if told:
            measures["accuracy"] = accuracy(found, known)
        if told and split.group is not None:
            total, first = group_sums(log_prob, split.group)
            measures["group_accuracy"] = accuracy(total.argmax(axis=1), known[first])
            measures["groups"] = len(first)
        report[name] = {
            **measures,
            "clustering_accuracy": clustering_accuracy(found, known),
            "mutual_information": normalized_mutual_information(found, known),
            "rows": len(known),
        }
    return report


def describe(report: Json) -> list[str]:
    """The measures for people, a line each; none of an empty report."""
    if not report:
        return []
    told = report["num_labels"]
    how = f"{told:,} training labels told" if told else "no label told"
    measures = (
        ("accuracy", "accuracy", "rows"),
        ("group_accuracy", "of groups", "groups"),
        ("clustering_accuracy", "matched", "rows"),
        ("mutual_information", "mutual info", "rows"),
    )
    return [
        f"  {split:10} {shown:14} {report[split][name]:.4f}   "
        f"({report[split][unit]} {unit}, {how})"
        for split in ("validation", "test")
        for name, shown, unit in measures
        if name in report.get(split, {})
    ]
