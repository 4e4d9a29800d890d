"""What the courses of several trainings show: limits of the early stop, what crosses one, surges (TP, sec. 6)."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import checks
from ..errors import ParameterError, ShapeError
from ..games import Training
from ..stopping import EarlyStopping

RULES = ("printed", "divided once", "scale-invariant")
_OF_TRAINING = ("metric", "loss_disc", "loss_gen", "mean_real", "mean_fake")
_CLEAR = 3.0  # how many times its usual value a number must be to have surged


def gathered(trainings: Sequence[Training]) -> dict[str, NDArray[Any]]:
    """Return what trainings recorded, an array (trials, records, ...) for each name.

    Parameters
    ----------
    trainings : sequence of ganth.Training
        Of one study.  One that diverged is filled up with NaN.

    Returns
    -------
    dict
        "metric", losses and means of d, all that was observed, and "diverged_at" (trials,).

    Raises
    ------
    ParameterError
        For no trainings.
    """
    if not trainings:
        raise ParameterError("trainings must hold at least one, got none")
    length = max(len(training.epochs) for training in trainings)
    found = {name: [getattr(one, name) for one in trainings] for name in _OF_TRAINING}
    found |= {name: [one.observed[name] for one in trainings] for name in trainings[0].observed}
    filled = {
        name: np.stack([np.concatenate([row, np.full((length - len(row), *row.shape[1:]), np.nan)]) for row in rows])
        for name, rows in found.items()
    }
    return filled | {"diverged_at": np.array([one.diverged_at for one in trainings])}


def limits(units: dict[str, float]) -> dict[str, float]:
    """Return what the metric must exceed, by rule.

    Parameters
    ----------
    units : dict
        As `ImageStudy.units` returns it.

    Returns
    -------
    dict
        "printed": with TP's bandwidth, of a variance divided by the number of pixels twice; "divided once": the same
        rule with the variance of a pixel; "scale-invariant": see `ganth.stopping.EarlyStopping`.

    Examples
    --------
    >>> limits({"distance": 2.0, "bandwidth": 0.5, "printed_bandwidth": 0.25})["printed"] / 2**0.5
    4.0
    """
    narrow, wide, scale = units["printed_bandwidth"], units["bandwidth"], units["distance"]
    rules = (
        EarlyStopping(bandwidth=narrow, scale=scale, modes=1),
        EarlyStopping(bandwidth=wide, scale=scale, modes=1),
        EarlyStopping(bandwidth=wide, modes=1, rule="scale-invariant"),
    )
    return dict(zip(RULES, (rule.limit for rule in rules), strict=True))


def first_above(metric: ArrayLike, limit: float, warmup: int = 0) -> NDArray[np.int64]:
    """Return for every trial the first epoch after the warm-up at which the metric exceeds a limit, -1 for none.

    Parameters
    ----------
    metric : (trials, records) array
        Record 0 is the start, which no rule sees.
    limit : float > 0
    warmup : int >= 0
        Epochs 1, ..., warmup stop nothing.

    Raises
    ------
    ParameterError, ShapeError
        Naming the argument, the rule and the value.

    Examples
    --------
    >>> first_above([[9.0, 9.0, 1.0, 5.0], [9.0, 9.0, 1.0, 1.0]], limit=4.0, warmup=1).tolist()
    [3, -1]
    """
    q = np.asarray(metric, float)
    if q.ndim != 2:
        raise ShapeError(f"metric must have shape (trials, records), got {q.shape}")
    limit, warmup = checks.number("limit", limit, above=0), checks.integer("warmup", warmup, at_least=0)
    above = q > limit
    above[:, : warmup + 1] = False
    return np.where(above.any(axis=1), above.argmax(axis=1), -1)


def surge(values: ArrayLike, least: float = _CLEAR) -> NDArray[np.int64]:
    """Return for every trial the first epoch at which a number is `least` times what it was before, -1 for none.

    What it was before is the median of the ten epochs before, of which there must be three.

    Parameters
    ----------
    values : (trials, records) array
        >= 0; record 0 does not count.
    least : float > 1

    Raises
    ------
    ParameterError, ShapeError
        Naming the argument, the rule and the value.

    Examples
    --------
    >>> surge([[1.0, 1.0, 1.0, 1.0, 2.9, 3.1], [9.0, 1.0, 1.0, 1.0, 1.0, 1.0]]).tolist()
    [5, -1]
    """
    x, least = np.asarray(values, float), checks.number("least", least, above=1)
    if x.ndim != 2:
        raise ShapeError(f"values must have shape (trials, records), got {x.shape}")
    found = np.full(len(x), -1)
    for row, line in enumerate(x):
        for epoch in range(4, len(line)):
            before = line[max(1, epoch - 10) : epoch]
            if line[epoch] > least * np.median(before):
                found[row] = epoch
                break
    return found
