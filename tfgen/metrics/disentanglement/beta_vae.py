"""The score of the beta-VAE paper."""

from collections.abc import Sequence

import numpy as np
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from tfgen.metrics.disentanglement._codes import Encode, codes_of, draw


def beta_vae_score(
    encode: Encode,
    sizes: Sequence[int],
    *,
    num_train: int = 10_000,
    num_test: int = 5_000,
    batch_size: int = 64,
    seed: int = 0,
) -> float:
    """How often a linear classifier tells which factor pairs of points share.

    A factor is chosen, and pairs of points that share its value, each pair one of its
    own; the mean of `|z1 - z2|` over `batch_size` pairs, `[latents]`, is one example,
    and the factor is its class. The score is the accuracy on `num_test` examples: 1 for
    a perfect code, `1 / factors` by chance. 1 says no more than that latents tell the
    factors from each other: a factor may have several. The classifier is a logistic
    regression, with half of the squared norm of its weights added to the sum of the
    losses, so that there is one minimum, whichever version of scikit-learn finds it.

    It asks for the codes of `2 batch_size (num_train + num_test)` points, 1.9 million.

    Args:
        encode: From points `[rows, factors]` to codes `[rows, latents]`.
        sizes: How many values each factor has.
        num_train: Examples to learn from.
        num_test: Examples to test with.
        batch_size: Pairs for an example.
        seed: Of points and factors.

    Raises:
        ValueError: If there are no factors, or no codes.

    References:
        Higgins et al., 2017. beta-VAE: Learning Basic Visual Concepts with a
        Constrained Variational Framework. https://openreview.net/forum?id=Sy2fzU9gl
    """
    rng = np.random.default_rng(seed)
    examples = num_train + num_test
    one, other = (draw(sizes, examples * batch_size, rng) for _ in range(2))
    shared = rng.integers(len(sizes), size=examples)
    rows, columns = np.arange(len(one)), np.repeat(shared, batch_size)
    other[rows, columns] = one[rows, columns]
    distance = np.abs(codes_of(encode, one) - codes_of(encode, other))
    x = distance.reshape(examples, batch_size, -1).mean(axis=1)
    # Sums in several threads would differ from run to run.
    with threadpool_limits(1):
        classifier = LogisticRegression(max_iter=10_000)
        classifier.fit(x[:num_train], shared[:num_train])
        return float(classifier.score(x[num_train:], shared[num_train:]))
