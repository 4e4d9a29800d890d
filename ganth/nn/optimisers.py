"""Optimisers of a flat array of parameters: the formulas and the constants of PyTorch."""

from dataclasses import KW_ONLY, dataclass, fields
from typing import Any, Protocol

import numpy as np
from numpy.typing import DTypeLike, NDArray

from .. import checks
from ..errors import ParameterError, ShapeError


class Optimiser(Protocol):
    """What makes a step of slopes: its settings, and how many arrays like the parameters it keeps."""

    moments: int

    def rules(self, dtype: DTypeLike) -> Any:
        """Return the settings as loops take them."""


class _Steps:
    """What optimisers share: moments that start at 0, and one loop for a step."""

    def start(self, size: int, dtype: DTypeLike = "float64") -> NDArray[Any]:
        """Return the moments (moments, size) that an optimiser keeps of `size` parameters, zeros at the start."""
        return np.zeros((self.moments, checks.integer("size", size, at_least=1)), dtype)  # type: ignore[attr-defined]

    def step(
        self, parameters: NDArray[Any], slopes: NDArray[Any], moments: NDArray[Any], *, rate: float, step: int
    ) -> None:
        """Take step `step` = 1, 2, ... in place: `parameters` and `moments` change, nothing is allocated.

        The three are arrays of the host, or of the device.
        Raises `ShapeError` unless the three are of one type and size.

        >>> x, adam = np.array([1.0, -2.0]), Adam()
        >>> adam.step(x, np.array([3.0, -0.1]), adam.start(2), rate=0.1, step=1)
        >>> x.round(6).tolist()
        [0.9, -1.9]
        """
        if isinstance(parameters, np.ndarray):
            from .optimisers_cpu import step as loop
        else:
            from .optimisers_cuda import step as loop
        kinds = {parameters.dtype, slopes.dtype, moments.dtype}
        if len(kinds) > 1 or parameters.ndim != 1 or not slopes.shape == parameters.shape == moments.shape[1:]:
            raise ShapeError(
                "parameters, slopes and moments must have shapes (n,), (n,) and (moments, n) and one type, got "
                f"{parameters.shape}, {slopes.shape}, {moments.shape} and {sorted(map(str, kinds))}"
            )
        loop(parameters, slopes, moments, parameters.dtype.type(rate), step, self.rules(parameters.dtype))  # type: ignore[attr-defined]

    def _hold_fractions(self) -> None:
        for entry in fields(self):  # type: ignore[arg-type]
            value = checks.number(entry.name, getattr(self, entry.name), at_least=0)
            if entry.name != "epsilon" and value >= 1:
                raise ParameterError(f"{entry.name} must be < 1, got {value!r}")
            object.__setattr__(self, entry.name, value)


@dataclass(frozen=True)
class SGD(_Steps):
    """Gradient descent, with PyTorch's momentum: v <- momentum v + slope, x <- x - rate v.

    Parameters
    ----------
    momentum : float in [0, 1)

    Raises
    ------
    ParameterError
        Naming the argument, the rule and the value.

    Examples
    --------
    >>> x, slopes, descent = np.array([1.0]), np.array([0.5]), SGD(momentum=0.9)
    >>> velocity = descent.start(1)
    >>> for t in (1, 2):
    ...     descent.step(x, slopes, velocity, rate=0.1, step=t)
    >>> x.round(6).tolist()  # 1 - 0.1 (0.5 + 0.95)
    [0.855]
    """

    _: KW_ONLY
    momentum: float = 0.0

    def __post_init__(self) -> None:
        self._hold_fractions()

    @property
    def moments(self) -> int:
        """The arrays that it keeps: 1 with momentum, else 0."""
        return 1 if self.momentum > 0 else 0

    def rules(self, dtype: DTypeLike) -> Any:
        """Return the settings as loops take them."""
        from .optimisers_cpu import MOMENTUM, SGD, Rules

        real: Any = np.dtype(dtype).type
        return Rules(MOMENTUM if self.momentum > 0 else SGD, real(self.momentum), real(0), real(0))


@dataclass(frozen=True)
class RMSProp(_Steps):
    """Each slope over the root of the running mean of its square.

    Parameters
    ----------
    decay : float in [0, 1)
        Of the running mean (PyTorch: alpha).
    epsilon : float >= 0
        Added to the root.

    Raises
    ------
    ParameterError
        Naming the argument, the rule and the value.
    """

    _: KW_ONLY
    decay: float = 0.99
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        self._hold_fractions()

    def precondition(self, slopes: NDArray[Any], squares: NDArray[Any]) -> None:
        """Turn slopes (n,) or (m, n) into steps over the rate, in place, once their squares have entered `squares`."""
        from .optimisers_cpu import precondition

        precondition(np.atleast_2d(slopes), np.atleast_2d(squares), self.rules(slopes.dtype))

    @property
    def moments(self) -> int:
        """The arrays that it keeps."""
        return 1

    def rules(self, dtype: DTypeLike) -> Any:
        """Return the settings as loops take them."""
        from .optimisers_cpu import RMSPROP, Rules

        real: Any = np.dtype(dtype).type
        return Rules(RMSPROP, real(self.decay), real(0), real(self.epsilon))


@dataclass(frozen=True)
class Adam(_Steps):
    """Adam (Kingma and Ba 2015) in PyTorch's form, epsilon outside the corrected root.

    Parameters
    ----------
    beta1, beta2 : float in [0, 1)
        Decay of the running means of slopes and of their squares.
    epsilon : float >= 0

    Raises
    ------
    ParameterError
        Naming the argument, the rule and the value.
    """

    _: KW_ONLY
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        self._hold_fractions()

    @property
    def moments(self) -> int:
        """The arrays that it keeps."""
        return 2

    def rules(self, dtype: DTypeLike) -> Any:
        """Return the settings as loops take them."""
        from .optimisers_cpu import ADAM, Rules

        real: Any = np.dtype(dtype).type
        return Rules(ADAM, real(self.beta1), real(self.beta2), real(self.epsilon))
