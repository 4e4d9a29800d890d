"""How a run failed, read off its particles."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import checks


def diverging_fraction(particles: ArrayLike, radius: float = 2.0) -> NDArray[np.float64]:
    r"""Return the fraction of particles with :math:`\|x\| >` radius, for each trial.

    Parameters
    ----------
    particles : (..., n, d) array
        Particles; non-finite ones count as diverging.
    radius : float > 0
        Paper's value 2, twice the norm of its true points [data length].

    Returns
    -------
    (...) float64 array in [0, 1]

    Raises
    ------
    ParameterError, ShapeError
        If radius is not positive or there are fewer than two axes.

    Notes
    -----
    Source: KD, section 7, Fig. 3b.

    Examples
    --------
    >>> float(diverging_fraction([[0.0, 1.0], [3.0, 0.0]]))
    0.5
    """
    radius = checks.number("radius", radius, above=0)
    cloud = np.asarray(particles, dtype=np.float64)
    if cloud.ndim < 2:
        raise checks.ShapeError(f"particles must have shape (..., n, d), got {cloud.shape}")
    with np.errstate(over="ignore"):
        near = np.linalg.norm(cloud, axis=-1) <= radius
    return np.mean(~near, axis=-1)  # "not near" so that NaN counts
