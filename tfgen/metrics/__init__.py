"""Numbers about models: units, clusters, disentanglement, and what went wrong."""

from tfgen.metrics.bits_per_dim import bits_per_dim
from tfgen.metrics.clustering import (
    accuracy,
    best_matching,
    clustering_accuracy,
    contingency,
    normalized_mutual_information,
)
from tfgen.metrics.disentanglement import (
    DCI,
    beta_vae_score,
    dci_scores,
    disentanglement_scores,
    factor_vae_score,
    mig_score,
    modularity_score,
    mutual_information,
    sap_score,
)
from tfgen.metrics.first_non_finite import FirstNonFinite
from tfgen.metrics.logit_space import logit_space_log_prob

__all__ = [
    "DCI",
    "FirstNonFinite",
    "accuracy",
    "best_matching",
    "beta_vae_score",
    "bits_per_dim",
    "clustering_accuracy",
    "contingency",
    "dci_scores",
    "disentanglement_scores",
    "factor_vae_score",
    "logit_space_log_prob",
    "mig_score",
    "modularity_score",
    "mutual_information",
    "normalized_mutual_information",
    "sap_score",
]
