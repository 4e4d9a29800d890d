"""Neural tangent kernels of generators: of infinite width in closed form, and of networks as they are."""

from .batch import batch_normalised
from .finite import empirical
from .infinite import deep_relu, one_hidden
from .values import TwoValues, two_values

__all__ = ["TwoValues", "batch_normalised", "deep_relu", "empirical", "one_hidden", "two_values"]
