"""Maps that are less steep than the printed bound says (TP, Theorem 4.3)."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from .. import checks
from ..checks import Floats
from ..maps import Transport
from ..targets import GaussianMixture, PointMasses
from .bounds import of_jacobians, printed_bound


class Counterexample(NamedTuple):
    """A map from a ball, and what the printed bound says of its steepness.

    Parameters
    ----------
    points : (N, n) array
        x_i.
    bandwidth, radius : float
        h and the radius r of the ball.
    steepness : float
        Of the map, over the ball.
    printed, repaired : float
        The bound of Theorem 4.3, as printed and with its slips put right.

    Examples
    --------
    >>> found = ring_of_points(100)
    >>> found.steepness < 4 < 1e10 < found.repaired < found.printed
    True
    """

    points: Floats
    bandwidth: float
    radius: float
    steepness: float
    printed: float
    repaired: float


class PolarMap:
    r"""A smooth injective map of the plane to points on a circle, the mean of which it keeps away from.

    :math:`g(x) = \rho(x_2) (\cos\theta(x_1), \sin\theta(x_1))`, with :math:`\theta = 2 \pi \Phi(x_1) - \pi` and rho
    monotone from N(0, 1) to the distances from 0 of a mixture with modes on the circle.  It pushes N(0, I) to the
    mixture, but for how its angles differ from the uniform law.

    Parameters
    ----------
    circle : float > 0
        Radius of the circle.
    bandwidth : float > 0
        h; the modes have the variance h^2/2.

    Raises
    ------
    ParameterError
        If one of them is not > 0.

    Examples
    --------
    >>> g = PolarMap(1.0, 0.1)
    >>> np.abs(g([[0.0, 0.0]])).round(4).tolist(), np.abs(g.jacobian([[0.0, 0.0]])).round(4).tolist()
    ([[1.0025, 0.0]], [[[0.0, 0.0706], [2.5129, 0.0]]])
    """

    def __init__(self, circle: float, bandwidth: float) -> None:
        self.circle = checks.number("circle", circle, above=0)
        self.bandwidth = checks.number("bandwidth", bandwidth, above=0)

    def _parts(self, x: ArrayLike) -> tuple[Floats, Floats, Floats, Floats]:
        """Return angle, its slope, distance and its slope."""
        from scipy.special import ndtr
        from scipy.stats import rice

        x = checks.points("x", x, dim=2)
        densities = np.exp(-0.5 * x * x) / np.sqrt(2 * np.pi)
        scale = self.bandwidth / np.sqrt(2.0)
        law = rice(self.circle / scale, scale=scale)
        # From the nearer end: 1 - Phi keeps its digits.
        places, back = np.unique(x[:, 1], return_inverse=True)
        distance = np.where(places < 0, law.ppf(ndtr(places)), law.isf(ndtr(-places)))[back]
        slope = densities[:, 1] / law.pdf(distance)
        return 2 * np.pi * ndtr(x[:, 0]) - np.pi, 2 * np.pi * densities[:, 0], distance, slope

    def __call__(self, x: ArrayLike) -> Floats:
        """Return g(x), (m, 2), of points (m, 2)."""
        angle, _, distance, _ = self._parts(x)
        return distance[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)

    def jacobian(self, x: ArrayLike) -> Floats:
        """Return the Jacobian of g at x (m, 2), (m, 2, 2)."""
        angle, turn, distance, slope = self._parts(x)
        across = np.stack([-np.sin(angle), np.cos(angle)], axis=1) * (distance * turn)[:, None]
        along = np.stack([np.cos(angle), np.sin(angle)], axis=1) * slope[:, None]
        return np.stack([across, along], axis=2)


def ring_of_points(n: int = 100, circle: float = 1.0, bandwidth: float = 0.1, radius: float = 5.0) -> Counterexample:
    """Return the polar map to n >= 1 points on a circle against the bound; its mean is not in the map's image.

    >>> found = ring_of_points(100)
    >>> round(found.steepness, 2), f"{found.repaired:.0e}"
    (3.4, '1e+15')
    """
    points = PointMasses.ring(n, circle).points
    g = PolarMap(circle, bandwidth)
    radius = checks.number("radius", radius, above=0)
    axis = np.linspace(-radius, radius, 161)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    inside = grid[(grid**2).sum(axis=1) <= radius**2 * (1 + 1e-12)]
    return _against(points, bandwidth, radius, of_jacobians(g.jacobian(inside)))


def shifted_points(shift: float, bandwidth: float = 1.0, radius: float = 3.0) -> Counterexample:
    """Return the monotone map to the points shift - 1 and shift + 1 on the line: a shift does not change its steepness.

    >>> near, far = shifted_points(0.0), shifted_points(10.0)
    >>> round(near.steepness, 6) == round(far.steepness, 6), near.printed < near.steepness, far.printed > 1e50
    (True, True, True)
    """
    points = np.array([[-1.0], [1.0]]) + checks.number("shift", shift)
    return _against(points, bandwidth, radius, _on_the_line(points, bandwidth, radius))


def repeated_points(times: int, bandwidth: float = 1.0, radius: float = 3.0) -> Counterexample:
    """Return the monotone map to the points 1 and 3, each held `times` >= 1 times: the law is the same.

    >>> one, four = repeated_points(1), repeated_points(4)
    >>> round(one.steepness, 6) == round(four.steepness, 6), four.printed > 1e50
    (True, True)
    """
    points = np.repeat([[1.0], [3.0]], checks.integer("times", times, at_least=1), axis=0)
    return _against(points, bandwidth, radius, _on_the_line(points, bandwidth, radius))


def _on_the_line(points: Floats, bandwidth: float, radius: float) -> float:
    """Return sup g' over (-radius, radius) of the monotone map."""
    radius = checks.number("radius", radius, above=0)
    g = Transport(GaussianMixture(points, checks.number("bandwidth", bandwidth, above=0) ** 2 / 2))
    return float(g.derivative(np.linspace(-radius, radius, 2001)).max())


def _against(points: Floats, bandwidth: float, radius: float, steepness: float) -> Counterexample:
    bounds = [printed_bound(points, bandwidth, radius, repaired=repaired) for repaired in (False, True)]
    return Counterexample(points, bandwidth, radius, steepness, *bounds)
