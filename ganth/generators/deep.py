"""Deep ReLU networks between order and chaos (ED, appendix G)."""

import math
from dataclasses import KW_ONLY, dataclass

import numpy as np
from numpy.typing import ArrayLike

from .. import checks, streams
from ..checks import Floats
from ..errors import ParameterError
from ..formulas.random import GENERATOR

SLOPES = {"plain": 1.0, "standardised": math.sqrt(2.0)}


@dataclass(frozen=True)
class DeepReLU:
    r"""The architecture and the start of

    .. math::
        \tilde\alpha^{l} = \mu b^{(l-1)} + \sqrt{(1 - \mu^2) / n_{l-1}} W^{(l-1)} \alpha^{l-1}, \qquad
        \alpha^l = \sigma(\tilde\alpha^l), \qquad \alpha^0 = z

    with `hidden_layers` layers of `width` units and one output, the pre-activation after them; all W and b are standard
    normal at the start.

    Parameters
    ----------
    dim, width, hidden_layers : int >= 1
        Seeds' dimension n_0, units n_1 = n_2 = ... and how many layers of them.
    mu : float in [0, 1]
        Share of the biases.
    convention : {"plain", "standardised"}
        sigma = max(0, .) as ED prints it, or sqrt(2) max(0, .).

    Raises
    ------
    ParameterError
        Naming the argument, the rule and the value.

    Notes
    -----
    Source: ED, appendix G (hidden_layers 6, width 4096, dim 256); Jacot et al. 2022.

    Examples
    --------
    >>> network = DeepReLU(256, 64, 6, mu=0.3).initial(seed=1)
    >>> network(16.0 * np.eye(256)[:3]).shape
    (3, 1)
    """

    dim: int
    width: int
    hidden_layers: int
    _: KW_ONLY
    mu: float
    convention: str = "plain"

    def __post_init__(self) -> None:
        for name in ("dim", "width", "hidden_layers"):
            object.__setattr__(self, name, checks.integer(name, getattr(self, name), at_least=1))
        mu = checks.number("mu", self.mu, at_least=0)
        if mu > 1:
            raise ParameterError(f"mu must be in [0, 1], got {self.mu!r}")
        object.__setattr__(self, "mu", mu)
        checks.choice("convention", self.convention, tuple(SLOPES))

    @property
    def shapes(self) -> tuple[tuple[int, int], ...]:
        """The (units, inputs) of all hidden_layers + 1 weight matrices."""
        inner = ((self.width, self.width),) * (self.hidden_layers - 1)
        return ((self.width, self.dim), *inner, (1, self.width))

    def initial(self, seed: int | np.random.Generator = 0, *, trial: int = 0) -> "DeepReLUNetwork":
        """Return the network at its random start.

        Parameters
        ----------
        seed : int in [0, 2**64) or numpy Generator
        trial : int >= 0
        """
        return DeepReLUNetwork(self, checks.seed_key(seed), checks.integer("trial", trial, at_least=0))


@dataclass(frozen=True)
class DeepReLUNetwork:
    """A `DeepReLU` at its random start: its weights are drawn when asked for, so that one layer is held at a time.

    Parameters
    ----------
    architecture : DeepReLU
    key : int
        Of the random numbers: layer l draws from the stream of purpose GENERATOR at step l, weights, then biases.
    trial : int
    """

    architecture: DeepReLU
    key: int
    trial: int

    def layer(self, layer: int) -> tuple[Floats, Floats]:
        """Return W (units, inputs) and b (units,) of a layer, 0 the first.

        >>> DeepReLU(3, 5, 1, mu=0.5).initial().layer(1)[0].shape
        (1, 5)
        """
        units, inputs = self.architecture.shapes[layer]
        drawn = streams.normal(self.key, units * (inputs + 1), purpose=GENERATOR, trial=self.trial, step=layer)
        return drawn[: units * inputs].reshape(units, inputs), drawn[units * inputs :]

    def __call__(self, seeds: ArrayLike) -> Floats:
        """Return the output at seeds (n, dim), shape (n, 1)."""
        return self.signals(seeds)[-1]

    def signals(self, seeds: ArrayLike) -> list[Floats]:
        """Return the pre-activations (n, units) of every layer at seeds (n, dim), the output last."""
        shape, below, result = self.architecture, checks.points("seeds", seeds, dim=self.architecture.dim), []
        for layer, (_, inputs) in enumerate(shape.shapes):
            weights, biases = self.layer(layer)
            result.append(self.scale(inputs) * (below @ weights.T) + shape.mu * biases)
            below = SLOPES[shape.convention] * np.maximum(result[-1], 0.0)
        return result

    def scale(self, inputs: int) -> float:
        """Return the factor before the weights of a layer with so many inputs."""
        mu = self.architecture.mu
        return math.sqrt((1.0 - mu) * (1.0 + mu) / inputs)
