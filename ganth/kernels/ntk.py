"""The neural tangent kernel of an infinitely wide ReLU network."""

from dataclasses import dataclass

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

    def __post_init__(self) -> None:
        object.__setattr__(self, "depth", checks.integer("depth", self.depth, at_least=1))
        if not isinstance(self.bias, bool):
            raise ParameterError(f"bias must be True or False, got {self.bias!r}")

    def _lift(self, x: Floats) -> Floats:
        return np.column_stack([x, np.ones(len(x))]) if self.bias else x

    def _gram(self, x: Floats, y: Floats) -> Floats:
        return pairs.relu_ntk(self._lift(x), self._lift(y), self.depth, 0)

    def _gradient(self, x: Floats, y: Floats) -> Floats:
        dim = x.shape[1]
        coincident = (x[:, None] == y).all(axis=-1)
        x, y = self._lift(x), self._lift(y)
        norm, along = _split(x)
        _, across = _split(pairs.tangent(x, y))
        value, slope = (pairs.relu_ntk(x, y, self.depth, order)[..., None] for order in (0, 1))
        result = (value * along[:, None] - slope * across) / _nonzero(norm)[:, None]
        result[coincident] = 0.0
        return result[..., :dim]

    def _hessian(self, x: Floats, y: Floats) -> Floats:
        return self._second_derivatives(x, y, cross=False)

    def _cross_hessian(self, x: Floats, y: Floats) -> Floats:
        return self._second_derivatives(x, y, cross=True)

    def _second_derivatives(self, x: Floats, y: Floats, *, cross: bool) -> Floats:
        # In the plane of x and y: along = x / |x|, across orthogonal to it; `rest` projects on the other directions.
        dim = x.shape[1]
        coincident = (x[:, None] == y).all(axis=-1)
        x, y = self._lift(x), self._lift(y)
        tangent = pairs.tangent(x, y)
        (x_norm, along), (y_norm, _), (opposite, across) = _split(x), _split(y), _split(tangent)
        parallel = (opposite[..., 0] == 0) & (x.shape[1] > 1)
        refuse_kink(coincident | parallel | (x_norm == 0) | (y_norm == 0).T, type(self).__name__, "at parallel vectors")
        sine = (opposite / y_norm)[..., None]
        inverse_sine = 1.0 / _nonzero(sine)  # sine = 0 only on a line, where `across` and `rest` are 0
        cosine = np.einsum("na,ma->nm", along, y)[..., None, None] / y_norm[:, :, None]
        value, slope, bend = (pairs.relu_ntk(x, y, self.depth, order)[..., None, None] for order in (0, 1, 2))
        along = np.broadcast_to(along[:, None], across.shape)
        rest = np.zeros((*across.shape, across.shape[-1]))
        if x.shape[1] > 2:  # else 0 but for rounding, which 1 / sine would magnify
            rest = np.eye(x.shape[1]) - _outer(along, along) - _outer(across, across)
        if cross:
            result = (value * cosine - slope * sine) * _outer(along, along)
            result += (value * sine + slope * cosine) * _outer(along, across)
            result += (bend * sine - slope * cosine) * _outer(across, along)
            result -= (slope * sine + bend * cosine) * _outer(across, across)
            result -= slope * inverse_sine * rest
            result /= (x_norm * y_norm.T)[..., None, None]
        else:
            result = (value + bend) * _outer(across, across) + (value + slope * cosine * inverse_sine) * rest
            result /= (x_norm**2)[..., None, None]
        return result[..., :dim, :dim]

    def _diagonal(self, x: Floats) -> Floats:
        lifted = self._lift(x)
        return (self.depth + 1.0) * np.einsum("na,na->n", lifted, lifted)


def _split(vectors: Floats) -> tuple[Floats, Floats]:
    """Return the norms (..., 1) and the unit vectors (..., d), 0 for a zero vector."""
    norms = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return norms, vectors / _nonzero(norms)


def _nonzero(values: Floats) -> Floats:
    return np.where(values == 0, 1.0, values)


def _outer(left: Floats, right: Floats) -> Floats:
    return left[..., :, None] * right[..., None, :]
