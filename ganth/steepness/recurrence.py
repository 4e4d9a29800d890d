"""How steep a linear generator becomes as its particles follow a discriminator (TP, Theorem 4.4, Proposition C.2)."""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from .. import checks
from ..errors import ParameterError

Scalar = Callable[[float], float]
_LARGEST = 690.0  # of |log r|


def recurrence(
    k0: float,
    k_target: float,
    step: float,
    x0: float,
    dim: int,
    n_steps: int,
    law: str = "corrected",
    f: Scalar | tuple[Scalar, Scalar] | None = None,
) -> NDArray[np.float64]:
    r"""Return k_0 ... k_n of the generator g(z) = k_t z, of which the particle at k_t z is moved by the discriminator.

    .. math::
        k_{t+1} = k_t + s k_t \left(\frac1{k_t^2} - \frac1{k_*^2}\right) \frac{f - r f'}{r + f}, \qquad
        r = \left(\frac{k_t}{k_*}\right)^n \frac{\varphi(k_t x_0/k_*)}{\varphi(x_0)}

    Parameters
    ----------
    k0, k_target : float > 0
        k_0 and k_*: the data are N(0, k_*^2 I), the generated points N(0, k_t^2 I).
    step : float >= 0
        s.
    x0 : float >= 0
        |z|, of the latent point whose particle is followed.
    dim : int >= 1
        n.
    n_steps : int >= 0
    law : {"corrected", "printed"}
        "printed": without the factor k_t, and with r = (k_t/k_*) phi(k_t x0/k_*)/phi(x0) whatever n.
    f : function, or pair of functions (f, f'), optional
        Of the suboptimal discriminator p/(p + f(r) q), f > 0.  A function alone is differentiated numerically.  None:
        f = 1, the optimal discriminator.

    Returns
    -------
    (n_steps + 1,) array

    Raises
    ------
    ParameterError
        For arguments out of range, a step so large that k_t falls to 0 or below, or f(r) <= 0.

    Notes
    -----
    Source: TP, Theorem 4.4 and Proposition C.2, whose proofs lose a factor k_t and whose density of N(0, k^2 I) is
    phi(x/k)/k.  One step of the corrected law is the step of the particle.  The next takes the generated law to be
    normal again, which it is not: the step depends on |z|.  While k_t << k_*, k_t ~ (2 s t)^(1/2) (printed:
    (3 s t)^(1/3)).

    Examples
    --------
    >>> [round(float(recurrence(1.0, 1e14, 5.0, 1.0, 1, 1000, law)[-1]), 4) for law in ("corrected", "printed")]
    [100.2011, 24.7834]
    """
    k, target = checks.number("k0", k0, above=0), checks.number("k_target", k_target, above=0)
    step, x0 = checks.number("step", step, at_least=0), checks.number("x0", x0, at_least=0)
    dim, n_steps = checks.integer("dim", dim, at_least=1), checks.integer("n_steps", n_steps, at_least=0)
    printed = checks.choice("law", law, ("corrected", "printed")) == "printed"
    pair = _pair(f)
    result = np.empty(n_steps + 1)
    result[0] = k
    for t in range(n_steps):
        ratio = k / target
        log_r = (1 if printed else dim) * math.log(ratio) + 0.5 * x0 * x0 * (1.0 - ratio * ratio)
        pull = (1.0 / (k * k) - 1.0 / (target * target)) * _weight(log_r, pair)
        k += step * pull * (1.0 if printed else k)
        if not 0 < k < math.inf:
            raise ParameterError(f"step must be small enough that k stays > 0, got k = {k!r} after {t + 1} steps")
        result[t + 1] = k
    return result


def _pair(f: Scalar | tuple[Scalar, Scalar] | None) -> tuple[Scalar, Scalar] | None:
    if f is None:
        return None
    if callable(f):
        rule = f

        def slope(r: float) -> float:
            # Five points, in a step that suits r.
            gap = 1e-3 * r
            near, far = rule(r + gap) - rule(r - gap), rule(r + 2 * gap) - rule(r - 2 * gap)
            return (8 * near - far) / (12 * gap)

        return rule, slope
    if not (isinstance(f, tuple) and len(f) == 2 and all(callable(one) for one in f)):
        raise ParameterError(f"f must be a function or a pair of functions (f, f'), got {f!r}")
    return f


def _weight(log_r: float, pair: tuple[Scalar, Scalar] | None) -> float:
    """Return (f - r f')/(r + f)."""
    if pair is None:
        small = math.exp(-abs(log_r))
        return small / (1.0 + small) if log_r > 0 else 1.0 / (1.0 + small)
    r = math.exp(min(max(log_r, -_LARGEST), _LARGEST))
    value, slope = float(pair[0](r)), float(pair[1](r))
    if not value > 0:
        raise ParameterError(f"f must be > 0, got {value!r} at r = {r!r}")
    return (1.0 - r * (slope / value)) / (1.0 + r / value)
