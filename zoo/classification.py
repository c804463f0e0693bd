"""How well the categories of a model agree with labels that it was not told."""

import numpy as np
import tensorflow as tf

from tfgen import ConcreteMixtureVAE
from tfgen.metrics import accuracy, clustering_accuracy, normalized_mutual_information
from zoo.data import DataSet
from zoo.model_dir import Json

_CHUNK = 1_000


def categories(model: ConcreteMixtureVAE, x: np.ndarray) -> np.ndarray:
    """The most probable category of each row: `[rows]`."""
    classify = tf.function(model.classify, reduce_retracing=True)
    parts = [
        np.argmax(classify(tf.constant(x[start : start + _CHUNK])), axis=1)
        for start in range(0, len(x), _CHUNK)
    ]
    return np.concatenate(parts)


def agreement(model: ConcreteMixtureVAE, data: DataSet) -> Json | None:
    """Measures of agreement on validation and test rows; None without labels.

    `accuracy` takes categories by their numbers, which mean classes where the model was
    told labels in training; `clustering_accuracy` under the best matching of categories
    and classes.
    """
    if data.train.label is None or data.train.context is None:
        return None
    told = int(np.sum(data.train.context >= 0))
    report: Json = {"num_labels": told}
    for name in ("validation", "test"):
        split = data.splits[name]
        found, known = categories(model, split.x), np.asarray(split.label)
        report[name] = {
            **({"accuracy": accuracy(found, known)} if told else {}),
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
    names = {
        "accuracy": "accuracy",
        "clustering_accuracy": "matched",
        "mutual_information": "mutual info",
    }
    return [
        f"  {split:10} {shown:14} {report[split][name]:.4f}   "
        f"({report[split]['rows']} rows, {how})"
        for split in ("validation", "test")
        for name, shown in names.items()
        if name in report[split]
    ]
