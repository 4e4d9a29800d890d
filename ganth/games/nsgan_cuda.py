"""Loops of nsgan, for CUDA: a block plays one trial.

A batch is played in tiles of POINTS points, by a table of what is done with a tile of each kind (lanes.programs).  A
tile's layers, with the discriminator's parameters, lie in shared memory as far as they fit (`places_of`), else in
global memory.  Slopes take the place of what the layers put out, on the way back; a penalty alone needs both.
"""

import math
from collections import namedtuple

from numba import cuda, float32, float64, int64, types, uint32, uint64

from ..device import SHARED, Work, back, empty, held, kernel, there
from ..formulas import losses, random, units
from ..lanes import programs
from ..lanes.on_device import activate, add_noise, add_sums, bend, carry, descend, normals
from ..lanes.programs import BIAS, MORE, SLOPES, WIDTH, ZERO

BLOCK = 128
SIDE = 4  # a thread's tile of a product is SIDE x SIDE numbers: what it reads serves SIDE multiplications
TILE = SIDE * SIDE
POINTS = 32  # of a tile; even
_BLOCK_BYTES = 256  # of lanes.products.block, by which the noise is numbered
NONE, BETWEEN, DATA = range(3)  # as in nsgan_cpu
REAL, FAKE, PENALTY, TEACH, SHOW = range(5)
(
    ACTION, NETWORK, MODE, OUT, OUT_ROW, LEFT, LEFT_ROW, LEFT_STEP, RIGHT, RIGHT_COLUMN, RIGHT_STEP, ROWS, COLUMNS,
    COUNT, BIASES, HIDDEN,
) = range(16)  # columns of a program  # fmt: skip
Reals = namedtuple(
    "Reals",
    "lr_disc lr_gen noise particle penalty gen_slope disc_slope gen_decay gen_second gen_epsilon "
    "disc_decay disc_second disc_epsilon",
)
Wholes = namedtuple(
    "Wholes",
    "loss n_disc batch penalty_at gen_code disc_code gen_optimiser disc_optimiser points wide disc gradient gen inside",
)


@cuda.jit(device=True)
def _multiply(
    mode, out, out_at, out_row, left, left_at, left_row, left_step, right, right_at, right_column, right_step,
    rows, columns, count, biases, hidden, hidden_at, code, slope,
):  # fmt: skip
    """Make out[r, c] of the sum over k < count of left[r, k] right[c, k].

    Arrays are flat, with a place and strides.  SLOPES are those of units whose outputs `hidden` lie as `out` does, and
    may be what lies there.
    """
    thread, threads = cuda.threadIdx.x, cuda.blockDim.x
    zero = slope - slope
    # Unsigned places: signed ones are asked at every access whether they count from the end; short ones add faster.
    lefts, rights = uint32(left_step), uint32(right_step)
    if rows >= SIDE and columns >= SIDE and rows * columns >= 2 * SIDE * threads:
        across, down = -(-columns // SIDE), -(-rows // SIDE)
        for item in range(thread, across * down, threads):
            first, above = item % across, item // across
            totals = cuda.local.array(TILE, out.dtype)
            values = cuda.local.array(SIDE, out.dtype)
            lower = cuda.local.array(SIDE, uint32)
            upper = cuda.local.array(SIDE, uint32)
            for i in range(SIDE):
                # Rows and columns beyond the end repeat the last one, and are not stored.
                r, c = min(above + i * down, rows - 1), min(first + i * across, columns - 1)
                lower[i] = uint32(left_at + r * left_row)
                upper[i] = uint32(right_at + c * right_column)
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
        x, y = uint32(left_at + r * left_row), uint32(right_at + c * right_column)
        for _ in range(count):
            total += left[x] * right[y]
            x, y = uint32(x + lefts), uint32(y + rights)
        if mode == SLOPES:
            total *= units.slope_of(code, hidden[uint64(hidden_at + at)], slope)
        out[uint64(out_at + at)] = total


@cuda.jit(device=True)
def _datum(p, axis, axes, means, factors, cumulative, key, step, trial):
    """Return a coordinate of point p of GaussianMixture.sample."""
    a, b, c, d = random.philox(key, uint64(p // 2), step + uint64(1), trial, uint64(random.DATA))
    chosen = (random.uniform(a, b) if p % 2 == 0 else random.uniform(c, d)) * cumulative[cumulative.size - 1]
    mode = 0
    for k in range(cumulative.size - 1):
        mode += 1 if cumulative[k] <= chosen else 0
    x = means[mode, axis]
    for other in range(axis + 1):
        i = p * axes + other
        even, odd = normals(key, i // 2, step, trial, random.NOISE)
        x += factors[mode, axis, other] * (even if i % 2 == 0 else odd)
    return x


@cuda.jit(device=True)
def _put_latents(out, out_at, pitch, first, width, columns, key, step, trial):
    """Set the first rows of a tile to fresh latents."""
    base = first * columns
    for i in range(base // 2 + cuda.threadIdx.x, (base + width * columns + 1) // 2, cuda.blockDim.x):
        even, odd = normals(key, i, step, trial, random.LATENT)
        for parity in range(2):
            at = 2 * i + parity - base
            if 0 <= at < width * columns:
                out[out_at + at % columns * pitch + at // columns] = even if parity == 0 else odd


@cuda.jit(device=True)
def _put_points(
    layers, layers_at, generated, generated_at, width, pitch, axes, first, kind, generates, means, factors, cumulative,
    key, step, data_step, trial, shown, one,
):  # fmt: skip
    """Set the discriminator's points: data, generated ones, or some between."""
    for i in range(cuda.threadIdx.x, width * axes, cuda.blockDim.x):
        p, axis = i // axes, i % axes
        at, point = axis * pitch + p, first + p
        x = generated[generated_at + at] if generates else one
        if kind in (REAL, PENALTY):
            y = type(one)(_datum(point, axis, axes, means, factors, cumulative, key, data_step, trial))
            if generates:
                a, b, c, d = random.philox(key, uint64(point // 2), step, trial, uint64(random.BETWEEN))
                share = random.uniform(a, b) if point % 2 == 0 else random.uniform(c, d)
                y = type(one)(share * y + (1.0 - share) * x)
            x = y
        layers[layers_at + at] = x
        if kind == SHOW:
            shown[point, axis] = x


@cuda.jit(device=True)
def _put_slopes(deltas, deltas_at, values, values_at, width, kind, loss, size, field, first):
    """Set the slopes in what the discriminator puts out."""
    for p in range(cuda.threadIdx.x, width, cuda.blockDim.x):
        v, slope = values[values_at + p], type(size)(1)
        if kind == REAL:
            slope = losses.real_slope(loss, v) / size
        elif kind == FAKE:
            slope = losses.fake_slope(loss, v) / size
        elif kind == TEACH:
            slope = losses.generated_slope(loss, v) / size
        elif kind == SHOW:
            field[first + p] = losses.steepness(loss, float64(v))
        deltas[deltas_at + p] = slope


@cuda.jit(device=True)
def _move(generated, generated_at, slopes, slopes_at, width, pitch, axes, particle, size):
    """Hand the slopes in the generated points to the generator, as they are or by way of moved particles."""
    two = type(size)(2)
    for i in range(cuda.threadIdx.x, width * axes, cuda.blockDim.x):
        at = i % axes * pitch + i // axes
        slope = slopes[slopes_at + at]
        if particle > 0:  # see nsgan_cpu
            x = generated[generated_at + at]
            moved = x - particle / two * size * slope
            slope = two * (x - moved) / size
        generated[generated_at + at] = slope


@cuda.jit(device=True)
def _pull(tangents, tangents_at, deltas, deltas_at, width, pitch, axes, penalty, penalty_at, size):
    """Set tangents to the slopes in g = grad D of the penalty; see nsgan_cpu."""
    one = type(penalty)(1)
    for p in range(cuda.threadIdx.x, width, cuda.blockDim.x):
        norm = penalty - penalty
        for k in range(axes):
            norm += deltas[deltas_at + k * pitch + p] * deltas[deltas_at + k * pitch + p]
        norm = math.sqrt(norm)
        weight = penalty / size
        if penalty_at == BETWEEN:
            weight = (one + one) * weight * (norm - one) / norm if norm > 0 else penalty - penalty
        for k in range(axes):
            tangents[tangents_at + k * pitch + p] = weight * deltas[deltas_at + k * pitch + p]


@cuda.jit(device=True)
def _measure(field, slopes, slopes_at, width, pitch, axes, first):
    """Multiply the field by how steep the discriminator is."""
    for p in range(cuda.threadIdx.x, width, cuda.blockDim.x):
        norm = 0.0
        for k in range(axes):
            norm += float64(slopes[slopes_at + k * pitch + p]) ** 2
        field[first + p] *= math.sqrt(norm)


def _signature(real):
    return (
        real[:, :, ::1], float64[:, ::1], real[:, :, ::1], int64[::1], real[:, ::1], real[:, ::1], real[:, :, ::1],
        real[:, :, ::1], real[:, ::1], uint64, int64, int64, int64, int64[:, ::1], int64[:, ::1], int64[:, ::1],
        int64[::1], float64[::1], float64[:, ::1], float64[:, :, ::1],
        types.NamedUniTuple(real, len(Reals._fields), Reals), types.NamedUniTuple(int64, len(Wholes._fields), Wholes),
    )  # fmt: skip


# Two networks of 2 x 64 units, batch 128: 6.75 million multiplications an iteration, to each of which two loads of
# four numbers and their places are shared by 16; gradients in global memory, summed tile by tile.
_WORK = Work(
    "TP, 2 x 64 units, batch 128, 100 trials of 10,000 iterations", 100, arithmetic=1e6 * 2.5 * 6.75e6,
    special=1e6 * 1.5e4, shared=1e6 * 3.6e6, traffic=1e6 * 5.5e5, launches=200,
)  # fmt: skip


@kernel(*map(_signature, (float32, float64)), block=BLOCK, resident=1, shared=SHARED, work=_WORK)
def _play(
    particles, field, latents, diverged_at, generators, discriminators, gen_moments, disc_moments, rooms,
    key, first_trial, first, count, gen_plan, disc_plan, program, starts, cumulative, means, factors, reals, wholes,
):  # fmt: skip
    own, thread, threads = cuda.blockIdx.x, cuda.threadIdx.x, cuda.blockDim.x
    if diverged_at[own] >= 0 and count > 0:
        return
    shared, room, inside = cuda.shared.array(0, rooms.dtype), rooms[own], wholes.inside
    pitch, batch = wholes.points | 1, wholes.batch
    one, size, trial = type(reals.noise)(1), type(reals.noise)(batch), uint64(first_trial + own)
    lost = 0
    for t in range(first, first + count + 1):
        # Networks come, or are kept, or go back to what they were before the step in which they are lost.
        for turn in range(2):
            place = wholes.gen if turn == 0 else wholes.disc
            carry(
                thread, threads, generators[own] if turn == 0 else discriminators[own],
                shared if place < inside else room, place, gen_plan if turn == 0 else disc_plan,
                t > first and lost == 0,
            )  # fmt: skip
        if lost != 0 and thread == 0:
            diverged_at[own] = t
        cuda.syncthreads()
        showing = lost != 0 or t == first + count
        lost = 0
        for j in range(wholes.n_disc if showing else 0, wholes.n_disc + 1):
            teaches = j == wholes.n_disc
            shown = latents.shape[1] if showing else batch
            blocks = -(-shown // wholes.points)
            step, data_step = uint64(t * (wholes.n_disc + 1) + j), uint64(t * wholes.n_disc + j)
            for b in range(blocks if teaches else blocks * (2 if wholes.penalty_at == NONE else 3)):
                kind = SHOW if showing else TEACH if teaches else b // blocks
                start = b % blocks * wholes.points
                width = min(wholes.points, shown - start)
                for at in range(starts[kind], starts[kind + 1]):
                    row = program[at]
                    action, mode, rows = row[ACTION], row[MODE], row[ROWS]
                    out, left, right, hidden = row[OUT], row[LEFT], row[RIGHT], row[HIDDEN]
                    outs, lefts = shared if out < inside else room, shared if left < inside else room
                    rights, outputs = shared if right < inside else room, shared if hidden < inside else room
                    of_gen = row[NETWORK] == programs.GENERATOR
                    code = wholes.gen_code if of_gen else wholes.disc_code
                    slope = reals.gen_slope if of_gen else reals.disc_slope
                    if action == programs.PRODUCT:
                        mode = ZERO if mode == MORE and b == 0 else mode
                        columns = width if row[COLUMNS] == WIDTH else row[COLUMNS]
                        terms = width if row[COUNT] == WIDTH else row[COUNT]
                        if row[COUNT] == WIDTH and row[BIASES] >= 0:
                            add_sums(
                                thread,
                                threads,
                                outs,
                                row[BIASES],
                                mode == MORE,
                                rows,
                                lefts,
                                left,
                                pitch,
                                width,
                                slope - slope,
                            )
                        _multiply(
                            mode, outs, out, row[OUT_ROW], lefts, left, row[LEFT_ROW], row[LEFT_STEP],
                            rights, right, row[RIGHT_COLUMN], row[RIGHT_STEP], rows, columns, terms, row[BIASES],
                            outputs, hidden, code, slope,
                        )  # fmt: skip
                    elif action == programs.ACTIVATE:
                        activate(thread, threads, outs, out, rows, width, pitch, code, slope)
                    elif action == programs.BEND_UP or action == programs.BEND_DOWN:
                        bend(
                            thread, threads, action == programs.BEND_UP, outs, out, lefts, left, rights, right,
                            outputs, hidden, rows, width, pitch, code, slope,
                        )  # fmt: skip
                    elif action == programs.NOISE:
                        add_noise(
                            thread, threads, outs, out, lefts, left, mode, rows, width, pitch, reals.noise,
                            key, step, trial, kind << 28, start, wholes.wide,
                        )  # fmt: skip
                    elif action == programs.COPY:
                        for i in range(thread, rows * width, threads):
                            place = i // width * pitch + i % width
                            outs[out + place] = lefts[left + place]
                    elif action == programs.PUT_LATENTS and showing:
                        for i in range(thread, rows * width, threads):
                            p, axis = i // rows, i % rows
                            outs[out + axis * pitch + p] = latents[own, start + p, axis]
                    elif action == programs.PUT_LATENTS:
                        _put_latents(outs, out, pitch, start, width, rows, key, step, trial)
                    elif action == programs.PUT_POINTS:
                        generates = kind != REAL and not (kind == PENALTY and wholes.penalty_at == DATA)
                        _put_points(
                            outs, out, lefts, left, width, pitch, rows, start, kind, generates, means, factors,
                            cumulative, key, step, data_step, trial, particles[own], one,
                        )  # fmt: skip
                    elif action == programs.PUT_SLOPES:
                        _put_slopes(outs, out, lefts, left, width, kind, wholes.loss, size, field[own], start)
                    elif action == programs.MOVE:
                        _move(outs, out, lefts, left, width, pitch, rows, reals.particle, size)
                    elif action == programs.PULL:
                        _pull(outs, out, lefts, left, width, pitch, rows, reals.penalty, wholes.penalty_at, size)
                    else:
                        _measure(field[own], lefts, left, width, pitch, rows, start)
                    cuda.syncthreads()
            if showing:
                return
            place = wholes.gen if teaches else wholes.disc
            lost |= descend(
                thread, threads, shared if place < inside else room, place,
                shared if wholes.gradient < inside else room, wholes.gradient,
                gen_moments[own] if teaches else disc_moments[own],
                gen_plan if teaches else disc_plan, reals.lr_gen if teaches else reals.lr_disc,
                t + 1 if teaches else t * wholes.n_disc + j + 1,
                wholes.gen_optimiser if teaches else wholes.disc_optimiser,
                reals.gen_decay if teaches else reals.disc_decay, reals.gen_second if teaches else reals.disc_second,
                reals.gen_epsilon if teaches else reals.disc_epsilon,
            )  # fmt: skip
            cuda.syncthreads()
        lost = cuda.syncthreads_or(lost)


def play_trials(
    particles, field, latents, diverged_at, gen, disc, gen_moments, disc_moments, key, first_trial, first, count,
    networks, optimisers, rules,
):  # fmt: skip
    """See nsgan_cpu.play: all trials, a block for each; `networks`: (sizes, code, slope) of each."""
    trials, real = len(gen), gen.dtype
    (gen_sizes, gen_code, gen_slope), (disc_sizes, disc_code, disc_slope) = networks
    gen_plan, disc_plan = programs.plan_of(gen_sizes), programs.plan_of(disc_sizes)
    points = min(POINTS, rules.batch + rules.batch % 2)
    kept = 3 if rules.penalty_at != NONE else int(rules.noise > 0)
    places = programs.places_of(gen_plan, disc_plan, points, kept, SHARED // real.itemsize)
    tables = programs.program_of(
        gen_plan, disc_plan, places, points, rules.noise > 0, rules.penalty_at == BETWEEN, disc_code != units.LEAKY
    )
    rooms = empty((trials, places.size if places.inside < places.size else 1), real)
    reals = Reals(
        rules.lr_disc, rules.lr_gen, rules.noise, rules.particle, rules.penalty, gen_slope, disc_slope,
        *optimisers[0][1:], *optimisers[1][1:],
    )  # fmt: skip
    wholes = Wholes(
        rules.loss, rules.n_disc, rules.batch, rules.penalty_at, gen_code, disc_code, optimisers[0].kind,
        optimisers[1].kind, points, _BLOCK_BYTES // real.itemsize, places.parameters, places.gradient,
        places.gen_parameters, places.inside,
    )  # fmt: skip
    # The particles and their field, which the host measures, come back every time; the rest stays there.
    shown = [there(particles), there(field)]
    stay = (diverged_at, gen, disc, *(moments for moments in (gen_moments, disc_moments) if moments.size))
    on_device = [held(array) for array in stay]
    moments = [held(array) if array.size else empty((trials, 1, 1), real) for array in (gen_moments, disc_moments)]
    _play.launch_blocks(
        trials, *shown, held(latents), *on_device[:3], *moments, rooms, key, first_trial, first, count,
        *(there(array) for array in (gen_plan, disc_plan, *tables, rules.cumulative, rules.means, rules.factors)),
        reals, wholes, block=BLOCK, shared=places.inside * real.itemsize, outside=programs.outside(places),
    )  # fmt: skip
    back(*zip(shown, (particles, field), strict=True), *zip(on_device, stay, strict=True))
