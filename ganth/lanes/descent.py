"""One step of an optimiser on a flat array of parameters, in place: the loop that networks of every kind share."""

import math
from collections import namedtuple

from numba import njit

from ..formulas import optimisers

SGD, MOMENTUM, RMSPROP, ADAM = range(4)
MOMENTS = {SGD: 0, MOMENTUM: 1, RMSPROP: 1, ADAM: 2}  # arrays that an optimiser keeps
# decay: of the velocity, of the squares (RMSProp), or beta1; second: beta2 (Adam).
Optimiser = namedtuple("Optimiser", "kind decay second epsilon")


@njit
def descend(parameters, slopes, moments, rate, step, optimiser):
    """Take step `step` = 1, 2, ... of an optimiser; moments (MOMENTS, size) are what it keeps."""
    one = type(optimiser.epsilon)(1)
    if optimiser.kind == SGD:
        for i in range(parameters.size):
            parameters[i] -= rate * slopes[i]
    elif optimiser.kind == MOMENTUM:
        for i in range(parameters.size):
            moments[0, i] = optimisers.momentum(slopes[i], moments[0, i], optimiser.decay)
            parameters[i] -= rate * moments[0, i]
    elif optimiser.kind == RMSPROP:
        for i in range(parameters.size):
            move, moments[0, i] = optimisers.rmsprop(
                slopes[i], moments[0, i], optimiser.decay, one - optimiser.decay, optimiser.epsilon
            )
            parameters[i] -= rate * move
    else:
        first = 1.0 - float(optimiser.decay) ** step
        root = type(optimiser.epsilon)(math.sqrt(1.0 - float(optimiser.second) ** step))
        step_rate = type(optimiser.epsilon)(float(rate) / first)
        for i in range(parameters.size):
            move, moments[0, i], moments[1, i] = optimisers.adam(
                slopes[i], moments[0, i], moments[1, i],
                one - optimiser.decay, optimiser.second, one - optimiser.second, root, optimiser.epsilon,
            )  # fmt: skip
            parameters[i] -= step_rate * move
