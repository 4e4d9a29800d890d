"""The best single Gaussian for two modes under a divergence: every stationary fit, and where the best one switches.

The data are half N(-r, 1) and half N(r, 1), lengths in units of sigma; the model is N(mean, std^2), and by symmetry
mean >= 0.
"""

import functools
from collections.abc import Callable
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from .. import checks
from ..errors import ParameterError
from ..targets import GaussianMixture
from .functionals import FUNCTIONALS
from .measures import estimate
from .transport import w1, w2

Floats = NDArray[np.float64]
Fit = tuple[float, float, float, bool]
OBJECTIVES = ("kl", "reverse_kl", "js", "ns", "ns_loss", "w1", "w2")
SWITCHING = ("ns", "ns_loss", "reverse_kl", "js")
_LOG_ROOT_TWO_PI = 0.5 * np.log(2.0 * np.pi)
_REACH = 9.0  # of z: the model's mass beyond is 1e-19
_STEPS = 60
_FAR = 5.0  # where one-mode fits exist under every objective that has them
_WIDEST = 1e3


def slopes(objective: str, separation: float, mean: Floats, std: Floats, nodes: int = 0) -> tuple[Floats, Floats]:
    """Return the gradient (..., 2) and Hessian (..., 2, 2) of a divergence in mean and std of N(mean, std^2).

    Parameters
    ----------
    objective : {"reverse_kl", "js", "ns", "ns_loss"}
    separation : float >= 0
        r = mu/sigma.
    mean, std : arrays of one shape
    nodes : int
        Of the trapezoidal rule in z = (x - mean)/std; 0: as many as rounding needs.

    Examples
    --------
    >>> gradient, hessian = slopes("reverse_kl", 0.0, np.array([0.5]), np.array([2.0]))
    >>> gradient.round(12).tolist(), abs(hessian).round(12).tolist()  # of (m^2 + s^2 - 1)/2 - log s
    ([[0.5, 1.5]], [[[1.0, 0.0], [0.0, 1.25]]])
    """
    one = FUNCTIONALS[objective]
    mean, std = np.broadcast_arrays(np.asarray(mean, dtype=np.float64), np.asarray(std, dtype=np.float64))
    if nodes == 0:
        # log r has its poles pi/(2 separation) off the line, and falls off in z as fast as std and separation say.
        steepest = float((std * (separation + 1.0) + std**2 + np.abs(mean) * std + 1.0).max())
        nodes = int(min(200_001, 2 * _REACH * (8.0 + 3.0 * steepest))) | 1
    z = np.linspace(-_REACH, _REACH, nodes)
    share = np.exp(-0.5 * z * z - _LOG_ROOT_TWO_PI) * (z[1] - z[0])
    x = mean[..., None] + std[..., None] * z
    log_q = -0.5 * z * z - np.log(std)[..., None]
    # log p(x) + log sqrt(2 pi): half a square, and log cosh.
    bend = np.abs(separation * x)
    log_p = -0.5 * (x * x + separation**2) + bend + np.log1p(np.exp(-2.0 * bend)) - np.log(2.0)
    log_r = log_p - log_q
    powers = z[:, None] ** np.arange(5)
    pulled = (one.variation(log_r) * share) @ powers  # E k z^j
    bent = (one.curvature(log_r) * share) @ powers + pulled
    s = std
    gradient = np.stack([pulled[..., 1] / s, (pulled[..., 2] - pulled[..., 0]) / s], axis=-1)
    # Slopes of log q are z/s and (z^2 - 1)/s; their own slopes -1/s^2, -2 z/s^2 and (1 - 3 z^2)/s^2.
    hessian = np.empty((*std.shape, 2, 2))
    hessian[..., 0, 0] = (bent[..., 2] - pulled[..., 0]) / s**2
    hessian[..., 0, 1] = hessian[..., 1, 0] = (bent[..., 3] - bent[..., 1] - 2.0 * pulled[..., 1]) / s**2
    hessian[..., 1, 1] = (
        bent[..., 4] - 2.0 * bent[..., 2] + bent[..., 0] + pulled[..., 0] - 3.0 * pulled[..., 2]
    ) / s**2
    return gradient, hessian


def best_gaussian(objective: str, separation: float) -> list[Fit]:
    r"""Return every stationary fit of N(mean, std^2) to the half-half mixture of N(-r, 1) and N(r, 1), best first.

    Parameters
    ----------
    objective : {"kl", "reverse_kl", "js", "ns", "ns_loss", "w1", "w2"}
        "ns" is KL(q || p) - 2 JS, "ns_loss" the non-saturating loss at the optimal discriminator.
    separation : float >= 0
        r = mu/sigma, half the distance of the modes in their standard deviations.

    Returns
    -------
    list of (mean, std, value, is_minimum)
        In units of sigma, by value: the first is the global optimum.  mean >= 0; -mean is a fit as well.

    Raises
    ------
    ParameterError
        For another objective or a negative separation.

    Notes
    -----
    Source: TS, sections 3.3, 13, A.7.  "kl": mean 0, std^2 = 1 + r^2, and no other.  "w1" and "w2" are convex in
    (mean, std), so that the fit is one, with mean 0: std = T(a)/a at a = sqrt(2 log 2) for "w1", std = E z T(z) for
    "w2", T the monotone map from N(0, 1).  The others: Newton's method from every cell of a grid over
    (0, r + 2) x (0.1, 3 + 2 r) where both slopes change sign.  Cost: about 0.1 s.

    Examples
    --------
    >>> [(round(m, 6), round(s, 6), least) for m, s, _, least in best_gaussian("kl", 2.0)]
    [(0.0, 2.236068, True)]
    >>> [(round(m, 4), round(s, 4), least) for m, s, _, least in best_gaussian("reverse_kl", 3.0)]
    [(2.9843, 1.0234, True), (0.0, 2.7438, True), (1.8405, 2.1038, False)]
    """
    checks.choice("objective", objective, OBJECTIVES)
    separation = checks.number("separation", separation, at_least=0)
    fits = [(0.0, std) for std in _symmetric(objective, separation)]
    if objective in SWITCHING:
        fits += _one_sided(objective, separation)
    found = []
    for mean, std in fits:
        least = True
        if objective in SWITCHING:
            least = bool(np.linalg.eigvalsh(slopes(objective, separation, np.array(mean), np.array(std))[1])[0] > 0)
        found.append((float(mean), float(std), value(objective, separation, mean, std), least))
    return sorted(found, key=lambda fit: fit[2])


def value(objective: str, separation: float, mean: float, std: float) -> float:
    """Return the divergence of N(mean, std^2) from the mixture; "w2" is not squared.

    >>> round(value("reverse_kl", 0.0, 0.0, 1.0), 12)
    0.0
    """
    p = pair(separation)
    q = GaussianMixture([[mean]], std * std)
    if objective in ("w1", "w2"):
        return w1(p, q) if objective == "w1" else w2(p, q)
    return estimate(objective, p, q)[0]


def pair(separation: float) -> GaussianMixture:
    """Return half N(-r, 1) and half N(r, 1).

    >>> pair(2.0).means.tolist()
    [[-2.0], [2.0]]
    """
    return GaussianMixture([[-separation], [separation]], 1.0)


def _symmetric(objective: str, separation: float) -> list[float]:
    """Return the stds of the stationary fits with mean 0."""
    if objective == "kl":
        return [float(np.sqrt(1.0 + separation**2))]
    if objective in ("w1", "w2"):
        return [_transported(objective, separation)]
    grid = np.geomspace(0.1, 3.0 + 2.0 * separation, 120)
    rising = slopes(objective, separation, np.zeros(len(grid)), grid, nodes=1601)[0][:, 1]
    return [
        _root(lambda s: _slope_in_std(objective, separation, s), grid[i], grid[i + 1])
        for i in np.flatnonzero(np.sign(rising[:-1]) != np.sign(rising[1:]))
    ]


def _transported(objective: str, separation: float) -> float:
    from ..maps import Transport
    from .quadrature import integrate

    to = Transport(pair(separation))
    if objective == "w1":
        # Half of |z| phi(z) lies on each side of a: the slope in std, int sign(T - std z) z phi, vanishes.
        a = np.sqrt(2.0 * np.log(2.0))
        return float(to(a) / a)

    def moment(z: Floats) -> Floats:
        return z * to(z) * np.exp(-0.5 * z * z - _LOG_ROOT_TWO_PI)

    near = np.concatenate([[0.0], 10.0 ** np.arange(-16.0, 0.0)])
    return 2.0 * float(integrate(moment, np.concatenate([near, np.linspace(0.0, 9.5, 20)])))


def _slope_in_std(objective: str, separation: float, std: float) -> float:
    return float(slopes(objective, separation, np.array(0.0), np.array(std))[0][1])


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    from scipy.optimize import brentq

    return float(brentq(function, low, high, xtol=1e-14, rtol=1e-14))


def _one_sided(objective: str, separation: float) -> list[tuple[float, float]]:
    """Return (mean, std) of the stationary fits with mean > 0."""
    means = np.linspace(0.02, separation + 2.0, 40)
    stds = np.geomspace(0.1, 3.0 + 2.0 * separation, 60)
    gradient = np.stack([slopes(objective, separation, np.full(len(stds), m), stds, nodes=401)[0] for m in means])
    signs = np.sign(gradient)
    # A stationary fit lies where both slopes change their sign somewhere around a cell.
    mixed = np.ones((len(means) - 1, len(stds) - 1), dtype=bool)
    for axis in (0, 1):
        around = np.stack([signs[i : len(means) - 1 + i, j : len(stds) - 1 + j, axis] for i in (0, 1) for j in (0, 1)])
        mixed &= around.min(axis=0) < around.max(axis=0)
    found: list[tuple[float, float]] = []
    for i, j in np.argwhere(mixed):
        start = np.array([0.5 * (means[i] + means[i + 1]), np.sqrt(stds[j] * stds[j + 1])])
        fit = _newton(objective, separation, start)
        if fit is not None and fit[0] > 1e-3 and not any(np.hypot(fit[0] - m, fit[1] - s) < 1e-7 for m, s in found):
            found.append((float(fit[0]), float(fit[1])))
    return found


def _newton(objective: str, separation: float, start: Floats) -> Floats | None:
    at = start
    for _ in range(_STEPS):
        gradient, hessian = slopes(objective, separation, at[0], at[1])
        if not np.isfinite(hessian).all() or abs(np.linalg.det(hessian)) < 1e-300:
            return None
        step = np.linalg.solve(hessian, gradient)
        # No step may cross std = 0, nor leave for good.
        step *= min(1.0, 0.5 * at[1] / max(abs(step[1]), 1e-300), (1.0 + separation) / max(abs(step[0]), 1e-300))
        at = at - step
        if at[1] > _WIDEST:
            return None
        if np.abs(step).max() < 1e-13 * (1.0 + separation):
            return at
    return at if np.abs(gradient).max() < 1e-12 else None


@functools.cache
def _switches(objective: str) -> tuple[float, float]:
    """Return the saddle-node and the transition of an objective that has them, by continuation in the mean."""
    from scipy.optimize import brentq

    path = [(_FAR, 1.0, _FAR)]  # mean, std, separation

    def at(mean: float, guess: tuple[float, float]) -> tuple[float, float]:
        """Return std and separation of the stationary fit with this mean."""
        x = np.array(guess)
        for _ in range(_STEPS):
            here, hessian = slopes(objective, x[1], np.array(mean), np.array(x[0]))
            step = 1e-5
            up, down = (slopes(objective, x[1] + h, np.array(mean), np.array(x[0]))[0] for h in (step, -step))
            move = np.linalg.solve(np.column_stack([hessian[:, 1], (up - down) / (2 * step)]), here)
            move *= min(1.0, 0.2 * x[0] / max(float(np.abs(move).max()), 1e-300))
            x = x - move
            if np.abs(move).max() < 1e-13:
                break
        return float(x[0]), float(x[1])

    # Down from a fit on one mode until the separation turns.
    while len(path) < 3 or path[-1][2] < path[-2][2]:
        mean = path[-1][0] - 0.05
        ahead = 2.0 * np.array(path[-1][1:]) - path[-2][1:] if len(path) > 1 else path[-1][1:]
        path.append((mean, *at(mean, (float(ahead[0]), float(ahead[1])))))
        if mean < 0.2:
            raise ParameterError(f"{objective} has no saddle-node between a mean of 0.2 and {_FAR:g}")

    def bend(mean: float) -> float:
        """Return the determinant of the Hessian along the path: 0 at the saddle-node."""
        std, separation = at(mean, path[-2][1:])
        return float(np.linalg.det(slopes(objective, separation, np.array(mean), np.array(std))[1]))

    mean = brentq(bend, path[-1][0], path[-3][0], xtol=1e-12)
    saddle_node = at(mean, path[-2][1:])[1]

    def lead(separation: float) -> float:
        """Return how much less the one-mode fit costs."""
        nearest = min(path, key=lambda entry: abs(entry[2] - separation) - (entry[0] > mean))
        fit = _newton(objective, separation, np.array(nearest[:2]))
        assert fit is not None
        return min(value(objective, separation, 0.0, s) for s in _symmetric(objective, separation)) - value(
            objective, separation, *fit
        )

    upper = [entry for entry in reversed(path) if entry[0] > mean]
    for left, right in pairwise([*upper[:-1:4], upper[-1]]):
        if lead(right[2]) > 0:
            return saddle_node, float(brentq(lead, left[2], right[2], xtol=1e-13, rtol=1e-14))
    raise ParameterError(f"{objective} does not switch below a separation of {_FAR:g}")


def switch_points(objective: str) -> dict[str, float | None]:
    r"""Return the separations at which the one-mode fit is born and at which it becomes the best, to ten digits.

    Parameters
    ----------
    objective : {"kl", "reverse_kl", "js", "ns", "ns_loss", "w1", "w2"}

    Returns
    -------
    dict
        "saddle_node" and "transition" in mu/sigma; both None for "kl", "w1" and "w2", which never switch.

    Raises
    ------
    ParameterError
        For another objective.

    Notes
    -----
    Source: TS, section A.7.2.  At the saddle-node slope and determinant of the Hessian vanish together; at the
    transition the values of the two minima agree.

    Examples
    --------
    >>> switch_points("w2")
    {'saddle_node': None, 'transition': None}
    """
    if checks.choice("objective", objective, OBJECTIVES) not in SWITCHING:
        return {"saddle_node": None, "transition": None}
    saddle_node, transition = _switches(objective)
    return {"saddle_node": saddle_node, "transition": transition}
