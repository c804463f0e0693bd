"""Inverse sinusoid: which x gave this context? Several answers; density known.

Procedural, 50,000 / 10,000 / 10,000 rows. Bishop (1994) turns a regression around: `x`
is uniform on (0, 1) and the context is `x + 0.3 sin(2 pi x)` plus Gaussian noise of
standard deviation 0.05. Given the context, `x` has up to three modes, where a
regression would answer with their mean.

`p(x | context) = N(context; f(x), 0.05^2) / integral_0^1 N(context; f(t), 0.05^2) dt`,
where Gauss-Legendre quadrature gives the integral.
"""

import math

import numpy as np

from zoo.data import ContextSpec, DataSet, DataSpec, Split

_ROWS = (50_000, 10_000, 10_000)
_STD = 0.05


def load(*, data_dir: str | None, seed: int) -> DataSet:
    """The data set; always the same rows.

    Args:
        data_dir: Not used.
        seed: Not used.

    Returns:
        The data set.
    """
    del data_dir, seed
    train, validation, test = (_draw(rows, i) for i, rows in enumerate(_ROWS))
    context = ContextSpec((1,), "float32", columns=("context",))
    spec = DataSpec(
        "inverse_sinusoid",
        (1,),
        "float32",
        context=context,
        num_train=len(train),
        columns=("x",),
    )
    return DataSet(spec, train, validation, test, _log_prob)


def _log_prob(x: np.ndarray, context: np.ndarray) -> np.ndarray:
    """The true `log p(x | context)` of rows `[rows, 1]` of both, in nats, `[rows]`."""
    node, weight = np.polynomial.legendre.leggauss(400)
    likelihood = _likelihood((node + 1) / 2, context)
    normaliser = likelihood @ (weight / 2)
    inside = (x[:, 0] > 0) & (x[:, 0] < 1)
    with np.errstate(divide="ignore"):
        log_likelihood = np.log(_likelihood(x[:, 0, None], context)[:, 0])
    return np.where(inside, log_likelihood - np.log(normaliser), -np.inf)


def _curve(x: np.ndarray) -> np.ndarray:
    return x + 0.3 * np.sin(2 * math.pi * x)


def _likelihood(x: np.ndarray, context: np.ndarray) -> np.ndarray:
    z = (np.asarray(context, np.float64) - _curve(np.asarray(x, np.float64))) / _STD
    return np.exp(-0.5 * z**2) / (_STD * math.sqrt(2 * math.pi))


def _draw(rows: int, split: int) -> Split:
    rng = np.random.default_rng((split, 1994))
    x = rng.random((rows, 1))
    context = _curve(x) + _STD * rng.standard_normal((rows, 1))
    return Split(x.astype(np.float32), context.astype(np.float32))
