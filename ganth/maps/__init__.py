"""Maps that push one law to another: 1-D transport to Gaussian mixtures, rearrangements, densities of images."""

from .pushforward import Branch, pushforward_density
from .rearrangements import REARRANGEMENTS, exchange, fold, rearranged, reflection, rotation
from .transport import Transport, transport_1d

__all__ = [
    "REARRANGEMENTS",
    "Branch",
    "Transport",
    "exchange",
    "fold",
    "pushforward_density",
    "rearranged",
    "reflection",
    "rotation",
    "transport_1d",
]
