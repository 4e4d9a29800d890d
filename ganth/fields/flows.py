"""Velocities of f-GANs, and the divergences whose Wasserstein gradient flows they are (TP, appendices B and I)."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import checks
from ..targets import GaussianMixture, UniformBox
from .discriminators import _sigmoid, log_ratio

Floats = NDArray[np.float64]
Density = GaussianMixture | UniformBox


@dataclass(frozen=True)
class Flow:
    r"""An f-GAN with the generator's loss -E g_f(V): how its particles move, and what they descend.

    Parameters
    ----------
    name : str
        Of f, with :math:`D_f(p \| q) = \int q f(p/q)`, p of the data and q of the generator.
    descends : str
        A name that `divergence` knows: the functional F(q) of which the velocity is the Wasserstein gradient flow.
    weight : function of log r
        r f''(r), which multiplies grad log r.

    Examples
    --------
    >>> FLOWS["gan"].descends, FLOWS["kl"].descends
    ('nsgan', 'reverse-kl')
    """

    name: str
    descends: str
    weight: Callable[[Floats], Floats]


FLOWS = {
    flow.name: flow
    for flow in (
        Flow("kl", "reverse-kl", np.ones_like),
        Flow("reverse-kl", "half-neyman", lambda log_r: np.exp(-log_r)),
        Flow("pearson", "twice-kl", lambda log_r: 2.0 * np.exp(log_r)),
        Flow("hellinger", "three-halves", lambda log_r: 0.5 * np.exp(-0.5 * log_r)),
        Flow("js", "nsgan", lambda log_r: _sigmoid(-log_r)),
        Flow("gan", "nsgan", lambda log_r: _sigmoid(-log_r)),
    )
}


def _log_mean(log_p: Floats, log_q: Floats) -> Floats:
    return np.logaddexp(log_p, log_q) - np.log(2.0)


def _jensen_shannon(log_p: Floats, log_q: Floats) -> Floats:
    middle = _log_mean(log_p, log_q)
    return np.exp(log_p) * (log_p - middle) + np.exp(log_q) * (log_q - middle)


# q f(p/q) of each divergence, from the log densities; no ratio is formed.
_INTEGRANDS: dict[str, Callable[[Floats, Floats], Floats]] = {
    "kl": lambda p, q: np.exp(p) * (p - q),
    "reverse-kl": lambda p, q: np.exp(q) * (q - p),
    "pearson": lambda p, q: np.exp(q) * np.expm1(p - q) ** 2,
    "hellinger": lambda p, q: (np.exp(0.5 * p) - np.exp(0.5 * q)) ** 2,
    "js": _jensen_shannon,
    "gan": lambda p, q: _jensen_shannon(p, q) - np.log(2.0) * (np.exp(p) + np.exp(q)),
    "nsgan": lambda p, q: 2.0 * np.exp(_log_mean(p, q)) * (_log_mean(p, q) - p),
    "half-neyman": lambda p, q: 0.5 * np.exp(p) * np.expm1(q - p) ** 2,
    "twice-kl": lambda p, q: 2.0 * np.exp(p) * (p - q),
    "three-halves": lambda p, q: np.exp(q) * np.expm1(0.5 * (q - p)) / 1.5,
}


def velocity(
    x: ArrayLike,
    target: Density,
    generated: Density,
    divergence: str,
    *,
    backend: str = "cpu",
    dtype: str = "float64",
    threads: int | None = None,
) -> Floats:
    r"""Return the velocity of the particles of an f-GAN at its optimal V, (n, d).

    .. math:: g_f'(V) \nabla V = \nabla f'(r) = r f''(r) \nabla \log r, \qquad r = p/q

    Parameters
    ----------
    x : (n, d) array
        Points [data length].
    target, generated : GaussianMixture or UniformBox
        The densities p and q.
    divergence : {"kl", "reverse-kl", "pearson", "hellinger", "js", "gan"}
        :math:`D_f(p \| q) = \int q f(p/q)` with f = u log u, -log u, (u - 1)^2, (sqrt u - 1)^2,
        u log u - (u + 1) log((u + 1)/2), u log u - (u + 1) log(u + 1).
    backend : {"cpu", "cuda", "auto"}
    dtype : {"float64", "float32"}
    threads : int, optional

    Raises
    ------
    ParameterError, ShapeError
        As `optimal`, or for another divergence.

    Notes
    -----
    Source: TP, appendix I, whose D_f is as printed no divergence and whose step lacks its size s.  Particles go *with*
    the velocity.  It is minus the Wasserstein gradient, -grad dF/dq, of F(q) = int q h(p/q) with h'' = f''/u:
    `FLOWS[divergence].descends`.  "gan" and "js" give grad d*/d*, the field of `optimal`.  Some grow like a power of
    r and overflow to infinity.

    Examples
    --------
    >>> import ganth
    >>> wide, narrow = (ganth.targets.GaussianMixture([[0.0]], v) for v in (4.0, 1.0))
    >>> velocity([[2.0]], wide, narrow, "kl").tolist()
    [[1.5]]
    """
    checks.choice("divergence", divergence, tuple(FLOWS))
    value, slope = log_ratio(x, target, generated, backend=backend, dtype=dtype, threads=threads)
    with np.errstate(over="ignore", invalid="ignore"):
        return FLOWS[divergence].weight(value)[:, None] * slope


def divergence(name: str, x: ArrayLike, cell: float, target: Density, generated: Density) -> float:
    r"""Return :math:`\int q f(p/q)` of two densities by the sum over the points of a grid.

    Parameters
    ----------
    name : str
        An f of `velocity`, or what one of them descends: "nsgan" = 2 KL((p + q)/2 || p) = KL(q || p) - 2 JS,
        "half-neyman" = int (p - q)^2 / 2p, "twice-kl" = 2 KL(p || q), "three-halves" =
        2/3 int q (sqrt(q/p) - 1).  "js" is KL(p || m) + KL(q || m), m = (p + q)/2: twice the usual.
    x : (n, d) array
        Points of a grid that holds nearly all mass [data length].
    cell : float > 0
        The volume of a cell.
    target, generated : GaussianMixture or UniformBox
        The densities p > 0 and q > 0 at x.

    Raises
    ------
    ParameterError, ShapeError
        For another name, a cell <= 0, points of another dimension.

    Examples
    --------
    >>> import ganth
    >>> import numpy as np
    >>> grid = np.linspace(-12, 12, 2401)[:, None]
    >>> near, far = (ganth.targets.GaussianMixture([[m]], 1.0) for m in (0.0, 2.0))
    >>> round(divergence("kl", grid, 0.01, near, far), 9)
    2.0
    """
    checks.choice("name", name, tuple(_INTEGRANDS))
    cell = checks.number("cell", cell, above=0)
    log_p, log_q = target.log_density(x), generated.log_density(x)
    return float(_INTEGRANDS[name](log_p, log_q).sum() * cell)
