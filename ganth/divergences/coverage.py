"""Which expectation does a gradient take?  The same gradient twice, and a data expectation that is blind to weights."""

import numpy as np
from numpy.typing import NDArray

from .. import checks
from ..errors import ParameterError
from . import laws
from .gradients import score
from .laws import Law
from .quadrature import integrate

Floats = NDArray[np.float64]


def fisher(p: Law, q: Law) -> float:
    r"""Return the Fisher divergence on the line, :math:`E_p (\partial \log p - \partial \log q)^2`: score matching's.

    Parameters
    ----------
    p, q : GaussianMixture
        One-dimensional.

    Raises
    ------
    ParameterError, ShapeError
        For laws of other kinds, or not on the line.

    Notes
    -----
    Source: against TS, section 8.  It is a data expectation, and yet hardly sees the weights of modes far apart: they
    enter only where the modes meet.

    Examples
    --------
    >>> import ganth
    >>> even, uneven = (ganth.targets.GaussianMixture([[-5.0], [5.0]], 1.0, w) for w in (None, [0.99, 0.01]))
    >>> fisher(even, uneven) < 1e-3, round(ganth.divergences.kl(even, uneven), 3)
    (True, 1.614)
    """
    laws.check_line(p, q)
    for name, law in (("p", p), ("q", q)):
        if not isinstance(law, laws.GaussianMixture):
            raise ParameterError(f"{name} must be a GaussianMixture, got {law!r}")

    def function(x: Floats) -> Floats:
        return np.exp(laws.log_density(p, x)) * (score(p, x) - score(q, x)) ** 2

    return float(integrate(function, laws.corners(p, q)))


def likelihood_gradient(p: Law, q: laws.GaussianMixture, expectation: str) -> Floats:
    r"""Return the gradient of KL(p || q) in the weights' logits of q, as an expectation of p or of q.

    .. math:: -E_p\, \partial_\theta \log q = -E_q\, \frac pq\, \partial_\theta \log q

    Parameters
    ----------
    p : GaussianMixture or UniformBox
    q : GaussianMixture
        On the line, weights = softmax of the logits; with one variance, or one for each mode.
    expectation : {"data", "model"}

    Raises
    ------
    ParameterError, ShapeError
        For another expectation, laws of other kinds or not on the line, or full covariances.

    Examples
    --------
    >>> import ganth
    >>> p, q = (ganth.targets.GaussianMixture([[-1.0], [1.0]], 1.0, w) for w in ([0.5, 0.5], [0.9, 0.1]))
    >>> a, b = (likelihood_gradient(p, q, side) for side in ("data", "model"))
    >>> bool(abs(a - b).max() < 1e-13), bool(a[0] > 0)
    (True, True)
    """
    checks.choice("expectation", expectation, ("data", "model"))
    laws.check_line(p, q)
    laws.check_model(q)
    variances = np.broadcast_to(q.variances, (len(q.means),))[:, None]

    def function(x: Floats) -> Floats:
        log_parts = np.log(q.weights)[:, None] - 0.5 * ((x - q.means) ** 2 / variances + np.log(2 * np.pi * variances))
        log_q = np.logaddexp.reduce(log_parts, axis=0)
        responsibility = np.exp(log_parts - log_q)
        slope = responsibility - q.weights[:, None]
        log_p = laws.log_density(p, x)
        if expectation == "data":
            return -np.exp(log_p) * slope
        return -np.exp(log_q) * np.exp(log_p - log_q) * slope

    return integrate(function, laws.corners(p, q))
