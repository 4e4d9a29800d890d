"""What a discriminator is told of a minibatch as a whole, and slopes back from it, in a block of a CUDA kernel.

Arrays are flat and come with the place where their numbers start; see games.remedies_engine for what is meant.
"""

import math

from numba import cuda, int64

from .block_networks import LITTLE

NONE, FEATURES, DEVIATION = range(3)  # what it is told beside the points


@cuda.jit(device=True)
def near(room, projected, i, j, k):
    """Return how near two points are by one tensor of minibatch discrimination, and the signs of their gaps."""
    a, b = projected + 4 * i + 2 * k, projected + 4 * j + 2 * k
    one, other = room[a] - room[b], room[a + 1] - room[b + 1]
    return (
        math.exp(-(abs(one) + abs(other))),
        0.0 if one == 0 else math.copysign(1.0, one),
        0.0 if other == 0 else math.copysign(1.0, other),
    )


@cuda.jit(device=True)
def tell(room, points, told, stats, tensor, n, dim, seen, kind):
    """Set told (n, seen) to what the discriminator is told of a batch; stats: room for projections, or moments."""
    thread, threads = cuda.threadIdx.x, cuda.blockDim.x
    if kind == FEATURES:
        for i in range(thread, 4 * n, threads):
            total = 0.0
            for axis in range(dim):
                total += room[points + i // 4 * dim + axis] * tensor[4 * axis + i % 4]
            room[stats + i] = total
    elif kind == DEVIATION:
        for axis in range(thread, dim, threads):
            mean = square = 0.0
            for p in range(n):
                mean += room[points + p * dim + axis]
            mean /= n
            for p in range(n):
                square += (room[points + p * dim + axis] - mean) ** 2
            room[stats + axis], room[stats + dim + axis] = mean, math.sqrt(square / n)
    cuda.syncthreads()
    for i in range(thread, n * seen, threads):
        p, axis = i // seen, i % seen
        value = 0.0
        if axis < dim:
            value = room[points + p * dim + axis]
        elif kind == FEATURES:
            for j in range(n):
                value += near(room, stats, p, j, axis - dim)[0]
            value /= n
        else:
            for other in range(dim):
                value += room[stats + dim + other]
            value /= dim
        room[told + i] = value
    cuda.syncthreads()


@cuda.jit(device=True)
def untold(room, points, slopes, stats, tensor, n, dim, seen, kind, p, axis):
    """Return the slope in a coordinate of a point, given those in what the discriminator was told."""
    total = room[slopes + p * seen + axis]
    if kind == DEVIATION:
        more = 0.0
        for q in range(n):
            more += room[slopes + q * seen + dim]
        centred, sd = room[points + p * dim + axis] - room[stats + axis], room[stats + dim + axis] + LITTLE
        total += more * centred / (sd * n * dim)
    elif kind == FEATURES:
        for k in range(seen - dim):
            one = other = 0.0
            for j in range(n):
                share, up, down = near(room, stats, p, j, k)
                both = share * (room[slopes + p * seen + dim + k] + room[slopes + j * seen + dim + k]) / n
                one -= both * up
                other -= both * down
            total += one * tensor[4 * axis + 2 * k] + other * tensor[4 * axis + 2 * k + 1]
    return total


@cuda.jit(device=True)
def least_of(room, values, ranked, n, part):
    """Return the quantile of values (n,), by NumPy's rule; ranked: room for them in order."""
    for p in range(cuda.threadIdx.x, n, cuda.blockDim.x):
        rank = 0
        for q in range(n):
            less = room[values + q] < room[values + p] or (room[values + q] == room[values + p] and q < p)
            rank += 1 if less else 0
        room[ranked + rank] = room[values + p]
    cuda.syncthreads()
    at = part * (n - 1)
    low = int64(math.floor(at))
    share, a, b = at - low, room[ranked + low], room[ranked + min(low + 1, n - 1)]
    return b - (b - a) * (1.0 - share) if share >= 0.5 else a + (b - a) * share
