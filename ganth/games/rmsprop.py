"""RMSProp, as in PyTorch: each slope is divided by the root of the running mean of its square."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

DECAY, EPSILON = 0.99, 1e-8


def precondition(slopes: NDArray[Any], squares: NDArray[Any], scratch: NDArray[Any]) -> None:
    """Divide `slopes` in place after their squares have entered `squares`; nothing is allocated."""
    real = slopes.dtype.type
    squares *= real(DECAY)
    np.multiply(slopes, slopes, out=scratch)
    scratch *= real(1.0 - DECAY)
    squares += scratch
    np.sqrt(squares, out=scratch)
    scratch += real(EPSILON)
    slopes /= scratch
