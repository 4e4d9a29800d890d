"""Winograd's tiles in images of cells: a filter of 2 x 2 taps at stride 1, by products at points.

An image of cells is (rows, columns, length), `length` numbers of whole vectors in each cell.  Its tiles are those of an
axis in each direction; point (a, b) of the tiles that have it is a matrix (images, tiles, length), and all of them lie
one after the other.  Each map is made in two passes, one for each axis, with the image between them in `middle`.  All
arrays lie in one, `room`, and are named by where they begin; an axis lies in `plan` (int64) from a place on, and so
does a table: how many rows all points before point 4 a + b have for each image, and how many this one has.
"""

from numba import njit

from ..formulas import winograd
from .draws import inlined
from .wide import load_one, lone, pointer, store

POINTS = 4
# An axis: the number of outputs, of tiles; how many tiles have point p; where those of point p begin if all stand in a
# row, and the number of all; then the size of each tile, largest first, and where it starts.
OUTPUT_COUNT, TILES, COUNTS, SLOTS, ALL, SIZES = 0, 1, 2, 6, 10, 11
INPUTS, INPUTS_BACK, OUTPUTS, OUTPUTS_BACK = range(4)

_inputs_of_3, _inputs_of_2 = inlined(winograd.inputs_of_3), inlined(winograd.inputs_of_2)
_inputs_of_3_back, _inputs_of_2_back = inlined(winograd.inputs_of_3_back), inlined(winograd.inputs_of_2_back)
_outputs_of_3, _outputs_of_2 = inlined(winograd.outputs_of_3), inlined(winograd.outputs_of_2)
_outputs_of_3_back, _outputs_of_2_back = inlined(winograd.outputs_of_3_back), inlined(winograd.outputs_of_2_back)
_taps, _taps_back = inlined(winograd.taps), inlined(winograd.taps_back)


# Each takes one tile: its points are `length` numbers from p0, p1, p2, p3 on, its cells from `at` on, `step` apart.


@njit
def _inputs(room, p0, p1, p2, p3, at, step, size, length):
    """Set a tile's points from its cells."""
    place = pointer(room, 0)
    for i in range(0, length, lone(place)):
        d0, d1 = load_one(place, at + i), load_one(place, at + step + i)
        if size == 1:
            store(place, p0 + i, d0)
            store(place, p2 + i, d1)
            continue
        d2 = load_one(place, at + 2 * step + i)
        if size == 2:
            v0, v1, v2 = _inputs_of_2(d0, d1, d2)
        else:
            v0, v1, v2, v3 = _inputs_of_3(d0, d1, d2, load_one(place, at + 3 * step + i), 0.5)
            store(place, p3 + i, v3)
        store(place, p0 + i, v0)
        store(place, p1 + i, v1)
        store(place, p2 + i, v2)


@njit
def _inputs_back(room, p0, p1, p2, p3, at, step, size, length, first):
    """Set a tile's cells from its points; add to its first cell unless it is the first of the axis."""
    place = pointer(room, 0)
    for i in range(0, length, lone(place)):
        v0, v2 = load_one(place, p0 + i), load_one(place, p2 + i)
        if size == 1:
            d0, d1 = v0, v2
        elif size == 2:
            d0, d1, d2 = _inputs_of_2_back(v0, load_one(place, p1 + i), v2)
            store(place, at + 2 * step + i, d2)
        else:
            v1, v3 = load_one(place, p1 + i), load_one(place, p3 + i)
            d0, d1, d2, d3 = _inputs_of_3_back(v0, v1, v2, v3, 0.5)
            store(place, at + 2 * step + i, d2)
            store(place, at + 3 * step + i, d3)
        store(place, at + i, d0 if first else load_one(place, at + i) + d0)
        store(place, at + step + i, d1)


@njit
def _outputs(room, p0, p1, p2, p3, at, step, size, length):
    """Set a tile's outputs from its points."""
    place = pointer(room, 0)
    for i in range(0, length, lone(place)):
        m0, m2 = load_one(place, p0 + i), load_one(place, p2 + i)
        if size == 1:
            store(place, at + i, m0 + m2)
            continue
        m1 = load_one(place, p1 + i)
        if size == 2:
            y0, y1 = _outputs_of_2(m0, m1, m2)
        else:
            y0, y1, y2 = _outputs_of_3(m0, m1, m2, load_one(place, p3 + i))
            store(place, at + 2 * step + i, y2)
        store(place, at + i, y0)
        store(place, at + step + i, y1)


@njit
def _outputs_back(room, p0, p1, p2, p3, at, step, size, length):
    """Set a tile's points from its outputs."""
    place = pointer(room, 0)
    for i in range(0, length, lone(place)):
        y0 = load_one(place, at + i)
        if size == 1:
            store(place, p0 + i, y0)
            store(place, p2 + i, y0)
            continue
        y1 = load_one(place, at + step + i)
        if size == 2:
            m0, m1, m2 = _outputs_of_2_back(y0, y1)
        else:
            m0, m1, m2, m3 = _outputs_of_3_back(y0, y1, load_one(place, at + 2 * step + i))
            store(place, p3 + i, m3)
        store(place, p0 + i, m0)
        store(place, p1 + i, m1)
        store(place, p2 + i, m2)


@njit
def _place(plan, across, table, point, b, row, column, images, image, length):
    """Return where tile (row, column) of a point (a, b) of an image lies; a tile without the point has no place."""
    before, count = plan[table + 2 * point], plan[table + 2 * point + 1]
    return (images * before + image * count + row * plan[across + COUNTS + b] + column) * length


@njit
def _tile(line, room, p0, p1, p2, p3, at, step, size, length, first):
    """Take a tile to its points, or back."""
    if line == INPUTS:
        _inputs(room, p0, p1, p2, p3, at, step, size, length)
    elif line == INPUTS_BACK:
        _inputs_back(room, p0, p1, p2, p3, at, step, size, length, first)
    elif line == OUTPUTS:
        _outputs(room, p0, p1, p2, p3, at, step, size, length)
    else:
        _outputs_back(room, p0, p1, p2, p3, at, step, size, length)


@njit
def _row(line, room, cells, middle, plan, axis, y, columns, length):
    """Take a row of cells along an axis to its points in `middle`, or back."""
    tiles, slots, count = plan[axis + TILES], axis + SLOTS, plan[axis + ALL]
    row = middle + y * count * length
    for t in range(tiles):
        _tile(
            line, room, row + t * length, row + (plan[slots + 1] + t) * length, row + (plan[slots + 2] + t) * length,
            row + (plan[slots + 3] + t) * length, cells + (y * columns + plan[axis + SIZES + tiles + t]) * length,
            length, plan[axis + SIZES + t], length, t == 0,
        )  # fmt: skip


@njit
def _column(line, room, points, middle, plan, down, across, table, images, image, length):
    """Take the columns of `middle` along an axis to the points of an image, or back."""
    tiles, step = plan[down + TILES], plan[across + ALL] * length
    for b in range(POINTS):
        for t in range(plan[across + COUNTS + b]):
            at = middle + (plan[across + SLOTS + b] + t) * length
            for s in range(tiles):
                _tile(
                    line, room, points + _place(plan, across, table, b, b, s, t, images, image, length),
                    points + _place(plan, across, table, b + POINTS, b, s, t, images, image, length),
                    points + _place(plan, across, table, b + 2 * POINTS, b, s, t, images, image, length),
                    points + _place(plan, across, table, b + 3 * POINTS, b, s, t, images, image, length),
                    at + plan[down + SIZES + tiles + s] * step, step, plan[down + SIZES + s], length, s == 0,
                )  # fmt: skip


@njit
def transform(line, room, points, cells, middle, plan, down, across, table, images, image, length):
    """Make the points of image number `image` of its cells, or the other way.

    INPUTS: cells (outputs + 1 in each direction, length) to points; OUTPUTS: points to cells (outputs in each
    direction, length).  INPUTS_BACK and OUTPUTS_BACK are their transposes.  (One function and no constants as
    arguments: each would be compiled apart.)
    """
    if line in (INPUTS_BACK, OUTPUTS):
        _column(line, room, points, middle, plan, down, across, table, images, image, length)
    more = 1 if line in (INPUTS, INPUTS_BACK) else 0
    for y in range(plan[down + OUTPUT_COUNT] + more):
        _row(line, room, cells, middle, plan, across, y, plan[across + OUTPUT_COUNT] + more, length)
    if line in (INPUTS, OUTPUTS_BACK):
        _column(line, room, points, middle, plan, down, across, table, images, image, length)


@njit
def points_of_taps(room, points, step, taps, length):
    """Set a vector of each of the 16 points of a filter, `step` numbers apart, from its taps (2, 2, length)."""
    place = pointer(room, 0)
    left = _taps(load_one(place, taps), load_one(place, taps + 2 * length))
    right = _taps(load_one(place, taps + length), load_one(place, taps + 3 * length))
    for a in range(POINTS):
        u0, u1, u2, u3 = _taps(left[a], right[a])
        at = points + POINTS * a * step
        store(place, at, u0)
        store(place, at + step, u1)
        store(place, at + 2 * step, u2)
        store(place, at + 3 * step, u3)


@njit
def _four_back(place, at, step):
    """Return the slopes in two taps from those in four points."""
    return _taps_back(
        load_one(place, at), load_one(place, at + step), load_one(place, at + 2 * step), load_one(place, at + 3 * step)
    )


@njit
def taps_of_points(room, points, step, taps, length):
    """Set a vector of the slopes in taps from those in the 16 points: the transpose of `points_of_taps`."""
    place = pointer(room, 0)
    a0, b0 = _four_back(place, points, step)
    a1, b1 = _four_back(place, points + 4 * step, step)
    a2, b2 = _four_back(place, points + 8 * step, step)
    a3, b3 = _four_back(place, points + 12 * step, step)
    for at, (g0, g1) in ((taps, _taps_back(a0, a1, a2, a3)), (taps + length, _taps_back(b0, b1, b2, b3))):
        store(place, at, g0)
        store(place, at + 2 * length, g1)
