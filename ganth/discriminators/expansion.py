"""A discriminator that is a weighted sum of kernel sections."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from .. import checks
from ..checks import Floats
from ..errors import ParameterError, ShapeError
from ..kernels import Kernel

# Points are taken in blocks of about so many pairs, so that long histories need no large temporary.
_PAIRS = 1 << 20


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
    Source: KD, eq. (4), unrolled in time.  Cost: one pass over all pairs of points and centers.

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

    def __call__(self, x: ArrayLike) -> Floats:
        """Return f at points x (n, d), shape (n,)."""
        return np.concatenate([self.kernel.gram(block, self.centers) @ self.weights for block in self._blocks(x)])

    def gradient(self, x: ArrayLike) -> Floats:
        """Return the gradient of f at points x (n, d), shape (n, d)."""
        gradients = [
            np.einsum("nma,m->na", self.kernel.gradient(block, self.centers), self.weights) for block in self._blocks(x)
        ]
        return np.concatenate(gradients)

    def _blocks(self, x: ArrayLike) -> Iterator[Floats]:
        points = checks.points("x", x, dim=self.centers.shape[1])
        size = max(1, _PAIRS // len(self.centers))
        for begin in range(0, len(points), size):
            yield points[begin : begin + size]
