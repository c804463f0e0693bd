"""Numbers about models: units, clusters, and what went wrong."""

from tfgen.metrics.bits_per_dim import bits_per_dim
from tfgen.metrics.clustering import (
    accuracy,
    clustering_accuracy,
    normalized_mutual_information,
)
from tfgen.metrics.first_non_finite import FirstNonFinite
from tfgen.metrics.logit_space import logit_space_log_prob

__all__ = [
    "FirstNonFinite",
    "accuracy",
    "bits_per_dim",
    "clustering_accuracy",
    "logit_space_log_prob",
    "normalized_mutual_information",
]
