"""Kernels of the squared distance r2 = |x - y|^2: a formula and its parameters; the geometry is written once."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .. import checks
from ..checks import Floats
from ..formulas import kernels as formula
from . import pairs
from .base import Kernel, refuse_kink


class Radial(Kernel):
    """K = sum over terms of k(r2), with derivatives 2 k' (x - y) and 2 k' I + 4 k'' (x - y)(x - y)^T."""

    _on_cuda: ClassVar[bool] = True
    _code: ClassVar[int]
    _smooth: ClassVar[bool] = True

    def _parameters(self) -> Floats:
        """Return (terms, 2): the arguments of the formula for each term of the sum."""
        raise NotImplementedError

    def _gram(self, x: Floats, y: Floats, backend: str = "cpu") -> Floats:
        return pairs.radial(x, y, self._code, 0, self._parameters(), backend=backend)

    def _gradient(self, x: Floats, y: Floats, backend: str = "cpu") -> Floats:
        return pairs.radial_gradient(x, y, self._code, self._parameters(), backend=backend)

    def _hessian(self, x: Floats, y: Floats, backend: str = "cpu") -> Floats:
        result, same = pairs.radial_hessian(x, y, self._code, self._parameters(), backend=backend)
        if not self._smooth:
            refuse_kink(same, type(self).__name__, "at coincident points")
        return result

    def _cross_hessian(self, x: Floats, y: Floats, backend: str = "cpu") -> Floats:
        result = self._hessian(x, y, backend)
        return np.negative(result, out=result)

    def _sums(self, x: Floats, y: Floats, weights: Floats, *, gradient: bool) -> Floats:
        return pairs.radial_sums(x, y, weights, self._code, self._parameters(), gradient=gradient)

    def _diagonal(self, x: Floats) -> Floats:
        return np.full(len(x), float(len(self._parameters())))


@dataclass(frozen=True)
class RBF(Radial):
    r"""The Gaussian kernel.

    .. math:: K(x, y) = \exp(-\|x - y\|^2 / 2 \sigma^2)

    Parameters
    ----------
    width : float > 0
        sigma [data length].

    Raises
    ------
    ParameterError
        If width is not a finite number > 0.

    Notes
    -----
    Source: KD, section 7.  Cost: O(n m d) for each verb, O(n m d^2) for the Hessians.

    Examples
    --------
    >>> kernel = RBF(2.0)
    >>> kernel.gram([[0.0]], [[0.0], [2.0]]).round(4)
    array([[1.    , 0.6065]])
    >>> float(kernel.cross_hessian([[1.0]], [[1.0]]).squeeze())  # +1 / width^2
    0.25
    """

    width: float
    _code: ClassVar[int] = formula.RBF

    def __post_init__(self) -> None:
        object.__setattr__(self, "width", checks.number("width", self.width, above=0))

    def _parameters(self) -> Floats:
        return np.array([[0.5 / self.width**2, 0.0]])


@dataclass(frozen=True)
class MultiScale(Radial):
    r"""The sum of Gaussian kernels of several widths, so that K(x, x) is their number.

    .. math:: K(x, y) = \sum_i \exp(-\|x - y\|^2 / 2 \sigma_i^2)

    Parameters
    ----------
    widths : sequence of floats > 0
        sigma_i [data length].

    Raises
    ------
    ParameterError
        If widths is empty or holds a number that is not > 0.

    Notes
    -----
    Source: KD, eq. (130), whose concatenated feature maps give the sum.  Cost: that of RBF for each width.

    Examples
    --------
    >>> MultiScale([0.1, 1.0, 10.0]).diagonal([[0.0, 0.0]])
    array([3.])
    """

    widths: tuple[float, ...]
    _code: ClassVar[int] = formula.RBF

    def __post_init__(self) -> None:
        object.__setattr__(self, "widths", checks.widths("widths", self.widths))

    def _parameters(self) -> Floats:
        return np.array([[0.5 / width**2, 0.0] for width in self.widths])


@dataclass(frozen=True)
class Laplace(Radial):
    r"""The exponential kernel of the 2-norm.

    .. math:: K(x, y) = \exp(-\|x - y\| / \sigma)

    It has a kink at coincident points: there the gradient is 0, the symmetric choice, and the Hessians raise.

    Parameters
    ----------
    width : float > 0
        sigma [data length].

    Raises
    ------
    ParameterError
        If width is not a finite number > 0; by `hessian` and `cross_hessian`, naming a pair of coincident points.

    Notes
    -----
    Cost: O(n m d) for each verb, O(n m d^2) for the Hessians.

    Examples
    --------
    >>> kernel = Laplace(1.0)
    >>> kernel.gram([[0.0, 0.0]], [[3.0, 4.0]]).round(6)
    array([[0.006738]])
    >>> bool((kernel.gradient([[1.0, 2.0]], [[1.0, 2.0]]) == 0).all())
    True
    """

    width: float
    _code: ClassVar[int] = formula.LAPLACE
    _smooth: ClassVar[bool] = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "width", checks.number("width", self.width, above=0))

    def _parameters(self) -> Floats:
        return np.array([[1.0 / self.width, 0.0]])


@dataclass(frozen=True)
class RationalQuadratic(Radial):
    r"""A scale mixture of Gaussian kernels with algebraic tails; it becomes RBF(width) as mixing grows.

    .. math:: K(x, y) = \left(1 + \frac{\|x - y\|^2}{2 \alpha \sigma^2}\right)^{-\alpha}

    Parameters
    ----------
    width : float > 0
        sigma [data length].
    mixing : float > 0
        alpha, dimensionless.

    Raises
    ------
    ParameterError
        If width or mixing is not a finite number > 0.

    Notes
    -----
    Cost: O(n m d) for each verb, O(n m d^2) for the Hessians.

    Examples
    --------
    >>> RationalQuadratic(1.0, mixing=1.0).gram([[0.0]], [[1.0]]).round(4)
    array([[0.6667]])
    """

    width: float
    mixing: float
    _code: ClassVar[int] = formula.RATIONAL_QUADRATIC

    def __post_init__(self) -> None:
        object.__setattr__(self, "width", checks.number("width", self.width, above=0))
        object.__setattr__(self, "mixing", checks.number("mixing", self.mixing, above=0))

    def _parameters(self) -> Floats:
        return np.array([[0.5 / self.width**2, self.mixing]])


@dataclass(frozen=True)
class AnisotropicRBF(Kernel):
    r"""The Gaussian kernel with its own width along each axis.

    .. math:: K(x, y) = \exp\Big(-\sum_a (x_a - y_a)^2 / 2 \sigma_a^2\Big)

    Parameters
    ----------
    widths : sequence of d floats > 0
        sigma_a [data length].

    Raises
    ------
    ParameterError
        If widths is empty or holds a number that is not > 0.
    ShapeError
        By the verbs, if points do not have one coordinate for each width.

    Notes
    -----
    RBF(1) in the coordinates x_a / sigma_a, and computed so.  Cost: that of RBF.

    Examples
    --------
    >>> AnisotropicRBF([1.0, 2.0]).gram([[0.0, 0.0]], [[1.0, 2.0]]).round(4)
    array([[0.3679]])
    """

    widths: tuple[float, ...]
    _on_cuda: ClassVar[bool] = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "widths", checks.widths("widths", self.widths))

    def _points(self, name: str, value: object) -> Floats:
        return checks.points(name, value, dim=len(self.widths)) / self.widths  # type: ignore[arg-type]

    def _gram(self, x: Floats, y: Floats, backend: str = "cpu") -> Floats:
        return _UNIT._gram(x, y, backend)

    def _gradient(self, x: Floats, y: Floats, backend: str = "cpu") -> Floats:
        return _UNIT._gradient(x, y, backend) / self.widths

    def _hessian(self, x: Floats, y: Floats, backend: str = "cpu") -> Floats:
        return _UNIT._hessian(x, y, backend) / np.outer(self.widths, self.widths)

    def _cross_hessian(self, x: Floats, y: Floats, backend: str = "cpu") -> Floats:
        return _UNIT._cross_hessian(x, y, backend) / np.outer(self.widths, self.widths)

    def _sums(self, x: Floats, y: Floats, weights: Floats, *, gradient: bool) -> Floats:
        sums = _UNIT._sums(x, y, weights, gradient=gradient)
        return sums / self.widths if gradient else sums


_UNIT = RBF(1.0)
