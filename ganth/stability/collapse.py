"""Collapse states of an RBF kernel: generated points on a shell around one true point, and what keeps them there."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ..checks import Floats, integer, number, points
from ..errors import ParameterError

_UNIT_NORM = 1e-9  # directions whose norm differs more from one are refused
_RADIAL = 1e-9  # largest tangential part of the force on a shell, relative to the radial part


@dataclass(frozen=True)
class CollapseMode:
    r"""One symmetry class of motions of a simplex: `count` eigenvectors of Hess J that share stiffness and damping.

    The roots of psi for reg = l q sqrt(mu) / sigma are s = (q sqrt(mu) / sigma) z with

    .. math:: z^2 + (l + c / l) z + k = 0

    Attributes
    ----------
    name : str
        "breathing", "translation", "stretching", "shear" or "rotation"; with "across" the points leave the simplex's
        own span.
    count : int
        Multiplicity, >= 1.
    stiffness : float
        k: eigenvalue of Hess J in units q^2 / width^2.
    damping : float
        c in [-1, 0]: curvature of the discriminator felt by one point, in the same units.
    """

    name: str
    count: int
    stiffness: float
    damping: float

    def roots(self, reg_ratio: float) -> tuple[complex, complex]:
        """Return the two z for l = `reg_ratio` > 0, larger real part first.

        >>> CollapseMode("breathing", 1, 1.25, -0.75).roots(0.5)
        ((0.5+1j), (0.5-1j))
        """
        drag = reg_ratio + self.damping / reg_ratio
        inside = drag * drag - 4.0 * self.stiffness
        if inside < 0:
            return complex(-drag, math.sqrt(-inside)) / 2.0, complex(-drag, -math.sqrt(-inside)) / 2.0
        far = -0.5 * (drag + math.copysign(math.sqrt(inside), drag))
        near = self.stiffness / far if far else 0.0
        return complex(max(far, near)), complex(min(far, near))


def _check_simplex(n: int, dim: int) -> tuple[int, int]:
    n = integer("n", n, at_least=2)
    dim = integer("dim", dim, at_least=1)
    if dim < n - 1:
        raise ParameterError(f"dim must be >= n - 1 = {n - 1} for a simplex of {n} points, got {dim}")
    return n, dim


def _spread(n: int, mass_ratio: float) -> float:
    """Return rho = |x_j - x_k|^2 / (2 width^2) = 2n/(n+1) ln(n m), for m > 1/n."""
    return 2.0 * n / (n + 1.0) * math.log(n * mass_ratio)


def _modes(n: int, dim: int, rho: float) -> tuple[CollapseMode, ...]:
    """Return the modes of the simplex of spread rho; see `collapse_modes`."""
    from scipy.special import gammainc

    pull = math.exp(-rho)
    inside, across = -float(gammainc(2.0, rho)), math.expm1(-rho)
    if n == 2:
        soft, hard = 2.0 - rho, 0.0
    else:
        half = 0.5 * (n + rho)
        hard = half + math.sqrt(half * half - n * rho * (2.0 - rho))
        soft = n * rho * (2.0 - rho) / hard
    out = dim - (n - 1)
    listed = (
        CollapseMode("breathing", 1, (n + 1.0) * rho * pull, inside),
        CollapseMode("translation", n - 1, soft * pull, inside),
        CollapseMode("stretching", n - 1 if n > 2 else 0, hard * pull, inside),
        CollapseMode("shear", n * (n - 3) // 2, 2.0 * rho * pull, inside),
        CollapseMode("rotation", (n - 1) * (n - 2) // 2, 0.0, inside),
        CollapseMode("translation across", out, n * pull, across),
        CollapseMode("rotation across", out * (n - 1), 0.0, across),
    )
    return tuple(mode for mode in listed if mode.count > 0)


def collapse_modes(n: int, dim: int, mass_ratio: float) -> tuple[CollapseMode, ...]:
    r"""Return the modes of the regular simplex of `n` generated points around one true point.

    With rho = |x_j - x_k|^2 / (2 sigma^2) = 2n/(n+1) ln(n m) the eigenvalues of Hess J in units q^2 / sigma^2 are
    e^{-rho} times

    .. math:: (n+1) \rho, \qquad t_\mp: t^2 - (n + \rho) t + n \rho (2 - \rho) = 0, \qquad 2 \rho, \qquad 0, \qquad n

    for breathing, translation and stretching, shear, rotations, and translation across; a pair has 2 - rho for both
    t's.  The damping of every motion within the simplex's span is the same, c = (1 + rho) e^{-rho} - 1; across it,
    e^{-rho} - 1.

    Parameters
    ----------
    n : int >= 2
        Generated points, all of mass q.
    dim : int >= n - 1
    mass_ratio : float > 1/n
        m = q / p.

    Returns
    -------
    tuple of CollapseMode
        n dim motions in all.

    Raises
    ------
    ParameterError
        For n = 1, dim < n - 1 or mass_ratio <= 1/n, where there is no simplex.

    Notes
    -----
    Not in KD: (98) takes c for the stiffness, and has its sign wrong.  Cost: O(1).

    Examples
    --------
    >>> for mode in collapse_modes(2, 2, 1.0):
    ...     print(mode.name, mode.count, round(mode.stiffness, 6), round(mode.damping, 6))
    breathing 1 1.100303 -0.236382
    translation 1 0.426933 -0.236382
    translation across 1 0.793701 -0.60315
    rotation across 1 0.0 -0.60315
    """
    n, dim = _check_simplex(n, dim)
    ratio = _above_threshold(n, mass_ratio)
    return _modes(n, dim, _spread(n, ratio))


def _above_threshold(n: int, mass_ratio: float) -> float:
    ratio = number("mass_ratio", mass_ratio, above=0)
    if not n * ratio > 1.0:
        raise ParameterError(f"mass_ratio must be > 1/n = {1 / n:g} for a simplex of {n} points, got {mass_ratio!r}")
    return ratio


def simplex_directions(n: int, dim: int) -> Floats:
    """Return the n unit vectors (n, dim) of a regular simplex around the origin, in the first n - 1 axes.

    Any two have inner product -1/(n-1).  Raises `ParameterError` for n = 1 or dim < n - 1.

    >>> simplex_directions(2, 2)
    array([[ 1.,  0.],
           [-1.,  0.]])
    """
    n, dim = _check_simplex(n, dim)
    result = np.zeros((n, dim))
    for axis in range(n - 1):
        rest = n - axis
        result[axis, axis] = math.sqrt(rest - 1.0)
        result[axis + 1 :, axis] = -1.0 / math.sqrt(rest - 1.0)
        result[:, axis] *= math.sqrt(n / (rest * (n - 1.0)))
    return result


def collapse_equilibrium(n: int, dim: int, mass_ratio: float) -> tuple[float, Floats, int]:
    r"""Return the regular simplex of `n` equal generated masses at rest around one true point, RBF kernel.

    .. math:: r^2 = \frac{2 (n - 1)}{n + 1} \ln(n m)

    It is a local minimum of J iff 1/n < m < e^{1 + 1/n} / n; beyond, its n - 1 translations lose their hold.

    Parameters
    ----------
    n : int >= 2
        Generated points, all of mass q.
    dim : int >= n - 1
    mass_ratio : float > 1/n
        m = q / p.

    Returns
    -------
    radius : float
        Distance of each point from the true point [widths].
    points : (n, dim) array
        The points around the origin [widths], in the first n - 1 axes.
    index : int
        Morse index of J: its number of negative eigenvalues, 0 or n - 1.

    Raises
    ------
    ParameterError
        For n = 1, dim < n - 1 or mass_ratio <= 1/n, where there is no simplex.

    Notes
    -----
    Corrects KD, theorem 2, eq. (22): whether there is a bounded minimum depends on the masses too.  Cost: O(n dim).

    Examples
    --------
    >>> radius, points, index = collapse_equilibrium(4, 3, 1.0)
    >>> round(radius, 6), points.shape, index
    (1.289788, (4, 3), 3)
    """
    directions = simplex_directions(n, dim)
    ratio = _above_threshold(n, mass_ratio)
    radius = math.sqrt((n - 1.0) / n * _spread(n, ratio))
    index = sum(mode.count for mode in _modes(n, dim, _spread(n, ratio)) if mode.stiffness < 0)
    return radius, radius * directions, index


def damping_threshold(n: int, dim: int, mass_ratio: float) -> float:
    r"""Return l_c: the regular simplex is stable iff reg > l_c q sqrt(mu) / sigma (simultaneous, small steps).

    .. math:: l_c^2 = 1 - e^{-\rho} \; (d \ge n), \qquad l_c^2 = 1 - (1 + \rho) e^{-\rho} \; (d = n - 1), \qquad
              \rho = \frac{2n}{n+1} \ln(n m)

    Below it a pair on a line oscillates (a complex pair of roots crosses); in two or more dimensions the state rotates
    (a real root crosses).  Above it the state is stable up to rotations, which are neutral.

    Parameters
    ----------
    n : int >= 2
    dim : int >= n - 1
    mass_ratio : float > 0
        m = q / p.

    Returns
    -------
    float in (0, 1)
        reg sigma / (q sqrt(mu)) at the threshold; NaN where the simplex is no minimum of J, that is outside
        1/n < m < e^{1 + 1/n} / n.

    Raises
    ------
    ParameterError
        For n = 1, dim < n - 1 or mass_ratio <= 0.

    Notes
    -----
    Not in KD, whose theorem 2 claims stability whatever reg.  The two squares are the regularised incomplete gamma
    functions P(1, rho) and P(2, rho).  Cost: O(1).

    Examples
    --------
    >>> round(damping_threshold(2, 1, 1.0), 9), round(damping_threshold(2, 2, 1.0), 9)
    (0.486191542, 0.776627154)
    >>> damping_threshold(4, 3, 1.0)
    nan
    """
    n, dim = _check_simplex(n, dim)
    ratio = number("mass_ratio", mass_ratio, above=0)
    if not n * ratio > 1.0 or not _spread(n, ratio) < 2.0:
        return math.nan
    weakest = min(mode.damping for mode in _modes(n, dim, _spread(n, ratio)))
    return math.sqrt(-weakest)


def shell_radius(directions: ArrayLike, mass_ratio: float) -> float:
    r"""Return the radius at which equal generated masses along `directions` are at rest around one true point.

    .. math:: \frac{1}{m} = \sum_k (1 - u_j \cdot u_k) \, e^{-r^2 (1/2 - u_j \cdot u_k)}

    It is the only one, and exists iff m > 1/n, for directions with cosines below 1/2, as KD (102) wants them.

    Parameters
    ----------
    directions : (n, d) array
        Unit vectors, n >= 2, with sum 0 and all alike: a square, a regular pentagon, an octahedron, an icosahedron.
    mass_ratio : float > 1/n
        m = q / p.

    Returns
    -------
    float
        Radius [widths] of a critical point of J; `restricted_mmd` tells whether it is a minimum.

    Raises
    ------
    ParameterError
        If a norm is not 1, a cosine is not below 1/2, mass_ratio <= 1/n, or the directions are not all alike, so that
        the forces do not vanish together.

    Notes
    -----
    Source: critical points, KD (36), of the shells of KD (104).  Cost: O(n^2 d) and some twenty evaluations.

    Examples
    --------
    >>> square = [[1, 0], [0, 1], [-1, 0], [0, -1]]
    >>> round(shell_radius(square, 1.0), 6)
    1.310242
    """
    units = points("directions", directions)
    n = len(units)
    ratio = _above_threshold(integer("number of directions", n, at_least=2), mass_ratio)
    norms = np.linalg.norm(units, axis=1)
    if abs(norms - 1.0).max() > _UNIT_NORM:
        raise ParameterError(f"directions must have norm 1, got {norms[np.argmax(abs(norms - 1.0))]:g}")
    cosines = units @ units.T
    others = cosines[~np.eye(n, dtype=bool)]
    if others.max() >= 0.5:
        raise ParameterError(f"directions must have cosines < 0.5 with each other, got {others.max():g}")

    def excess(r2: float) -> float:
        return float(((1.0 - cosines[0]) * np.exp(-r2 * (0.5 - cosines[0])))[1:].sum()) - 1.0 / ratio

    from scipy.optimize import brentq

    far = 1.0
    while excess(far) > 0:
        far *= 2.0
    r2 = brentq(excess, 0.0, far, xtol=1e-300, rtol=4 * np.finfo(float).eps)
    push = np.exp(-r2 * (1.0 - cosines))
    force = push.sum(axis=1)[:, None] * units - push @ units - np.exp(-0.5 * r2) / ratio * units
    if np.abs(force).max() > _RADIAL * push.sum(axis=1).max():
        raise ParameterError("directions must be all alike: at the radius where the first is at rest another is not")
    return float(np.sqrt(r2))
