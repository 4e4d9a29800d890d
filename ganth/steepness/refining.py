"""The refining model (TP, section 4.2): a generator steep in the middle, and how often it is between the modes."""

import math

import numpy as np
from numpy.typing import ArrayLike

from .. import checks
from ..checks import Floats


def refining_map(z: ArrayLike, k: float, mode: float = 8.0) -> Floats:
    r"""Return g_k(z): k z where |z| <= mode/(k - 1), and z + mode sign(z) outside.

    Parameters
    ----------
    z : array
    k : float > 1
        Slope in the middle.
    mode : float > 0
        The target has modes at -mode and mode.

    Raises
    ------
    ParameterError
        If k <= 1 or mode <= 0, or z is not finite.

    Notes
    -----
    Source: TP, section 4.2.  g_k has kinks, so that Definition 4.1, of C^1 maps, wants the supremum of its derivative
    off them.  As k grows its law tends to two half-normals next to the modes, not to the target.

    Examples
    --------
    >>> refining_map([-3.0, 0.5, 2.0], 5.0).tolist()
    [-11.0, 2.5, 10.0]
    """
    k, mode = checks.number("k", k, above=1), checks.number("mode", mode, above=0)
    z = checks.array("z", z, "any", tuple(range(9)))
    return np.where(np.abs(z) <= mode / (k - 1), k * z, z + mode * np.sign(z))


def mixture_probability(k: float, mode: float = 8.0, *, region: str = "printed") -> float:
    r"""Return the probability that a latent normal z has its image between the modes.

    Parameters
    ----------
    k : float > 1
    mode : float > 0
    region : {"printed", "between"}
        "printed": |z| <= mode/(2 (k - 1)), which is between the modes for k >= 2 and not, as the source says, for
        k > 3/2; "between": |z| < mode/k, all z with -mode < g_k(z) < mode.

    Raises
    ------
    ParameterError
        If k <= 1, mode <= 0, or for another region.

    Notes
    -----
    Source: TP, section 4.2 and Figure 4.

    Examples
    --------
    >>> round(mixture_probability(250.0), 6), round(mixture_probability(250.0, region="between"), 6)
    (0.012817, 0.025528)
    """
    k, mode = checks.number("k", k, above=1), checks.number("mode", mode, above=0)
    half = mode / k if checks.choice("region", region, ("printed", "between")) == "between" else mode / (2 * (k - 1))
    return math.erf(half / math.sqrt(2))
