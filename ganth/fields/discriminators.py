"""Optimal discriminators, a family of suboptimal ones, and the fields they drive (TP, section 3 and appendix C)."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import ShapeError
from .ratio import Density, Triple, evaluate

Floats = NDArray[np.float64]


def optimal(
    x: ArrayLike,
    target: Density,
    generated: Density,
    *,
    backend: str = "cpu",
    dtype: str = "float64",
    threads: int | None = None,
    out: Triple | None = None,
) -> Triple:
    r"""Return the optimal discriminator d* (n,), the field grad d*/d* (n, d), and the log ratio (n,).

    .. math:: d^* = \frac{p}{p + q} = \sigma(l), \qquad \frac{\nabla d^*}{d^*} = \sigma(-l) \nabla l
        = \frac{\nabla r}{r (1 + r)}, \qquad l = \log r = \log p - \log q

    Parameters
    ----------
    x : (n, d) array
        Points [data length].
    target, generated : GaussianMixture or UniformBox
        The densities p of the data and q of the generator.
    backend : {"cpu", "cuda", "auto"}
    dtype : {"float64", "float32"}
        Of the arithmetic.  Results are float64 all the same, unless `out` says otherwise.
    threads : int, optional
    out : three arrays, optional
        C-contiguous, of the shapes of the results, float64 or `dtype`; they are filled and returned.

    Returns
    -------
    tuple of arrays
        d* [1], grad d*/d* [1/data length], log ratio [1].

    Raises
    ------
    ParameterError, ShapeError
        For densities of other kinds, points that are not finite, shapes that disagree.

    Notes
    -----
    Source: TP, section 3, Theorem D.2.  Neither p, q, r nor d* is divided by: the exponents of both densities are
    formed in twice the working precision where they are large, so that log r keeps its digits as they cancel.  In
    float64, up to 300 standard deviations away: log r and d* > 1e-300 to 1e-12, the field to 1e-12 of
    |grad log p| + |grad log q|, or, next to a point where both are 0, to rounding of the pulls of single modes.  From
    1e140 standard deviations on squares overflow.

    Where q = 0 < p: 1, 0, +inf.  Where p = 0 < q: 0, NaN, -inf.  Where both vanish: NaN, 0, NaN, and one warning.
    Cost: O(n d components), about 15 ns a point in the plane with five components.

    Examples
    --------
    >>> import ganth
    >>> far = ganth.targets.GaussianMixture([[-3.0], [3.0]], 0.1)
    >>> d, field, log_ratio = optimal([[3.0], [60.0]], far, ganth.targets.GaussianMixture([[0.0]], 1.0))
    >>> d.round(6).tolist(), field.round(6).tolist(), log_ratio.round(6).tolist()
    ([0.993023, 0.0], [[0.020931], [-510.0]], [4.958145, -14444.541855])
    """
    return evaluate(x, target, generated, backend=backend, dtype=dtype, threads=threads, out=out)


def log_ratio(
    x: ArrayLike,
    target: Density,
    generated: Density,
    *,
    backend: str = "cpu",
    dtype: str = "float64",
    threads: int | None = None,
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return log r (n,), r = p/q, and its gradient (n, d), the difference of the scores of target and generated.

    Parameters
    ----------
    x : (n, d) array
    target, generated : GaussianMixture or UniformBox
    backend : {"cpu", "cuda", "auto"}
    dtype : {"float64", "float32"}
    threads : int, optional

    Raises
    ------
    ParameterError, ShapeError
        As `optimal`.

    Notes
    -----
    See `optimal`.  Where q = 0 < p: +inf and grad log p - 0; where p = 0: NaN gradients, or 0 where both vanish.

    Examples
    --------
    >>> import ganth
    >>> wide, narrow = (ganth.targets.GaussianMixture([[0.0]], v) for v in (4.0, 1.0))
    >>> value, slope = log_ratio([[2.0]], wide, narrow)
    >>> value.round(6).tolist(), slope.tolist()
    ([0.806853], [[1.5]])
    """
    _, slope, value = evaluate(x, target, generated, backend=backend, dtype=dtype, threads=threads, bare=True)
    return value, slope


def suboptimal(
    x: ArrayLike,
    target: Density,
    generated: Density,
    f: Callable[[Floats], ArrayLike],
    f_prime: Callable[[Floats], ArrayLike],
    *,
    backend: str = "cpu",
    dtype: str = "float64",
    threads: int | None = None,
) -> Triple:
    r"""Return a suboptimal discriminator (n,), its field (n, d), and the log ratio (n,).

    .. math:: \hat d = \frac{p}{p + f(r) q} = \frac{r}{r + f(r)}, \qquad
        \frac{\nabla \hat d}{\hat d} = \frac{f - r f'}{r + f} \nabla \log r

    Parameters
    ----------
    x : (n, d) array
        Points [data length].
    target, generated : GaussianMixture or UniformBox
        The densities p and q; r = p/q.
    f, f_prime : functions of an array r >= 0
        f > 0 and its derivative, element by element.  f = 1 gives the optimal discriminator.  r may be as small as
        1e-300 and as large as 1e300.
    backend : {"cpu", "cuda", "auto"}
    dtype : {"float64", "float32"}
    threads : int, optional

    Raises
    ------
    ParameterError, ShapeError
        As `optimal`, or if f or f_prime change the shape of r.

    Notes
    -----
    Source: TP, appendix C.  The field is along that of the optimal discriminator where f > r f', against it where
    f < r f'.

    Examples
    --------
    >>> import ganth
    >>> data, drawn = (ganth.targets.GaussianMixture([[m]], 1.0) for m in (0.0, 1.0))
    >>> d, field, _ = suboptimal([[0.0]], data, drawn, lambda r: 1 + r**2, lambda r: 2 * r)
    >>> d.round(6).tolist(), field.round(6).tolist()
    ([0.307196], [[0.320157]])
    """
    log_r, slope = log_ratio(x, target, generated, backend=backend, dtype=dtype, threads=threads)
    r = np.exp(np.clip(log_r, -690.0, 690.0))
    values, slopes = (np.asarray(function(r), dtype=np.float64) for function in (f, f_prime))
    for name, found in (("f", values), ("f_prime", slopes)):
        if found.shape not in ((), r.shape):
            raise ShapeError(f"{name} must return an array of the shape of r, {r.shape}, got {found.shape}")
    # r f'/f first: f may be as large as r.
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        balance = log_r - np.log(values)
        weight = (1.0 - r * (slopes / values)) * _sigmoid(-balance)
        field = np.where(log_r[:, None] == np.inf, 0.0, weight[:, None] * slope)
    both = np.isnan(log_r)
    field[both] = 0.0
    return np.broadcast_to(_sigmoid(balance), log_r.shape).copy(), field, log_r


def _sigmoid(x: NDArray[Any]) -> NDArray[Any]:
    """Return 1/(1 + exp(-x)), relatively accurate on both sides."""
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, 1.0, small) / (1.0 + small)
