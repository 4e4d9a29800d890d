"""One-hidden-layer sigmoid networks as means over their units, and the mean-field form of their training (MF)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from .. import checks
from ..checks import Floats
from ..errors import ShapeError
from ..targets.points import pick


def sigmoid(u: Floats) -> tuple[Floats, Floats]:
    """Return s = 1/(1 + exp(-u)) and its derivative, arrays like u, without overflow.

    >>> [float(value) for value in sigmoid(np.array(0.0))]
    [0.5, 0.25]
    """
    small = np.exp(-np.abs(u))
    over = 1.0 / (1.0 + small)
    return np.where(u >= 0, over, small * over), small * over * over


def normal_nodes(nodes: int, dim: int) -> tuple[Floats, Floats]:
    """Return points (nodes^dim, dim) and weights of Gauss and Hermite's rule for the standard normal law.

    >>> z, w = normal_nodes(3, 2)
    >>> z.shape, bool(np.isclose(w @ (z**2).sum(axis=1), 2.0))
    ((9, 2), True)
    """
    node, weight = np.polynomial.hermite_e.hermegauss(nodes)
    weight = weight / weight.sum()
    points = np.stack(np.meshgrid(*[node] * dim, indexing="ij"), axis=-1).reshape(-1, dim)
    weights = np.ones(1)
    for _ in range(dim):
        weights = np.outer(weights, weight).ravel()
    return points, weights


def _units(atoms: Floats, z: Floats, dim: int) -> tuple[Floats, Floats, Floats]:
    """Return amplitudes (N, K), and values and derivatives of the sigmoids at z (m, L), both (m, N, K)."""
    parts = atoms.reshape(len(atoms), dim, -1)
    value, slope = sigmoid(np.einsum("ml,nkl->mnk", z, parts[:, :, 1:-1]) + parts[:, :, -1])
    return parts[:, :, 0], value, slope


def generator(atoms: Floats, z: Floats, dim: int) -> Floats:
    """Return g at z (m, L) for atoms (N, dim (L + 2)), shape (m, dim).

    >>> generator(np.array([[2.0, 0.0, 0.0]]), np.zeros((1, 1)), 1)
    array([[1.]])
    """
    amplitudes, value, _ = _units(atoms, z, dim)
    return np.asarray((amplitudes * value).mean(axis=1))


def generator_slopes(atoms: Floats, z: Floats, weights: Floats, pushes: Floats) -> Floats:
    """Return the mean over z (m, L), of weights (m,), of d sigma(z; theta_i) . push, pushes (m, K): like atoms."""
    dim = pushes.shape[1]
    amplitudes, value, slope = _units(atoms, z, dim)
    pull = weights[:, None, None] * pushes[:, None, :]
    steep = pull * amplitudes * slope
    parts = [(pull * value).sum(axis=0)[..., None], np.einsum("mnk,ml->nkl", steep, z), steep.sum(axis=0)[..., None]]
    return np.concatenate(parts, axis=2).reshape(atoms.shape)


def critic_slopes(atoms: Floats, x: Floats, weights: Floats) -> Floats:
    """Return the mean over x (m, K), of weights (m,), of d sigma(x; omega_j), like atoms (M, K + 2)."""
    return generator_slopes(atoms, x, weights, np.ones((len(x), 1)))


@dataclass(frozen=True, eq=False)
class MeanFieldRegression:
    r"""Least squares by a one-hidden-layer mean, as an aggregation equation of the law mu of its units (MF).

    .. math:: E[\mu] = \tfrac12 \int |g_\mu - g_*|^2 dP_* = \tfrac12 \iint W\, d\mu\, d\mu + \int V d\mu + C, \quad
        W(\theta, \theta') = \int \sigma(x; \theta) \sigma(x; \theta') dP_*, \quad
        V(\theta) = -\int g_*(x)\, \sigma(x; \theta)\, dP_*

    with units sigma(x; theta) = a s(b . x + c), theta = (a, b, c).

    Parameters
    ----------
    points : (m, L) array
        Where P_* sits.
    values : (m,) array
        g_* there.
    weights : (m,) array, optional
        Of P_*, >= 0, of sum 1.  None: 1/m each.

    Raises
    ------
    ParameterError, ShapeError
        For bad input.

    Notes
    -----
    Source: MF, "Supervised learning" to "Aggregation Equation".  The 2-Wasserstein gradient flow moves each unit by
    -grad (W * mu + V): the SGD equation needs this sign, and the source's loss without 1/2 a factor 2.

    Examples
    --------
    >>> task = MeanFieldRegression([[0.0], [1.0]], [0.0, 1.0])
    >>> atoms = np.array([[1.0, 2.0, 0.0], [3.0, -1.0, 0.5]])
    >>> both = 0.5 * task.interaction(atoms, atoms).mean() + task.potential(atoms).mean() + task.constant
    >>> bool(np.isclose(both, task.energy(atoms)))
    True
    """

    points: checks.Held
    values: checks.Held
    weights: checks.Held = None

    def __post_init__(self) -> None:
        points = checks.points("points", self.points)
        values = checks.array("values", self.values, "(m,)", 1)
        if values.shape != (len(points),):
            raise ShapeError(f"values must have shape ({len(points)},), one for each point, got {values.shape}")
        weights = checks.weights("weights", self.weights, len(points))
        for name, value in (("points", points), ("values", values), ("weights", weights)):
            object.__setattr__(self, name, value)

    @property
    def constant(self) -> float:
        """C, half the mean square of g_*."""
        return float(0.5 * self.weights @ self.values**2)

    def _atoms(self, atoms: ArrayLike) -> Floats:
        return checks.points("atoms", atoms, dim=self.points.shape[1] + 2)

    def _features(self, atoms: Floats) -> Floats:
        amplitudes, value, _ = _units(atoms, self.points, 1)
        return np.asarray((amplitudes * value)[:, :, 0])

    def interaction(self, atoms: ArrayLike, others: ArrayLike) -> Floats:
        """Return W of every pair of units, (N, L + 2) and (M, L + 2): shape (N, M)."""
        left, right = self._features(self._atoms(atoms)), self._features(self._atoms(others))
        return np.asarray((self.weights[:, None] * left).T @ right)

    def potential(self, atoms: ArrayLike) -> Floats:
        """Return V of each unit, shape (N,)."""
        return np.asarray(-(self.weights * self.values) @ self._features(self._atoms(atoms)))

    def energy(self, atoms: ArrayLike) -> float:
        """Return E of the mean of the units."""
        misfit = self._features(self._atoms(atoms)).mean(axis=1) - self.values
        return float(0.5 * self.weights @ misfit**2)

    def velocity(self, atoms: ArrayLike) -> Floats:
        """Return -grad (W * mu + V) at each unit, -N times the slope of E, shape (N, L + 2)."""
        atoms = self._atoms(atoms)
        misfit = self._features(atoms).mean(axis=1) - self.values
        return -generator_slopes(atoms, self.points, self.weights, misfit[:, None])

    def descend(
        self,
        atoms: ArrayLike,
        *,
        steps: int,
        time_step: float,
        batch: int | None = None,
        seed: int | np.random.Generator = 0,
        trial: int = 0,
    ) -> Floats:
        """Return the units after `steps` steps of the gradient flow, each of time_step > 0.

        `batch` >= 1 points drawn anew for each step by their weights; None takes all: Euler's rule for the flow.
        """
        current = self._atoms(atoms).copy()
        span, count = checks.number("time_step", time_step, above=0), checks.integer("steps", steps, at_least=0)
        key = checks.seed_key(seed)
        size = None if batch is None else checks.integer("batch", batch, at_least=1)
        for step in range(count):
            points, values, weights = self.points, self.values, self.weights
            if size is not None:
                at = pick(self.weights, size, key, trial=trial, step=step)
                points, values, weights = points[at], values[at], np.full(size, 1.0 / size)
            misfit = generator(current, points, 1)[:, 0] - values
            current -= span * generator_slopes(current, points, weights, misfit[:, None])
        return current
