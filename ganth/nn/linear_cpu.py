"""Loops of fully connected layers, for the CPU: products of a batch with panels of the weights.

TAKE     the batch's inputs into the room, or the slopes in its outputs, times an activation's slopes
FORWARD  outputs, a panel of units at a time
BACK     slopes in the inputs, a panel of inputs at a time
LEARN    slopes in the weights and biases, a panel of units at a time
"""

from numba import int64, njit

from ..backend import compiled
from ..lanes.matrices import multiply
from ..lanes.networks import activate, times_slopes
from ..lanes.products import block, transpose
from ..lanes.shares import take_next
from ..lanes.windows import NONE, Rules

TAKE_INPUTS, TAKE_SLOPES, FORWARD, BACK, LEARN = range(5)
# The plan: samples; inputs and units, and these made up to whole vectors; where lie in the room: the batch's inputs,
# outputs (or slopes in them) and slopes in inputs; where a worker's part begins, and its size.  In it: rows of the
# weights, a panel of them turned, and scratch, twice.
BATCH, INPUTS, UNITS, WIDE, HIGH, X, Y, SLOPES, WORKER, WORKER_SIZE, ROWS, PANEL, EVEN, SCRATCH = range(14)
PLAN = 14
# Products take int64(1) for a step, and a comparison for a flag: for a literal they would be compiled once more.


@njit
def _take(plan, room, taken, first, step, given, judged, rules):
    """Copy rows into the room, `step` numbers apart."""
    count = given.size // plan[BATCH]
    n = take_next(taken)
    while n < plan[BATCH]:
        to, row = room[first + n * step : first + n * step + count], given[n * count : (n + 1) * count]
        for i in range(count):
            to[i] = row[i]
        if rules.activation != NONE:
            times_slopes(to, rules, judged[n * count : (n + 1) * count])
        n = take_next(taken)


@njit
def _forward(plan, room, own, unit, weights, scale, biases, out, rules):
    """Set the outputs of a panel of units."""
    panel, inputs, wide, high = block(room), plan[INPUTS], plan[WIDE], plan[HIGH]
    columns, real = min(panel, high - unit), min(panel, plan[UNITS] - unit)
    rows, turned, even, half = own + plan[ROWS], own + plan[PANEL], own + plan[EVEN], plan[SCRATCH]
    for u in range(real):
        to = room[rows + u * wide : rows + u * wide + inputs]
        row = weights[(unit + u) * inputs : (unit + u + 1) * inputs]
        for i in range(inputs):
            to[i] = row[i] * scale
    for at in range(rows + real * wide, rows + columns * wide):  # of no unit
        room[at] = 0
    transpose(room[turned:], columns, room, rows, wide, columns, wide)
    y = plan[Y] + unit
    multiply(room, y, high, plan[X], wide, int64(1), turned, columns, plan[BATCH], columns, inputs, unit < 0)
    for n in range(plan[BATCH]):
        at = n * plan[UNITS] + unit
        to, found = out[at : at + real], room[y + n * high : y + n * high + real]
        if biases.size > 0:
            more = biases[unit : unit + real]
            for i in range(real):
                to[i] = found[i] + more[i]
        else:
            for i in range(real):
                to[i] = found[i]
        if rules.activation != NONE:
            activate(to, rules, room[even : even + half], room[even + half : even + 2 * half])


@njit
def _back(plan, room, own, column, weights, scale, below):
    """Set the slopes in a panel of inputs: the sum over panels of units."""
    panel, inputs, wide, high = block(room), plan[INPUTS], plan[WIDE], plan[HIGH]
    columns, real, rows = min(panel, wide - column), min(panel, inputs - column), own + plan[ROWS]
    slopes = plan[SLOPES] + column
    for unit in range(0, plan[UNITS], panel):
        count = min(panel, plan[UNITS] - unit)
        for u in range(count):
            at = (unit + u) * inputs + column
            to, row = room[rows + u * columns : rows + u * columns + real], weights[at : at + real]
            for i in range(real):
                to[i] = row[i] * scale
            for i in range(rows + u * columns + real, rows + (u + 1) * columns):
                room[i] = 0
        multiply(
            room, slopes, wide, plan[Y] + unit, high, int64(1), rows, columns, plan[BATCH], columns, count, unit > 0
        )
    for n in range(plan[BATCH]):
        at, place = n * inputs + column, slopes + n * wide
        to, found = below[at : at + real], room[place : place + real]
        for i in range(real):
            to[i] = found[i]


@njit
def _learn(plan, room, own, unit, gradient, biases):
    """Add the slopes in the weights and biases of a panel of units."""
    inputs, wide, high = plan[INPUTS], plan[WIDE], plan[HIGH]
    real, rows, y = min(block(room), plan[UNITS] - unit), own + plan[ROWS], plan[Y] + unit
    multiply(room, rows, wide, y, int64(1), high, plan[X], wide, real, wide, plan[BATCH], unit < 0)
    for u in range(real):
        at = (unit + u) * inputs
        to, found = gradient[at : at + inputs], room[rows + u * wide : rows + u * wide + inputs]
        for i in range(inputs):
            to[i] += found[i]
    if biases.size > 0:
        for u in range(real):
            total = 0.0
            for n in range(plan[BATCH]):
                total += room[y + n * high + u]
            biases[unit + u] += total


@compiled(error_model="numpy", nogil=True)
def work(worker, taken, task, plan, room, weights, scale, biases, given, judged, made, activation, slope):
    """Do a worker's part of a task; see this file's head.

    weights and biases are, for LEARN, those of the gradient; `judged`: the outputs, for TAKE_SLOPES.
    """
    rules = Rules(activation, slope)
    own, panel = plan[WORKER] + worker * plan[WORKER_SIZE], block(room)
    if task in (TAKE_INPUTS, TAKE_SLOPES):
        first = plan[X] if task == TAKE_INPUTS else plan[Y]
        step = plan[WIDE] if task == TAKE_INPUTS else plan[HIGH]
        _take(plan, room, taken, first, step, given, judged, rules)
    elif task == BACK:
        column = panel * take_next(taken)
        while column < plan[WIDE]:
            _back(plan, room, own, column, weights, scale, made)
            column = panel * take_next(taken)
    else:
        unit = panel * take_next(taken)
        while unit < plan[UNITS]:
            if task == FORWARD:
                _forward(plan, room, own, unit, weights, scale, biases, made, rules)
            else:
                _learn(plan, room, own, unit, weights, biases)
            unit = panel * take_next(taken)
