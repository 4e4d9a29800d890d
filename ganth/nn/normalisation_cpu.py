"""Loops of batch normalisation, for the CPU.

Numbers are (runs, run), a run being a row of an image or all units; channels (or units) run fastest in it.  Samples are
cut into chunks of a fixed number of runs, which workers take one by one; their sums are added in their order.  All that
has a number for each channel is kept along a whole run, again and again, so that one loop takes a run.
"""

import math

from numba import njit

from ..backend import compiled
from ..lanes.networks import activate, times_slopes
from ..lanes.shares import take_next
from ..lanes.windows import NONE, Rules

MOMENTS, APPLY, SUMS, BACK = range(4)
# The plan: runs in all, of a chunk; numbers of a run, channels; then where lie in the room: sums of chunks; mean,
# factor and shift along a run; coefficients of the way back; scratch of workers, and its size.
RUNS, CHUNK, RUN, CHANNELS, FIRST, SECOND, MEAN, FACTOR, SHIFT, CENTRED, EVEN, SCRATCH = range(12)
PLAN = 12


@njit
def _fold(room, start, run, channels, over):
    """Bring the sums of a run to channels, divide, and lay them along the run again."""
    for c in range(channels):
        total = room[start] * 0
        for i in range(c, run, channels):
            total += room[start + i]
        for i in range(c, run, channels):
            room[start + i] = total / over


@njit
def _moments(plan, room, c, x):
    """Set a chunk's means, and sums of squares about them, along a run."""
    run, first = plan[RUN], c * plan[CHUNK]
    last = min(first + plan[CHUNK], plan[RUNS])
    at = plan[FIRST] + c * run
    mean, square = room[at : at + run], room[plan[SECOND] + c * run : plan[SECOND] + (c + 1) * run]
    for i in range(run):
        mean[i] = 0
        square[i] = 0
    for r in range(first, last):
        row = x[r * run : (r + 1) * run]
        for i in range(run):
            mean[i] += row[i]
    _fold(room, at, run, plan[CHANNELS], (last - first) * (run // plan[CHANNELS]))
    for r in range(first, last):
        row = x[r * run : (r + 1) * run]
        for i in range(run):
            off = row[i] - mean[i]
            square[i] += off * off


@njit
def _apply(plan, room, worker, c, x, out, rules):
    """Set a chunk of what is put out: (x - mean) factor + shift, and an activation."""
    run, first = plan[RUN], c * plan[CHUNK]
    even = plan[EVEN] + worker * 2 * plan[SCRATCH]
    scratch, more = room[even : even + plan[SCRATCH]], room[even + plan[SCRATCH] : even + 2 * plan[SCRATCH]]
    mean, factor = room[plan[MEAN] : plan[MEAN] + run], room[plan[FACTOR] : plan[FACTOR] + run]
    shift = room[plan[SHIFT] : plan[SHIFT] + run]
    for r in range(first, min(first + plan[CHUNK], plan[RUNS])):
        row, to = x[r * run : (r + 1) * run], out[r * run : (r + 1) * run]
        for i in range(run):
            to[i] = (row[i] - mean[i]) * factor[i] + shift[i]
        if rules.activation != NONE:
            activate(to, rules, scratch, more)


@njit
def _sums(plan, room, c, x, out, above, below, rules):
    """Set a chunk of `below` to the slopes before the activation; and its sums of them, and of them times x - mean."""
    run, first = plan[RUN], c * plan[CHUNK]
    total = room[plan[FIRST] + c * run : plan[FIRST] + (c + 1) * run]
    along = room[plan[SECOND] + c * run : plan[SECOND] + (c + 1) * run]
    mean = room[plan[MEAN] : plan[MEAN] + run]
    for i in range(run):
        total[i] = 0
        along[i] = 0
    for r in range(first, min(first + plan[CHUNK], plan[RUNS])):
        row, to, given = x[r * run : (r + 1) * run], below[r * run : (r + 1) * run], above[r * run : (r + 1) * run]
        for i in range(run):
            to[i] = given[i]
        if rules.activation != NONE:
            times_slopes(to, rules, out[r * run : (r + 1) * run])
        for i in range(run):
            total[i] += to[i]
        for i in range(run):
            along[i] += to[i] * (row[i] - mean[i])


@njit
def _back(plan, room, c, x, below):
    """Turn a chunk of slopes behind the normalisation into slopes before it."""
    run, first = plan[RUN], c * plan[CHUNK]
    mean, factor = room[plan[MEAN] : plan[MEAN] + run], room[plan[FACTOR] : plan[FACTOR] + run]
    shift, centred = room[plan[SHIFT] : plan[SHIFT] + run], room[plan[CENTRED] : plan[CENTRED] + run]
    for r in range(first, min(first + plan[CHUNK], plan[RUNS])):
        row, to = x[r * run : (r + 1) * run], below[r * run : (r + 1) * run]
        for i in range(run):
            to[i] = to[i] * factor[i] + ((row[i] - mean[i]) * centred[i] + shift[i])


@compiled(error_model="numpy", nogil=True)
def work(worker, taken, task, plan, room, x, out, above, below, activation, slope):
    """Do a worker's part of a task; see this file's head."""
    rules = Rules(activation, slope)
    c = take_next(taken)
    while c < -(-plan[RUNS] // plan[CHUNK]):
        if task == MOMENTS:
            _moments(plan, room, c, x)
        elif task == APPLY:
            _apply(plan, room, worker, c, x, out, rules)
        elif task == SUMS:
            _sums(plan, room, c, x, out, above, below, rules)
        else:
            _back(plan, room, c, x, below)
        c = take_next(taken)


@compiled(error_model="numpy")
def settle(plan, room, own, scale, shift, mean, variance, momentum, epsilon, training):
    """Lay mean, factor and shift along a run; `own` (2, channels), float64, keeps the mean and 1 / deviation.

    In training they are the batch's, put together from those of its chunks (Chan, Golub, LeVeque 1983), and the running
    ones move.
    """
    run, channels, each = plan[RUN], plan[CHANNELS], plan[RUN] // plan[CHANNELS]
    chunks, count = -(-plan[RUNS] // plan[CHUNK]), plan[RUNS] * each
    for c in range(channels):
        middle, square = float(mean[c]), float(variance[c])
        if training:
            middle = square = 0.0
            for k in range(chunks):
                part = min(plan[CHUNK], plan[RUNS] - k * plan[CHUNK]) * each
                middle += room[plan[FIRST] + k * run + c] * (part / count)
            for k in range(chunks):
                part = min(plan[CHUNK], plan[RUNS] - k * plan[CHUNK]) * each
                off = room[plan[FIRST] + k * run + c] - middle
                square += part * off * off
                for i in range(plan[SECOND] + k * run + c, plan[SECOND] + (k + 1) * run, channels):
                    square += room[i]
            mean[c] += momentum * (middle - mean[c])
            variance[c] += momentum * (square / max(count - 1, 1) - variance[c])
            square /= count
        own[0, c], own[1, c] = middle, 1.0 / math.sqrt(square + epsilon)
        for i in range(c, run, channels):
            room[plan[MEAN] + i] = middle
            room[plan[FACTOR] + i] = scale[c] * own[1, c]
            room[plan[SHIFT] + i] = shift[c]


@compiled(error_model="numpy")
def settle_back(plan, room, own, scale, scale_slopes, shift_slopes, learns, training):
    """Add the slopes in scale and shift, and lay the coefficients of the way back along a run."""
    run, channels = plan[RUN], plan[CHANNELS]
    chunks, count = -(-plan[RUNS] // plan[CHUNK]), plan[RUNS] * (run // channels)
    for c in range(channels):
        total = along = 0.0
        for k in range(chunks):
            for i in range(k * run + c, (k + 1) * run, channels):
                total += room[plan[FIRST] + i]
                along += room[plan[SECOND] + i]
        over = own[1, c]
        if learns:
            scale_slopes[c] += along * over
            shift_slopes[c] += total
        factor = scale[c] * over if training else 0.0
        for i in range(c, run, channels):
            room[plan[SHIFT] + i] = -factor * total / count
            room[plan[CENTRED] + i] = -factor * over * over * along / count
