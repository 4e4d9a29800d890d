"""The neural tangent kernel of an infinitely wide ReLU network."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .. import checks
from ..checks import Floats
from ..errors import ParameterError
from . import pairs
from .base import Kernel, refuse_kink


@dataclass(frozen=True)
class ReLUNTK(Kernel):
    r"""The neural tangent kernel of an infinitely wide, fully connected ReLU network.

    .. math::
        K(x, y) = \|x\| \|y\| N_{depth}(\theta), \qquad
        N_0 = \Sigma_0 = \cos\theta, \quad \Sigma_l = \kappa_1(\Sigma_{l-1}), \quad
        N_l = N_{l-1} \kappa_0(\Sigma_{l-1}) + \Sigma_l

    with theta the angle of x and y, kappa_0(u) = (pi - arccos u) / pi and
    kappa_1(u) = (u (pi - arccos u) + sqrt(1 - u^2)) / pi, so that K(x, x) = (depth + 1) |x|^2.

    K has a kink where x and y are parallel, theta = 0 or pi (in one dimension without bias: where one of them is 0).
    There the gradient is the mean over directions of approach, except that it is 0 at coincident points by convention
    (the mean would be (depth + 1) x); the Hessians raise.  A zero vector has K = 0 and gradient 0.  With ``bias=True``
    only coincident points are parallel.  Angles below the rounding error of their computation count as 0.

    Parameters
    ----------
    depth : int >= 1
        Hidden layers.
    bias : bool
        Append a coordinate 1 to the input, x -> (x, 1).

    Raises
    ------
    ParameterError
        If depth is not an integer >= 1; by `hessian` and `cross_hessian`, naming a pair at a kink.

    Notes
    -----
    Source: Bietti and Mairal 2019, "On the inductive bias of neural tangent kernels", section 2; KD, section 7.
    Cost: O(n m (d + depth)) for a gram matrix.

    Examples
    --------
    >>> kernel = ReLUNTK(depth=1)
    >>> kernel.gram([[1.0, 0.0]], [[1.0, 0.0], [0.0, 1.0]]).round(6)  # 2, 1 / pi
    array([[2.     , 0.31831]])
    >>> ReLUNTK(depth=3, bias=True).diagonal([[0.0, 0.0]])
    array([4.])
    """

    depth: int
    bias: bool = False
    _on_cuda: ClassVar[bool] = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "depth", checks.integer("depth", self.depth, at_least=1))
        if not isinstance(self.bias, bool):
            raise ParameterError(f"bias must be True or False, got {self.bias!r}")

    def _lift(self, x: Floats) -> Floats:
        return np.column_stack([x, np.ones(len(x))]) if self.bias else x

    def _gram(self, x: Floats, y: Floats, backend: str = "cpu") -> Floats:
        return pairs.relu_ntk(self._lift(x), self._lift(y), self.depth, backend=backend)

    def _gradient(self, x: Floats, y: Floats, backend: str = "cpu") -> Floats:
        return pairs.relu_ntk_gradient(self._lift(x), self._lift(y), self.depth, x.shape[1], backend=backend)

    def _hessian(self, x: Floats, y: Floats, backend: str = "cpu") -> Floats:
        return self._second_derivatives(x, y, False, backend)

    def _cross_hessian(self, x: Floats, y: Floats, backend: str = "cpu") -> Floats:
        return self._second_derivatives(x, y, True, backend)

    def _second_derivatives(self, x: Floats, y: Floats, cross: bool, backend: str) -> Floats:
        lifted = self._lift(x), self._lift(y)
        result, kinks = pairs.relu_ntk_hessian(*lifted, self.depth, x.shape[1], cross, backend=backend)
        refuse_kink(kinks, type(self).__name__, "at parallel vectors")
        return result

    def _sums(self, x: Floats, y: Floats, weights: Floats, *, gradient: bool) -> Floats:
        axes = x.shape[1] if gradient else 0
        return pairs.relu_ntk_sums(self._lift(x), self._lift(y), weights, self.depth, axes)

    def _diagonal(self, x: Floats) -> Floats:
        lifted = self._lift(x)
        return (self.depth + 1.0) * np.einsum("na,na->n", lifted, lifted)
