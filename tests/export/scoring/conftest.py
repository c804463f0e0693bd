"""Boxes: rows of three columns, and a Gaussian of them as an exported version."""

import csv
import json

import numpy as np
import pandas as pd
import pyarrow
import pytest
import scipy.stats
import tensorflow as tf
from pyarrow import parquet

from zoo.data import DataSpec


class Gaussian(tf.Module):
    """A diagonal Gaussian as other tools would save it, without TFP and Keras."""

    def __init__(self, loc, scale):
        super().__init__()
        self.loc = tf.Variable(loc, dtype=tf.float32)
        self.scale = tf.Variable(scale, dtype=tf.float32)

    def z(self, x):
        return (x - self.loc) / self.scale

    def density(self, x):
        constant = -0.5 * np.log(2 * np.pi) - tf.math.log(self.scale)
        return tf.reduce_sum(constant - 0.5 * self.z(x) ** 2, axis=-1)


class Boxes:
    """Rows `[rows, 3]` from a Gaussian, their exact densities, and files of both."""

    columns = ("height", "width", "depth")
    loc, scale = np.array([1.0, 2.0, 3.0]), np.array([0.5, 1.0, 2.0])
    quantiles = np.linspace(-20.0, 0.0, 1001)
    spec = DataSpec("boxes", (3,), "float32", columns=columns)

    def rows(self, number, seed=0):
        rng = np.random.default_rng(seed)
        return rng.normal(self.loc, self.scale, [number, 3]).astype("float32")

    def log_prob(self, x):
        return scipy.stats.norm(self.loc, self.scale).logpdf(np.float64(x)).sum(axis=-1)

    def write(self, path, x):
        """Rows as a file of the kind that the name asks for."""
        frame = pd.DataFrame(x, columns=self.columns)
        if path.suffix == ".parquet":
            frame[["depth", "height", "width"]].to_parquet(path, row_group_size=7)
        elif path.suffix == ".csv":
            frame.assign(comment="any text").to_csv(path, index=False)
        elif path.suffix == ".npy":
            np.save(path, x)
        else:
            np.savez(path, x=x)
        return str(path)

    def save(self, path):
        """The Gaussian as an exported version."""
        model = Gaussian(self.loc, self.scale)
        x = tf.TensorSpec([None, 3], name="x")
        seed = tf.TensorSpec([None], tf.int32, "seed")
        functions = {
            "log_prob": ([x], lambda x: {"log_prob": model.density(x)}),
            "elbo": (
                [x, seed],
                lambda x, seed: {"elbo": model.density(x), "seed": seed},
            ),
            "encode": ([x], lambda x: {"z": model.z(x)}),
            "sample": (
                [seed],
                lambda seed: {"x": model.loc + tf.cast(seed, tf.float32)},
            ),
        }
        traced = {
            name: tf.function(function, input_signature=specs, autograph=False)
            for name, (specs, function) in functions.items()
        }
        tf.saved_model.save(model, str(path), traced)
        described = {
            name: {"inputs": {spec.name: {} for spec in specs}}
            for name, (specs, _) in functions.items()
        }
        report = {"train_quantiles": self.quantiles.tolist()}
        self.describe(path, self.spec, described, report)

    def describe(self, path, spec, signatures, report):
        """Writes what an export tells about a model."""
        about = {
            "name": "gaussian",
            "version": 1,
            "dataset": {"name": spec.name, "spec": spec.to_json()},
            "report": report,
            "signatures": signatures,
            "default_signature": next(iter(signatures)),
        }
        (path / "assets.extra").mkdir(exist_ok=True)
        (path / "assets.extra" / "model.json").write_text(json.dumps(about))

    def scores(self, output):
        """All scores in a directory, in the order of files and rows."""
        shards = sorted(output.glob("*.parquet"))
        tables = [parquet.read_table(shard) for shard in shards]
        return pyarrow.concat_tables(tables).to_pandas()

    def dead_letters(self, output):
        """File, number and reason of all rows without a score."""
        with (output / "_dead_letter.csv").open(newline="") as file:
            header, *rows = csv.reader(file)
        assert header == ["file", "row", "reason"]
        return [tuple(row) for row in rows]


@pytest.fixture(scope="session")
def boxes():
    return Boxes()


@pytest.fixture(scope="session")
def saved_model(boxes, tmp_path_factory):
    path = tmp_path_factory.mktemp("serving") / "gaussian" / "1"
    boxes.save(path)
    return path


@pytest.fixture(scope="session")
def score_files():
    """The pipeline, where it can run."""
    pytest.importorskip("apache_beam", reason="needs pip install -e '.[beam]'")
    from export.scoring import score_files

    return score_files
