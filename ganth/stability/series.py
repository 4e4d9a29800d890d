"""Long sums of smooth positive terms, to rounding, at a cost that does not grow with the number of terms."""

import functools
import math
from collections.abc import Callable

import numpy as np

from ..checks import Floats

_NODES = 20  # of a Gauss rule, for one block of terms
_DIRECT = 4096  # terms summed one by one


@functools.lru_cache(maxsize=256)
def gauss_sum_rule(count: int) -> tuple[Floats, Floats]:
    r"""Return nodes and weights with sum_{i<count} g(i) = sum w g(node) for every polynomial g of degree < 40.

    Gauss's rule of the sum itself: the nodes are the zeros of the Gram (discrete Chebyshev) polynomial, whose
    recurrence has the coefficients

    .. math:: \alpha_k = \frac{n - 1}{2}, \qquad \beta_k = \frac{k^2 (n^2 - k^2)}{4 (4 k^2 - 1)}

    All weights are positive, so that no digit is lost.  Blocks of at most 20 terms are summed term by term.

    >>> nodes, weights = gauss_sum_rule(1000)
    >>> len(nodes), round(float(weights @ nodes**3)) == sum(i**3 for i in range(1000))
    (20, True)
    """
    if count <= _NODES:
        return np.arange(float(count)), np.ones(count)
    k = np.arange(1.0, _NODES)
    beta = k * k * (1.0 - (k / count) ** 2) / (4.0 * (4.0 * k * k - 1.0))
    values, vectors = np.linalg.eigh(np.diag(np.sqrt(beta), -1))
    return (0.5 + values) * count - 0.5, count * vectors[0] ** 2


def smooth_sum(term: Callable[[Floats], Floats], *, reach: float, scale: float, limit: float) -> float:
    """Return the sum of term(j) over j = 1, 2, ..., about `reach`, to some ulps.

    Parameters
    ----------
    term : function of an array of positions j (not integers in general)
        Positive, and analytic over lengths of `scale`: over [j, j + scale] at the start, over [j, 2j] further out, and
        over `limit` everywhere.
    reach : float
        Terms beyond count for nothing.
    scale, limit : float
        Length of the first blocks of terms, and of the longest; 1 <= scale <= limit.

    Notes
    -----
    Up to 4096 terms one by one; else blocks that double up to `limit`, each by `gauss_sum_rule`.  Cost: 20 evaluations
    for each of log2(limit / scale) + reach / limit blocks.

    Examples
    --------
    >>> rest = 1.0 - 1e-9
    >>> total = smooth_sum(lambda j: np.exp((j - 1) * np.log1p(-1e-9)), reach=45e9, scale=1e9, limit=1e9)
    >>> abs(total / 1e9 - 1) < 1e-14
    True
    """
    if reach <= _DIRECT:
        return float(term(np.arange(1.0, math.ceil(reach) + 1.0)).sum())
    first, count, most = 1.0, _power_of_two(scale), _power_of_two(limit)
    at, weight = [], []
    while first <= reach:
        nodes, weights = gauss_sum_rule(count)
        at.append(first + nodes)
        weight.append(weights)
        first += count
        count = min(2 * count if first > 2 * count else count, most)
    return float(np.concatenate(weight) @ term(np.concatenate(at)))


def _power_of_two(length: float) -> int:
    """Return the largest power of two that is <= `length`, and at least 1: few lengths, so that rules are kept."""
    return 1 << max(0, math.floor(math.log2(length)))
