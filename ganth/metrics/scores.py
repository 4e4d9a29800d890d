"""Scores of samples by a classifier or by a kernel: Inception Score, KID, distances of class histograms."""

import numpy as np
from numpy.typing import ArrayLike

from .. import checks
from ..checks import Floats
from ..errors import ParameterError, ShapeError
from .labels import _probabilities

_BLOCK = 512  # points of one tile of a Gram matrix
DISTANCES = ("total_variation", "chi2", "chi2_reverse")


def inception_score(probabilities: ArrayLike) -> float:
    r"""Return the Inception Score, :math:`\exp E_x KL(p(y|x) \| p(y))` in [1, c] (Salimans et al. 2016).

    Parameters
    ----------
    probabilities : (n, c) array
        A classifier's, >= 0, that sum to 1 for each sample within 1e-5.

    Raises
    ------
    ParameterError, ShapeError
        For probabilities that are negative or off their sum.

    Notes
    -----
    Source: TS, section 10.  k of c classes, sure and even, score k whichever they are; real data are not looked at.

    Examples
    --------
    >>> round(inception_score([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]), 12)
    2.0
    """
    p = _probabilities(probabilities)
    mean = p.mean(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(p > 0, p * (np.log(p) - np.log(mean)), 0.0)
    return float(np.exp(terms.sum(axis=1).mean()))


def kid(real: ArrayLike, fake: ArrayLike, *, degree: int = 3, scale: float | None = None, offset: float = 1.0) -> float:
    r"""Return the Kernel Inception Distance: the unbiased squared MMD of features with a polynomial kernel.

    .. math:: k(x, y) = (s\, x \cdot y + c)^g

    Parameters
    ----------
    real, fake : (n, d) and (m, d) arrays
        Features, n and m >= 2.
    degree : int >= 1
        g.
    scale : float > 0, optional
        s.  None: 1/d.
    offset : float >= 0
        c.

    Returns
    -------
    float
        An unbiased estimate, which may be negative.

    Raises
    ------
    ParameterError, ShapeError
        For less than two points, non-finite features, shapes that disagree.

    Notes
    -----
    Source: Binkowski et al. 2018.  Tiled: O((n + m) d) memory, O((n + m)^2 d) time.

    Examples
    --------
    >>> round(kid([[0.0], [1.0]], [[0.0], [2.0]]), 12)  # 1 + 1 - 2 (1 + 1 + 1 + 27)/4
    -13.0
    """
    x, y = checks.points("real", real), checks.points("fake", fake)
    checks.same_dim(real=x, fake=y)
    for name, points in (("real", x), ("fake", y)):
        if len(points) < 2:
            raise ShapeError(f"{name} must hold at least two points, got {len(points)}")
    power = checks.integer("degree", degree, at_least=1)
    slope = 1.0 / x.shape[1] if scale is None else checks.number("scale", scale, above=0)
    shift = checks.number("offset", offset, at_least=0)

    def total(one: Floats, other: Floats) -> float:
        blocks = [
            float(((slope * (one[i : i + _BLOCK] @ other[j : j + _BLOCK].T) + shift) ** power).sum())
            for i in range(0, len(one), _BLOCK)
            for j in range(0, len(other), _BLOCK)
        ]
        return float(np.sum(blocks))

    def without_diagonal(points: Floats) -> float:
        own = float(((slope * (points**2).sum(axis=1) + shift) ** power).sum())
        return (total(points, points) - own) / (len(points) * (len(points) - 1))

    return without_diagonal(x) + without_diagonal(y) - 2.0 * total(x, y) / (len(x) * len(y))


def class_histogram_distance(real: ArrayLike, fake: ArrayLike, distance: str = "total_variation") -> float:
    r"""Return a distance of two histograms of classes.

    Parameters
    ----------
    real, fake : (c,) arrays
        Counts or shares of the same classes, >= 0; both are normalised.
    distance : {"total_variation", "chi2", "chi2_reverse"}
        :math:`\frac12 \sum |p - q|`, :math:`\sum (p - q)^2/p` or :math:`\sum (p - q)^2/q`, p real and q fake.

    Returns
    -------
    float
        "chi2" is infinite for a fake class that is not real, "chi2_reverse" for a real class that is missing.

    Raises
    ------
    ParameterError, ShapeError
        For negative counts, none at all, another name, shapes that disagree.

    Notes
    -----
    Source: TS, A.9.  The direction matters: "chi2" is at most 1/min p - 1, and 1 where half of even classes are
    missing; "chi2_reverse" grows without end as a class dies out, and is infinite once it is gone.

    Examples
    --------
    >>> [class_histogram_distance([1, 1], [1, 0], name) for name in DISTANCES]
    [0.5, 1.0, inf]
    """
    checks.choice("distance", distance, DISTANCES)
    shares = []
    for name, value in (("real", real), ("fake", fake)):
        counts = checks.array(name, value, "(c,)", 1)
        if (counts < 0).any():
            raise ParameterError(f"{name} must be >= 0, got {counts.min()}")
        if not counts.sum() > 0:
            raise ParameterError(f"{name} must hold at least one sample, got none")
        shares.append(counts / counts.sum())
    p, q = shares
    if p.shape != q.shape:
        raise ShapeError(f"real and fake must share their classes, got {p.shape} and {q.shape}")
    if distance == "total_variation":
        return 0.5 * float(np.abs(p - q).sum())
    under = p if distance == "chi2" else q
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(p == q, 0.0, (p - q) ** 2 / under)
    return float(terms.sum())
