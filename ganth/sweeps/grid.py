"""The cells of a sweep: every combination of the grid's values, each with every seed."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import checks
from ..errors import ParameterError

Value = bool | int | float | str
Cell = dict[str, Value]


@dataclass(frozen=True)
class Grid:
    """The axes of a sweep in order, "seed" the last: plain Python values, whatever they were given as."""

    axes: dict[str, list[Value]]

    @classmethod
    def checked(cls, grid: Mapping[str, Sequence[Any]], seeds: int | Sequence[int]) -> "Grid":
        """Return the grid of these values and seeds, or raise `ParameterError`."""
        if not isinstance(grid, Mapping):
            raise ParameterError(f"grid must be a dict of name to values, got {grid!r}")
        if "seed" in grid:
            raise ParameterError("grid must not hold 'seed': give seeds=")
        return cls({name: _values(name, values) for name, values in grid.items()} | {"seed": _seeds(seeds)})

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of values of each axis."""
        return tuple(map(len, self.axes.values()))

    def cells(self) -> Iterator[Cell]:
        """Yield the cells in the order of the table: the last axis, "seed", varies fastest."""
        for values in itertools.product(*self.axes.values()):
            yield dict(zip(self.axes, values, strict=True))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return each axis as an array."""
        found = {name: np.array(values) for name, values in self.axes.items()}
        # Left alone, NumPy < 2 makes floats of integers below and above 2**63.
        seeds = [int(seed) for seed in self.axes["seed"]]
        return found | {"seed": np.array(seeds, np.int64 if max(seeds) < 2**63 else np.uint64)}


def describe(cell: Cell) -> str:
    """Return a cell as a user would write it.

    >>> describe({"ratio": 0.1, "seed": 3})
    'ratio=0.1, seed=3'
    """
    return ", ".join(f"{name}={value!r}" for name, value in cell.items())


def plain(name: str, value: object) -> Value:
    """Return a number, string or boolean as Python's own, so that np.float64(0.1) and 0.1 are one value."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return checks.number(name, value)
    if not isinstance(value, bool | int | str):
        raise ParameterError(f"{name} must be a number, a string or a boolean, got {value!r}")
    return value


def _values(name: str, values: Sequence[Any]) -> list[Value]:
    if not (isinstance(name, str) and name.isidentifier()):
        raise ParameterError(f"grid must have names that fn can take, got {name!r}")
    if isinstance(values, str) or not hasattr(values, "__iter__"):
        raise ParameterError(f"grid[{name!r}] must be a sequence of values, got {values!r}")
    found = [plain(f"grid[{name!r}][{i}]", value) for i, value in enumerate(values)]
    if not found:
        raise ParameterError(f"grid[{name!r}] must hold at least one value, got none")
    if len({type(value) if isinstance(value, bool | str) else float for value in found}) > 1:
        raise ParameterError(f"grid[{name!r}] must hold numbers, strings or booleans, not some of each")
    _once(f"grid[{name!r}]", found)
    return found


def _seeds(seeds: int | Sequence[int]) -> list[Value]:
    if isinstance(seeds, int | np.integer):
        return list(range(checks.integer("seeds", seeds, at_least=1)))
    if isinstance(seeds, str) or not hasattr(seeds, "__iter__"):
        raise ParameterError(f"seeds must be an integer >= 1 or a sequence of integers, got {seeds!r}")
    found: list[Value] = [checks.seed_key(seed) for seed in seeds]
    if not found:
        raise ParameterError("seeds must hold at least one seed, got none")
    _once("seeds", found)
    return found


def _once(name: str, values: list[Value]) -> None:
    seen: set[Value] = set()
    for value in values:
        if value in seen:
            raise ParameterError(f"{name} must hold each value once, got {value!r} twice")
        seen.add(value)
