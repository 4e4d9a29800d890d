"""What a block of CUDA threads makes of a dense network: products, activations, noise, steps of an optimiser.

As in `networks`, points are in columns: what a layer puts out at a tile of points is an array (units, pitch), and the
arrays of all layers lie one after the other, the points themselves first.  `pitch` is odd, and so is the row of a
weight matrix in a block's copy of the parameters (`inputs | 1`), so that threads meet no memory bank twice; biases
follow the weights.  Every number is summed by one thread, in order, whoever takes it: bits do not depend on threads.

Each of these functions is meant to be called at one place of a kernel: the compiler copies them to every place.  What
is done with a tile is a table, made beforehand (`programs`), that the kernel reads row by row: so little is kept in
registers from one row to the next.
"""

import math

from numba import cuda, uint64

from ..formulas import optimisers, random, turns, units
from .descent import ADAM, MOMENTUM, RMSPROP
from .programs import BIAS, MORE, PLACES, SIZES, SLOPES, STARTS

SIDE = 4  # a thread's tile of a product is SIDE x SIDE numbers: what it reads serves SIDE multiplications
TILE = SIDE * SIDE


@cuda.jit(device=True)
def normals(key, index, step, trial, purpose):
    """Return elements 2 index and 2 index + 1 of a stream of normal numbers."""
    a, b, c, d = random.philox(key, uint64(index), step, trial, uint64(purpose))
    turn = random.uniform(c, d)
    sine, cosine = turns.sin_cos_float64(turn - 1.0 if turn >= 0.5 else turn)
    radius = math.sqrt(-2.0 * math.log(random.uniform(a, b)))
    return radius * cosine, radius * sine


@cuda.jit(device=True)
def multiply(
    mode, out, out_at, out_row, left, left_at, left_row, left_step, right, right_at, right_column, right_step,
    rows, columns, count, biases, hidden, hidden_at, code, slope,
):  # fmt: skip
    """Make out[r, c] of the sum over k < count of left[r, k] right[c, k].

    Arrays are flat, with a place and strides.  SLOPES are those of units whose outputs `hidden` lie as `out` does, and
    may be what lies there.
    """
    thread, threads = cuda.threadIdx.x, cuda.blockDim.x
    zero = slope - slope
    # Unsigned places: signed ones are asked at every access whether they count from the end.
    lefts, rights = uint64(left_step), uint64(right_step)
    if rows >= SIDE and columns >= SIDE and rows * columns >= 2 * SIDE * threads:
        across, down = -(-columns // SIDE), -(-rows // SIDE)
        for item in range(thread, across * down, threads):
            first, above = item % across, item // across
            totals = cuda.local.array(TILE, out.dtype)
            values = cuda.local.array(SIDE, out.dtype)
            lower = cuda.local.array(SIDE, uint64)
            upper = cuda.local.array(SIDE, uint64)
            for i in range(SIDE):
                # Rows and columns beyond the end repeat the last one, and are not stored.
                r, c = min(above + i * down, rows - 1), min(first + i * across, columns - 1)
                lower[i] = uint64(left_at + r * left_row)
                upper[i] = uint64(right_at + c * right_column)
                start = left[uint64(biases + r)] if mode == BIAS else zero
                for j in range(SIDE):
                    at = uint64(out_at + r * out_row + min(first + j * across, columns - 1))
                    totals[i * SIDE + j] = out[at] if mode == MORE else start
            for _ in range(count):
                for j in range(SIDE):
                    values[j] = right[upper[j]]
                    upper[j] += rights
                for i in range(SIDE):
                    value = left[lower[i]]
                    lower[i] += lefts
                    for j in range(SIDE):
                        totals[i * SIDE + j] += value * values[j]
            for i in range(SIDE):
                for j in range(SIDE):
                    r, c = above + i * down, first + j * across
                    if r < rows and c < columns:
                        total, at = totals[i * SIDE + j], r * out_row + c
                        if mode == SLOPES:
                            total *= units.slope_of(code, hidden[uint64(hidden_at + at)], slope)
                        out[uint64(out_at + at)] = total
        return
    for item in range(thread, rows * columns, threads):
        r, c = item // columns, item % columns
        at = r * out_row + c
        total = left[uint64(biases + r)] if mode == BIAS else out[uint64(out_at + at)] if mode == MORE else zero
        x, y = uint64(left_at + r * left_row), uint64(right_at + c * right_column)
        for _ in range(count):
            total += left[x] * right[y]
            x += lefts
            y += rights
        if mode == SLOPES:
            total *= units.slope_of(code, hidden[uint64(hidden_at + at)], slope)
        out[uint64(out_at + at)] = total


@cuda.jit(device=True)
def add_sums(out, at, more, rows, source, start, pitch, width, zero):
    """Set numbers to the sums of rows of a tile, or (with `more`) add these."""
    for r in range(cuda.threadIdx.x, rows, cuda.blockDim.x):
        total = out[at + r] if more else zero
        for p in range(width):
            total += source[start + r * pitch + p]
        out[at + r] = total


@cuda.jit(device=True)
def activate(hidden, at, rows, width, pitch, code, slope):
    """Set a layer of a tile to the activation of it."""
    half = type(slope)(0.5)
    for i in range(cuda.threadIdx.x, rows * width, cuda.blockDim.x):
        place = at + i // width * pitch + i % width
        u = hidden[place]
        if code == units.LEAKY:
            u = units.leaky(u, slope)
        else:
            u = math.tanh(u if code == units.TANH else half * u)
            if code == units.SIGMOID:
                u = half + half * u
        hidden[place] = u


@cuda.jit(device=True)
def add_noise(
    read, read_at, hidden, hidden_at, layer, rows, width, pitch, deviation, key, step, trial, start, first, wide
):
    """Set what a layer hands on to what it puts out and noise.

    `start`, `first`: where the stream begins, and the tile, at an even point; `wide`: points of the CPU's blocks, whose
    order numbers the stream's elements.
    """
    half = (width + 1) // 2
    for i in range(cuda.threadIdx.x, rows * half, cuda.blockDim.x):
        r, p = i // half, 2 * (i % half)
        block = (first + p) // wide * wide
        index = start + (layer << 22) + block * rows // 2 + (r * wide + first + p - block) // 2
        even, odd = normals(key, index, step, trial, random.LAYERS)
        at = r * pitch + p
        read[read_at + at] = hidden[hidden_at + at] + deviation * even
        if p + 1 < width:
            read[read_at + at + 1] = hidden[hidden_at + at + 1] + deviation * odd


@cuda.jit(device=True)
def bend(
    up, bends, bends_at, tangents, tangents_at, deltas, deltas_at, hidden, hidden_at, rows, width, pitch, code, slope
):  # fmt: skip
    """Finish a layer's tangents on the way up, or its bends on the way down, from a product that lies in `tangents`.

    See networks.add_pulled_slopes: on the way up, bends get their own part.
    """
    for i in range(cuda.threadIdx.x, rows * width, cuda.blockDim.x):
        at = i // width * pitch + i % width
        h, pull = hidden[hidden_at + at], tangents[tangents_at + at]
        moved = pull * units.slope_of(code, h, slope)
        if up:
            bends[bends_at + at] = units.bend_of(code, h, slope) * pull * deltas[deltas_at + at]
            tangents[tangents_at + at] = moved
        else:
            bends[bends_at + at] += moved


@cuda.jit(device=True)
def place_of(i, inputs, rows):
    """Return the place, within a layer's part of a block's copy, of parameter i of the layer."""
    weights, row = rows * inputs, inputs | 1
    return i // inputs * row + i % inputs if i < weights else rows * row + i - weights


@cuda.jit(device=True)
def carry(parameters, copy, copy_at, plan, out):
    """Fill a block's copy from flat parameters, or (with `out`) these from the copy."""
    for layer in range(1, plan.shape[1]):
        inputs, rows = plan[SIZES, layer - 1], plan[SIZES, layer]
        for i in range(cuda.threadIdx.x, rows * (inputs + 1), cuda.blockDim.x):
            inner, outer = copy_at + plan[PLACES, layer] + place_of(i, inputs, rows), plan[STARTS, layer] + i
            if out:
                parameters[outer] = copy[inner]
            else:
                copy[inner] = parameters[outer]


@cuda.jit(device=True)
def _power(base, number):
    """Return base to a whole number."""
    found = 1.0
    while number > 0:
        if number & 1:
            found *= base
        base *= base
        number >>= 1
    return found


@cuda.jit(device=True)
def descend(copy, copy_at, gradient, gradient_at, moments, plan, rate, step, kind, decay, second, epsilon):
    """Take step `step` of an optimiser on a block's copy, and return 1 if this thread lost the finite numbers, else 0.

    See lanes.descent; moments lie like flat parameters.
    """
    one, root, step_rate, lost = type(epsilon)(1), type(epsilon)(1), rate, 0
    if kind == ADAM:
        root = type(epsilon)(math.sqrt(1.0 - _power(float(second), step)))
        step_rate = type(epsilon)(float(rate) / (1.0 - _power(float(decay), step)))
    for layer in range(1, plan.shape[1]):
        inputs, rows = plan[SIZES, layer - 1], plan[SIZES, layer]
        for i in range(cuda.threadIdx.x, rows * (inputs + 1), cuda.blockDim.x):
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
