"""How large a step the linearised dynamics allow."""

import logging

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..checks import number
from ..errors import ParameterError, ShapeError

_LOG = logging.getLogger(__name__)
_NEUTRAL = 1e-9


def neutral_roots(roots: ArrayLike) -> NDArray[np.bool_]:
    """Return which roots are neutral, |s| <= 1e-9 of the largest: symmetries, along which nothing grows or decays.

    Parameters
    ----------
    roots : (k,) complex array

    Returns
    -------
    (k,) bool array

    Raises
    ------
    ParameterError, ShapeError

    Notes
    -----
    Collapse states have one neutral root for each rotation about the true point, isolated points d for translations.

    Examples
    --------
    >>> neutral_roots([-1.0, 1e-12])
    array([False,  True])
    """
    return _neutral(_checked(roots))


def max_lr_disc(roots: ArrayLike, reg: float) -> float:
    r"""Return the supremum of the learning rates eta_d that keep every multiplier 1 + eta_d s inside the unit circle.

    .. math:: \eta_d < \min_s \, -2 \,\mathrm{Re}\, s / |s|^2

    over the roots and s = -reg.

    Parameters
    ----------
    roots : (k,) complex array
        Roots of `spectrum`, simultaneous updates, at a fixed ratio lr_gen / lr_disc [1/time].
    reg : float >= 0
        Discriminator regulariser lambda: its root belongs to the features that the points do not see.

    Returns
    -------
    float
        0.0 if a root that is not neutral has Re s >= 0; inf if all are neutral.  Neutral roots, |s| <= 1e-9 of the
        largest, are left out, and a message of this module's logger says how many.

    Raises
    ------
    ParameterError, ShapeError

    Notes
    -----
    Source: in the place of KD, eqs. (61), (62), which miss a factor eta_d, a factor 2 and the root -reg.

    Examples
    --------
    >>> max_lr_disc([-1.0 + 1.0j, -1.0 - 1.0j], reg=0.5), max_lr_disc([-0.1], reg=4.0), max_lr_disc([1j, -1j], reg=1.0)
    (1.0, 0.5, 0.0)
    """
    every = _checked(roots)
    reg = number("reg", reg, at_least=0)
    neutral = _neutral(every)
    if neutral.any():
        _LOG.warning("%d neutral roots (|s| <= 1e-9 of the largest) left out of the bound on lr_disc", neutral.sum())
    felt = every[~neutral]
    if reg > 0:
        felt = np.append(felt, -reg)
    if (felt.real >= 0).any():
        return 0.0
    return float(np.min(-2.0 * felt.real / (felt.real**2 + felt.imag**2), initial=np.inf))


def _checked(roots: ArrayLike) -> NDArray[np.complex128]:
    try:
        result = np.asarray(roots, dtype=np.complex128)
    except (TypeError, ValueError):
        raise ShapeError(f"roots must be a (k,) array of complex numbers, got {type(roots).__name__}") from None
    if result.ndim != 1 or result.size == 0:
        raise ShapeError(f"roots must have shape (k,), k >= 1, got {result.shape}")
    if not np.isfinite(result).all():
        raise ParameterError(f"roots must be finite, got {result[~np.isfinite(result)][0]}")
    return result


def _neutral(roots: NDArray[np.complex128]) -> NDArray[np.bool_]:
    size = np.abs(roots)
    return size <= _NEUTRAL * size.max()
