"""Cells played on workers as they come free; finished ones go to disk at once and into the table in order."""

import inspect
import logging
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from .. import checks
from ..errors import ParameterError, SweepError
from .code import code_of, known_code
from .grid import Cell, Grid, describe
from .store import Numbers, Store
from .table import Table
from .workers import outcomes_of

Progress = bool | Callable[[int, int], None] | None
_log = logging.getLogger("ganth")
_NAMED = 3  # failed cells that the error names


def sweep(
    fn: Callable[..., Any],
    grid: Mapping[str, Sequence[Any]],
    *,
    seeds: int | Sequence[int],
    cache_dir: str | os.PathLike[str] | None = None,
    executor: Any = "local",
    jobs: int | None = None,
    progress: Progress = None,
) -> Table:
    """Call ``fn(**cell, seed=seed)`` for every cell of a grid and every seed, and return a table of its numbers.

    Parameters
    ----------
    fn : function, or functools.partial of one
        Returns a number, or a dict of numbers with the same names for every cell.  Workers import it by its name.
    grid : dict of str to sequence
        The values of each parameter: numbers, strings or booleans.  They reach `fn` as Python's own, so that
        np.float64(0.1) and 0.1 are one value; 1 and 1.0 are two.
    seeds : int >= 1, or sequence of ints in [0, 2**64)
        A count n stands for 0, ..., n - 1.
    cache_dir : path, optional
        Where finished cells are kept, each in a file of its own, from the moment it is finished: a sweep that was
        killed and is started again computes only what is missing.  None: nothing is kept.
    executor : {"local", "dask"}, the name or instance of a joblib backend, or `ganth.Together()`
        "local": processes of this machine; "dask": the current `dask.distributed.Client`; "threading", "ray" and
        others that hand over results as they come; `ganth.Together`, or what else has its `map`: one launch on a GPU.
        It never changes a bit of the table.
    jobs : int >= 1, optional
        Processes.  None: as many as cores this process may use, or the whole cluster; 1: no process but this one.
    progress : bool or function of (cells done, cells), optional

    Returns
    -------
    Table
        Rows in the order of the grid, its last name varying faster than the others, seeds fastest.

    Raises
    ------
    ParameterError
        For bad input, and for cells that return different names.
    SweepError
        Where `fn` raised or returned no number: after all other cells are done, naming the cell.
    BackendUnavailableError
        For "dask" without a client.
    KeyboardInterrupt
        On Ctrl-C, saying how many cells are finished; those in `cache_dir` are kept.

    Notes
    -----
    A cell in `cache_dir` is used again if parameters, seed and code are the same.  The code is the source of fn's
    module, of every module this one imports, directly or not (save the standard library and installed packages), and
    of ganth, with the versions of Python's minor release, numpy, numba and scipy.  What else `fn` reads (files,
    environment, other packages) is not seen.  The logger "ganth" says why cells are computed again.  Workers run one
    Numba thread each, and one whose code or versions are not those of this process is an error.

    Writing a cell costs one fsync and one file of a kilobyte, reading 0.1 ms: meant for cells of 10 ms or more, up
    to some 10^5 of them.

    Examples
    --------
    >>> import ganth
    >>> def area(width, height, seed):
    ...     return width * height + seed
    >>> table = ganth.sweep(area, {"width": [1, 2], "height": [0.5, 1.0]}, seeds=2, jobs=1)
    >>> table.columns["value"].tolist()
    [0.5, 1.5, 1.0, 2.0, 1.0, 2.0, 2.0, 3.0]
    >>> table.grid("value").shape
    (2, 2, 2)
    """
    cells = Grid.checked(grid, seeds)
    rows = list(cells.cells())
    _check_takes(fn, rows[0])
    if jobs is not None:
        checks.integer("jobs", jobs, at_least=1)
    code = known_code(fn) if cache_dir is None else code_of(fn)
    store = None if cache_dir is None or code is None else Store(cache_dir, code)
    done, missing = _kept(rows, store)
    failed: dict[int, str] = {}
    report, close = _progress(progress, len(rows), len(done))
    tasks = [(index, rows[index]) for index in missing]
    outcomes = outcomes_of(fn, tasks, code, executor, jobs)
    try:
        for index, numbers, error in outcomes:
            if numbers is None:
                failed[index] = error
                _log.warning("the cell %s failed:\n%s", describe(rows[index]), error)
            else:
                if store is not None:
                    store.write(rows[index], numbers)
                done[index] = numbers
            report(len(done) + len(failed))
    except KeyboardInterrupt:
        message = f"interrupted; {_finished(done, rows, cache_dir)}"
        _log.warning(message)
        raise KeyboardInterrupt(message) from None
    except Exception as error:
        error.add_note(_finished(done, rows, cache_dir))
        raise
    finally:
        outcomes.close()
        close()
    table = _table(cells, rows, done)
    if failed:
        raise SweepError(_failures(rows, failed), table)
    return table


def _check_takes(fn: Callable[..., Any], cell: Cell) -> None:
    if not callable(fn):
        raise ParameterError(f"fn must be a function, got {fn!r}")
    try:
        signature = inspect.signature(fn)
    except ValueError:  # some built-in functions have none
        return
    try:
        signature.bind(**cell)
    except TypeError as error:
        raise ParameterError(f"fn must take {', '.join(cell)} by name: {error}") from None


def _kept(rows: list[Cell], store: Store | None) -> tuple[dict[int, Numbers], list[int]]:
    """Return the numbers of the cells that are kept, by row, and the rows that are to be computed."""
    if store is None:
        return {}, list(range(len(rows)))
    kept: dict[int, Numbers] = {}
    missing: list[int] = []
    reasons: Counter[str] = Counter()
    for index, cell in enumerate(rows):
        numbers, why = store.read(cell)
        if numbers is None:
            missing.append(index)
            reasons[why] += 1
            _log.debug("to compute %s: %s", describe(cell), why)
        else:
            kept[index] = numbers
    _log.info(
        "sweep of %s: %d cells, %d of them kept in %s", store.code["function"], len(rows), len(kept), store.folder
    )
    for why, count in reasons.items():
        _log.info("%d to compute: %s", count, why)
    return kept, missing


def _table(cells: Grid, rows: list[Cell], done: dict[int, Numbers]) -> Table:
    """Return the table, with NaN where a cell has failed."""
    axes = cells.arrays()
    mesh = np.meshgrid(*axes.values(), indexing="ij")
    columns = {name: values.ravel() for name, values in zip(axes, mesh, strict=True)}
    first = min(done, default=None)
    names = [] if first is None else list(done[first])
    if twice := [name for name in names if name in columns]:
        raise ParameterError(f"fn must not return {twice[0]!r}, which names a parameter")
    for index in sorted(done):
        if set(done[index]) != set(names):
            assert first is not None
            raise ParameterError(
                f"fn must return the same names for every cell, got {', '.join(map(repr, done[index]))} at "
                f"{describe(rows[index])} and {', '.join(map(repr, names))} at {describe(rows[first])}"
            )
    nothing = dict.fromkeys(names, float("nan"))
    columns |= {name: np.array([done.get(i, nothing)[name] for i in range(len(rows))]) for name in names}
    return Table(columns, axes)


def _finished(done: dict[int, Numbers], rows: list[Cell], cache_dir: object) -> str:
    where = "lost, for there is no cache_dir" if cache_dir is None else f"kept in {cache_dir}"
    return f"{len(done)} of {len(rows)} cells are finished and {where}"


def _failures(rows: list[Cell], failed: dict[int, str]) -> str:
    first = sorted(failed)[:_NAMED]
    named = "; ".join(f"{describe(rows[i])}: {failed[i].splitlines()[-1]}" for i in first)
    more = f"; and {len(failed) - len(first)} more" if len(failed) > len(first) else ""
    return f"{len(failed)} of {len(rows)} cells failed: {named}{more}\nthe first:\n{failed[first[0]]}"


def _progress(progress: Progress, total: int, kept: int) -> tuple[Callable[[int], None], Callable[[], None]]:
    if not progress:
        return (lambda done: None), (lambda: None)
    if callable(progress):
        tell = progress
        return (lambda done: tell(done, total)), (lambda: None)
    from tqdm import tqdm

    bar = tqdm(total=total, initial=kept, unit="cell", dynamic_ncols=True)
    return (lambda done: bar.update(done - bar.n)), bar.close
