"""Small dense networks in a block of a CUDA kernel: two hidden leaky ReLU layers, the twin of games.stack.

`layers` is 3: were it known to the compiler, each layer would be code, and registers, of its own.

Threads of a block share the work and meet at barriers; who sums what does not depend on how many they are.  Arrays are
flat and come with the place where their numbers start: a layer's weights (inputs, units), then its biases.
"""

import math

from numba import cuda, float64

from ..formulas.draws import normal_at
from ..formulas.random import LAYERS

LITTLE = 1e-12
_SLOPE = 0.2


@cuda.jit(device=True)
def product(out, at, left, l, l_row, l_depth, right, r, r_depth, r_column, rows, columns, depth, add):  # noqa: E741
    """Set, or add to, out (rows, columns) the product of left and right, each given by its start and strides."""
    for i in range(cuda.threadIdx.x, rows * columns, cuda.blockDim.x):
        from_left, from_right, total = l + i // columns * l_row, r + i % columns * r_column, 0.0
        for _ in range(depth):
            total += left[from_left] * right[from_right]
            from_left += l_depth
            from_right += r_depth
        out[at + i] = out[at + i] + total if add else total


@cuda.jit(device=True)
def forward(
    room, x, own, weights, hidden, out, n, inputs, width, outputs, noise, keys, block, trial, counter, wide, layers
):
    """Set out (n, outputs) to a network's values at x (n, inputs); keep hidden layers and masks, n width each."""
    for layer in range(layers):
        units, to = (outputs, out) if layer == 2 else (width, hidden + 2 * layer * n * width)
        product(room, to, room, x, inputs, 1, own, weights, units, 1, n, units, inputs, False)
        cuda.syncthreads()
        weights += inputs * units
        for i in range(cuda.threadIdx.x, n * units, cuda.blockDim.x):
            value = room[to + i] + own[weights + i % units]
            if layer < 2:
                mask = 1.0 if value > 0 else _SLOPE
                room[to + n * width + i] = mask
                value *= mask
                if noise > 0:
                    index = (counter + i // units) * wide + layer * width + i % units
                    value += noise * normal_at(index, keys[0], block, trial, LAYERS)
            room[to + i] = value
        cuda.syncthreads()
        weights += units
        x, inputs = to, units


@cuda.jit(device=True)
def backward(
    room, x, hidden, masks, own, weights, slopes, s, n, inputs, width, outputs, above, spare, learns, more, layers
):
    """Turn slopes in a network's values, at `above`, into those in x, at `spare`; with `learns` add to the parameters'.

    learns 2: all, 1: weights alone, 0: none; more: place of slopes in the last hidden layer (width,), or -1.
    """
    for back_to in range(layers):
        layer = 2 - back_to
        units, before = outputs if layer == 2 else width, inputs if layer == 0 else width
        start = 0 if layer == 0 else (inputs + 1) * width + (width + 1) * width * (layer - 1)
        source = x if layer == 0 else hidden + 2 * (layer - 1) * n * width
        if layer < 2:
            for i in range(cuda.threadIdx.x, n * units, cuda.blockDim.x):
                extra = room[more + i % units] if layer == 1 and more >= 0 else 0.0
                room[above + i] = (room[above + i] + extra) * room[masks + (2 * layer + 1) * n * width + i]
            cuda.syncthreads()
        if learns > 1:
            for u in range(cuda.threadIdx.x, units, cuda.blockDim.x):
                total = 0.0
                for p in range(n):
                    total += room[above + p * units + u]
                slopes[s + start + before * units + u] += total
        if learns > 0:
            product(slopes, s + start, room, source, 1, before, room, above, units, 1, before, units, n, True)
        product(room, spare, room, above, units, 1, own, weights + start, 1, units, n, before, units, False)
        cuda.syncthreads()
        above, spare = spare, above


@cuda.jit(device=True)
def norm(values, at, size):
    total = 0.0
    for i in range(size):
        total += values[at + i] * values[at + i]
    return math.sqrt(total)


@cuda.jit(device=True)
def normalise(own, weights, used, vectors, lefts, rights, largest, inputs, width, layers):
    """Set the used weights to those over their largest singular values, after one power iteration; see stack."""
    thread, threads = cuda.threadIdx.x, cuda.blockDim.x
    for layer in range(layers):
        before, units = inputs if layer == 0 else width, 1 if layer == 2 else width
        for u in range(thread, units, threads):
            total = 0.0
            for i in range(before):
                total += own[weights + i * units + u] * vectors[lefts + i]
            vectors[rights + u] = total
        cuda.syncthreads()
        size = norm(vectors, rights, units) + LITTLE
        for i in range(thread, before, threads):
            total = 0.0
            for u in range(units):
                total += own[weights + i * units + u] * (vectors[rights + u] / size)
            vectors[lefts + i] = total
        cuda.syncthreads()
        most = norm(vectors, lefts, before) + LITTLE
        cuda.syncthreads()
        for i in range(thread, before, threads):
            vectors[lefts + i] /= most
        for u in range(thread, units, threads):
            vectors[rights + u] /= size
        for i in range(thread, before * units, threads):
            own[used + i] = own[weights + i] / most
        for i in range(before * units + thread, (before + 1) * units, threads):
            own[used + i] = own[weights + i]
        if thread == 0:
            vectors[largest + layer] = most
        weights, used = weights + (before + 1) * units, used + (before + 1) * units
        lefts, rights = lefts + before, rights + units
    cuda.syncthreads()


@cuda.jit(device=True)
def through_norms(slopes, s, own, used, vectors, lefts, rights, largest, room, parts, inputs, width, layers):
    """Turn slopes in the normalised weights into those in the weights; see stack.Spectral.back."""
    thread, threads = cuda.threadIdx.x, cuda.blockDim.x
    for layer in range(layers):
        before, units = inputs if layer == 0 else width, 1 if layer == 2 else width
        for i in range(thread, before, threads):
            total = 0.0
            for u in range(i * units, (i + 1) * units):
                total += slopes[s + u] * own[used + u]
            room[parts + i] = total
        cuda.syncthreads()
        along = 0.0
        for i in range(before):
            along += room[parts + i]
        for i in range(thread, before * units, threads):
            outer = vectors[lefts + i // units] * vectors[rights + i % units]
            slopes[s + i] = (slopes[s + i] - along * outer) / vectors[largest + layer]
        cuda.syncthreads()
        s, used = s + (before + 1) * units, used + (before + 1) * units
        lefts, rights = lefts + before, rights + units


@cuda.jit(device=True)
def adam(own, slopes, firsts, seconds, at, size, rate, number):
    """Take step `number` of Adam as stack.AdamSteps does."""
    of_first, of_second = 1.0 - math.pow(0.5, float64(number)), 1.0 - math.pow(0.999, float64(number))
    for i in range(at + cuda.threadIdx.x, at + size, cuda.blockDim.x):
        slope = slopes[i]
        firsts[i] += 0.5 * (slope - firsts[i])
        seconds[i] += 0.001 * (slope * slope - seconds[i])
        own[i] -= rate * (firsts[i] / of_first) / (math.sqrt(seconds[i] / of_second) + 1e-8)
    cuda.syncthreads()


@cuda.jit(device=True)
def value_is_finite(own, weights, room, hidden, samples, at, inputs, width, outputs, layers):
    """Return whether a network's values at one sample are finite; hidden: room for 2 width numbers of the thread."""
    finite = True
    for layer in range(layers):
        units, before = outputs if layer == 2 else width, inputs if layer == 0 else width
        for u in range(units):
            value = 0.0
            for i in range(before):
                x = samples[at + i] if layer == 0 else room[hidden + (layer - 1) * width + i]
                value += x * own[weights + i * units + u]
            value += own[weights + before * units + u]
            if layer < 2:
                room[hidden + layer * width + u] = value if value > 0 else _SLOPE * value
            elif not math.isfinite(value):
                finite = False
        weights += (before + 1) * units
    return finite
