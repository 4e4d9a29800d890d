"""Studies of image GANs: trainings that several figures share, and what their courses show."""

from .courses import RULES, first_above, gathered, limits, surge
from .ends import collapse
from .images import ImageStudy
from .plans import three_phases
from .stops import PARTS, TRIALS, WORDS, account, decide, early_stops, missing, surges

__all__ = [
    "PARTS",
    "RULES",
    "TRIALS",
    "WORDS",
    "ImageStudy",
    "account",
    "collapse",
    "decide",
    "early_stops",
    "first_above",
    "gathered",
    "limits",
    "missing",
    "surge",
    "surges",
    "three_phases",
]
