"""Critical points of the restricted MMD: Newton to 1e-10, Morse index, and a multistart search for bounded minima."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .. import checks, streams
from ..checks import Floats
from ..errors import ShapeError
from ..formulas.random import START
from .region import Region

_CONVERGED = 1e-10  # last Newton correction, in lengths of the kernel
_UNTESTED = 1e-4  # shorter corrections are taken without a test of descent: J is flat to rounding there
_NEUTRAL = 1e-8  # eigenvalues of Hess J below this part of the largest are neutral
_ESCAPED = 1e-5  # a point is gone when its correlation with every true point is below this
_SAME = 1e-6  # largest difference, in lengths, of the distances of one and the same equilibrium
_STEPS = 500


@dataclass(frozen=True, eq=False)
class Equilibrium:
    """A critical point of J: its points (n, d), energy J, and the eigenvalues of Hess J, ascending, (n d,).

    `index` counts the eigenvalues below -1e-8 of the largest (the Morse index), `neutral` those within 1e-8 of zero,
    and `rotations` how many of the neutral ones are rotations about the true point.
    """

    points: Floats
    energy: float
    curvatures: Floats
    index: int
    neutral: int
    rotations: int

    @property
    def is_minimum(self) -> bool:
        """Whether J has a local minimum here, strict up to rotations."""
        return self.index == 0 and self.neutral == self.rotations


@dataclass(frozen=True, eq=False)
class LocalMinima:
    """What a multistart search found: the bounded minima by rising energy, and where all the starts went.

    `hits[i]` starts ended in `minima[i]`, `escaped` let a point go to infinity, `undecided` met a degenerate critical
    point or did not converge.
    """

    minima: tuple[Equilibrium, ...]
    hits: tuple[int, ...]
    escaped: int
    undecided: int


def morse_index(hessian: ArrayLike, *, tolerance: float = _NEUTRAL) -> tuple[int, int]:
    """Return the numbers of negative and of neutral eigenvalues of a Hessian.

    Parameters
    ----------
    hessian : (n, d, n, d) or (n d, n d) array
        Symmetric.
    tolerance : float > 0
        An eigenvalue is neutral if |e| <= tolerance times the largest |e|.

    Returns
    -------
    index, neutral : int

    Raises
    ------
    ParameterError, ShapeError

    Notes
    -----
    Rotations about the true point are neutral at an equilibrium.  Cost: O((n d)^3).

    Examples
    --------
    >>> morse_index([[-1.0, 0.0], [0.0, 1e-12]])
    (1, 1)
    """
    matrix = checks.array("hessian", hessian, "(n, d, n, d) or (n d, n d)", (2, 4))
    size = int(np.prod(matrix.shape[: matrix.ndim // 2]))
    if matrix.size != size * size or size == 0:
        raise ShapeError(f"hessian must have shape (n, d, n, d) or (n d, n d), got {matrix.shape}")
    return _signs(np.linalg.eigvalsh(matrix.reshape(size, size)), checks.number("tolerance", tolerance, above=0))


def find_equilibrium(
    true_point: ArrayLike, true_mass: ArrayLike, start: ArrayLike, masses: ArrayLike, kernel: Any
) -> Equilibrium:
    """Return the critical point of J that Newton's method reaches from `start`: a minimum, a saddle or a maximum.

    Parameters
    ----------
    true_point : (d,) array, or (m, d) for several true points
    true_mass : float >= 0, or (m,) array
    start : (n, d) array
        Generated points near the wanted equilibrium [data length].
    masses : (n,) array
        Generated masses q_j > 0.  None: 1/n each.
    kernel : object with the methods of `ganth.kernels.Kernel`

    Returns
    -------
    Equilibrium
        Its last Newton correction moved no point by more than 1e-10 lengths of the kernel (one width of an RBF), and
        Newton's method squares such an error.

    Raises
    ------
    ParameterError, ShapeError
    ArithmeticError
        If Newton's method does not converge, or lets a point escape to infinity.

    Notes
    -----
    Source: KD, eq. (36).  Corrections are damped until |grad J| falls; neutral directions (rotations) are left out.
    Cost: O((n d)^3) a step, about ten steps.

    Examples
    --------
    >>> import ganth
    >>> found = find_equilibrium([0.0], 1.0, [[-0.6], [0.7]], [1.0, 1.0], ganth.RBF(1.0))
    >>> round(float(found.points[1, 0]), 10), found.index
    (0.6797779934, 0)
    """
    names = ("true_point", "true_mass", "start")
    region = Region.checked(true_point, true_mass, start, masses, kernel, names=names)
    gone = _escaped(region)
    final, converged = _newton(region, downhill=False, gone=gone)
    if not converged:
        why = "a point escapes to infinity" if (_escaped(final) & ~gone).any() else "the search got stuck"
        gradient = np.abs(final.gradient()).max()
        raise ArithmeticError(f"no equilibrium found from this start: {why}; the gradient of J is {gradient:.3g}")
    return _described(final)


def local_minima(
    true_point: ArrayLike,
    true_mass: float,
    masses: ArrayLike,
    kernel: Any,
    *,
    starts: int = 100,
    spread: float = 1.5,
    seed: int | np.random.Generator = 0,
) -> LocalMinima:
    """Return the bounded local minima of J around one true point that a search from many random starts finds.

    Parameters
    ----------
    true_point : (d,) array
        Its dimension is that of the generated points.
    true_mass : float >= 0
    masses : (n,) array
        Generated masses q_j > 0: as many points as masses.
    kernel : object with the methods of `ganth.kernels.Kernel`
    starts : int >= 1
        Number of starts, Gaussian around the true point; start t depends on (seed, t) only.
    spread : float > 0
        Root mean square distance of the starts from the true point, in lengths of the kernel (one width of an RBF).
    seed : int in [0, 2**64) or numpy Generator

    Returns
    -------
    LocalMinima
        Minima strict up to rotations, each to 1e-10 lengths and listed once: minima whose sorted distances from the
        true point and from each other agree to 1e-6 lengths are the same up to rotation and relabelling.  A start has
        escaped when a point's correlation with the true point falls below 1e-5 (beyond 4.8 widths of an RBF).

    Raises
    ------
    ParameterError, ShapeError

    Notes
    -----
    Source: KD, lemma 6 and theorem 2.  A search shows that minima exist, never that there are no others.
    Cost: starts times about 20 Newton steps of O((n d)^3).

    Examples
    --------
    >>> import ganth
    >>> found = local_minima([0.0], 1.0, [1.0, 1.0], ganth.RBF(1.0), starts=5)
    >>> len(found.minima), round(float(abs(found.minima[0].points[0, 0])), 6)
    (1, 0.679778)
    """
    center = checks.array("true_point", true_point, "(d,)", 1)
    q = checks.masses("masses", masses, np.size(masses))
    starts = checks.integer("starts", starts, at_least=1)
    key, spread = checks.seed_key(seed), checks.number("spread", spread, above=0)
    resting = Region.checked(center, true_mass, np.tile(center, (len(q), 1)), q, kernel)
    length = resting.scales()[1]
    deviation = spread * length / math.sqrt(len(center))
    found: list[tuple[Equilibrium, Floats]] = []
    hits: list[int] = []
    escaped = undecided = 0
    for trial in range(starts):
        offsets = streams.normal(key, resting.points.shape, purpose=START, trial=trial)
        final, converged = _newton(resting.moved(center + deviation * offsets), downhill=True)
        if _escaped(final).any():
            escaped += 1
            continue
        state = _described(final)
        if not (converged and state.is_minimum):
            undecided += 1
            continue
        distances = _distances(final)
        known = (i for i, (_, other) in enumerate(found) if np.abs(distances - other).max() <= _SAME * length)
        same = next(known, None)
        if same is None:
            found.append((state, distances))
            hits.append(1)
        else:
            hits[same] += 1
    order = sorted(range(len(found)), key=lambda i: found[i][0].energy)
    return LocalMinima(tuple(found[i][0] for i in order), tuple(hits[i] for i in order), escaped, undecided)


def _newton(region: Region, *, downhill: bool, gone: Any = False) -> tuple[Region, bool]:
    """Follow damped Newton corrections to a critical point of J, or downhill to a minimum; say whether they converged.

    The merit is |grad J|^2, damped as Levenberg and Marquardt do, or downhill J itself, with |eigenvalues|.
    """
    center, length = region.true_points.mean(axis=0), region.scales()[1]
    longest = 0.5 * length

    def merit(at: Region) -> float:
        return at.energy() if downhill else float(np.linalg.norm(at.gradient()))

    before = merit(region)
    for _ in range(_STEPS):
        values, vectors = np.linalg.eigh(_matrix(region))
        slopes = region.gradient().ravel() @ vectors
        correction = vectors @ _damped(values, slopes, downhill, np.inf)
        size = float(np.linalg.norm(correction)) / length
        if size <= _CONVERGED:
            unfelt = np.linalg.norm(slopes[~_felt(values)])  # a singular Hessian may hide a slope
            final = region.moved(region.points + correction.reshape(region.points.shape))
            return final, bool(unfelt <= _CONVERGED * length * np.abs(values).max())
        correction = vectors @ _damped(values, slopes, downhill, longest)
        tried = region.moved(region.points + correction.reshape(region.points.shape))
        after = merit(tried)
        if after < before or size <= _UNTESTED:
            region, before = tried, after
            longest = min(2.0 * longest, max(length, float(np.linalg.norm(region.points - center))))
        else:
            longest = 0.25 * min(longest, float(np.linalg.norm(correction)))
        if (_escaped(region) & ~np.asarray(gone)).any():
            break
    return region, False


def _felt(values: Floats) -> Any:
    return np.abs(values) > _NEUTRAL * np.abs(values).max()


def _damped(values: Floats, slopes: Floats, downhill: bool, longest: float) -> Floats:
    """Return the Newton correction along the eigenvectors, damped until it is no longer than `longest`."""
    felt = _felt(values)
    weight, stiffness = (1.0, np.abs(values)) if downhill else (values, values**2)
    correction = np.where(felt, -weight * slopes / np.where(felt, stiffness, 1.0), 0.0)
    damping = 1e-9 * stiffness.max()
    while np.linalg.norm(correction) > longest:
        correction = -weight * slopes / (stiffness + damping)
        damping *= 4.0
    return correction


def _matrix(region: Region) -> Floats:
    return region.hessian().reshape(region.points.size, region.points.size)


def _signs(values: Any, tolerance: float) -> tuple[int, int]:
    flat = tolerance * np.abs(values).max()
    return int((values < -flat).sum()), int((np.abs(values) <= flat).sum())


def _described(region: Region) -> Equilibrium:
    matrix = _matrix(region)
    values = np.asarray(np.linalg.eigvalsh(matrix), dtype=np.float64)
    index, neutral = _signs(values, _NEUTRAL)
    rotations = _rotations(region)
    flat = np.linalg.norm(matrix @ rotations, axis=0) <= _NEUTRAL * np.abs(values).max()
    return Equilibrium(region.points, region.energy(), values, index, neutral, int(flat.sum()))


def _rotations(region: Region) -> Floats:
    """Return an orthonormal basis (n d, r) of the points' velocities under rotations about the mean true point."""
    offsets = region.points - region.true_points.mean(axis=0)
    n, dim = offsets.shape
    velocities = np.zeros((n, dim, dim, dim))
    for a in range(dim):
        velocities[:, a, a, :] += offsets
        velocities[:, a, :, a] -= offsets
    basis, sizes, _ = np.linalg.svd(velocities.reshape(n * dim, dim * dim), full_matrices=False)
    return basis[:, sizes > _NEUTRAL * max(sizes[0], region.scales()[1])]


def _escaped(region: Region) -> Any:
    """Return which points (n,) feel no true point any more."""
    everything = np.concatenate([region.points, region.true_points])
    gram = region.kernel.gram(everything, everything)
    n = len(region.points)
    norms = np.sqrt(gram.diagonal())
    return (np.abs(gram[:n, n:]) < _ESCAPED * norms[:n, None] * norms[None, n:]).all(axis=1)


def _distances(region: Region) -> Floats:
    """Return the sorted distances from the true point, then those between the points: blind to rotation and labels."""
    from scipy.spatial.distance import pdist

    radii = np.linalg.norm(region.points - region.true_points[0], axis=1)
    return np.concatenate([np.sort(radii), np.sort(pdist(region.points))])
