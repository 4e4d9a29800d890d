"""Cells played in this process, in others, or on other machines: what comes back is numbers or an error's text."""

import contextlib
import functools
import os
import sys
import traceback
from collections.abc import Callable, Generator, Iterator, Mapping
from typing import Any

import numpy as np

from ..errors import BackendUnavailableError, ParameterError
from .code import Code, differences, known_code
from .grid import Cell
from .store import Numbers

Outcome = tuple[int, Numbers | None, str]
# What the present workers may have imported: hashes of sources and versions by kind and name.
_imported: dict[tuple[str, str], str] = {}
_generation = 0


def outcomes_of(
    fn: Callable[..., Any], tasks: list[tuple[int, Cell]], code: Code | None, executor: Any, jobs: int | None
) -> Generator[Outcome, None, None]:
    """Yield (row, its numbers or None, what went wrong) as cells are finished, in whatever order."""
    if not tasks:
        return
    import joblib

    options: dict[str, Any] = {}
    if hasattr(executor, "map"):
        yield from executor.map(functools.partial(_play, fn), [(index, cell, None, 0) for index, cell in tasks])
        return
    if executor == "local":
        jobs = min(jobs or joblib.cpu_count(), len(tasks))
        if jobs == 1:
            for index, cell in tasks:
                yield _play(fn, index, cell, None, 0)
            return
        executor = "loky"
    elif executor == "dask" and jobs is not None:
        raise ParameterError(f"jobs must be None for executor='dask', whose cluster says how many, got {jobs}")
    if executor == "loky":
        options = _for_code(code)
    with _backend(executor):
        parallel = joblib.Parallel(
            n_jobs=-1 if jobs is None else jobs, batch_size=1, return_as="generator_unordered", **options
        )
        outcomes = parallel(joblib.delayed(_play)(fn, index, cell, code, os.getpid()) for index, cell in tasks)
    try:
        yield from outcomes
    finally:
        outcomes.close()


@contextlib.contextmanager
def _backend(executor: Any) -> Iterator[None]:
    import joblib

    try:
        with joblib.parallel_config(executor, **({"inner_max_num_threads": 1} if executor == "loky" else {})):
            yield
    except ValueError as error:
        if executor == "dask":
            raise BackendUnavailableError(
                "executor='dask' needs a client of a running cluster: pip install 'ganth[distributed]', then first "
                "client = dask.distributed.Client(address), or Client() for processes of this machine"
            ) from error
        raise ParameterError(
            f"executor must be 'local', 'dask' or a joblib backend that hands over results as they come, got "
            f"{executor!r} (joblib: {error})"
        ) from error


@contextlib.contextmanager
def shared(fn: Callable[..., Any]) -> Iterator[None]:
    """Let `joblib.Parallel`, called by `fn`, take the workers that sweeps take, so that they start once."""
    import joblib

    with joblib.parallel_config("loky", inner_max_num_threads=1, **_for_code(known_code(fn))):
        yield


def _for_code(code: Code | None) -> dict[str, Any]:
    """Return the options by which joblib keeps its workers, or starts others.

    Workers outlive a sweep and keep the modules they have imported: where one of these is no longer as it was, other
    workers are started, as they are where the code cannot be told or modules are found elsewhere.
    """
    global _generation
    if code is None:
        return {"initializer": _begin, "initargs": (os.urandom(8),)}
    now = {(part, name): value for part in ("sources", "versions") for name, value in code[part].items()}
    if any(_imported.get(name, value) != value for name, value in now.items()):
        _generation += 1
        _imported.clear()
    _imported.update(now)
    return {"initializer": _begin, "initargs": (_generation, tuple(sys.path))}


def _begin(*which: object) -> None:
    """Start a worker; `which` tells joblib whether it may serve a later sweep."""


def _play(fn: Callable[..., Any], index: int, cell: Cell, code: Code | None, parent: int) -> Outcome:
    """Return the outcome of one cell; on a worker (a process that is not `parent`) see to its code and threads."""
    try:
        if parent and os.getpid() != parent:
            _one_thread()
            _check_same_code(fn, code)
        return index, _numbers(fn(**cell)), ""
    except Exception as error:
        return index, None, "".join(traceback.format_exception(error)).rstrip()


def _one_thread() -> None:
    numba = sys.modules.get("numba")
    if numba is None:
        os.environ.setdefault("NUMBA_NUM_THREADS", "1")
    else:
        numba.set_num_threads(1)


# The code of a function as it was when this worker first met it.
_code_here = functools.lru_cache(maxsize=16)(known_code)


def _check_same_code(fn: Callable[..., Any], code: Code | None) -> None:
    here = _code_here(fn.func if isinstance(fn, functools.partial) else fn)
    if code is not None and here is not None and (different := differences(here, code)):
        raise RuntimeError(f"this worker is to be restarted, or its machine brought up to date: {', '.join(different)}")


def _numbers(value: Any) -> Numbers:
    if not isinstance(value, Mapping):
        return {"value": _number("fn must return a number or a dict of numbers", value)}
    if not value:
        raise ParameterError("fn must return at least one number, got an empty dict")
    for name in value:
        if not isinstance(name, str):
            raise ParameterError(f"fn must return a dict with strings as names, got {name!r}")
    return {name: _number(f"fn must return a number as {name!r}", x) for name, x in value.items()}


def _number(rule: str, value: Any) -> int | float:
    if isinstance(value, np.generic) or (isinstance(value, np.ndarray) and value.ndim == 0):
        value = value.item()
    if isinstance(value, int):
        return int(value)
    if not isinstance(value, float):
        raise ParameterError(f"{rule}, got {value!r}")
    return value
