"""When a training has collapsed: classes that were there are gone (TP, secs. 5.1, 6.2)."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import checks
from ..errors import ShapeError

_HAD, _LEFT, _LASTING = 0.6, 0.3, 3  # parts of the classes; epochs


def collapse(coverage: ArrayLike, classes: int = 10) -> NDArray[np.int64]:
    """Return for every trial the first epoch of a collapse, -1 for none.

    A collapse is three epochs running with at most 0.3 of the classes, after an epoch with 0.6 of them or more: one
    that has never spread, as at the start, has nothing to lose.

    Parameters
    ----------
    coverage : (trials, records) array
        Classes covered; see `ganth.metrics.class_coverage`.  NaN, of a training that has ended, is no collapse.
    classes : int >= 1
        c, of the data.

    Returns
    -------
    (trials,) array of int64

    Raises
    ------
    ParameterError, ShapeError
        Naming the argument, the rule and the value.

    Notes
    -----
    Source: TP, sec. 6.2, which tells it by eye.  Cost: O(trials records).

    Examples
    --------
    >>> collapse([[1, 9, 3, 2, 1, 1], [1, 9, 3, 2, 9, 9], [1, 1, 1, 1, 1, 1]]).tolist()
    [2, -1, -1]
    """
    seen, classes = np.asarray(coverage, float), checks.integer("classes", classes, at_least=1)
    if seen.ndim != 2:
        raise ShapeError(f"coverage must have shape (trials, records), got {seen.shape}")
    had = np.logical_or.accumulate(seen >= _HAD * classes, axis=1)
    found = np.full(len(seen), -1)
    if seen.shape[1] < _LASTING:
        return found
    few = np.lib.stride_tricks.sliding_window_view(seen <= _LEFT * classes, _LASTING, axis=1).all(axis=-1)
    few &= had[:, : few.shape[1]]
    return np.where(few.any(axis=1), few.argmax(axis=1), found)
