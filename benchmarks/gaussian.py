"""The baseline of the tables in README.md: one Gaussian with full covariance.

    python benchmarks/gaussian.py digits
    python benchmarks/gaussian.py protein path/to/data

Fitted in closed form, in double precision and in the data's own units, to the training
rows that the models of the zoo see; tested on their test rows. Integers and columns on
a grid are dequantised by uniform noise, as the models do, so the number is of the same
kind.
"""

import argparse
import sys

import numpy as np
from scipy import stats

from zoo.data import DataSpec, load
from zoo.evaluation import Estimate


def dequantized(x: np.ndarray, spec: DataSpec, seed: int) -> np.ndarray:
    """Rows `[rows, features]` with noise where the data are on a grid."""
    rows = x.reshape(len(x), -1).astype(np.float64)
    steps = np.asarray(spec.steps if spec.steps else float(spec.levels is not None))
    return rows + steps * np.random.default_rng(seed).random(rows.shape)


def main() -> None:
    """Loads, fits, tests and prints."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("dataset", help="a name of the zoo, or the path of a file")
    parser.add_argument("data_dir", nargs="?", help="where prepared data are kept")
    options = parser.parse_args()
    try:
        data = load(options.dataset, data_dir=options.data_dir)
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")
    train = dequantized(data.train.x, data.spec, seed=0)
    test = dequantized(data.test.x, data.spec, seed=1)
    # Standardised for the linear algebra alone; the number is in raw units.
    loc, scale = train.mean(axis=0), train.std(axis=0)
    gaussian = stats.multivariate_normal(cov=np.cov(((train - loc) / scale).T))
    log_prob = gaussian.logpdf((test - loc) / scale) - np.log(scale).sum()
    log_prob += sum(np.log(step) for step in data.spec.steps or () if step > 0)
    print(f"{options.dataset}: {Estimate.of(log_prob)} nats ({len(test)} test rows)")


if __name__ == "__main__":
    main()
