"""Studies of image GANs: trainings that several figures share, and what their courses show."""

from .courses import first_above, gathered, limits, surge
from .images import ImageStudy
from .plans import three_phases

__all__ = ["ImageStudy", "first_above", "gathered", "limits", "surge", "three_phases"]
