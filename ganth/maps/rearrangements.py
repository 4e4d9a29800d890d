"""Maps Psi^-1 o h o Phi with h a rearrangement of (0, 1): all that push N(0, 1) to a mixture (TP, Theorem 4.1)."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import checks
from ..errors import ParameterError
from ..targets import GaussianMixture
from .transport import Transport

Floats = NDArray[np.float64]
Rearrangement = Callable[[Floats], ArrayLike]
_EDGE = 2.0**-60


def reflection(u: Floats) -> Floats:
    """Return 1 - u: the decreasing map.

    >>> reflection(np.array([0.25])).tolist()
    [0.75]
    """
    return 1.0 - u


def rotation(by: float) -> Rearrangement:
    """Return h(u) = u + by modulo 1, which jumps once.

    >>> rotation(0.5)(np.array([0.25, 0.75])).tolist()
    [0.75, 0.25]
    """
    by = checks.number("by", by)
    return lambda u: np.mod(u + by, 1.0)


def fold(times: int) -> Rearrangement:
    """Return the tent map of `times` >= 1 slopes +-times: continuous, and not injective for times > 1.

    >>> fold(2)(np.array([0.125, 0.5, 0.875])).tolist()
    [0.25, 1.0, 0.25]
    """
    times = checks.integer("times", times, at_least=1)

    def tent(u: Floats) -> Floats:
        along = np.mod(times * u, 2.0)
        return np.minimum(along, 2.0 - along)

    return tent


def exchange(order: Sequence[int]) -> Rearrangement:
    """Return the exchange of equal intervals that puts interval i in place order[i].

    >>> exchange([1, 0])(np.array([0.125, 0.875])).tolist()
    [0.625, 0.375]
    """
    places = np.asarray(order)
    if places.ndim != 1 or sorted(places.tolist()) != list(range(len(places))) or not len(places):
        raise ParameterError(f"order must be a permutation of 0 ... n - 1, got {order!r}")
    count = len(places)

    def exchanged(u: Floats) -> Floats:
        at = np.minimum((u * count).astype(np.int64), count - 1)
        return u + (places[at] - at) / count

    return exchanged


REARRANGEMENTS: dict[str, Rearrangement] = {
    "identity": lambda u: u,
    "reflection": reflection,
    "rotation": rotation(0.5),
    "fold": fold(2),
    "exchange": exchange([2, 0, 1]),
}


def rearranged(target: GaussianMixture | Transport, h: str | Rearrangement) -> Callable[[ArrayLike], Any]:
    r"""Return the map :math:`\Psi^{-1} \circ h \circ \Phi`, which pushes N(0, 1) to the target like the monotone one.

    Parameters
    ----------
    target : GaussianMixture or Transport
        On the line.
    h : str or function of an array in (0, 1)
        A name in `REARRANGEMENTS` or a map that preserves the uniform law, element by element.  What it returns is kept
        2^-60 away from 0 and 2^-53 from 1.

    Returns
    -------
    function of an array

    Raises
    ------
    ParameterError, ShapeError
        For another name, values of h outside [0, 1], a target that `transport_1d` refuses.

    Notes
    -----
    Source: TP, Theorem 4.1: every map that pushes N(0, 1) to the target is of this form.  u = Phi(x) is rounded: with
    |x| > 8 on the right, or in a valley, use the monotone map.

    Examples
    --------
    >>> import ganth
    >>> pair = ganth.targets.GaussianMixture([[-2.0], [2.0]], 1.0)
    >>> rearranged(pair, "reflection")([-1.0, 1.0]).round(6).tolist()
    [2.475244, -2.475244]
    """
    from scipy.special import ndtr, ndtri

    monotone = target if isinstance(target, Transport) else Transport(target)
    if isinstance(h, str):
        checks.choice("h", h, tuple(REARRANGEMENTS))
        h = REARRANGEMENTS[h]
    rule = h

    def mapped(x: ArrayLike) -> Any:
        values = np.asarray(rule(ndtr(np.asarray(x, dtype=np.float64))), dtype=np.float64)
        if not ((values >= 0) & (values <= 1)).all():
            raise ParameterError("h must keep (0, 1): it returned a value outside [0, 1]")
        return monotone(ndtri(np.clip(values, _EDGE, 1.0 - 2.0**-53)))

    return mapped
