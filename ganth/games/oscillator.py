"""The damped oscillator theta' = phi, phi' = -theta - damping phi: what the linear Dirac-GAN is (ED, E1 and E2)."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import checks
from ..checks import Floats
from ..errors import ShapeError
from ..formulas.dirac import exponents


def solution(t: ArrayLike, theta0: ArrayLike, phi0: ArrayLike, damping: float) -> tuple[Any, Any]:
    """Return theta and phi at times t from starts that broadcast with them; see `formulas.dirac.damped_flow`."""
    from .oscillator_cpu import solve

    named = {"t": t, "theta0": theta0, "phi0": phi0}
    parts = [checks.array(name, value, "any", tuple(range(32))) for name, value in named.items()]
    try:
        given = np.broadcast_arrays(*parts)
    except ValueError:
        shapes = ", ".join(str(part.shape) for part in parts)
        raise ShapeError(f"t, theta0 and phi0 must have shapes that broadcast, got {shapes}") from None
    out = np.empty((2, given[0].size))
    solve(out, *(np.ascontiguousarray(one).ravel() for one in given), damping)
    theta, phi = out.reshape(2, *given[0].shape)
    return theta[()], phi[()]


def eigenvalues(damping: float) -> NDArray[np.complex128]:
    """Return (-damping +- sqrt(damping^2 - 4)) / 2, that with + first."""
    slow, fast, modulus = exponents(damping)
    if damping < 2:
        return np.array([complex(-slow, modulus), complex(-slow, -modulus)])
    return np.array([-slow, -fast], dtype=np.complex128)


def zeros(t_final: float) -> Floats:
    """Return every damping with theta(t_final) = 0 from (1, 0), ascending.

    Below 2, damping = 2 cos(e), theta(t) is a positive multiple of sin(t sin(e) + e): it vanishes at t_final sin(e) + e
    = k pi, k = 1, 2, ...  From 2 on theta is a sum of positive terms.
    """
    t = checks.number("t_final", t_final, at_least=0)
    winding = np.pi * np.arange(int(np.floor(t / np.pi + 0.5)), 0, -1)
    angle = np.zeros(len(winding))
    # The left side is concave in e: Newton's steps climb to each root from below.
    for _ in range(200):
        step = (winding - t * np.sin(angle) - angle) / (t * np.cos(angle) + 1.0)
        angle = np.minimum(angle + step, np.pi / 2)
        if (np.abs(step) <= 1e-16 * angle).all():
            break
    return 2.0 * np.cos(angle)
