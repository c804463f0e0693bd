"""Distribution layers."""

from tfgen.distributions.autoregressive import Autoregressive
from tfgen.distributions.bernoulli import Bernoulli, GreyBernoulli
from tfgen.distributions.categorical import Categorical
from tfgen.distributions.concrete import Concrete
from tfgen.distributions.concrete_mixture import ConcreteMixture, RelaxedMixture
from tfgen.distributions.discretized_logistic import DiscretizedLogistic
from tfgen.distributions.elementwise import Elementwise
from tfgen.distributions.flow import Flow
from tfgen.distributions.gaussian import Gaussian
from tfgen.distributions.mixture import Mixture
from tfgen.distributions.standard import Logistic, StandardNormal

__all__ = [
    "Autoregressive",
    "Bernoulli",
    "Categorical",
    "Concrete",
    "ConcreteMixture",
    "DiscretizedLogistic",
    "Elementwise",
    "Flow",
    "Gaussian",
    "GreyBernoulli",
    "Logistic",
    "Mixture",
    "RelaxedMixture",
    "StandardNormal",
]
