"""The score of the FactorVAE paper."""

from collections.abc import Sequence

import numpy as np

from tfgen.metrics.disentanglement._codes import Encode, codes_of, draw


def factor_vae_score(
    encode: Encode,
    sizes: Sequence[int],
    *,
    num_train: int = 10_000,
    num_test: int = 5_000,
    batch_size: int = 64,
    min_variance: float = 0.05,
    seed: int = 0,
) -> float:
    """How often the latent that varies least tells which factor was held.

    A factor is chosen, and `batch_size` points that share its value. The latent whose
    variance over them is the least, against its variance over 10,000 points, votes for
    the factor. Each latent is given the factor for which it voted most often in
    `num_train` trials; the score is how often that is right in `num_test` others: 1 for
    a perfect code, `1 / factors` by chance. There is nothing to fit.

    Latents of a variance below `min_variance` do not vote: the model does not use them,
    and their ratios are noise. Where no other is left the score is 0. The study of
    Locatello et al. (2019) holds its 0.05 against the standard deviation, which is
    `min_variance=0.0025`.

    It asks for the codes of `batch_size (num_train + num_test)` points, a million.

    Args:
        encode: From points `[rows, factors]` to codes `[rows, latents]`.
        sizes: How many values each factor has.
        num_train: Trials that say what a latent stands for.
        num_test: Trials that test it.
        batch_size: Points for a trial.
        min_variance: Of a latent that is used.
        seed: Of points and factors.

    Raises:
        ValueError: If there are no factors, or no codes.

    References:
        Kim and Mnih, 2018. Disentangling by Factorising.
        https://arxiv.org/abs/1802.05983
    """
    rng = np.random.default_rng(seed)
    variance = codes_of(encode, draw(sizes, 10_000, rng)).var(axis=0, ddof=1)
    used = variance >= min_variance
    if not used.any():
        return 0.0
    trials = num_train + num_test
    held = rng.integers(len(sizes), size=trials)
    points = draw(sizes, trials * batch_size, rng).reshape(trials, batch_size, -1)
    rows = np.arange(trials)
    points[rows, :, held] = points[rows, :1, held]
    codes = codes_of(encode, points.reshape(-1, len(sizes)))[:, used]
    spread = codes.reshape(trials, batch_size, -1).var(axis=1, ddof=1)
    latent = np.argmin(spread / variance[used], axis=1)
    votes = np.zeros([codes.shape[1], len(sizes)], np.int64)
    np.add.at(votes, (latent[:num_train], held[:num_train]), 1)
    stands_for = votes.argmax(axis=1)
    return float(np.mean(stands_for[latent[num_train:]] == held[num_train:]))
