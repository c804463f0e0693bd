"""Numbers about models: units, clusters, and what went wrong."""

from tfgen.metrics.bits_per_dim import bits_per_dim
from tfgen.metrics.clustering import (
    accuracy,
    best_matching,
    clustering_accuracy,
    contingency,
    normalized_mutual_information,
)
from tfgen.metrics.first_non_finite import FirstNonFinite
from tfgen.metrics.logit_space import logit_space_log_prob

__all__ = [
    "FirstNonFinite",
    "accuracy",
    "best_matching",
    "bits_per_dim",
    "clustering_accuracy",
    "contingency",
    "logit_space_log_prob",
    "normalized_mutual_information",
]
