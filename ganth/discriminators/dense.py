"""Dense ReLU networks: the architecture, and a network with given parameters (KD, figs. 6-7; ED, figs. 3, 4 and 8)."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import checks, streams
from ..checks import Floats
from ..formulas.random import WEIGHTS


@dataclass(frozen=True)
class DenseReLU:
    r"""A fully connected network with `depth` hidden ReLU layers of `width` units and one linear output.

    .. math:: h_0 = x, \quad h_l = \max(0, W_l h_{l-1} + b_l), \quad f(x) = w^\top h_{depth} + b

    Parameters
    ----------
    depth : int >= 1
        Hidden layers.
    width : int >= 1
        Units of each.

    Raises
    ------
    ParameterError
        Naming the argument, the rule and the value.

    Notes
    -----
    Source: KD, app. I (figs. 6 and 7: width 400, depths 1 to 4; how the weights start is not stated there); ED, note
    [30] (width 512, depth 4, Glorot start).

    Examples
    --------
    >>> DenseReLU(depth=2, width=3).size(dim=2)
    25
    """

    depth: int
    width: int

    def __post_init__(self) -> None:
        for name in ("depth", "width"):
            object.__setattr__(self, name, checks.integer(name, getattr(self, name), at_least=1))

    def shapes(self, dim: int) -> tuple[tuple[int, int], ...]:
        """Return the (units, inputs) shapes of all depth + 1 weight matrices for points in `dim` dimensions.

        >>> DenseReLU(depth=2, width=3).shapes(dim=2)
        ((3, 2), (3, 3), (1, 3))
        """
        dim = checks.integer("dim", dim, at_least=1)
        return ((self.width, dim), *((self.width, self.width),) * (self.depth - 1), (1, self.width))

    def size(self, dim: int) -> int:
        """Return the number of parameters, weights and biases, for points in `dim` dimensions."""
        return sum(units * (inputs + 1) for units, inputs in self.shapes(dim))

    def split(self, parameters: NDArray[Any], dim: int) -> tuple[tuple[NDArray[Any], NDArray[Any]], ...]:
        """Return the (weights (units, inputs), biases (units,)) of each layer: views of `parameters` (size(dim),).

        >>> [(weights.shape, biases.shape) for weights, biases in DenseReLU(1, 3).split(np.zeros(13), dim=2)]
        [((3, 2), (3,)), ((1, 3), (1,))]
        """
        views, at = [], 0
        for units, inputs in self.shapes(dim):
            middle = at + units * inputs
            views.append((parameters[at:middle].reshape(units, inputs), parameters[middle : middle + units]))
            at = middle + units
        return tuple(views)

    def initial(
        self, dim: int, seed: int | np.random.Generator = 0, *, trial: int = 0, start: str = "linear"
    ) -> "DenseNetwork":
        r"""Return the network at its random start.

        Layer l of trial t draws from its own stream (purpose WEIGHTS, trial t, step l = 0, ..., depth): the weights row
        by row, then the biases.

        Parameters
        ----------
        dim : int >= 1
        seed : int in [0, 2**64) or numpy Generator
        trial : int >= 0
        start : {"linear", "glorot"}
            "linear": weights and biases uniform in (-1, 1) / sqrt(inputs of the layer), as PyTorch's linear layers
            start; "glorot": weights uniform in (-1, 1) sqrt(6 / (inputs + units)) and biases 0, as its
            ``xavier_uniform_``.

        Raises
        ------
        ParameterError
            Naming the argument, the rule and the value.

        Examples
        --------
        >>> network = DenseReLU(1, 100).initial(dim=4, seed=3)
        >>> bool(abs(network.layers[0][0]).max() < 0.5)
        True
        """
        key = checks.seed_key(seed)
        glorot = checks.choice("start", start, ("linear", "glorot")) == "glorot"
        drawn = []
        for layer, (units, inputs) in enumerate(self.shapes(dim)):
            count = units * inputs if glorot else units * (inputs + 1)
            uniform = 2.0 * streams.uniform(key, count, purpose=WEIGHTS, trial=trial, step=layer) - 1.0
            if glorot:
                drawn += [uniform * np.sqrt(6.0 / (inputs + units)), np.zeros(units)]
            else:
                drawn.append(uniform / np.sqrt(inputs))
        return DenseNetwork(self, dim, np.concatenate(drawn))


@dataclass(frozen=True, eq=False)
class DenseNetwork:
    """A dense ReLU network with given parameters, as a function of points.

    Parameters
    ----------
    architecture : DenseReLU
    dim : int >= 1
        Dimension of the points.
    parameters : (architecture.size(dim),) array
        Layer by layer: the weights row by row, then the biases.

    Raises
    ------
    ParameterError, ShapeError
        Naming the argument, the rule and the value.

    Examples
    --------
    f(x) = 2 max(0, x_1 - 3 x_2 + 1) - 5:

    >>> network = DenseNetwork(DenseReLU(depth=1, width=1), 2, [1.0, -3.0, 1.0, 2.0, -5.0])
    >>> network([[3.0, 1.0], [0.0, 1.0]])
    array([-3., -5.])
    >>> network.gradient([[3.0, 1.0], [0.0, 1.0]]).tolist()
    [[2.0, -6.0], [0.0, 0.0]]
    """

    architecture: DenseReLU
    dim: int
    parameters: Floats

    def __post_init__(self) -> None:
        size = self.architecture.size(self.dim)
        object.__setattr__(self, "parameters", checks.parameters(self.parameters, size, self.architecture))

    @property
    def layers(self) -> tuple[tuple[Floats, Floats], ...]:
        """The (weights (units, inputs), biases (units,)) of each layer, the output's last: views of `parameters`."""
        return self.architecture.split(self.parameters, self.dim)

    def __call__(self, x: ArrayLike) -> Floats:
        """Return f at points x (m, dim), shape (m,)."""
        hidden = checks.points("x", x, dim=self.dim)
        *inner, (weights, bias) = self.layers
        for weight, offset in inner:
            hidden = np.maximum(hidden @ weight.T + offset, 0.0)
        return hidden @ weights[0] + bias[0]

    def gradient(self, x: ArrayLike) -> Floats:
        """Return the gradient of f at points x (m, dim), shape (m, dim); a unit at its kink counts as off."""
        hidden = checks.points("x", x, dim=self.dim)
        *inner, (weights, _) = self.layers
        on = []
        for weight, offset in inner:
            hidden = np.maximum(hidden @ weight.T + offset, 0.0)
            on.append(hidden > 0.0)
        back = np.broadcast_to(weights[0], hidden.shape)
        for (weight, _), active in zip(reversed(inner), reversed(on), strict=True):
            back = (back * active) @ weight
        return back
