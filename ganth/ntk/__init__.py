"""Neural tangent kernels of generators: of infinite width in closed form, and of networks as they are."""

from .finite import empirical
from .infinite import deep_relu, one_hidden
from .values import TwoValues, two_values

__all__ = ["TwoValues", "deep_relu", "empirical", "one_hidden", "two_values"]
