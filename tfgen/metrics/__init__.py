"""Numbers about models: units, and what went wrong."""

from tfgen.metrics.bits_per_dim import bits_per_dim
from tfgen.metrics.first_non_finite import FirstNonFinite

__all__ = ["FirstNonFinite", "bits_per_dim"]
