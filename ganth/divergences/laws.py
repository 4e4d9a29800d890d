"""Laws that have divergences: what is checked of a pair, where their mass is, mass outside a support."""

import numpy as np
from numpy.typing import NDArray

from ..errors import ParameterError, ShapeError
from ..targets import GaussianMixture, UniformBox

Floats = NDArray[np.float64]
Law = GaussianMixture | UniformBox
REACH = 39.0  # standard deviations: beyond, a Gaussian density is 0 in float64


def dimension(law: Law) -> int:
    """Return the dimension of a law."""
    return law.means.shape[1] if isinstance(law, GaussianMixture) else len(law.low)


def check_pair(p: object, q: object) -> int:
    """Return the dimension of two laws, or raise."""
    for name, law in (("p", p), ("q", q)):
        if not isinstance(law, Law):
            raise ParameterError(f"{name} must be a GaussianMixture or a UniformBox, got {law!r}")
    assert isinstance(p, Law)
    assert isinstance(q, Law)
    if dimension(p) != dimension(q):
        raise ShapeError(f"p and q must share their dimension d, got {dimension(p)} and {dimension(q)}")
    return dimension(p)


def check_line(p: object, q: object) -> None:
    """Raise unless p and q are two laws on the line."""
    dim = check_pair(p, q)
    if dim != 1:
        raise ShapeError(f"p and q must be on the line, got {dim} dimensions")


def check_model(q: object) -> None:
    """Raise unless q is a mixture with one variance for each mode."""
    if not isinstance(q, GaussianMixture):
        raise ParameterError(f"q must be a GaussianMixture, got {q!r}")
    if q.variances.ndim == 3:
        raise ParameterError("q must have one variance for each mode, got full covariances")


def line_parts(law: GaussianMixture) -> tuple[Floats, Floats, Floats]:
    """Return means, standard deviations and weights, normalised, of the modes of a mixture on the line with weight."""
    kept = law.weights > 0
    return law.means[kept, 0], np.sqrt(law.covariances[kept, 0, 0]), law.weights[kept] / law.weights.sum()


def log_density(law: Law, x: Floats) -> Floats:
    """Return log density at x of a law on the line, of any shape."""
    if isinstance(law, UniformBox):
        return np.where((x >= law.low[0]) & (x <= law.high[0]), -np.log(law.high[0] - law.low[0]), -np.inf)
    means, scales, weights = line_parts(law)
    fronts = np.log(weights / (np.sqrt(2.0 * np.pi) * scales))
    parts = ((x - m) / s for m, s in zip(means, scales, strict=True))
    terms = [front - 0.5 * z * z for front, z in zip(fronts, parts, strict=True)]
    total = terms[0]
    for term in terms[1:]:
        total = np.logaddexp(total, term)
    return total


def log_ratio(p: Law, q: Law, x: Floats) -> Floats:
    """Return log p(x)/q(x) of two laws on the line."""
    return log_density(p, x) - log_density(q, x)


def tails(law: Law, x: Floats) -> tuple[Floats, Floats]:
    """Return the distribution function at x and one minus it, each with its own digits."""
    from scipy.special import ndtr

    if isinstance(law, UniformBox):
        low, high = law.low[0], law.high[0]
        return np.clip((x - low) / (high - low), 0.0, 1.0), np.clip((high - x) / (high - low), 0.0, 1.0)
    means, scales, weights = line_parts(law)
    z = (np.asarray(x)[..., None] - means) / scales
    return ndtr(z) @ weights, ndtr(-z) @ weights


def corners(*laws: Law) -> Floats:
    """Return where the densities of laws on the line change their shape: ends of panels."""
    return np.concatenate([_corners(law) for law in laws])


def _corners(law: Law) -> Floats:
    if isinstance(law, UniformBox):
        return np.array([law.low[0], law.high[0]])
    means, scales, _ = line_parts(law)
    steps = np.array([0.0, 0.7, 1.5, 3.0, 5.0, 8.0, 14.0, REACH])
    steps = np.concatenate([-steps[:0:-1], steps])
    return (means[:, None] + scales[:, None] * steps).ravel()


def support(law: Law) -> tuple[float, float]:
    """Return the ends of the support of a law on the line."""
    return (float(law.low[0]), float(law.high[0])) if isinstance(law, UniformBox) else (-np.inf, np.inf)


def mass_outside(law: Law, other: Law) -> float:
    """Return the mass of a law on the line where another has no density."""
    low, high = support(other)
    left = float(tails(law, np.array(low))[0]) if np.isfinite(low) else 0.0
    right = float(tails(law, np.array(high))[1]) if np.isfinite(high) else 0.0
    return left + right
