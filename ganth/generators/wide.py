"""A generator with one wide hidden layer (ED, Fig. 2 and appendix G)."""

import math
from collections.abc import Iterator
from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import checks, streams
from ..checks import Floats
from ..errors import ShapeError
from ..formulas.random import GENERATOR
from .activations import ACTIVATIONS, activate, slope

UNITS = 1024  # of a block: its weights and signals stay in the cache


@dataclass(frozen=True)
class WideGenerator:
    r"""The architecture and the start of

    .. math:: G^i(z) = \sqrt{2 / width} \sum_k a_{ik} s(w_k^\top z + b_k), \qquad i = 1, \ldots, outputs

    Parameters
    ----------
    dim : int >= 1
        Dimension of the seeds z.
    width : int >= 1
        Hidden units.
    outputs : int >= 1
        Dimension of the data.
    activation : {"relu", "erf", "tanh"}
        s; erf is the error function itself.
    var_a, var_w, var_b : float >= 0
        Variances of a, w and b at the start, Gaussian with mean 0.

    Raises
    ------
    ParameterError
        Naming the argument, the rule and the value.

    Notes
    -----
    Source: ED, appendix G; the defaults are its ReLU generator's.

    Examples
    --------
    >>> generator = WideGenerator(256, 2048)
    >>> generator.size
    530432
    >>> generator.initial(seed=1)(np.eye(256)[:3]).shape
    (3, 2)
    """

    dim: int
    width: int
    _: KW_ONLY
    outputs: int = 2
    activation: str = "relu"
    var_a: float = 2.25
    var_w: float = 0.046
    var_b: float = 0.0

    def __post_init__(self) -> None:
        for name in ("dim", "width", "outputs"):
            object.__setattr__(self, name, checks.integer(name, getattr(self, name), at_least=1))
        checks.choice("activation", self.activation, ACTIVATIONS)
        for name in ("var_a", "var_w", "var_b"):
            object.__setattr__(self, name, checks.number(name, getattr(self, name), at_least=0))

    @property
    def size(self) -> int:
        """The number of parameters."""
        return self.width * (self.dim + 1 + self.outputs)

    def split(self, parameters: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return views of parameters (size,): (w_k, b_k) row by row (width, dim + 1), and a (outputs, width)."""
        middle = self.width * (self.dim + 1)
        return (
            parameters[:middle].reshape(self.width, self.dim + 1),
            parameters[middle:].reshape(self.outputs, self.width),
        )

    def initial(self, seed: int | np.random.Generator = 0, *, trial: int = 0) -> "WideNetwork":
        """Return the network at its random start.

        Trial t draws from the streams of purpose GENERATOR: a at step 0 (unit by unit), w at step 1, b at step 2; the
        first units of a wider network are those of a narrower one.

        Parameters
        ----------
        seed : int in [0, 2**64) or numpy Generator
        trial : int >= 0

        Examples
        --------
        >>> narrow, wide = (WideGenerator(3, width).initial(seed=1) for width in (4, 8))
        >>> bool((narrow.split[0] == wide.split[0][:4]).all())
        True
        """
        key = checks.seed_key(seed)
        parameters = np.empty(self.size)
        hidden, heads = self.split(parameters)
        shapes = ((self.width, self.outputs), (self.width, self.dim), (self.width,))
        a, w, b = (streams.normal(key, s, purpose=GENERATOR, trial=trial, step=i) for i, s in enumerate(shapes))
        np.multiply(a.T, math.sqrt(self.var_a), out=heads)
        np.multiply(w, math.sqrt(self.var_w), out=hidden[:, :-1])
        np.multiply(b, math.sqrt(self.var_b), out=hidden[:, -1])
        return WideNetwork(self, parameters)


@dataclass(frozen=True, eq=False)
class WideNetwork:
    """A `WideGenerator` with given parameters, as a function of seeds.

    Parameters
    ----------
    architecture : WideGenerator
    parameters : (architecture.size,) array
        Unit by unit w_k and b_k, then a row by row (see `WideGenerator.split`).

    Raises
    ------
    ParameterError, ShapeError
        Naming the argument, the rule and the value.

    Examples
    --------
    G(z) = 3 max(0, z_1 - z_2 + 1) - max(0, z_2):

    >>> network = WideNetwork(WideGenerator(2, 2, outputs=1), [1.0, -1.0, 1.0, 0.0, 1.0, 0.0, 3.0, -1.0])
    >>> network([[1.0, 0.5], [-2.0, 1.0]]).ravel().tolist()
    [4.0, -1.0]
    >>> network.pullback([[1.0, 0.5]], [[2.0]]).tolist()  # in (w_1, b_1), (w_2, b_2), a
    [6.0, 3.0, 6.0, -2.0, -1.0, -2.0, 3.0, 1.0]
    """

    architecture: WideGenerator
    parameters: Floats

    def __post_init__(self) -> None:
        size = self.architecture.size
        parameters = checks.array("parameters", self.parameters, f"({size},)", 1).copy()
        if len(parameters) != size:
            raise ShapeError(f"parameters must have shape ({size},) for {self.architecture}, got {parameters.shape}")
        parameters.flags.writeable = False
        object.__setattr__(self, "parameters", parameters)

    @property
    def split(self) -> tuple[Floats, Floats]:
        """The rows (w_k, b_k), (width, dim + 1), and a, (outputs, width): views of `parameters`."""
        return self.architecture.split(self.parameters)

    def __call__(self, seeds: ArrayLike) -> Floats:
        """Return the outputs at seeds (n, dim), shape (n, outputs)."""
        return self._propagated(seeds).outputs.T.copy()

    def pullback(self, seeds: ArrayLike, gradients: ArrayLike) -> Floats:
        """Return the gradient of sum_a gradients_a . G(seeds_a) in the parameters, (size,).

        Parameters
        ----------
        seeds : (n, dim) array
        gradients : (n, outputs) array
            Held fixed; with grad D at the outputs it is the gradient of sum_a D(G(seeds_a)).

        Raises
        ------
        ParameterError, ShapeError
            Naming the argument, the rule and the value.
        """
        room = self._propagated(seeds)
        given = checks.points("gradients", gradients, dim=self.architecture.outputs)
        if len(given) != room.lifted.shape[0]:
            raise ShapeError(f"gradients and seeds must agree, got {len(given)} and {room.lifted.shape[0]} rows")
        result = np.empty(self.architecture.size)
        hidden, heads = self.architecture.split(result)
        for units in room.blocks():
            hidden[units], heads[:, units] = room.backward_block(units, self.split[1], given)
        return result

    def _propagated(self, seeds: ArrayLike) -> "Propagation":
        room = Propagation(self.architecture, checks.points("seeds", seeds, dim=self.architecture.dim), np.dtype(float))
        room.forward(*self.split)
        return room


class Propagation:
    """Room for propagating through a wide network at fixed seeds, a block of units at a time.

    `signals` (width, n) are the pre-activations; `outputs` (outputs, n) is the sum over units since it was zeroed.
    Nothing is allocated after the start.
    """

    def __init__(self, architecture: WideGenerator, seeds: Floats, dtype: "np.dtype[Any]") -> None:
        n, units = len(seeds), min(UNITS, architecture.width)
        self.architecture, self.scale = architecture, dtype.type(math.sqrt(2.0 / architecture.width))
        self.lifted = np.column_stack([seeds, np.ones(n)]).astype(dtype)
        self.signals = np.empty((architecture.width, n), dtype)
        self.outputs, self.added = np.zeros((2, architecture.outputs, n), dtype)
        self._active, self._delta, self._slope = np.empty((3, units, n), dtype)
        self._hidden = np.empty((units, architecture.dim + 1), dtype)
        self._heads = np.empty((architecture.outputs, units), dtype)

    def blocks(self) -> Iterator[slice]:
        """Yield the blocks of units."""
        for at in range(0, self.architecture.width, UNITS):
            yield slice(at, min(at + UNITS, self.architecture.width))

    def forward(self, hidden: NDArray[Any], heads: NDArray[Any]) -> None:
        """Set signals and outputs of the whole network."""
        self.outputs[...] = 0
        for units in self.blocks():
            self.forward_block(units, hidden, heads)

    def forward_block(self, units: slice, hidden: NDArray[Any], heads: NDArray[Any]) -> None:
        """Set the signals of a block and add what it gives to `outputs`."""
        signal = np.matmul(hidden[units], self.lifted.T, out=self.signals[units])
        active = activate(self.architecture.activation, signal, self._active[: len(signal)])
        np.matmul(heads[:, units], active, out=self.added)
        self.added *= self.scale
        self.outputs += self.added

    def backward_block(
        self, units: slice, heads: NDArray[Any], gradients: NDArray[Any]
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return the gradient of sum_a gradients_a . G_a, gradients (n, outputs), in a block's (w, b) and a."""
        signal = self.signals[units]
        active, delta, bend = (room[: len(signal)] for room in (self._active, self._delta, self._slope))
        activate(self.architecture.activation, signal, active)
        into = self._heads[:, : len(signal)]
        np.matmul(gradients.T, active.T, out=into)
        into *= self.scale
        np.matmul(heads[:, units].T, gradients.T, out=delta)
        delta *= slope(self.architecture.activation, signal, bend)
        delta *= self.scale
        return np.matmul(delta, self.lifted, out=self._hidden[: len(signal)]), into
