"""Loops of optimisers, for CUDA: a thread steps one parameter."""

import math

from numba import cuda, float32, float64, int64

from ..device import empty, kernel
from ..formulas import optimisers
from ..lanes.descent import ADAM, MOMENTUM, SGD

BLOCK = 256


def _signature(real):
    return real[::1], real[::1], real[:, ::1], int64, *[real] * 7


@kernel(*map(_signature, (float32, float64)), block=BLOCK, wait=False)
def descend(parameters, slopes, moments, kind, rate, decay, keep_decay, second, keep_second, root, epsilon):
    """See lanes.descent.descend; keep_... = 1 - ...; for Adam the rate is over 1 - beta1^t."""
    i = cuda.grid(1)
    if i >= parameters.size:
        return
    if kind == SGD:
        move = slopes[i]
    elif kind == MOMENTUM:
        move = optimisers.momentum(slopes[i], moments[0, i], decay)
        moments[0, i] = move
    elif kind == ADAM:
        move, moments[0, i], moments[1, i] = optimisers.adam(
            slopes[i], moments[0, i], moments[1, i], keep_decay, second, keep_second, root, epsilon
        )
    else:
        move, moments[0, i] = optimisers.rmsprop(slopes[i], moments[0, i], decay, keep_decay, epsilon)
    parameters[i] -= rate * move


def step(parameters, slopes, moments, rate, number, rules):
    """See optimisers: arrays of the device, in place."""
    real = parameters.dtype.type
    root = real(1)
    if rules.kind == ADAM:
        root = real(math.sqrt(1.0 - float(rules.second) ** number))
        rate = real(float(rate) / (1.0 - float(rules.decay) ** number))
    held = moments if moments.size else empty((1, 1), parameters.dtype)
    descend.launch(
        parameters.size, parameters, slopes, held, rules.kind, rate, rules.decay, real(1) - rules.decay, rules.second,
        real(1) - rules.second, root, rules.epsilon, block=BLOCK,
    )  # fmt: skip
