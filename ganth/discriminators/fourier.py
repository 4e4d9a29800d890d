"""Waves on a grid of frequencies, each learned at its own rate (ED, app. C)."""

from dataclasses import dataclass

import numpy as np

from .. import checks
from ..checks import Floats
from ..errors import ParameterError

_PRINTED = {"power": (1.0, 3.0), "exponential": (668.8, 2.05)}  # ED (C3) and (C4): factor and decay


@dataclass(frozen=True)
class FourierModes:
    r"""Frequencies k = (k_1, ..., k_d), each k_i from `per_axis` log-spaced values and their negatives, and rates.

    .. math::
        D(x) = \sum_k w^{(1)}_k \sin(k \cdot x) + w^{(2)}_k \cos(k \cdot x), \qquad
        \gamma(k) = \min(\text{cap}, \text{factor}\, |k|^{-\text{decay}})
        \text{ or } \text{factor}\, e^{-\text{decay} |k|}

    Parameters
    ----------
    law : {"power", "exponential"}
        Of the rate gamma in |k|.
    decay, factor : float > 0, optional
        None: those printed, |k|^-3 and 668.8 exp(-2.05 |k|).
    cap : float > 0
        Largest rate of the power law.
    per_axis : int >= 1
        Positive values of each k_i.
    lowest, highest : float > 0
        The first and the last of them [1 / data length].

    Raises
    ------
    ParameterError
        Naming the argument, the rule and the value.

    Notes
    -----
    Source: ED, eqs. (C1)-(C4).  k and -k give the same waves, so that each is learned at twice its rate.

    Examples
    --------
    >>> FourierModes(per_axis=3, lowest=0.1, highest=10.0).axis.round(3).tolist()
    [0.1, 1.0, 10.0]
    """

    law: str = "power"
    decay: float | None = None
    factor: float | None = None
    cap: float = 1e3
    per_axis: int = 25
    lowest: float = 0.01
    highest: float = 20.0

    def __post_init__(self) -> None:
        checks.choice("law", self.law, tuple(_PRINTED))
        for name, printed in zip(("factor", "decay"), _PRINTED[self.law], strict=True):
            given = getattr(self, name)
            object.__setattr__(self, name, checks.number(name, printed if given is None else given, above=0))
        for name in ("cap", "lowest", "highest"):
            object.__setattr__(self, name, checks.number(name, getattr(self, name), above=0))
        object.__setattr__(self, "per_axis", checks.integer("per_axis", self.per_axis, at_least=1))
        if self.highest < self.lowest:
            raise ParameterError(f"highest must be >= lowest = {self.lowest!r}, got {self.highest!r}")

    @property
    def axis(self) -> Floats:
        """The positive values of each k_i, ascending, (per_axis,)."""
        return np.geomspace(self.lowest, self.highest, self.per_axis)
