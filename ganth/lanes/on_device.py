"""What a block of CUDA threads makes of a dense network: products, activations, noise, steps of an optimiser.

As in `networks`, points are in columns: what a layer puts out at a tile of points is an array (units, pitch), and the
arrays of all layers lie one after the other, the points themselves first.  `pitch` is odd, and so is the row of a
weight matrix in a block's copy of the parameters (`inputs | 1`), so that threads meet no memory bank twice; biases
follow the weights.  Every number is summed by one thread, in order, whoever takes it: bits do not depend on threads.

Each of these functions is meant to be called at one place of a kernel: the compiler copies them to every place.  What
is done with a tile is a table, made beforehand (`programs`), that the kernel reads row by row: so little is kept in
registers from one row to the next.  None asks which thread it is: Numba's simulator answers in the kernel's file alone.
"""

import math

from numba import uint64
from numba.cuda import jit

from ..formulas import optimisers, random, turns, units
from .descent import ADAM, MOMENTUM, RMSPROP
from .programs import PLACES, SIZES, STARTS


@jit(device=True)
def normals(key, index, step, trial, purpose):
    """Return elements 2 index and 2 index + 1 of a stream of normal numbers."""
    a, b, c, d = random.philox(key, uint64(index), step, trial, uint64(purpose))
    turn = random.uniform(c, d)
    sine, cosine = turns.sin_cos_float64(turn - 1.0 if turn >= 0.5 else turn)
    radius = math.sqrt(-2.0 * math.log(random.uniform(a, b)))
    return radius * cosine, radius * sine


@jit(device=True)
def add_sums(thread, threads, out, at, more, rows, source, start, pitch, width, zero):
    """Set numbers to the sums of rows of a tile, or (with `more`) add these."""
    for r in range(thread, rows, threads):
        total = out[at + r] if more else zero
        for p in range(width):
            total += source[start + r * pitch + p]
        out[at + r] = total


@jit(device=True)
def activate(thread, threads, hidden, at, rows, width, pitch, code, slope):
    """Set a layer of a tile to the activation of it."""
    half = type(slope)(0.5)
    for i in range(thread, rows * width, threads):
        place = at + i // width * pitch + i % width
        u = hidden[place]
        if code == units.LEAKY:
            u = units.leaky(u, slope)
        else:
            u = math.tanh(u if code == units.TANH else half * u)
            if code == units.SIGMOID:
                u = half + half * u
        hidden[place] = u


@jit(device=True)
def add_noise(
    thread,
    threads,
    read,
    read_at,
    hidden,
    hidden_at,
    layer,
    rows,
    width,
    pitch,
    deviation,
    key,
    step,
    trial,
    start,
    first,
    wide,
):
    """Set what a layer hands on to what it puts out and noise.

    `start`, `first`: where the stream begins, and the tile, at an even point; `wide`: points of the CPU's blocks, whose
    order numbers the stream's elements.
    """
    half = (width + 1) // 2
    for i in range(thread, rows * half, threads):
        r, p = i // half, 2 * (i % half)
        block = (first + p) // wide * wide
        index = start + (layer << 22) + block * rows // 2 + (r * wide + first + p - block) // 2
        even, odd = normals(key, index, step, trial, random.LAYERS)
        at = r * pitch + p
        read[read_at + at] = hidden[hidden_at + at] + deviation * even
        if p + 1 < width:
            read[read_at + at + 1] = hidden[hidden_at + at + 1] + deviation * odd


@jit(device=True)
def bend(
    thread, threads, up, bends, bends_at, tangents, tangents_at, deltas, deltas_at, hidden, hidden_at, rows, width,
    pitch, code, slope,
):  # fmt: skip
    """Finish a layer's tangents on the way up, or its bends on the way down, from a product that lies in `tangents`.

    See networks.add_pulled_slopes: on the way up, bends get their own part.
    """
    for i in range(thread, rows * width, threads):
        at = i // width * pitch + i % width
        h, pull = hidden[hidden_at + at], tangents[tangents_at + at]
        moved = pull * units.slope_of(code, h, slope)
        if up:
            bends[bends_at + at] = units.bend_of(code, h, slope) * pull * deltas[deltas_at + at]
            tangents[tangents_at + at] = moved
        else:
            bends[bends_at + at] += moved


@jit(device=True)
def place_of(i, inputs, rows):
    """Return the place, within a layer's part of a block's copy, of parameter i of the layer."""
    weights, row = rows * inputs, inputs | 1
    return i // inputs * row + i % inputs if i < weights else rows * row + i - weights


@jit(device=True)
def carry(thread, threads, parameters, copy, copy_at, plan, out):
    """Fill a block's copy from flat parameters, or (with `out`) these from the copy."""
    for layer in range(1, plan.shape[1]):
        inputs, rows = plan[SIZES, layer - 1], plan[SIZES, layer]
        for i in range(thread, rows * (inputs + 1), threads):
            inner, outer = copy_at + plan[PLACES, layer] + place_of(i, inputs, rows), plan[STARTS, layer] + i
            if out:
                parameters[outer] = copy[inner]
            else:
                copy[inner] = parameters[outer]


@jit(device=True)
def _power(base, number):
    """Return base to a whole number."""
    found = 1.0
    while number > 0:
        if number & 1:
            found *= base
        base *= base
        number >>= 1
    return found


@jit(device=True)
def descend(
    thread, threads, copy, copy_at, gradient, gradient_at, moments, plan, rate, step, kind, decay, second, epsilon
):
    """Take step `step` of an optimiser on a block's copy, and return 1 if this thread lost the finite numbers, else 0.

    See lanes.descent; moments lie like flat parameters.
    """
    one, root, step_rate, lost = type(epsilon)(1), type(epsilon)(1), rate, 0
    if kind == ADAM:
        root = type(epsilon)(math.sqrt(1.0 - _power(float(second), step)))
        step_rate = type(epsilon)(float(rate) / (1.0 - _power(float(decay), step)))
    for layer in range(1, plan.shape[1]):
        inputs, rows = plan[SIZES, layer - 1], plan[SIZES, layer]
        for i in range(thread, rows * (inputs + 1), threads):
            inner, outer = plan[PLACES, layer] + place_of(i, inputs, rows), plan[STARTS, layer] + i
            move = gradient[gradient_at + inner]
            if kind == MOMENTUM:
                move = optimisers.momentum(move, moments[0, outer], decay)
                moments[0, outer] = move
            elif kind == RMSPROP:
                move, moments[0, outer] = optimisers.rmsprop(move, moments[0, outer], decay, one - decay, epsilon)
            elif kind == ADAM:
                move, moments[0, outer], moments[1, outer] = optimisers.adam(
                    move, moments[0, outer], moments[1, outer], one - decay, second, one - second, root, epsilon
                )
            value = copy[copy_at + inner] - step_rate * move
            copy[copy_at + inner] = value
            if not math.isfinite(value):
                lost = 1
    return lost
