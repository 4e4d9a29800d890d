"""Images as cells, and windows of cells as rows of a matrix: what turns a convolution into products of matrices.

Cells are an image with room for its border, (rows, columns, length): each holds a square of `side` x `side` pixels,
or one pixel, with whole vectors of numbers where they are needed.  What lies outside the image stays 0.  They lie in
`room` from a place on; the numbers of a frame lie in `plan` (int64).
"""

from collections import namedtuple

from numba import njit

from .networks import activate, times_slopes
from .runs import add_up, copy
from .wide import pointer

# A frame: of the image; rows and columns of padding before it; the side of a cell; of the cells; how many numbers of
# the image lie one after the other in the cells too.
HEIGHT, WIDTH, CHANNELS, PADDING, SIDE, ROWS, COLUMNS, LENGTH, RUN = range(9)
# activation: a code of formulas.units, or NONE; slope: of leaky units that are off.
Rules = namedtuple("Rules", "activation slope")
NONE = -1


@njit
def _row(plan, frame, y):
    """Return where row y of an image begins in the cells, or -1 where they end before it; a pixel's part; the parts."""
    side, length = plan[frame + SIDE], plan[frame + LENGTH]
    above, left = y + plan[frame + PADDING], plan[frame + PADDING]
    row, column = above // side, left // side
    if row >= plan[frame + ROWS]:
        return -1, 0, 0
    part = (above - row * side) * side
    return (row * plan[frame + COLUMNS] + column) * length + part * plan[frame + CHANNELS], left - column * side, side


@njit
def take(room, cells, plan, frame, images, first, outputs, rules, sums, summed):
    """Set cells to the image that begins at images[first].

    With an activation, numbers are slopes in what it put out, `outputs`, and are multiplied by its slopes.  If
    `summed`, the sums over the image are added to the run of numbers at `sums`.
    """
    run, channels, length = plan[frame + RUN], plan[frame + CHANNELS], plan[frame + LENGTH]
    runs, end = plan[frame + WIDTH] * channels // run, plan[frame + COLUMNS]
    to, given, total = pointer(room, 0), pointer(images, 0), room[sums : sums + run]
    for y in range(plan[frame + HEIGHT]):
        place, part, side = _row(plan, frame, y)
        if place < 0:
            continue
        column, at = plan[frame + PADDING] // plan[frame + SIDE], first + y * runs * run
        for _ in range(runs):
            if column < end:
                begin = cells + place + part * channels
                copy(to, begin, given, at, run)
                if rules.activation != NONE:
                    times_slopes(room[begin : begin + run], rules, outputs[at : at + run])
                if summed:
                    taken = room[begin : begin + run]
                    for i in range(run):
                        total[i] += taken[i]
            at, part = at + run, part + 1
            if part == side:
                place, part, column = place + length, 0, column + 1


@njit
def give(images, first, room, cells, plan, frame, biases, biased, rules, even, odd):
    """Set the image that begins at images[first] to cells, or to 0 where they end before it.

    If `biased`, the run of numbers at `biases` is added; then comes the activation.  even, odd: scratch.
    """
    run, channels, length = plan[frame + RUN], plan[frame + CHANNELS], plan[frame + LENGTH]
    runs, end = plan[frame + WIDTH] * channels // run, plan[frame + COLUMNS]
    to, found = pointer(images, 0), pointer(room, 0)
    for y in range(plan[frame + HEIGHT]):
        place, part, side = _row(plan, frame, y)
        column, at = plan[frame + PADDING] // plan[frame + SIDE], first + y * runs * run
        for _ in range(runs):
            if place < 0 or column >= end:
                made = images[at : at + run]
                for i in range(run):
                    made[i] = room[biases + i] if biased else 0
            elif biased:
                add_up(to, at, found, cells + place + part * channels, biases, run)
            else:
                copy(to, at, found, cells + place + part * channels, run)
            at, part = at + run, part + 1
            if part == side:
                place, part, column = place + length if place >= 0 else place, 0, column + 1
        if rules.activation != NONE:
            activate(images[at - runs * run : at], rules, even, odd)


@njit
def windows(room, matrix, row, cells, plan, frame, kernel, stride, height, width):
    """Set rows of a matrix, `row` numbers apart, to the windows of an image's cells, which have side 1."""
    channels, numbers = plan[frame + CHANNELS], pointer(room, 0)
    run, step = kernel * channels, plan[frame + COLUMNS] * channels
    for y in range(height):
        for x in range(width):
            at, place = matrix + (y * width + x) * row, cells + y * stride * step + x * stride * channels
            for _ in range(kernel):
                copy(numbers, at, numbers, place, run)
                at, place = at + run, place + step


@njit
def add_windows(room, cells, plan, frame, matrix, row, kernel, stride, height, width):
    """Set cells to the sums of the windows in the rows of a matrix: the transpose of `windows`."""
    channels, numbers = plan[frame + CHANNELS], pointer(room, 0)
    run, step = kernel * channels, plan[frame + COLUMNS] * channels
    clear = room[cells : cells + plan[frame + ROWS] * step]
    for i in range(clear.size):
        clear[i] = 0
    apart = -(-kernel // stride)  # windows that do not overlap one after the other: a sum waits for one that is written
    for i in range(height * apart):
        y = i // apart
        for x in range(i - y * apart, width, apart):
            at, place = matrix + (y * width + x) * row, cells + y * stride * step + x * stride * channels
            for _ in range(kernel):
                add_up(numbers, place, numbers, place, at, run)
                at, place = at + run, place + step
