"""A network with one hidden layer of units that read the data (ED, eq. 23)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from .. import checks, streams
from ..checks import Floats
from ..errors import ShapeError
from ..formulas.random import WEIGHTS

ACTIVATIONS = ("relu", "tanh", "erf")


@dataclass(frozen=True, eq=False)
class OneHidden:
    r"""The function of H hidden units

    .. math:: D(x) = \sqrt{2/H} \sum_i a_i s(w_i \cdot x + b_i), \quad s(u) = \max(0, u), \tanh u \text{ or erf } u

    Parameters
    ----------
    output_weights : (H,) array
        a.
    weights : (H, d) array
        w [1 / data length].
    biases : (H,) array
        b.
    activation : {"relu", "tanh", "erf"}
        s; erf(u), not erf(u / sqrt(2)).

    Raises
    ------
    ParameterError, ShapeError
        Naming the argument, the rule and the value.

    Notes
    -----
    Source: ED, eqs. (23) and (A1).  A ReLU unit at its kink counts as off.

    Examples
    --------
    D(x) = 3 max(0, x_1 - x_2 + 1) - max(0, x_2):

    >>> D = OneHidden([3.0, -1.0], [[1.0, -1.0], [0.0, 1.0]], [1.0, 0.0])
    >>> D([[1.0, 0.5], [-2.0, 1.0]])
    array([ 4., -1.])
    >>> D.gradient([[1.0, 0.5], [-2.0, 1.0]]).tolist()
    [[3.0, -4.0], [0.0, -1.0]]
    """

    output_weights: Floats
    weights: Floats
    biases: Floats
    activation: str = "relu"

    def __post_init__(self) -> None:
        checks.choice("activation", self.activation, ACTIVATIONS)
        checked = {
            "output_weights": checks.array("output_weights", self.output_weights, "(H,)", 1).copy(),
            "weights": checks.points("weights", self.weights).copy(),
            "biases": checks.array("biases", self.biases, "(H,)", 1).copy(),
        }
        units = len(checked["weights"])
        for name in ("output_weights", "biases"):
            if len(checked[name]) != units:
                raise ShapeError(f"{name} must have shape ({units},), one for each unit, got {checked[name].shape}")
        for name, value in checked.items():
            value.flags.writeable = False
            object.__setattr__(self, name, value)

    @classmethod
    def initial(
        cls,
        dim: int,
        width: int,
        seed: int | np.random.Generator = 0,
        *,
        activation: str = "relu",
        weight_variance: float = 1.0,
        bias_variance: float = 9.0,
        trial: int = 0,
    ) -> "OneHidden":
        """Return the network at its random start: a, w and b Gaussian with mean 0 (ED, app. A).

        Trial t draws from the streams of purpose WEIGHTS: a at step 0, w at step 1, b at step 2.

        Parameters
        ----------
        dim, width : int >= 1
            d and H.
        seed : int in [0, 2**64) or numpy Generator
        activation : {"relu", "tanh", "erf"}
        weight_variance, bias_variance : float >= 0
            Of a and w, and of b.
        trial : int >= 0

        Examples
        --------
        >>> OneHidden.initial(dim=2, width=100, seed=3).weights.shape
        (100, 2)
        """
        dim, width = checks.integer("dim", dim, at_least=1), checks.integer("width", width, at_least=1)
        weight = np.sqrt(checks.number("weight_variance", weight_variance, at_least=0))
        bias = np.sqrt(checks.number("bias_variance", bias_variance, at_least=0))
        key = checks.seed_key(seed)

        def drawn(shape: tuple[int, ...], step: int) -> Floats:
            return streams.normal(key, shape, purpose=WEIGHTS, trial=trial, step=step)

        return cls(weight * drawn((width,), 0), weight * drawn((width, dim), 1), bias * drawn((width,), 2), activation)

    def __call__(self, x: ArrayLike) -> Floats:
        """Return D at points x (m, d), shape (m,)."""
        signal = self._signal(x)
        if self.activation == "relu":
            hidden = np.maximum(signal, 0.0)
        elif self.activation == "tanh":
            hidden = np.tanh(signal)
        else:
            from scipy.special import erf

            hidden = erf(signal)
        return self._scale * (hidden @ self.output_weights)

    def gradient(self, x: ArrayLike) -> Floats:
        """Return the gradient of D at points x (m, d), shape (m, d)."""
        signal = self._signal(x)
        if self.activation == "relu":
            slope = (signal > 0).astype(float)
        elif self.activation == "tanh":
            slope = 1.0 - np.tanh(signal) ** 2
        else:
            slope = 2.0 / np.sqrt(np.pi) * np.exp(-(signal**2))
        return self._scale * ((slope * self.output_weights) @ self.weights)

    @property
    def _scale(self) -> float:
        return float(np.sqrt(2.0 / len(self.biases)))

    def _signal(self, x: ArrayLike) -> Floats:
        return checks.points("x", x, dim=self.weights.shape[1]) @ self.weights.T + self.biases
