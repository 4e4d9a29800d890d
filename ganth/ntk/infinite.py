"""Tangent kernels of infinitely wide networks (ED, section III and appendix G)."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .. import backend as machine
from .. import checks
from ..checks import Floats
from ..errors import ParameterError
from ..formulas.ntk import ERF, RELU
from ..kernels import pairs
from .hermite import LARGEST, tanh_means

_CODES = {"relu": RELU, "erf": ERF}
_GAINS = {"plain": 0.5, "standardised": 1.0}


def one_hidden(
    x: ArrayLike,
    y: ArrayLike,
    *,
    activation: str = "relu",
    var_a: float,
    var_w: float,
    var_b: float,
    backend: str = "cpu",
) -> Floats:
    r"""Return the tangent kernel of an infinitely wide network with one hidden layer.

    .. math::
        G(x) = \sqrt{2 / width} \sum_i a_i s(w_i^\top x + b_i), \qquad
        \Gamma(x, y) = 2 \big(E[s(u) s(v)] + \sigma_a^2 E[s'(u) s'(v)] (x^\top y + 1)\big)

    with a, w and b independent, Gaussian and all of them trained; u and v are the pre-activations of x and y, Gaussian
    of covariance var_w x . y + var_b.  The 1 is the share of the trained bias.

    Parameters
    ----------
    x, y : (n, d) and (m, d) array
    activation : {"relu", "erf", "tanh"}
        s; erf is the error function itself, not erf(x / sqrt(2)).
    var_a, var_w, var_b : float >= 0
        Variances of a, w and b at the start.
    backend : {"cpu", "cuda", "auto"}
        tanh has CPU loops only.

    Returns
    -------
    (n, m) array
        Of one component of the output; different components do not couple.

    Raises
    ------
    ParameterError, ShapeError
        Naming the argument, the rule and the value; for tanh also where a pre-activation's standard deviation is
        above 100.
    BackendUnavailableError
        For backend="cuda" without a GPU, or for tanh.

    Notes
    -----
    Source: ED, eqs. (18)-(20), note [28] and appendix G.  ReLU: the arc-cosine kernels of Cho and Saul 2009; erf: the
    arcsine of Williams 1998; tanh: its Hermite series, exact to rounding.  Libraries that scale weights by
    sigma / sqrt(inputs) and train the scaled ones have other kernels: compare in this parametrisation.  A ReLU unit at
    its kink counts as off, which matters at x = 0 without biases.  Cost: O(n m d); for tanh O(n m k) more, k about 170
    (sd + 1/2)^2 terms at the largest standard deviation sd.

    Examples
    --------
    The generator of ED, appendix G, at coincident and at orthogonal inputs:

    >>> one_hidden([[1.0, 0.0]], [[1.0, 0.0], [0.0, 1.0]], var_a=2.25, var_w=0.046, var_b=0.0).round(3)
    array([[4.546, 1.14 ]])
    """
    x, y = checks.points("x", x), checks.points("y", y)
    checks.same_dim(x=x, y=y)
    checks.choice("activation", activation, (*_CODES, "tanh"))
    where = (
        machine.no_cuda_loops(backend, "one_hidden with activation='tanh'")
        if activation == "tanh"
        else machine.resolve(backend)
    )
    var_a, var_w, var_b = (
        checks.number(name, value, at_least=0) for name, value in (("var_a", var_a), ("var_w", var_w), ("var_b", var_b))
    )
    lifted_x, lifted_y = (
        np.column_stack([np.sqrt(var_w) * points, np.full(len(points), np.sqrt(var_b))]) for points in (x, y)
    )
    sizes_x, sizes_y = (np.linalg.norm(points, axis=1) for points in (lifted_x, lifted_y))
    sine, cosine = pairs.angles(lifted_x, lifted_y, backend=where)
    if activation == "tanh":
        if (largest := float(max(sizes_x.max(), sizes_y.max()))) > LARGEST:
            raise ParameterError(
                f"x, y, var_w and var_b must give pre-activations of standard deviation <= {LARGEST:g} for "
                f"activation='tanh', got {largest!r}"
            )
        values, slopes = tanh_means(sizes_x, sizes_y, cosine)
    else:
        values, slopes = np.empty((2, len(x), len(y)))
        _loops(where).one_hidden(values, slopes, _CODES[activation], sizes_x, sizes_y, sine, cosine)
    return np.asarray(2.0 * (values + var_a * slopes * (x @ y.T + 1.0)))


def deep_relu(
    cos: ArrayLike, hidden_layers: int, mu: float, convention: str = "plain", *, backend: str = "cpu"
) -> Floats:
    r"""Return the tangent kernel of an infinitely wide, deep ReLU network on the sphere of radius sqrt(n_0).

    .. math::
        \tilde\alpha^{l} = \mu b^{(l-1)} + \sqrt{(1 - \mu^2) / n_{l-1}} W^{(l-1)} \alpha^{l-1}, \qquad
        \alpha^l = \sigma(\tilde\alpha^l), \qquad \alpha^0 = z

    with all W and b standard normal and trained; the output is the pre-activation after the last hidden layer.  The
    recursion, exact:

    .. math::
        \Sigma_1 = \Theta_1 = \mu^2 + (1 - \mu^2) \cos, \quad
        \Sigma_{l+1} = \mu^2 + (1 - \mu^2) E[\sigma(u) \sigma(v)], \quad
        \Theta_{l+1} = \Sigma_{l+1} + (1 - \mu^2) E[\sigma'(u) \sigma'(v)] \Theta_l

    Parameters
    ----------
    cos : float or array in [-1, 1]
        Cosine of the inputs' angle.
    hidden_layers : int >= 1
    mu : float in [0, 1]
        Share of the biases: 0 has none (chaotic), 1 nothing else (ordered).
    convention : {"plain", "standardised"}
        sigma = max(0, .) as ED prints it, or sqrt(2) max(0, .) as in Jacot et al. 2022, which keeps variances at 1.
    backend : {"cpu", "cuda", "auto"}

    Returns
    -------
    array of the shape of cos (float64; a scalar for a scalar)

    Raises
    ------
    ParameterError
        Naming the argument, the rule and the value.
    BackendUnavailableError
        For backend="cuda" without a GPU.

    Notes
    -----
    Source: ED, appendix G and Fig. 21.  With mu = 0 and "standardised" it is `ReLUNTK(hidden_layers)` of unit vectors.

    Examples
    --------
    >>> ratios = [deep_relu(0.0, 6, mu) / deep_relu(1.0, 6, mu) for mu in (0.0, 0.5, 1.0)]
    >>> [round(float(ratio), 3) for ratio in ratios]
    [0.306, 0.956, 1.0]
    """
    cosines = checks.array("cos", cos, "any", tuple(range(np.ndim(cos) + 1)))
    if (beyond := cosines[np.abs(cosines) > 1]).size:
        raise ParameterError(f"cos must be in [-1, 1], got {float(beyond[0])!r}")
    hidden_layers = checks.integer("hidden_layers", hidden_layers, at_least=1)
    mu = checks.number("mu", mu, at_least=0)
    if mu > 1:
        raise ParameterError(f"mu must be in [0, 1], got {mu!r}")
    gain = _GAINS[checks.choice("convention", convention, tuple(_GAINS))]
    where = machine.resolve(backend)
    out = np.empty(cosines.shape)
    _loops(where).deep_relu(out.reshape(-1), cosines.reshape(-1), hidden_layers, (1.0 - mu) * (1.0 + mu), mu * mu, gain)
    return out[()]


def _loops(where: str) -> Any:
    if where == "cuda":
        from . import infinite_cuda

        return infinite_cuda
    from . import infinite_cpu

    return infinite_cpu
