"""Loops of convolutions, for the CPU: products of matrices with the images' windows, or with Winograd's points.

A convolution maps large images (its input) to small ones; its transpose, the other way, is the transposed convolution.
    DOWN    large -> inputs (points, rows, length) -> times weights -> outputs (points, rows, channels) -> small
    UP      small -> outputs -> times weights -> inputs -> large
    LEARN   slopes in the weights, from `inputs` and `outputs`, which the passes keep for the whole batch
    PACK    brings the weights in the order that DOWN and UP read; UNPACK adds slopes in that order to a gradient
Images are cut into chunks of a fixed number, which workers take one by one; no sum goes over chunks in another order
than theirs.  One function does all, since its parts take long to compile, and takes few arrays for the same reason:
`plan` (int64) tells shapes and where everything lies in `room`.
"""

from numba import int64, njit

from ..backend import compiled
from ..lanes import winograd
from ..lanes.matrices import multiply, multiply_panels
from ..lanes.products import block, transpose
from ..lanes.shares import take_next
from ..lanes.tiles import lanes_of
from ..lanes.windows import CHANNELS, HEIGHT, RUN, WIDTH, Rules, add_windows, give, take, windows

PACK, DOWN, UP, LEARN, UNPACK = range(5)
BLOCK = 16  # output channels that a worker takes at a time where it handles weights

# The plan: kernel and stride; numbers of a window and of an output, made up to whole vectors; 16 with Winograd's
# points, else 1; images of a chunk and of the batch; where in the plan lie frames of large and small images, axes, and
# the table of lanes.winograd (or one row for all).
KERNEL, STRIDE, WINDOW, OUTPUT, POINTS, CHUNK, BATCH, LARGE, SMALL, DOWNWARD, ACROSS, TABLE = range(12)
# Where in the room lie `inputs` and `outputs` of the batch; the weights as right matrices of DOWN and UP; their slopes,
# in UP's order; biases along a run of numbers; sums of their slopes, by chunk.
INPUTS, OUTPUTS, FOR_DOWN, FOR_UP, SLOPES, BIASES, SUMS = range(12, 19)
# Where a worker's part begins, and its size; in it: products of a chunk; cells of an image that is taken, which have an
# edge of zeros, of one that is made, of a small one; between two passes; taps of one output; scratch, twice.
WORKER, WORKER_SIZE, SOME, TAKEN, MADE, SMALLS, MIDDLE, TAPS, EVEN, SCRATCH = range(19, 29)
FRAMES = 29


@njit
def _chunk(plan, c):
    """Return the first image of a chunk and how many it has."""
    first = c * plan[CHUNK]
    return first, min(plan[CHUNK], plan[BATCH] - first)


@njit
def _chunks(plan):
    return -(-plan[BATCH] // plan[CHUNK])


@njit
def _rows(plan, point):
    """Return how many rows the points before one have for each image, and how many it has itself."""
    return plan[plan[TABLE] + 2 * point], plan[plan[TABLE] + 2 * point + 1]


@njit
def _take(task, plan, room, own, image, given, judged, rules, sums, summed):
    """Set an image's rows of `inputs` (DOWN) or of `outputs` (UP); own: where the worker's part begins."""
    frame = plan[LARGE if task == DOWN else SMALL]
    size = plan[frame + HEIGHT] * plan[frame + WIDTH] * plan[frame + CHANNELS]
    rows, small = _rows(plan, 0)[1], plan[SMALL]
    cells = own + plan[TAKEN if task == DOWN else SMALLS]
    if task == UP and plan[POINTS] == 1:
        cells = plan[OUTPUTS] + image * rows * plan[OUTPUT]
    take(room, cells, plan, frame, given, image * size, judged, rules, sums, summed)
    if plan[POINTS] > 1:
        line = winograd.INPUTS if task == DOWN else winograd.OUTPUTS_BACK
        points, length = plan[INPUTS if task == DOWN else OUTPUTS], plan[WINDOW if task == DOWN else OUTPUT]
        winograd.transform(
            line,
            room,
            points,
            cells,
            own + plan[MIDDLE],
            plan,
            plan[DOWNWARD],
            plan[ACROSS],
            plan[TABLE],
            plan[BATCH],
            image,
            length,
        )
    elif task == DOWN:
        windows(
            room, plan[INPUTS] + image * rows * plan[WINDOW], plan[WINDOW], cells, plan, frame, plan[KERNEL],
            plan[STRIDE], plan[small + HEIGHT], plan[small + WIDTH],
        )  # fmt: skip


@njit
def _give(task, plan, room, own, image, place, made, biased, rules):
    """Set a small image (DOWN) or a large one (UP) from its products, where it is number `place`."""
    frame = plan[SMALL if task == DOWN else LARGE]
    size = plan[frame + HEIGHT] * plan[frame + WIDTH] * plan[frame + CHANNELS]
    rows, small, some = _rows(plan, 0)[1], plan[SMALL], own + plan[SOME]
    cells = own + plan[SMALLS if task == DOWN else MADE]
    if plan[POINTS] > 1:
        line, length = (
            winograd.OUTPUTS if task == DOWN else winograd.INPUTS_BACK,
            plan[OUTPUT if task == DOWN else WINDOW],
        )
        winograd.transform(
            line,
            room,
            some,
            cells,
            own + plan[MIDDLE],
            plan,
            plan[DOWNWARD],
            plan[ACROSS],
            plan[TABLE],
            plan[CHUNK],
            place,
            length,
        )
    elif task == DOWN:
        cells = some + place * rows * plan[OUTPUT]
    else:
        add_windows(
            room, cells, plan, frame, some + place * rows * plan[WINDOW], plan[WINDOW], plan[KERNEL], plan[STRIDE],
            plan[small + HEIGHT], plan[small + WIDTH],
        )  # fmt: skip
    even, half = own + plan[EVEN], plan[SCRATCH]
    give(
        made, image * size, room, cells, plan, frame, plan[BIASES], biased, rules, room[even : even + half],
        room[even + half : even + 2 * half],
    )  # fmt: skip


@njit
def _go(task, own, plan, room, c, given, judged, rules, summed, made, made_rules, biased):
    """Take a chunk of images, and make others of them where they are asked for."""
    first, count = _chunk(plan, c)
    run = plan[plan[LARGE if task == DOWN else SMALL] + RUN]
    sums = plan[SUMS] + c * run
    if summed:
        clear = room[sums : sums + run]
        for i in range(clear.size):
            clear[i] = 0
    for i in range(count):
        _take(task, plan, room, own, first + i, given, judged, rules, sums, summed)
    if made.size == 0:
        return
    # `depth` numbers of what is given are summed in each of `wide` that are made
    depth, wide = (plan[WINDOW], plan[OUTPUT]) if task == DOWN else (plan[OUTPUT], plan[WINDOW])
    left, right = plan[INPUTS if task == DOWN else OUTPUTS], plan[FOR_DOWN if task == DOWN else FOR_UP]
    some, batch, chunk = own + plan[SOME], plan[BATCH], plan[CHUNK]
    for point in range(plan[POINTS]):
        before, rows = _rows(plan, point)
        multiply_panels(
            room, some + chunk * before * wide, wide, left + (batch * before + first * rows) * depth, depth,
            right + point * depth * wide, block(room), count * rows, wide, depth, batch < 0,
        )  # fmt: skip
    for i in range(count):
        _give(task, plan, room, own, first + i, i, made, biased, made_rules)


@njit
def _learn(plan, room, point, column):
    """Set the slopes in a point's weights, a panel of their columns: sums over the batch, chunk by chunk."""
    wide, deep = plan[WINDOW], plan[OUTPUT]
    before, rows = _rows(plan, point)
    columns = min(block(room), wide - column)
    for c in range(_chunks(plan)):
        first, count = _chunk(plan, c)
        row = plan[BATCH] * before + first * rows
        multiply(
            room, plan[SLOPES] + point * wide * deep + column, wide, plan[OUTPUTS] + row * deep, int64(1), deep,
            plan[INPUTS] + row * wide + column, wide, deep, columns, count * rows, c > 0,
        )  # fmt: skip


@njit
def _cut(task, plan, room, taps, weights, n):
    """Copy the taps of output channel n to (2, 2, window), or add them to the channel's weights."""
    kernel, stride, channels = plan[KERNEL], plan[STRIDE], plan[plan[LARGE] + CHANNELS]
    for y in range(kernel):
        for x in range(kernel):
            tap, part = (y // stride) * 2 + x // stride, (y % stride) * stride + x % stride
            at, place = taps + tap * plan[WINDOW] + part * channels, ((n * kernel + y) * kernel + x) * channels
            cells, own = room[at : at + channels], weights[place : place + channels]
            if task == UNPACK:
                for i in range(channels):
                    own[i] += cells[i]
            else:
                for i in range(channels):
                    cells[i] = own[i]


@njit
def _pack(task, plan, room, taps, first, weights, scale):
    """Bring BLOCK output channels, from `first` on, in the order of UP and DOWN."""
    wide, deep, panel, lanes = plan[WINDOW], plan[OUTPUT], block(room), lanes_of(room)
    channels, size = plan[plan[LARGE] + CHANNELS], wide * deep
    real = plan[KERNEL] * plan[KERNEL] * channels
    own = room[taps : taps + (wide if plan[POINTS] == 1 else 4 * wide)]
    for n in range(first, min(first + BLOCK, plan[plan[SMALL] + CHANNELS])):
        if plan[POINTS] == 1:
            given = weights[n * real : (n + 1) * real]
            for i in range(real):
                own[i] = given[i]
        else:
            _cut(task, plan, room, taps, weights, n)
        for i in range(own.size):
            own[i] *= scale
        for k in range(0, wide, lanes):
            columns = min(panel, wide - k // panel * panel)
            at = plan[FOR_UP] + k // panel * panel * deep + n * columns + k % panel
            if plan[POINTS] > 1:
                winograd.points_of_taps(room, at, size, taps + k, wide)
            else:
                to, found = room[at : at + lanes], own[k : k + lanes]
                for i in range(lanes):
                    to[i] = found[i]
    high = min(panel, deep - first // panel * panel)
    for point in range(plan[POINTS]):
        for k in range(0, wide, panel):
            columns = min(panel, wide - k)
            at = plan[FOR_DOWN] + point * size + first // panel * panel * wide + k * high + first % panel
            transpose(
                room[at:], high, room, plan[FOR_UP] + point * size + k * deep + first * columns, columns, BLOCK, columns
            )


@njit
def _unpack(task, plan, room, taps, first, gradient):
    """Add the slopes in BLOCK output channels' weights, from `first` on, to the gradient."""
    wide, size, lanes = plan[WINDOW], plan[WINDOW] * plan[OUTPUT], lanes_of(room)
    real = plan[KERNEL] * plan[KERNEL] * plan[plan[LARGE] + CHANNELS]
    for n in range(first, min(first + BLOCK, plan[plan[SMALL] + CHANNELS])):
        at = plan[SLOPES] + n * wide
        if plan[POINTS] == 1:
            own, found = gradient[n * real : (n + 1) * real], room[at : at + real]
            for i in range(real):
                own[i] += found[i]
        else:
            for k in range(0, wide, lanes):
                winograd.taps_of_points(room, at + k, size, taps + k, wide)
            _cut(task, plan, room, taps, gradient, n)


@compiled(error_model="numpy", nogil=True)
def work(
    worker, taken, task, plan, room, weights, scale, given, judged, activation, summed, made, made_activation, slope,
    biased,
):  # fmt: skip
    """Do a worker's part of a task; see this file's head.

    DOWN and UP take `given`: with an activation, slopes in its outputs `judged`.  If `summed`, they keep the sums of
    biases' slopes.  They set `made`, unless it is empty; if `biased`, biases are added.  PACK takes weights times
    scale, UNPACK the gradient in their place.
    """
    own = plan[WORKER] + worker * plan[WORKER_SIZE]
    if task in (DOWN, UP):
        rules, made_rules = Rules(activation, slope), Rules(made_activation, slope)
        c = take_next(taken)
        while c < _chunks(plan):
            _go(task, own, plan, room, c, given, judged, rules, summed, made, made_rules, biased)
            c = take_next(taken)
    elif task == LEARN:
        panel = block(room)
        panels = -(-plan[WINDOW] // panel)
        unit = take_next(taken)
        while unit < plan[POINTS] * panels:
            _learn(plan, room, unit // panels, unit % panels * panel)
            unit = take_next(taken)
    else:
        taps = own + plan[TAPS]
        first = BLOCK * take_next(taken)
        while first < plan[OUTPUT]:
            if task == PACK:
                _pack(task, plan, room, taps, first, weights, scale)
            else:
                _unpack(task, plan, room, taps, first, weights)
            first = BLOCK * take_next(taken)


@compiled(error_model="numpy")
def spread_biases(plan, room, frame, biases):
    """Set the run of numbers that is added to what is made to the biases, again and again."""
    run = room[plan[BIASES] : plan[BIASES] + plan[plan[frame] + RUN]]
    for i in range(run.size):
        run[i] = biases[i % biases.size]


@compiled(error_model="numpy")
def add_sums(plan, room, frame, gradient):
    """Add the sums of chunks to the biases' slopes."""
    run = plan[plan[frame] + RUN]
    for i in range(gradient.size):
        total = 0.0
        for at in range(plan[SUMS] + i, plan[SUMS] + _chunks(plan) * run, gradient.size):
            total += room[at]
        gradient[i] += total
