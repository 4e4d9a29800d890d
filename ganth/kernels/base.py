"""What every kernel can do: the verbs, and the one home of their input checks."""

from collections.abc import Callable
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import checks
from ..backend import no_cuda_loops, resolve
from ..checks import Floats
from ..errors import ParameterError, ShapeError

_PAIRS = 1 << 20  # pairs that a sum over kernels has in memory at once
_SUMS = {"gram": "weighted_sum", "gradient": "weighted_gradient"}


class Kernel:
    """A positive semidefinite kernel K(x, y) on R^d, with its derivatives over all pairs of two point sets.

    Points are (n, d) and (m, d) float64 arrays; results are float64.  Every verb raises `ShapeError` for arrays of the
    wrong shape, `ParameterError` for points that are not finite, and `BackendUnavailableError` for ``backend="cuda"``
    where there is no GPU, or the kernel has no CUDA loops: `RandomFeatures` and kernels of one's own.
    """

    _on_cuda: ClassVar[bool] = False  # whether the verbs below take a backend

    def gram(self, x: ArrayLike, y: ArrayLike, *, backend: str = "cpu") -> Floats:
        """Return K(x_i, y_j), shape (n, m)."""
        return self._verb("gram", x, y, backend)

    def gradient(self, x: ArrayLike, y: ArrayLike, *, backend: str = "cpu") -> Floats:
        """Return dK/dx_a at (x_i, y_j), shape (n, m, d): the gradient in the first argument."""
        return self._verb("gradient", x, y, backend)

    def hessian(self, x: ArrayLike, y: ArrayLike, *, backend: str = "cpu") -> Floats:
        """Return d2K/dx_a dx_b at (x_i, y_j), shape (n, m, d, d): the Hessian in the first argument."""
        return self._verb("hessian", x, y, backend)

    def cross_hessian(self, x: ArrayLike, y: ArrayLike, *, backend: str = "cpu") -> Floats:
        """Return d2K/dx_a dy_b at (x_i, y_j), shape (n, m, d, d)."""
        return self._verb("cross_hessian", x, y, backend)

    def weighted_sum(self, x: ArrayLike, y: ArrayLike, weights: ArrayLike, *, backend: str = "cpu") -> Floats:
        """Return sum_j K(x_i, y_j) w_j, shape (n,), for weights (m,) of any sign; memory does not grow with n m."""
        return self._weighted("gram", x, y, weights, backend)

    def weighted_gradient(self, x: ArrayLike, y: ArrayLike, weights: ArrayLike, *, backend: str = "cpu") -> Floats:
        """Return the gradient of `weighted_sum` in x_i, shape (n, d)."""
        return self._weighted("gradient", x, y, weights, backend)

    def diagonal(self, x: ArrayLike) -> Floats:
        """Return K(x_i, x_i), shape (n,)."""
        return self._diagonal(self._points("x", x))

    def _where(self, backend: str, verb: str) -> str:
        return resolve(backend) if self._on_cuda else no_cuda_loops(backend, f"{type(self).__name__}.{verb}")

    def _verb(self, verb: str, x: ArrayLike, y: ArrayLike, backend: str) -> Floats:
        where, points = self._where(backend, verb), self._pair(x, y)
        form: Callable[..., Floats] = getattr(self, "_" + verb)
        return form(*points, backend="cuda") if where == "cuda" else form(*points)

    def _weighted(self, verb: str, x: ArrayLike, y: ArrayLike, weights: ArrayLike, backend: str) -> Floats:
        where, (first, second) = self._where(backend, _SUMS[verb]), self._pair(x, y)
        by = checks.array("weights", weights, "(m,)", 1)
        if len(by) != len(second):
            raise ShapeError(f"weights must have shape ({len(second)},), one for each point of y, got {by.shape}")
        if where == "cuda":
            return self._sums(first, second, by, gradient=verb == "gradient")
        form: Callable[..., Floats] = getattr(self, "_" + verb)
        rows = max(1, _PAIRS // len(second))
        blocks = (form(first[begin : begin + rows], second) for begin in range(0, len(first), rows))
        if verb == "gram":
            return np.concatenate([block @ by for block in blocks])
        return np.concatenate([np.einsum("nma,m->na", block, by) for block in blocks])

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

    def _sums(self, x: Floats, y: Floats, weights: Floats, *, gradient: bool) -> Floats:
        """Return what `weighted_sum` or `weighted_gradient` does, on CUDA."""
        raise NotImplementedError

    def _diagonal(self, x: Floats) -> Floats:
        return np.ones(len(x))


def refuse_kink(kink: NDArray[np.bool_], name: str, where: str) -> None:
    """Raise `ParameterError` naming the first pair (i, j) at which `kink` (n, m) is true."""
    if kink.any():
        i, j = (int(index) for index in np.argwhere(kink)[0])
        raise ParameterError(f"x and y must avoid the kink of {name} {where}, got x[{i}] and y[{j}]")
