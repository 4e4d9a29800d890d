"""What every kernel can do: the verbs, and the one home of their input checks."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import checks
from ..backend import no_cuda_loops
from ..checks import Floats
from ..errors import ParameterError


class Kernel:
    """A positive semidefinite kernel K(x, y) on R^d, with its derivatives over all pairs of two point sets.

    Points are (n, d) and (m, d) float64 arrays; results are float64.  Every verb raises `ShapeError` for arrays of the
    wrong shape and `ParameterError` for points that are not finite.
    """

    def gram(self, x: ArrayLike, y: ArrayLike, *, backend: str = "cpu") -> Floats:
        """Return K(x_i, y_j), shape (n, m); radial kernels alone have CUDA loops."""
        no_cuda_loops(backend, f"{type(self).__name__}.gram")
        return self._gram(*self._pair(x, y))

    def gradient(self, x: ArrayLike, y: ArrayLike) -> Floats:
        """Return dK/dx_a at (x_i, y_j), shape (n, m, d): the gradient in the first argument."""
        return self._gradient(*self._pair(x, y))

    def hessian(self, x: ArrayLike, y: ArrayLike) -> Floats:
        """Return d2K/dx_a dx_b at (x_i, y_j), shape (n, m, d, d): the Hessian in the first argument."""
        return self._hessian(*self._pair(x, y))

    def cross_hessian(self, x: ArrayLike, y: ArrayLike) -> Floats:
        """Return d2K/dx_a dy_b at (x_i, y_j), shape (n, m, d, d)."""
        return self._cross_hessian(*self._pair(x, y))

    def diagonal(self, x: ArrayLike) -> Floats:
        """Return K(x_i, x_i), shape (n,)."""
        return self._diagonal(self._points("x", x))

    def _pair(self, x: ArrayLike, y: ArrayLike) -> tuple[Floats, Floats]:
        first, second = self._points("x", x), self._points("y", y)
        checks.same_dim(x=first, y=second)
        return first, second

    def _points(self, name: str, value: ArrayLike) -> Floats:
        return checks.points(name, value)

    def _gram(self, x: Floats, y: Floats) -> Floats:
        raise NotImplementedError

    def _gradient(self, x: Floats, y: Floats) -> Floats:
        raise NotImplementedError

    def _hessian(self, x: Floats, y: Floats) -> Floats:
        raise NotImplementedError

    def _cross_hessian(self, x: Floats, y: Floats) -> Floats:
        raise NotImplementedError

    def _diagonal(self, x: Floats) -> Floats:
        return np.ones(len(x))


def refuse_kink(kink: NDArray[np.bool_], name: str, where: str) -> None:
    """Raise `ParameterError` naming the first pair (i, j) at which `kink` (n, m) is true."""
    if kink.any():
        i, j = (int(index) for index in np.argwhere(kink)[0])
        raise ParameterError(f"x and y must avoid the kink of {name} {where}, got x[{i}] and y[{j}]")
