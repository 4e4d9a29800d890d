"""Gradients of divergences in the parameters of the model, and what a generator's samples make of a critic."""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import checks
from ..errors import ParameterError, ShapeError
from ..targets import GaussianMixture
from . import laws
from .functionals import FUNCTIONALS, log_mean, sigmoid
from .laws import Law
from .quadrature import crossings, integrate, stretched
from .sampling import POINTS, balanced
from .transport import distribution_gap

Floats = NDArray[np.float64]
Slopes = dict[str, Floats]
LOSSES = ("minimax", "ns", "wgan")
_POWERS = {"kl": 1.0, "pearson": 2.0, "hellinger": 0.5}  # whose variation is minus a power of r


def gradient(
    name: str, p: Law, q: GaussianMixture, *, seed: int | np.random.Generator = 0, points: int = POINTS
) -> Slopes:
    r"""Return the gradient of a divergence of p and q in the parameters of the mixture q.

    .. math:: \partial_\theta \int q f(p/q) = \int (f - r f')\, \partial_\theta q, \qquad r = p/q

    Parameters
    ----------
    name : {"kl", "reverse_kl", "js", "ns", "ns_loss", "pearson", "hellinger", "total_variation", "w1"}
        "w1" on the line only.
    p : GaussianMixture or UniformBox
    q : GaussianMixture
        With one variance, or one for each mode.
    seed : int in [0, 2**64) or numpy Generator
        Of quasi-Monte-Carlo, in two dimensions and more.
    points : int >= 16

    Returns
    -------
    dict
        "means" (k, d), "variances" (k,), "weights" (k,); the weights as if free, so that only differences between
        them mean something.

    Raises
    ------
    ParameterError, ShapeError
        For another name, laws of other kinds, full covariances, or a divergence that is infinite.

    Examples
    --------
    >>> import ganth
    >>> data, model = ganth.targets.GaussianMixture([[1.0]], 1.0), ganth.targets.GaussianMixture([[0.0]], 2.0)
    >>> slopes = gradient("kl", data, model)  # of log s + (1 + (1 - m)^2)/(2 s^2)
    >>> slopes["means"].round(10).tolist(), abs(slopes["variances"].round(10)).tolist()
    ([[-0.5]], [0.0])
    """
    checks.choice("name", name, (*FUNCTIONALS, "w1"))
    dim = laws.check_pair(p, q)
    laws.check_model(q)
    if dim > 1:
        if name == "w1":
            raise ShapeError(f"w1 needs laws on the line, got {dim} dimensions")
        rows = []
        for x in balanced(p, q, dim, seed, points):
            log_p, log_q = p.log_density(x), q.log_density(x)
            rows.append(_change(name, log_p - log_q, q, x, log_mean(log_p, log_q)).mean(axis=1))
        return _split(np.mean(rows, axis=0), q)
    if name == "w1":
        edges = laws.corners(p, q)
        edges = np.concatenate([edges, crossings(lambda x: distribution_gap(p, q, x), edges)])
        return _split(integrate(lambda x: -np.sign(distribution_gap(p, q, x)) * _distribution_slopes(q, x), edges), q)

    def function(x: Floats) -> Floats:
        with np.errstate(over="ignore", invalid="ignore"):
            return _change(name, laws.log_ratio(p, q, x), q, x[:, None], np.zeros(len(x)))

    return _split(_whole(function, p, q), q)


def pathwise_gradient(
    loss: str,
    p: Law,
    q: GaussianMixture,
    *,
    data: Law | None = None,
    model: GaussianMixture | None = None,
    clip: float | None = None,
) -> Slopes:
    r"""Return what a generator of the law q descends against a critic that is held fixed.

    .. math:: E_{x \sim q}\, \ell'(a(x))\, a'(x)\, \partial_\theta x, \qquad a = \log p - \log q

    A sample of mode k is x = mean + std z, so that dx/dmean = 1 and dx/dvariance = (x - mean)/(2 variance).

    Parameters
    ----------
    loss : {"minimax", "ns", "wgan"}
        l(a) = log(1 - sigmoid(a)), -log sigmoid(a), or minus the exact critic of W1, whose slope is the sign of
        G - F.
    p : GaussianMixture or UniformBox
        The data, on the line.
    q : GaussianMixture
        The law of the generator, on the line.
    data, model : laws, optional
        What the critic was trained on.  None: p and q.  A critic that never met a mode has it left out here.
    clip : float > 0, optional
        Bound on the logit's modulus: outside the critic is flat.

    Returns
    -------
    dict
        "means" (k, 1), "variances" (k,).

    Raises
    ------
    ParameterError, ShapeError
        For another loss, or laws of other kinds or not on the line.

    Notes
    -----
    Source: TS, sections 1.1, 5, A.1.  With the exact critic it is the gradient of 2 JS for "minimax" (envelope
    theorem), of KL(q || p) - 2 JS for "ns", and of W1 for "wgan".

    Examples
    --------
    >>> import ganth
    >>> data = ganth.targets.GaussianMixture([[-3.0], [3.0]], 1.0)
    >>> model = ganth.targets.GaussianMixture([[2.0]], 1.0)
    >>> exact, descended = pathwise_gradient("ns", data, model), gradient("ns", data, model)
    >>> bool(abs(exact["means"] - descended["means"]).max() < 1e-12)
    True
    """
    checks.choice("loss", loss, LOSSES)
    if clip is not None:
        clip = checks.number("clip", clip, above=0)
    seen = p if data is None else data
    made = q if model is None else model
    laws.check_line(p, q)
    laws.check_line(seen, made)
    laws.check_model(q)
    means, scales, weights = laws.line_parts(q)
    # Modes without weight have no samples.
    kept = q.weights > 0

    def function(x: Floats) -> Floats:
        if loss == "wgan":
            pull = np.sign(distribution_gap(seen, made, x))
        else:
            log_r = laws.log_ratio(seen, made, x)
            with np.errstate(invalid="ignore"):
                pull = _loss_slope(loss, log_r) * (score(seen, x) - score(made, x))
            if clip is not None:
                pull = np.where(np.abs(log_r) < clip, pull, 0.0)
        pull = np.where(np.isnan(pull), 0.0, pull)
        z = (x - means[:, None]) / scales[:, None]
        share = weights[:, None] * np.exp(-0.5 * z * z) / (np.sqrt(2.0 * np.pi) * scales[:, None])
        return np.concatenate([share * pull, share * pull * z / (2.0 * scales[:, None])])

    edges = laws.corners(p, q, seen, made)
    if loss == "wgan":
        edges = np.concatenate([edges, crossings(lambda x: distribution_gap(seen, made, x), edges)])
    elif clip is not None:
        edges = np.concatenate([edges, crossings(lambda x: np.abs(laws.log_ratio(seen, made, x)) - clip, edges)])
    both = integrate(function, edges).reshape(2, -1)
    found = np.zeros((2, len(q.weights)))
    found[:, kept] = both
    return {"means": found[0][:, None], "variances": found[1]}


def logit_slopes(logit: ArrayLike) -> tuple[Floats, Floats]:
    r"""Return the slopes in the logit a of log(1 - sigmoid(a)) and of -log sigmoid(a): -sigmoid(a), -sigmoid(-a).

    Relatively accurate where sigmoid(a) is 1e-300, or 1 to rounding.

    Examples
    --------
    >>> minimax, non_saturating = logit_slopes([-2.0, 0.0, 2.0])
    >>> minimax.round(6).tolist(), non_saturating.round(6).tolist()
    ([-0.119203, -0.5, -0.880797], [-0.880797, -0.5, -0.119203])
    >>> f"{logit_slopes(-600.0)[0]:.3e}"
    '-2.650e-261'
    """
    values = np.asarray(logit, dtype=np.float64)
    return -sigmoid(values), -sigmoid(-values)


def score(law: Law, x: Floats) -> Floats:
    """Return the derivative of log density of a law on the line, 0 within a box and NaN outside.

    >>> import ganth
    >>> score(ganth.targets.GaussianMixture([[1.0]], 4.0), np.array([3.0])).tolist()
    [-0.5]
    """
    if not isinstance(law, GaussianMixture):
        return np.where(np.isfinite(laws.log_density(law, x)), 0.0, np.nan)
    means, scales, weights = laws.line_parts(law)
    z = (np.asarray(x)[..., None] - means) / scales
    parts = np.log(weights / scales) - 0.5 * z * z
    share = np.exp(parts - np.logaddexp.reduce(parts, axis=-1)[..., None])
    return -(share * z / scales).sum(axis=-1)


def _loss_slope(loss: str, logit: Floats) -> Floats:
    return logit_slopes(logit)[0 if loss == "minimax" else 1]


def _whole(function: Callable[[Floats], Floats], p: Law, q: Law) -> Floats:
    outer = stretched(function, laws.corners(p, q))
    if outer is None:
        raise ParameterError("the divergence has no gradient here: its integral does not converge")
    low, high = laws.support(p)
    if np.isfinite(low):
        outer = np.unique(np.concatenate([outer, [low, high]]))
    return integrate(function, np.concatenate([outer, crossings(lambda x: laws.log_ratio(p, q, x), outer)]))


def _change(name: str, log_r: Floats, q: GaussianMixture, x: Floats, log_weight: Floats) -> Floats:
    """Return the variation times the slopes of q at x (n, d), over exp(log_weight), (k (d + 2), n)."""
    k, dim = q.means.shape
    variances = np.broadcast_to(q.variances, (k,))[:, None]
    offset = x.T[None] - q.means[:, :, None]  # (k, d, n)
    squares = (offset**2).sum(axis=1)
    log_parts = -0.5 * squares / variances - 0.5 * dim * np.log(2.0 * np.pi * variances)
    weights = q.weights[:, None]
    in_means = weights[:, None] * offset / variances[:, :, None]
    in_variances = weights * (squares / variances - dim) / (2.0 * variances)
    slopes = np.concatenate([in_means, in_variances[:, None], np.ones_like(squares)[:, None]], axis=1)
    # Powers of r overflow where the mode has no density: the log of the product first.
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        if name in _POWERS:
            sign, size = -np.ones_like(log_r), _POWERS[name] * log_r
        else:
            variation = FUNCTIONALS[name].variation(log_r)
            sign, size = np.sign(variation), np.log(np.abs(variation))
        scale = sign * np.exp(size + log_parts - log_weight)
        found = slopes * np.where(np.isnan(scale), 0.0, scale)[:, None]
    return found.reshape(k * (dim + 2), -1)


def _distribution_slopes(q: GaussianMixture, x: Floats) -> Floats:
    """Return the slopes of the distribution function of q at x (n,) in means, variances and weights, (k 3, n)."""
    from scipy.special import ndtr

    variances = np.broadcast_to(q.variances, (len(q.means),))[:, None]
    z = (x - q.means) / np.sqrt(variances)
    density = q.weights[:, None] * np.exp(-0.5 * z * z) / np.sqrt(2.0 * np.pi * variances)
    return np.stack([-density, -0.5 * density * z / np.sqrt(variances), ndtr(z)], axis=1).reshape(-1, len(x))


def _split(flat: Floats, q: GaussianMixture) -> Slopes:
    k, dim = q.means.shape
    rows = np.asarray(flat).reshape(k, dim + 2)
    return {"means": rows[:, :dim].copy(), "variances": rows[:, dim].copy(), "weights": rows[:, dim + 1].copy()}
