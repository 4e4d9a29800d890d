"""The Jacobian of the random-feature game's own update: the second witness for the roots of the pencil."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..checks import Floats, choice, number
from ..errors import ParameterError
from .linearisation import pencil_of
from .region import Region


def full_jacobian(
    true_point: ArrayLike,
    true_mass: ArrayLike,
    points: ArrayLike,
    masses: ArrayLike,
    features: Any,
    *,
    reg: float,
    lr_disc: float,
    lr_gen: float,
    order: str = "simultaneous",
) -> Floats:
    r"""Return the Jacobian of the update of (theta, x_1, ..., x_n), the discriminator linear in k features.

    .. math:: F = I + \eta_d \begin{pmatrix} -\lambda I & -G P \\ \mu P G^\top & -Q \end{pmatrix}

    Parameters
    ----------
    true_point, true_mass, points, masses, reg
        As in `spectrum`; the discriminator is at its optimum theta* for these points.
    features : RandomFeatures
        Any kernel of the form a(x)^T a(y) that has `features(x)` (n, k) and `features_jacobian(x)` (n, k, d) too.
    lr_disc, lr_gen : float > 0
    order : {"simultaneous", "alternating"}

    Returns
    -------
    (k + n d, k + n d) array
        Its eigenvalues are 1 + lr_disc s, s over the roots of `spectrum` (or `alternating_spectrum`) of the same
        features and k - n d times -reg (k >= n d; with fewer features n d - k roots -reg are spurious).

    Raises
    ------
    ParameterError, ShapeError

    Notes
    -----
    Source: KD, eqs. (49)-(54).  Built from the features, not from the kernel's second mixed derivative: an independent
    witness for `spectrum`.  Cost: O((k + n d)^2).

    Examples
    --------
    >>> import ganth
    >>> features = ganth.RandomFeatures(ganth.RBF(1.0), 3, 1, seed=0)
    >>> full_jacobian([0.0], 1.0, [[0.0]], [1.0], features, reg=0.1, lr_disc=0.1, lr_gen=0.1).shape
    (7, 7)
    """
    reg = number("reg", reg, above=0)
    lr_disc, lr_gen = number("lr_disc", lr_disc, above=0), number("lr_gen", lr_gen, above=0)
    alternating = choice("order", order, ("simultaneous", "alternating")) == "alternating"
    for method in ("features", "features_jacobian"):
        if not callable(getattr(features, method, None)):
            raise ParameterError(f"features must have the methods features and features_jacobian, got {features!r}")
    region = Region.checked(true_point, true_mass, points, masses, features)
    n, dim = region.points.shape
    slopes = np.einsum("j,jka->kja", region.masses, features.features_jacobian(region.points)).reshape(-1, n * dim)
    damping, _ = pencil_of(region, reg, lr_gen / lr_disc)
    identity = np.eye(len(slopes))
    disc = np.hstack([(1.0 - lr_disc * reg) * identity, -lr_disc * slopes])
    seen = disc if alternating else np.hstack([identity, np.zeros_like(slopes)])
    gen = lr_gen * slopes.T @ seen
    gen[:, len(slopes) :] += np.eye(n * dim) - lr_disc * damping
    return np.vstack([disc, gen])
