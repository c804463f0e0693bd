"""All scores of a code, by the usual protocol."""

from collections.abc import Sequence

import numpy as np

from tfgen.metrics.disentanglement._codes import Encode, codes_of, draw
from tfgen.metrics.disentanglement.beta_vae import beta_vae_score
from tfgen.metrics.disentanglement.dci import dci_scores
from tfgen.metrics.disentanglement.factor_vae import factor_vae_score
from tfgen.metrics.disentanglement.mig import mig_score
from tfgen.metrics.disentanglement.modularity import modularity_score
from tfgen.metrics.disentanglement.sap import sap_score

_TRAIN, _TEST = 10_000, 5_000


def disentanglement_scores(
    encode: Encode,
    sizes: Sequence[int],
    *,
    categorical: Sequence[int] = (),
    seed: int = 0,
) -> dict[str, float]:
    """Every score of a code, each by its usual protocol.

    It asks for the codes of 2.9 million points. Where encoding takes long and there are
    fewer points than that, encode each of them once and look codes up.

    Args:
        encode: From points `[rows, factors]` to codes `[rows, latents]`, the means of
            the posterior.
        sizes: How many values each factor has.
        categorical: Columns of factors that have no order, for `sap_score`.
        seed: Of everything that is drawn.

    Returns:
        `beta_vae`, `factor_vae`, `mig`, `sap`, `disentanglement`, `completeness`,
        `informativeness` and `modularity`; 1 is best.

    Raises:
        ValueError: If there are no factors, or no codes.
    """
    factors = draw(sizes, _TRAIN + _TEST, np.random.default_rng(seed))
    codes = codes_of(encode, factors)
    dci = dci_scores(codes, factors, seed=seed)
    rows = codes[:_TRAIN], factors[:_TRAIN]
    return {
        "beta_vae": beta_vae_score(encode, sizes, seed=seed),
        "factor_vae": factor_vae_score(encode, sizes, seed=seed),
        "mig": mig_score(*rows),
        "sap": sap_score(*rows, categorical=categorical),
        "disentanglement": dci.disentanglement,
        "completeness": dci.completeness,
        "informativeness": dci.informativeness,
        "modularity": modularity_score(*rows),
    }
