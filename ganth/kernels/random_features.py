"""Random Fourier features: a finite feature map whose kernel estimates a stationary one."""

from dataclasses import KW_ONLY, dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .. import checks, streams
from ..checks import Floats
from ..errors import ParameterError
from ..formulas.random import FREQUENCIES, FREQUENCY_SCALES
from .base import Kernel
from .radial import RBF, Laplace, MultiScale


def has_random_features(kernel: object) -> bool:
    """Return whether `RandomFeatures` can be drawn for a kernel: RBF, MultiScale and Laplace.

    >>> has_random_features(RBF(1.0)), has_random_features("rbf")
    (True, False)
    """
    return isinstance(kernel, (RBF, MultiScale, Laplace))


@dataclass(frozen=True)
class RandomFeatures(Kernel):
    r"""Random Fourier features of a stationary kernel, and the kernel of that finite feature map.

    .. math:: a(x) = \sqrt{c / R} \, [\cos w_1^T x, \ldots, \cos w_R^T x, \sin w_1^T x, \ldots, \sin w_R^T x]

    with c = 1 for ``feature_norm="unit"``, so that K(x, x) = 1, and c = 2 for "paper".  The verbs are those of the
    kernel a(x)^T a(y) itself, exactly, not of the kernel it estimates (error of order 1/sqrt(R)).

    Parameters
    ----------
    kernel : RBF, MultiScale or Laplace
        What is estimated.  Each width of a MultiScale gets n_frequencies of its own and the maps are concatenated,
        so that R = n_frequencies * len(widths) and K(x, x) = c len(widths).
    n_frequencies : int >= 1
    dim : int >= 1
        Dimension d of the points.
    seed : int in [0, 2**64) or numpy Generator
        The key of the stream; a Generator gives one and the key is what is kept.
    feature_norm : {"unit", "paper"}
    trial : int >= 0
        Frequencies of another trial under the same seed; a game's trial t uses those of trial t.

    Attributes
    ----------
    frequencies : (R, d) array
        w_r [1 / data length]: normal with standard deviation 1/width for a Gaussian kernel, divided further by the
        absolute value of an independent standard normal for a Laplace kernel (a multivariate Cauchy law).

    Raises
    ------
    ParameterError
        If there are no random features of the kernel, or a setting breaks its rule.
    ShapeError
        By the verbs, if points do not have `dim` coordinates.

    Notes
    -----
    Source: KD, eqs. (130)-(133).  Departs from (133), whose sqrt(2/R) on R cosines and R sines makes K(x, x) = 2
    ("paper"); the default is sqrt(1/R).  Cost: O((n + m) R d + n m R) for a gram matrix.

    Examples
    --------
    >>> kernel = RandomFeatures(RBF(1.0), 1000, dim=2, seed=0)
    >>> kernel.features([[0.0, 0.0]]).shape
    (1, 2000)
    >>> bool(abs(kernel.gram([[0.0, 0.0]], [[1.0, 0.0]])[0, 0] - 0.6065) < 0.1)
    True
    """

    kernel: Kernel
    n_frequencies: int
    dim: int
    seed: int
    _: KW_ONLY
    feature_norm: str = "unit"
    trial: int = 0

    def __post_init__(self) -> None:
        if not has_random_features(self.kernel):
            raise ParameterError(f"kernel must be an RBF, MultiScale or Laplace, got {self.kernel!r}")
        checked: dict[str, Any] = {
            "n_frequencies": checks.integer("n_frequencies", self.n_frequencies, at_least=1),
            "dim": checks.integer("dim", self.dim, at_least=1),
            "seed": checks.seed_key(self.seed),
            "feature_norm": checks.choice("feature_norm", self.feature_norm, ("unit", "paper")),
            "trial": checks.integer("trial", self.trial, at_least=0),
        }
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    @cached_property
    def frequencies(self) -> Floats:
        """The frequencies w_r, shape (R, d), width after width; read-only."""
        widths = self.kernel.widths if isinstance(self.kernel, MultiScale) else (self.kernel.width,)  # type: ignore[attr-defined]
        blocks = []
        for component, width in enumerate(widths):
            where: dict[str, int] = {"trial": self.trial, "step": component}
            block = streams.normal(self.seed, (self.n_frequencies, self.dim), purpose=FREQUENCIES, **where) / width
            if isinstance(self.kernel, Laplace):
                block /= np.abs(streams.normal(self.seed, (self.n_frequencies, 1), purpose=FREQUENCY_SCALES, **where))
            blocks.append(block)
        result = np.concatenate(blocks)
        result.flags.writeable = False
        return result

    @property
    def amplitude(self) -> float:
        """The factor sqrt(c / n_frequencies) before each cosine and sine."""
        return float(np.sqrt((1.0 if self.feature_norm == "unit" else 2.0) / self.n_frequencies))

    def features(self, x: ArrayLike) -> Floats:
        """Return a(x_i), shape (n, 2 R): the cosines, then the sines."""
        return self._features(self._points("x", x))

    def features_jacobian(self, x: ArrayLike) -> Floats:
        """Return da/dx_a at x_i, shape (n, 2 R, d)."""
        return self._jacobian(self._points("x", x))

    def _points(self, name: str, value: ArrayLike) -> Floats:
        return checks.points(name, value, dim=self.dim)

    def _features(self, x: Floats) -> Floats:
        phase = x @ self.frequencies.T
        result = np.concatenate([np.cos(phase), np.sin(phase)], axis=1)
        result *= self.amplitude
        return result

    def _jacobian(self, x: Floats) -> Floats:
        cosines, sines = np.split(self._features(x), 2, axis=1)
        return np.concatenate([-sines, cosines], axis=1)[..., None] * np.tile(self.frequencies, (2, 1))

    def _gram(self, x: Floats, y: Floats) -> Floats:
        return self._features(x) @ self._features(y).T

    def _gradient(self, x: Floats, y: Floats) -> Floats:
        return np.einsum("nka,mk->nma", self._jacobian(x), self._features(y), optimize=True)

    def _hessian(self, x: Floats, y: Floats) -> Floats:
        # Each feature is an eigenfunction: d2 a_r / dx_a dx_b = -w_a w_b a_r.
        both = np.tile(self.frequencies, (2, 1))
        weighted = np.einsum("nk,ka,kb->nkab", self._features(x), both, both)
        return -np.einsum("nkab,mk->nmab", weighted, self._features(y), optimize=True)

    def _cross_hessian(self, x: Floats, y: Floats) -> Floats:
        return np.einsum("nka,mkb->nmab", self._jacobian(x), self._jacobian(y), optimize=True)

    def _diagonal(self, x: Floats) -> Floats:
        return np.full(len(x), self.amplitude**2 * len(self.frequencies))
