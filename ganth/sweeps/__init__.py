"""A function at every cell of a grid, for every seed: on all cores or machines, resumable, the same table each time."""

from .each import each
from .near import near_level, sweep_near_level
from .schedule import sweep
from .table import Table

__all__ = ["Table", "each", "near_level", "sweep", "sweep_near_level"]
