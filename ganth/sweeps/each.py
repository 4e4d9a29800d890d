"""A function at every item of a list, whatever it returns: what needs neither a grid nor a table."""

from collections.abc import Callable, Iterable
from typing import Any

from .. import checks
from ..errors import ParameterError


def each(
    fn: Callable[..., Any], items: Iterable[tuple[Any, ...]], *, executor: Any = "local", jobs: int | None = None
) -> list[Any]:
    """Return ``fn(*item)`` for every item, in their order; raise the first error that one raises.

    Parameters
    ----------
    fn : function, or functools.partial of one
        Workers import it by its name.
    items : iterable of tuples
        The arguments of each call.
    executor : "local", or what has a `map`
        "local": processes of this machine, or what `joblib.parallel_config` says; `ganth.Together`: one launch on a
        GPU.
    jobs : int >= 1, optional
        Processes.  None: as many as cores this process may use; 1: no process but this one.

    Raises
    ------
    ParameterError
        For another executor, or `jobs` that is no count.

    Examples
    --------
    >>> each(divmod, [(7, 2), (9, 4)], jobs=1)
    [(3, 1), (2, 1)]
    """
    calls = list(items)
    if jobs is not None:
        checks.integer("jobs", jobs, at_least=1)
    if hasattr(executor, "map"):
        return list(executor.map(fn, calls))
    if executor != "local":
        raise ParameterError(f"executor must be 'local' or have a map, got {executor!r}")
    if jobs == 1:
        return [fn(*call) for call in calls]
    import joblib

    return list(
        joblib.Parallel(n_jobs=-1 if jobs is None else jobs, batch_size=1)(joblib.delayed(fn)(*call) for call in calls)
    )
