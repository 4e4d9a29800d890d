"""Waves on a grid of frequencies, each learned at its own rate (ED, app. C)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import checks
from ..checks import Floats
from ..errors import ParameterError, ShapeError
from ..targets import GaussianMixture

_PRINTED = {"power": (1.0, 3.0), "exponential": (668.8, 2.05)}  # ED (C3) and (C4): factor and decay


@dataclass(frozen=True)
class FourierModes:
    r"""Frequencies k = (k_1, ..., k_d), each k_i from `per_axis` log-spaced values and their negatives, and rates.

    .. math::
        D(x) = \sum_k w^{(1)}_k \sin(k \cdot x) + w^{(2)}_k \cos(k \cdot x), \qquad
        \gamma(k) = \min(\text{cap}, \text{factor}\, |k|^{-\text{decay}})
        \text{ or } \text{factor}\, e^{-\text{decay} |k|}

    Parameters
    ----------
    law : {"power", "exponential"}
        Of the rate gamma in |k|.
    decay, factor : float > 0, optional
        None: those printed, |k|^-3 and 668.8 exp(-2.05 |k|).
    cap : float > 0
        Largest rate of the power law.
    per_axis : int >= 1
        Positive values of each k_i.
    lowest, highest : float > 0
        The first and the last of them [1 / data length].

    Raises
    ------
    ParameterError
        Naming the argument, the rule and the value.

    Notes
    -----
    Source: ED, eqs. (C1)-(C4).  k and -k give the same waves, so that each is learned at twice its rate.  The grid is
    a product and gamma is the same in all of its quadrants, so that the same functions are sums over products of one
    sine or cosine an axis: (2 per_axis)^d weights in all, half as many as (C2) has.

    Examples
    --------
    >>> modes = FourierModes(per_axis=3, lowest=0.1, highest=10.0)
    >>> modes.axis.round(3).tolist()
    [0.1, 1.0, 10.0]
    >>> modes.frequencies(2).shape, modes.rates(1).round(3).tolist()
    ((36, 2), [1000.0, 1.0, 0.001, 1000.0, 1.0, 0.001])
    """

    law: str = "power"
    decay: float | None = None
    factor: float | None = None
    cap: float = 1e3
    per_axis: int = 25
    lowest: float = 0.01
    highest: float = 20.0

    def __post_init__(self) -> None:
        checks.choice("law", self.law, tuple(_PRINTED))
        for name, printed in zip(("factor", "decay"), _PRINTED[self.law], strict=True):
            given = getattr(self, name)
            object.__setattr__(self, name, checks.number(name, printed if given is None else given, above=0))
        for name in ("cap", "lowest", "highest"):
            object.__setattr__(self, name, checks.number(name, getattr(self, name), above=0))
        object.__setattr__(self, "per_axis", checks.integer("per_axis", self.per_axis, at_least=1))
        if self.highest < self.lowest:
            raise ParameterError(f"highest must be >= lowest = {self.lowest!r}, got {self.highest!r}")

    @property
    def axis(self) -> Floats:
        """The positive values of each k_i, ascending, (per_axis,)."""
        return np.geomspace(self.lowest, self.highest, self.per_axis)

    def frequencies(self, dim: int) -> Floats:
        """Return all k of the grid in `dim` >= 1 dimensions, ((2 per_axis)^dim, dim)."""
        signed = np.concatenate([self.axis, -self.axis])
        return _grid(signed, checks.integer("dim", dim, at_least=1)).reshape(-1, dim)

    def rate(self, k: ArrayLike) -> Floats:
        """Return gamma at frequencies of modulus k > 0, an array of any shape."""
        modulus = np.asarray(k, dtype=np.float64)
        assert self.decay is not None
        assert self.factor is not None
        if self.law == "exponential":
            return self.factor * np.exp(-self.decay * modulus)
        with np.errstate(over="ignore"):
            return np.minimum(self.cap, self.factor * modulus**-self.decay)

    def rates(self, dim: int) -> Floats:
        """Return gamma of each product of one sine or cosine an axis, (2 per_axis,) * dim."""
        both = np.concatenate([self.axis, self.axis])
        return self.rate(np.linalg.norm(_grid(both, checks.integer("dim", dim, at_least=1)), axis=-1))

    def waves(self, x: ArrayLike) -> Floats:
        """Return sin(k_i x_a), then cos(k_i x_a), of points x (m, d) and all positive k_i, (m, d, 2 per_axis)."""
        phases = checks.points("x", x)[:, :, None] * self.axis
        return np.concatenate([np.sin(phases), np.cos(phases)], axis=2)

    def mean(self, x: ArrayLike) -> Floats:
        """Return the mean over points x (m, d) of each product of one wave an axis, (2 per_axis,) * d."""
        waves = self.waves(x)
        total = np.ones(len(waves))
        for axis in range(waves.shape[1]):
            total = total[..., None] * waves[:, axis].reshape(len(waves), *[1] * axis, -1)
        return total.mean(axis=0)

    def expectation(self, target: GaussianMixture) -> Floats:
        r"""Return the mean of each product of one wave an axis under a mixture, (2 per_axis,) * d.

        It comes from the characteristic function, sum_m w_m exp(i k.mu_m - k^T C_m k / 2), at all k of the grid.

        >>> import ganth
        >>> wide = ganth.targets.GaussianMixture([[0.0]], 1.0)
        >>> FourierModes(per_axis=1, lowest=2.0, highest=2.0).expectation(wide).round(12)  # 0 and exp(-2)
        array([0.        , 0.13533528])
        """
        dim = target.means.shape[1]
        k = self.frequencies(dim)
        spread = np.einsum("ka,mab,kb->mk", k, target.covariances, k)
        phases = np.einsum("ma,ka->mk", target.means, k)
        values = np.einsum("m,mk->k", target.weights, np.exp(1j * phases - spread / 2))
        values = values.reshape((2 * self.per_axis,) * dim)
        return _by_halves(values, lambda plus, minus: ((plus - minus) / 2j, (plus + minus) / 2)).real


@dataclass(frozen=True, eq=False)
class FourierWaves:
    r"""The function D(x) = sum of `weights` times products of one sine or cosine an axis.

    .. math:: D(x) = \sum_{i_1 \dots i_d} W_{i_1 \dots i_d} \prod_a \varphi_{i_a}(x_a), \qquad
        \varphi = (\sin k_1 x, \dots, \sin k_P x, \cos k_1 x, \dots, \cos k_P x)

    Parameters
    ----------
    modes : FourierModes
        P = `per_axis` frequencies an axis.
    weights : (2 P,) * d array, d >= 1
        W.

    Raises
    ------
    ParameterError, ShapeError
        If modes are no FourierModes, or weights do not have 2 P entries along each axis.

    Notes
    -----
    Source: ED, eqs. (C1) and (C2), of which `amplitudes` gives the weights.  Cost: O(m (2 P)^d) for m points.

    Examples
    --------
    >>> import math
    >>> modes = FourierModes(per_axis=1, lowest=2.0, highest=2.0)
    >>> d = FourierWaves(modes, [[0.0, 3.0], [0.0, 0.0]])  # 3 sin(2 x) cos(2 y)
    >>> d([[math.pi / 4, 0.0]]).round(12), d.gradient([[0.0, 0.0]]).round(12).tolist()
    (array([3.]), [[6.0, 0.0]])
    """

    modes: FourierModes
    weights: checks.Held

    def __post_init__(self) -> None:
        if not isinstance(self.modes, FourierModes):
            raise ParameterError(f"modes must be a FourierModes, got {self.modes!r}")
        dim = max(np.ndim(self.weights), 1)
        expected = (2 * self.modes.per_axis,) * dim
        weights = checks.array("weights", self.weights, "(2 per_axis,) * d", dim).copy()
        if weights.shape != expected:
            raise ShapeError(f"weights must have 2 per_axis entries along each axis, {expected}, got {weights.shape}")
        weights.flags.writeable = False
        object.__setattr__(self, "weights", weights)

    def __call__(self, x: ArrayLike) -> Floats:
        """Return D at points x (m, d), shape (m,)."""
        waves = self.modes.waves(checks.points("x", x, dim=self.weights.ndim))
        return self._sum([waves[:, axis] for axis in range(self.weights.ndim)])

    def gradient(self, x: ArrayLike) -> Floats:
        """Return the gradient of D at points x (m, d), shape (m, d)."""
        waves = self.modes.waves(checks.points("x", x, dim=self.weights.ndim))
        sines, cosines = np.split(waves, 2, axis=2)
        slopes = np.concatenate([cosines * self.modes.axis, -sines * self.modes.axis], axis=2)
        axes = range(self.weights.ndim)
        return np.stack([self._sum([(slopes if a == b else waves)[:, b] for b in axes]) for a in axes], axis=1)

    @property
    def amplitudes(self) -> tuple[Floats, Floats]:
        """The w1 and w2 of ED (C2) in the order of `modes.frequencies`, shared equally by k and -k."""
        # of exp(i k x) and exp(-i k x), k > 0
        values = _by_halves(
            self.weights, lambda sine, cosine: ((cosine - 1j * sine) / 2, (cosine + 1j * sine) / 2)
        ).ravel()
        return -values.imag, values.real

    def _sum(self, factors: list[Floats]) -> Floats:
        """Return the sum over all weights of the product of one factor (m, 2 P) an axis."""
        total = np.tensordot(factors[0], self.weights, axes=(1, 0))
        for factor in factors[1:]:
            total = np.einsum("mi,mi...->m...", factor, total)
        return total


def _grid(values: Floats, dim: int) -> Floats:
    """Return all points with coordinates from `values`, (len(values),) * dim + (dim,)."""
    return np.stack(np.meshgrid(*[values] * dim, indexing="ij"), axis=-1)


def _by_halves(values: NDArray[Any], change: Callable[..., tuple[NDArray[Any], NDArray[Any]]]) -> NDArray[Any]:
    """Apply `change` to the two halves of `values` along every axis."""
    for _ in range(values.ndim):
        halves = np.concatenate(change(*np.split(values, 2)))
        values = np.moveaxis(halves, 0, -1)  # after all of them the axes are in order again
    return values
