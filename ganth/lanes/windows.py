"""Images as cells, and windows of cells as rows of a matrix: what turns a convolution into products of matrices.

Cells are an image with room for its border, (rows, columns, length): each holds a square of `side` x `side` pixels,
or one pixel, with whole vectors of numbers where they are needed.  What lies outside the image stays 0.  They lie in
`room` from a place on; the numbers of a frame lie in `plan` (int64).
"""

from collections import namedtuple

from numba import njit

from .networks import activate, times_slopes

# A frame: of the image; rows and columns of padding before it; the side of a cell; of the cells; how many numbers of
# the image lie one after the other in the cells too.
HEIGHT, WIDTH, CHANNELS, PADDING, SIDE, ROWS, COLUMNS, LENGTH, RUN = range(9)
# activation: a code of formulas.units, or NONE; slope: of leaky units that are off.
Rules = namedtuple("Rules", "activation slope")
NONE = -1


@njit
def _cell(plan, frame, y, x):
    """Return where a pixel lies in the cells, or -1 where they end before it."""
    y, x = y + plan[frame + PADDING], x + plan[frame + PADDING]
    side = plan[frame + SIDE]
    row, column = y // side, x // side
    if row >= plan[frame + ROWS] or column >= plan[frame + COLUMNS]:
        return -1
    part = (y - row * side) * side + x - column * side
    return (row * plan[frame + COLUMNS] + column) * plan[frame + LENGTH] + part * plan[frame + CHANNELS]


@njit
def take(room, cells, plan, frame, images, first, outputs, rules, sums, summed):
    """Set cells to the image that begins at images[first].

    With an activation, numbers are slopes in what it put out, `outputs`, and are multiplied by its slopes.  If
    `summed`, the sums over the image are added to the run of numbers at `sums`.
    """
    run, height = plan[frame + RUN], plan[frame + HEIGHT]
    runs = plan[frame + WIDTH] * plan[frame + CHANNELS] // run
    total = room[sums : sums + run]
    for y in range(height):
        for x in range(runs):
            place, at = _cell(plan, frame, y, x), first + (y * runs + x) * run
            if place < 0:
                continue
            to, given = room[cells + place : cells + place + run], images[at : at + run]
            for i in range(run):
                to[i] = given[i]
            if rules.activation != NONE:
                times_slopes(to, rules, outputs[at : at + run])
            if summed:
                for i in range(run):
                    total[i] += to[i]


@njit
def give(images, first, room, cells, plan, frame, biases, biased, rules, even, odd):
    """Set the image that begins at images[first] to cells.

    If `biased`, the run of numbers at `biases` is added; then comes the activation.  even, odd: scratch.
    """
    run, height = plan[frame + RUN], plan[frame + HEIGHT]
    runs = plan[frame + WIDTH] * plan[frame + CHANNELS] // run
    more = room[biases : biases + run]
    for y in range(height):
        for x in range(runs):
            place, at = _cell(plan, frame, y, x), first + (y * runs + x) * run
            to, found = images[at : at + run], room[cells + place : cells + place + run]
            if place < 0:
                for i in range(run):
                    to[i] = 0
            elif biased:
                for i in range(run):
                    to[i] = found[i] + more[i]
            else:
                for i in range(run):
                    to[i] = found[i]
            if rules.activation != NONE:
                activate(to, rules, even, odd)


@njit
def windows(room, matrix, row, cells, plan, frame, kernel, stride, height, width):
    """Set rows of a matrix, `row` numbers apart, to the windows of an image's cells, which have side 1."""
    channels = plan[frame + CHANNELS]
    run, step = kernel * channels, plan[frame + COLUMNS] * channels
    for y in range(height):
        for x in range(width):
            at, place = matrix + (y * width + x) * row, cells + y * stride * step + x * stride * channels
            for _ in range(kernel):
                to, given = room[at : at + run], room[place : place + run]
                for i in range(run):
                    to[i] = given[i]
                at, place = at + run, place + step


@njit
def add_windows(room, cells, plan, frame, matrix, row, kernel, stride, height, width):
    """Set cells to the sums of the windows in the rows of a matrix: the transpose of `windows`."""
    channels = plan[frame + CHANNELS]
    run, step = kernel * channels, plan[frame + COLUMNS] * channels
    clear = room[cells : cells + plan[frame + ROWS] * step]
    for i in range(clear.size):
        clear[i] = 0
    for y in range(height):
        for x in range(width):
            at, place = matrix + (y * width + x) * row, cells + y * stride * step + x * stride * channels
            for _ in range(kernel):
                to, found = room[place : place + run], room[at : at + run]
                for i in range(run):
                    to[i] += found[i]
                at, place = at + run, place + step
