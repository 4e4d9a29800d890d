"""A discriminator that is a weighted sum of kernel sections."""

from dataclasses import dataclass

from numpy.typing import ArrayLike

from .. import checks
from ..checks import Floats
from ..errors import ParameterError, ShapeError
from ..kernels import Kernel


@dataclass(frozen=True, eq=False)
class KernelExpansion:
    r"""The function f(x) = sum_i w_i K(x, c_i).

    Parameters
    ----------
    kernel : Kernel
    centers : (m, d) array
        c_i [data length].
    weights : (m,) array
        w_i, of any sign.

    Raises
    ------
    ParameterError, ShapeError
        If kernel is no Kernel, or there is not one weight for each center.

    Notes
    -----
    Source: KD, eq. (4), unrolled in time.  Cost: one pass over all pairs of points and centers, none of
    them stored on CUDA and about a million at once on the CPU.

    Examples
    --------
    >>> from ganth.kernels import RBF
    >>> f = KernelExpansion(RBF(1.0), [[0.0], [1.0]], [1.0, -1.0])
    >>> float(f([[0.5]])[0])
    0.0
    """

    kernel: Kernel
    centers: Floats
    weights: Floats

    def __post_init__(self) -> None:
        if not isinstance(self.kernel, Kernel):
            raise ParameterError(f"kernel must be a kernel of ganth.kernels, got {self.kernel!r}")
        centers = checks.points("centers", self.centers)
        weights = checks.array("weights", self.weights, "(m,)", 1)
        if len(weights) != len(centers):
            raise ShapeError(f"weights must have shape ({len(centers)},), one for each center, got {weights.shape}")
        object.__setattr__(self, "centers", centers)
        object.__setattr__(self, "weights", weights)

    def __call__(self, x: ArrayLike, *, backend: str = "cpu") -> Floats:
        """Return f at points x (n, d), shape (n,), on a backend that the kernel has loops for."""
        return self.kernel.weighted_sum(self._points(x), self.centers, self.weights, backend=backend)

    def gradient(self, x: ArrayLike, *, backend: str = "cpu") -> Floats:
        """Return the gradient of f at points x (n, d), shape (n, d), on a backend that the kernel has loops for."""
        return self.kernel.weighted_gradient(self._points(x), self.centers, self.weights, backend=backend)

    def _points(self, x: ArrayLike) -> Floats:
        return checks.points("x", x, dim=self.centers.shape[1])
