"""Precision and recall as a curve: what part of each law the other can hold, at every exchange rate."""

import numpy as np
from numpy.typing import ArrayLike

from .. import checks
from ..checks import Floats
from ..errors import ShapeError


def prd(real: ArrayLike, fake: ArrayLike, slopes: int = 201) -> tuple[Floats, Floats]:
    r"""Return the precision-recall curve of two discrete laws (Sajjadi et al. 2018), each (slopes,).

    .. math:: \alpha(\lambda) = \sum_i \min(\lambda p_i, q_i), \qquad \beta(\lambda) = \alpha(\lambda)/\lambda

    Parameters
    ----------
    real, fake : (c,) arrays
        p and q: shares of the same c classes or clusters, >= 0, that sum to 1 within 1e-9.
    slopes : int >= 2
        lambda = tan of so many angles, spread evenly within (0, pi/2), both ends left out.

    Returns
    -------
    precision, recall : (slopes,) arrays
        alpha and beta; alpha grows along the curve and beta falls.

    Raises
    ------
    ParameterError, ShapeError
        For shares that are negative or off their sum, or shapes that disagree.

    Notes
    -----
    Source: TS, section 10.  With k of c even classes left, and those exact, the curve ends at alpha = 1 and starts at
    beta = k/c.  The balls of `precision_recall` give one point, and no such trade-off: both grow with the radius.

    Examples
    --------
    >>> precision, recall = prd([0.5, 0.5], [1.0, 0.0], slopes=3)
    >>> precision.round(6).tolist(), recall.round(6).tolist()
    ([0.207107, 0.5, 1.0], [0.5, 0.5, 0.414214])
    """
    p = checks.weights("real", real, len(np.atleast_1d(np.asarray(real))))
    q = checks.weights("fake", fake, len(np.atleast_1d(np.asarray(fake))))
    if p.shape != q.shape:
        raise ShapeError(f"real and fake must share their classes, got {p.shape} and {q.shape}")
    count = checks.integer("slopes", slopes, at_least=2)
    rates = np.tan(0.5 * np.pi * np.arange(1, count + 1) / (count + 1))
    precision = np.minimum(rates[:, None] * p, q).sum(axis=1)
    return np.minimum(precision, 1.0), np.minimum(precision / rates, 1.0)
