"""What the threads of a CUDA block do in an effective GAN: draw data, couple particles, take a step of a parameter.

A thread does the item that it is called for.  Nothing here names `cuda` in a function: in the simulator a function
sees that name changed only while a kernel of its own file runs.
"""

from numba import cuda, uint64

from ..formulas.draws import normal_at, uniform_at
from ..formulas.optimisers import rmsprop
from ..formulas.random import DATA, NOISE


@cuda.jit(device=True)
def draw(data, at, stride, means, factors, cumulative, key, step, trial, p, axes):
    """Set the coordinates of point p, at data[at], data[at + stride], ..., to GaussianMixture.sample's."""
    chosen = uniform_at(p, key, step + uint64(1), trial, DATA) * cumulative[cumulative.size - 1]
    mode = 0
    for k in range(cumulative.size - 1):
        mode += 1 if cumulative[k] <= chosen else 0
    for axis in range(axes):
        x = means[mode, axis]
        for other in range(axis + 1):
            x += factors[mode, axis, other] * normal_at(p * axes + other, key, step, trial, NOISE)
        data[at + axis * stride] = x


@cuda.jit(device=True)
def coupled(slopes, at, stride, gram, local, other, p, count, one):
    """Return (1/N) sum_b Gamma_pb slope_b along an axis, slope_b at slopes[at + b stride]; see effective.coupled."""
    total = one - one
    if gram.size > 0:
        for q in range(count):
            total += gram[p, q] * slopes[at + q * stride]
        return total
    if other != 0:
        for q in range(count):
            total += slopes[at + q * stride]
    return local * slopes[at + p * stride] + other * (total / type(one)(count))


@cuda.jit(device=True)
def descended(old, slope, squares, rms, at, reg, rate, one):
    """Return a parameter after one step, the mean of its squared slopes at squares[at]."""
    slope += old * reg
    if rms:
        slope, squares[at] = rmsprop(slope, squares[at], type(one)(0.99), type(one)(0.01), type(one)(1e-8))
    return old - slope * rate


@cuda.jit(device=True)
def descend(parameters, squares, rms, at, slope, reg, rate, one):
    """Take one step of the parameter at parameters[at]."""
    parameters[at] = descended(parameters[at], slope, squares, rms, at, reg, rate, one)
