"""How steep a map to a multimodal law must be, what bounds hold, and how steepness grows as particles move."""

from .bounds import isoperimetric_bound, of_jacobians, pointwise_bound, printed_bound
from .counterexamples import Counterexample, PolarMap, repeated_points, ring_of_points, shifted_points
from .recurrence import recurrence
from .refining import mixture_probability, refining_map

__all__ = [
    "Counterexample",
    "PolarMap",
    "isoperimetric_bound",
    "mixture_probability",
    "of_jacobians",
    "pointwise_bound",
    "printed_bound",
    "recurrence",
    "refining_map",
    "repeated_points",
    "ring_of_points",
    "shifted_points",
]
