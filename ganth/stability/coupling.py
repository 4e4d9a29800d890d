"""What two values of the generator's tangent kernel mean for a cloud of particles (ED, sections III-IV, A, B)."""

from ..checks import integer, number
from ..errors import ParameterError


def local_weight(ntk_ratio: float, n_particles: int) -> float:
    r"""Return what a particle's own gradient weighs in its velocity, beside the cloud's mean gradient.

    .. math::
        \varepsilon = \frac{g_1 - g_2}{N} = \frac{1 - r}{1 + (N - 1) r}, \qquad
        \dot X_a = \alpha_G \big(\varepsilon\, \nabla D(X_a) + (1 - \varepsilon) \langle \nabla D \rangle \big)

    under g1 + (N - 1) g2 = N.  The mean of a tight cloud moves by alpha_G grad D whatever r, and its deviations grow by
    alpha_G eps Hess D: what splits it at time 1 with r = 0 splits it at time 1/eps.

    Parameters
    ----------
    ntk_ratio : float in (-1/(N-1), 1]
        r = g2/g1.
    n_particles : int >= 1
        N.

    Returns
    -------
    float
        eps; also the eigenvalue of the Gram matrix over N of every mode that sums to zero.

    Raises
    ------
    ParameterError

    Notes
    -----
    Source: ED, eq. (26) and app. A.  The formula is its own inverse: ``local_weight(local_weight(r, N), N) == r``, so
    that it also gives the ratio at a wanted eps.  At a fixed r > 0 it falls as (1 - r) / (r N).

    Examples
    --------
    >>> local_weight(0.0, 200), local_weight(1.0, 200)
    (1.0, 0.0)
    >>> [round(local_weight(0.06, n), 4) for n in (25, 200, 800)]
    [0.3852, 0.0726, 0.0192]
    >>> round(local_weight(0.0726, 200), 3)
    0.06
    """
    n, ratio = _checked(ntk_ratio, n_particles)
    return (1.0 - ratio) / (1.0 + (n - 1) * ratio)


def split_window(ntk_ratio: float, n_particles: int) -> float:
    r"""Return how precisely a V-shaped discriminator must sit in a cluster to split it, as a share of the cluster.

    .. math:: |p - 1/2| < \frac{g_1 - g_2}{2 N g_2} = \frac{1 - r}{2 N r}

    p is the share of the particles left of the minimum of D = c |x - b|, c > 0.  Within the window the two sides move
    apart; outside it both move the same way, until the minimum has left the cluster.

    Parameters
    ----------
    ntk_ratio : float in (-1/(N-1), 1]
        r = g2/g1.
    n_particles : int >= 1
        N.

    Returns
    -------
    float in [0, 1]
        Width of the window of p: 1 for r <= 1/(N + 1), where any minimum splits the cluster, and 0 for r = 1.

    Raises
    ------
    ParameterError

    Notes
    -----
    Source: ED, app. B; times the length of a uniform cluster it is the precision there.  The main text drops N and the
    length, and "of order" stands for a full width of exactly this.

    Examples
    --------
    >>> split_window(0.5, 10), split_window(0.0, 10)
    (0.1, 1.0)
    """
    n, ratio = _checked(ntk_ratio, n_particles)
    return min(1.0, (1.0 - ratio) / (n * ratio)) if ratio > 0 else 1.0


def _checked(ntk_ratio: float, n_particles: int) -> tuple[int, float]:
    n, ratio = integer("n_particles", n_particles, at_least=1), number("ntk_ratio", ntk_ratio)
    lowest = -1.0 / (n - 1) if n > 1 else -1.0
    if not lowest < ratio <= 1.0:
        raise ParameterError(f"ntk_ratio must be in (-1/(n_particles - 1), 1], got {ntk_ratio!r}")
    return n, ratio
