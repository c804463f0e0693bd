"""Numbers about models: units, and what went wrong."""

from tfgen.metrics.bits_per_dim import bits_per_dim
from tfgen.metrics.first_non_finite import FirstNonFinite
from tfgen.metrics.logit_space import logit_space_log_prob

__all__ = ["FirstNonFinite", "bits_per_dim", "logit_space_log_prob"]
