"""Disentanglement: does each factor of variation have a latent of its own?

Some scores are functions of codes `[rows, latents]` and the factors behind them,
integers `[rows, factors]`. Others hold a factor fixed, and ask for the codes of points
of their choice: they get a function from points `[rows, factors]` to codes
`[rows, latents]`, and the sizes of the factors. Codes are the means of a posterior, not
draws. No score depends on the order or the signs of the latents. A difference between
seeds of training of 0.1 is usual: take five at least.

| score | hears of a factor by | of a perfect code | by chance |
| --- | --- | --- | --- |
| `beta_vae_score` | a linear classifier of differences | 1 | 1 / factors |
| `factor_vae_score` | the latent of least variance | 1 | 1 / factors |
| `mig_score` | mutual information | 1 | 0 |
| `sap_score` | one latent's prediction | 1 | 0 |
| `dci_scores`: two of three | the importance of latents to a forest | 1 | 0 |
| `modularity_score` | mutual information | 1 | see there |
"""

from tfgen.metrics.disentanglement.beta_vae import beta_vae_score
from tfgen.metrics.disentanglement.dci import DCI, dci_scores
from tfgen.metrics.disentanglement.factor_vae import factor_vae_score
from tfgen.metrics.disentanglement.mig import mig_score
from tfgen.metrics.disentanglement.modularity import modularity_score
from tfgen.metrics.disentanglement.mutual_information import mutual_information
from tfgen.metrics.disentanglement.sap import sap_score
from tfgen.metrics.disentanglement.scores import disentanglement_scores

__all__ = [
    "DCI",
    "beta_vae_score",
    "dci_scores",
    "disentanglement_scores",
    "factor_vae_score",
    "mig_score",
    "modularity_score",
    "mutual_information",
    "sap_score",
]
