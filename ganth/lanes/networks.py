"""Dense networks in loops that call no library: forward, back to parameters and inputs, and what a penalty needs.

Points are in the lanes.  A block is `block` points; what a layer puts out at them is an array (units, block) whose
rows are whole vectors, and the arrays of all layers lie one after the other, the points themselves first: `hidden`.
So do dD/du, "deltas".  Parameters are flat: layer by layer the weights (units, inputs) row by row, then the biases.

Each of these functions is meant to be called at one place of a loop: the compiler copies them to every place.
"""

from collections import namedtuple

import numpy as np
from numba import njit, uint64

from ..formulas import activations, exponentials, random, units
from .draws import normals, uniforms
from .products import add_dots, add_sums, block, multiply, transpose
from .tiles import aligned, lanes_of

# sizes (int64): of the input and of every layer; activation: a code of formulas.units, the same for all hidden layers.
Network = namedtuple("Network", "sizes activation slope")
# What layers read is `hidden`, or a copy of it with noise.
Room = namedtuple("Room", "hidden read deltas tangents pulls bends turned tile zeros even odd")
# Noise of standard deviation `deviation`, from the stream's counters `start` on; `first`: the block's first point.
Noise = namedtuple("Noise", "deviation key step trial start first")


@njit
def place_of(network, layer, like):
    """Return where the array of a layer begins in `hidden` and the like."""
    before = 0
    for k in range(layer):
        before += network.sizes[k]
    return block(like) * before


@njit
def copy(out, at, source, start, count):
    """Copy `count` numbers.  (Numba takes long to compile a slice that is set to another.)"""
    to, found = out[at : at + count], source[start : start + count]
    for i in range(count):
        to[i] = found[i]


@njit
def lengths(network, like):
    """Return the numbers of a block, of all layers' arrays for it, of the transposes and of a row of zeros."""
    wide, most = block(like), 0
    for size in network.sizes:
        most = max(most, size)
    padded = -(-most // wide) * wide
    total = place_of(network, network.sizes.size, like) + lanes_of(like) * wide  # a transpose reads whole squares
    return wide, total, wide * padded, most * padded, max(most, wide)


@njit
def room_of(network, like, noisy, penalised):
    """Return scratch memory for a block."""
    wide, total, turned, tile, zeros = lengths(network, like)
    second = total if penalised else 0
    half = (zeros * wide + 1) // 2
    return Room(
        aligned(total, like), aligned(total if noisy else 0, like), aligned(total, like),
        aligned(second, like), aligned(second, like), aligned(second, like),
        aligned(turned, like), aligned(tile, like), aligned(zeros, like), np.empty(half), np.empty(half),
    )  # fmt: skip


@njit(error_model="numpy", fastmath={"contract"})
def activate(rows, network, even, odd):
    """Set rows to the activation of them, without calls; even and odd are scratch."""
    if network.activation == units.LEAKY:
        for i in range(rows.size):
            rows[i] = units.leaky(rows[i], network.slope)
        return
    one = type(network.slope)(1)
    scale = one if network.activation == units.TANH else type(network.slope)(0.5)  # sigmoid(u) = (1 + tanh(u / 2)) / 2
    if lanes_of(rows) == 16:  # float32
        end = type(network.slope)(activations.TANH_END)
        for i in range(rows.size):
            u = rows[i] * scale
            u = end if u > end else u
            u = -end if u < -end else u
            rows[i] = activations.tanh_float32(u)
    else:
        bits, shifts = even.view(np.int64), odd.view(np.int64)
        for first in range(0, rows.size, even.size):
            part = rows[first : first + even.size]
            for i in range(part.size):
                u = np.float64(part[i] * (scale + scale))
                u = 40.0 if u > 40.0 else u
                u = -40.0 if u < -40.0 else u
                even[i], odd[i] = exponentials.exp_parts(u)
            for i in range(part.size):
                bits[i] += shifts[i] << 52
            for i in range(part.size):
                part[i] = activations.tanh_of_exp(even[i])
    if network.activation == units.SIGMOID:
        for i in range(rows.size):
            rows[i] = scale + scale * rows[i]


@njit
def times_slopes(out, network, outputs):
    """Multiply by the slopes of units with these outputs, in a loop for each activation.

    (Indices from 0 on: where one might be negative, the compiler makes no vectors.)
    """
    code, slope = network.activation, network.slope
    if code == units.LEAKY:
        for i in range(out.size):
            out[i] *= units.slope_of(units.LEAKY, outputs[i], slope)
    elif code == units.TANH:
        for i in range(out.size):
            out[i] *= units.slope_of(units.TANH, outputs[i], slope)
    else:
        for i in range(out.size):
            out[i] *= units.slope_of(units.SIGMOID, outputs[i], slope)


@njit
def _add_noise(read, room, above, count, noise, layer, first):
    """Set what a layer hands on to what it puts out and noise."""
    half = count // 2
    even, odd, start = room.even[:half], room.odd[:half], noise.start + (layer << 22) + first
    uniforms(even, odd, half, noise.key, noise.step, noise.trial, uint64(random.LAYERS), start)
    normals(even, odd)
    for i in range(half):
        read[above + 2 * i] = room.hidden[above + 2 * i] + noise.deviation * even[i]
        read[above + 2 * i + 1] = room.hidden[above + 2 * i + 1] + noise.deviation * odd[i]


@njit
def forward(network, parameters, room, noise):
    """Fill `hidden` from the points, its first rows; what hidden layers hand on gets the noise, if there is any.

    Where `noise` is None, nothing that draws it is compiled.
    """
    wide, last = block(parameters), network.sizes.size - 1
    noisy = False
    if noise is not None:
        noisy = noise.deviation > 0
    read = room.read if noisy else room.hidden
    if noisy:
        copy(read, 0, room.hidden, 0, network.sizes[0] * wide)
    at = below = 0
    for layer in range(1, last + 1):
        inputs, rows = network.sizes[layer - 1], network.sizes[layer]
        above = below + inputs * wide
        bias = at + rows * inputs
        multiply(room.hidden, above, wide, parameters, bias, parameters, at, inputs, 1, read, below, wide, inputs, rows)
        if layer < last:
            activate(room.hidden[above : above + rows * wide], network, room.even, room.odd)
        if noise is not None:  # noqa: SIM102  (alone, so that Numba leaves it out)
            if layer < last and noisy:
                _add_noise(read, room, above, wide * rows, noise, layer, noise.first * rows // 2)
        at, below = bias + rows, above


@njit
def add_slopes(gradient, at, deltas, above, read, below, inputs, rows, biased, room):
    """Add to a layer's part of the gradient the sums over a block of deltas times what it read."""
    wide = block(gradient)
    if biased:
        add_sums(gradient, at + rows * inputs, deltas, above, wide, rows)
    if inputs < lanes_of(gradient) or rows < 3:
        add_dots(gradient, at, inputs, deltas, above, read, below, wide, rows, inputs)
        return
    turned, tile, zeros = room.turned, room.tile, room.zeros
    padded = -(-inputs // wide) * wide
    transpose(turned, padded, read, below, wide, inputs, wide)
    for first in range(0, inputs, wide):
        multiply(tile, first, padded, zeros, 0, deltas, above, wide, 1, turned, first, padded, wide, rows)
    whole = padded == inputs
    for r in range(1 if whole else rows):
        to, found = gradient[at + r * inputs : at + rows * inputs], tile[r * padded :]
        for k in range(rows * inputs if whole else inputs):
            to[k] += found[k]


@njit
def backward(network, parameters, room, noisy, gradient, learn, to_inputs):
    """Go back from the deltas of the last layer, which the caller has set.

    With `learn` the sums over the block are added to the gradient; with `to_inputs` the deltas reach the points.
    """
    wide, last = block(parameters), network.sizes.size - 1
    at, above = parameters.size, place_of(network, last, parameters)
    hidden, deltas, read = room.hidden, room.deltas, room.read if noisy else room.hidden
    for layer in range(last, 0, -1):
        inputs, rows = network.sizes[layer - 1], network.sizes[layer]
        at, below = at - rows * (inputs + 1), above - inputs * wide
        if learn:
            add_slopes(gradient, at, deltas, above, read, below, inputs, rows, True, room)
        if layer > 1 or to_inputs:
            zeros = room.zeros
            multiply(deltas, below, wide, zeros, 0, parameters, at, 1, inputs, deltas, above, wide, rows, inputs)
        if layer > 1:
            times_slopes(deltas[below:above], network, hidden[below:above])
        above = below


@njit
def add_pulled_slopes(network, parameters, room, gradient):
    """Add to the gradient that of sum_p v_p . grad f(x_p), f the first output, for v in the first rows of `tangents`.

    `hidden` must be filled without noise, and `deltas` must be those of f, seed 1, down to layer 1.  Tangents
    t_l = s'(u_l) W_l t_{l-1} give the part in the weights that grad f shows; units that bend give a second part, which
    goes back like deltas: `bends`.
    """
    wide, last, code = block(parameters), network.sizes.size - 1, network.activation
    hidden, deltas, tangents, pulls, bends = room.hidden, room.deltas, room.tangents, room.pulls, room.bends
    bends[place_of(network, 1, parameters) :] = 0
    at = below = 0
    turns = 2 * last if code != units.LEAKY else last
    # Up through the layers with the tangents, then down with the bends.
    for turn in range(turns):
        up = turn < last
        layer = turn + 1 if up else turns - turn
        inputs, rows = network.sizes[layer - 1], network.sizes[layer]
        size = rows * (inputs + 1)
        if not up:
            at -= size
            below -= inputs * wide
        above = below + inputs * wide
        source, other = (deltas, tangents) if up else (bends, hidden)
        if up or layer < last:
            add_slopes(gradient, at, source, above, other, below, inputs, rows, not up, room)
        out, start, count, length = (pulls, above, rows, inputs) if up else (bends, below, inputs, rows)
        right, place = (tangents, below) if up else (bends, above)
        row, column = (inputs, 1) if up else (1, inputs)
        if layer < last if up else layer > 1:
            multiply(out, start, wide, room.zeros, 0, parameters, at, row, column, right, place, wide, length, count)
            end = start + count * wide
            if up:
                copy(tangents, start, pulls, start, end - start)
            times_slopes((tangents if up else bends)[start:end], network, hidden[start:end])
            for i in range(end if up else start, end):
                bends[i] += units.bend_of(code, hidden[i], network.slope) * pulls[i] * deltas[i]
        if up:
            at += size
            below = above


@njit
def put_points(rows, points, first, columns):
    """Set the first rows of a block to points (n, columns) from `first` on; missing ones are 0."""
    wide = block(rows)
    for k in range(columns):
        for p in range(wide):
            rows[k * wide + p] = points[first + p, k] if first + p < len(points) else 0


@njit
def take_rows(points, first, rows, at, columns):
    """Set points (n, columns) from `first` on to rows of a block."""
    wide = block(rows)
    for p in range(min(wide, len(points) - first)):
        for k in range(columns):
            points[first + p, k] = rows[at + k * wide + p]
