"""A sweep whose later seeds are played only where a number is near a level: far from it, one seed tells the side."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import checks
from ..errors import ParameterError, ShapeError, SweepError
from .code import known_code
from .grid import Grid, describe
from .schedule import sweep
from .workers import outcomes_of


def near_level(values: ArrayLike, level: float, *, steps: int) -> NDArray[np.bool_]:
    """Return which entries of each row of values (rows, m) are at most `steps` >= 1 from where it crosses a level.

    Between two neighbours on different sides there is a crossing, and `steps` entries on either side are near it; NaN
    is on neither side.  Of a row all on one side, the `steps` entries at the end whose values are nearest are near.

    >>> near_level([[9, 9, 9, 1, 0], [9, 9, 9, 8, 7]], 5, steps=1).astype(int).tolist()
    [[0, 0, 1, 1, 0], [0, 0, 0, 0, 1]]
    """
    table, reach = np.asarray(values, dtype=np.float64), checks.integer("steps", steps, at_least=1)
    if table.ndim != 2:
        raise ShapeError(f"values must have shape (rows, m), got {table.shape}")
    above, unknown = table > checks.number("level", level), np.isnan(table)
    changes = (above[:, 1:] != above[:, :-1]) | unknown[:, 1:] | unknown[:, :-1]
    near = np.zeros(table.shape, bool)
    for row, change, value in zip(near, changes, table, strict=True):
        for at in np.flatnonzero(change) + 1:
            row[max(at - reach, 0) : at + reach] = True
        if not change.any():
            row[slice(-reach, None) if abs(value[-1] - level) < abs(value[0] - level) else slice(reach)] = True
    return near


def sweep_near_level(
    fn: Callable[..., Any],
    grid: Mapping[str, Sequence[Any]],
    *,
    level: float,
    seeds: Sequence[int],
    steps: int,
    name: str = "value",
    executor: Any = "local",
    jobs: int | None = None,
) -> dict[str, NDArray[Any]]:
    """Play the first seed at all cells of a grid, the others near where its number crosses a level along a row.

    Parameters
    ----------
    fn, grid : function, and dict of str to sequence
        As `ganth.sweep` takes them; the grid has two parameters, and a row is along the second.
    level : float
    seeds : sequence of int
    steps : int >= 1
        How many cells on either side of a crossing are near it; see `near_level`.
    name : str
        Which of fn's numbers crosses.
    executor, jobs
        See `ganth.sweep`.

    Returns
    -------
    dict of str to (rows, columns, seeds) array
        fn's numbers, NaN where they were not played; and "played", whether they were.

    Raises
    ------
    ParameterError
        For a grid of other than two parameters, and whatever `ganth.sweep` raises.
    """
    if len(grid) != 2:
        raise ParameterError(f"grid must hold two parameters, got {len(grid)}")
    checks.number("level", level)
    checks.integer("steps", steps, at_least=1)
    axes = Grid.checked(grid, list(seeds)).axes
    (first, rows), (second, columns), (_, all_seeds) = axes.items()
    known = sweep(fn, grid, seeds=[int(all_seeds[0])], executor=executor, jobs=jobs)
    shape = (len(rows), len(columns), len(all_seeds))
    found = {key: np.full(shape, np.nan) for key in known.columns if key not in axes}
    for key, values in found.items():
        values[..., 0] = known.grid(key)[..., 0]
    played = np.zeros(shape, bool)
    played[..., 0] = True
    played |= near_level(found[name][..., 0], level, steps=steps)[..., None]
    later = [(i, j, k) for i, j, k in np.argwhere(played) if k > 0]
    tasks = [(at, {first: rows[i], second: columns[j], "seed": all_seeds[k]}) for at, (i, j, k) in enumerate(later)]
    failed: dict[int, str] = {}
    for at, numbers, error in outcomes_of(fn, tasks, known_code(fn), executor, jobs):
        if numbers is None:
            failed[at] = error
        for key, value in (numbers or {}).items():
            found[key][tuple(later[at])] = value
    if failed:
        at = min(failed)
        words = f"{len(failed)} of {len(tasks)} cells near the level failed: {describe(tasks[at][1])}: {failed[at]}"
        raise SweepError(words, known)
    return found | {"played": played}
