"""Loops of remedies_engine, for CUDA: a block plays one trial, both networks and all remedies.

Layers are products of matrices, of which a thread takes an entry at a time (`lanes.block_networks`); what a batch
needs as a whole (means, norms, ranks) is summed in order by the threads that want it.  So nothing depends on how many
there are.

A trial that leaves the finite numbers is played once more from the start of the chunk, up to its last finite iteration.
Parameters lie in shared memory where they fit (`places`), and then what a batch makes of them; else in global memory.
"""

import math

import numpy as np
from numba import cuda, float64, int64, uint64

from ..device import SHARED, Work, back, empty, kernel, there
from ..formulas.dirac import logistic
from ..formulas.draws import normal_at, uniform_at
from ..formulas.random import BETWEEN, DATA, FREQUENCIES, LATENT, LAYERS, NOISE
from ..lanes.block_networks import LITTLE, adam, backward, forward, normalise, product, through_norms, value_is_finite
from ..lanes.minibatches import DEVIATION, FEATURES, NONE, least_of, tell, untold

BLOCK = 128
_LAYERS_OF = 3  # a network, two of them hidden
_TOGETHER = 32  # iterations whose random numbers are one stream's
_DIFFERENCE, _STEEPEST, _LARGE = 1e-2, 10.0, 1e50
# Places of the remedies' numbers.
_LR_DISC, _LR_GEN, _NOISE, _SMOOTHING, _FLIPS, _PENALTY, _MATCHING, _DISPERSION, _PATH, _TOP_K, _LAYER_NOISE = range(11)
# Places in the room of a trial, in this order.
(
    _LATENTS, _GEN_HIDDEN, _FAKE, _POINTS, _TOLD, _HIDDEN, _ALONG, _VALUES, _ABOVE, _SPARE, _STATS, _ENDS, _PULLS,
    _MATCHED, _FEATURE_PULLS, _RANKED, _PARTS,
) = range(17)  # fmt: skip


@cuda.jit(device=True)
def _latents(room, to, n, latent, side, wide, keys, block, trial, counter):
    """Set latents (n, latent) to those of a step, moved by side times a short way in a random direction."""
    for p in range(cuda.threadIdx.x, n, cuda.blockDim.x):
        length, start = 0.0, (counter + p + 1) * wide - latent
        if side != 0:
            for q in range(latent):
                length += normal_at(start + q, keys[0], block, trial, LAYERS) ** 2
            length = math.sqrt(length) + LITTLE
        for q in range(latent):
            z = normal_at((counter + p) * latent + q, keys[0], block, trial, LATENT)
            if side != 0:
                z += side * _DIFFERENCE * (normal_at(start + q, keys[0], block, trial, LAYERS) / length)
            room[to + p * latent + q] = z
    cuda.syncthreads()


@cuda.jit(device=True)
def _data(room, to, n, dim, means, factors, cumulative, keys, block, trial, counter):
    """Set points (n, dim) to data of a step."""
    for p in range(cuda.threadIdx.x, n, cuda.blockDim.x):
        chosen = uniform_at(counter + p, keys[0], block, trial, DATA) * cumulative[cumulative.size - 1]
        mode = 0
        for k in range(cumulative.size - 1):
            mode += 1 if cumulative[k] <= chosen else 0
        for axis in range(dim):
            x = 0.0
            for other in range(axis + 1):
                x += factors[mode, axis, other] * normal_at((counter + p) * dim + other, keys[0], block, trial, NOISE)
            room[to + p * dim + axis] = means[mode, axis] + x


@cuda.jit(device=True)
def _path_pulls(room, ends, pulls, sizes, n, dim, weight):
    """Set pulls (n, dim) to the slopes of the variance of path lengths, in the first of both ends."""
    thread, threads = cuda.threadIdx.x, cuda.blockDim.x
    for p in range(thread, n, threads):
        total = 0.0
        for axis in range(dim):
            i = p * dim + axis
            total += ((room[ends + i] - room[ends + n * dim + i]) / (2.0 * _DIFFERENCE)) ** 2
        room[sizes + p] = math.sqrt(total) + LITTLE
    cuda.syncthreads()
    mean = 0.0
    for p in range(n):
        mean += room[sizes + p]
    mean /= n
    for i in range(thread, n * dim, threads):
        size, gap = room[sizes + i // dim], (room[ends + i] - room[ends + n * dim + i]) / (2.0 * _DIFFERENCE)
        room[pulls + i] = 2.0 * weight * (size - mean) * gap / size / (n * 2.0 * _DIFFERENCE)
    cuda.syncthreads()


@cuda.jit(device=True)
def _dispersed(room, fake, latents, n, dim, latent, weight, p, axis):
    """Return the slope of the dispersion term in a coordinate of a point."""
    half = n // 2
    j, size, apart = p % half, 0.0, 0.0
    for other in range(dim):
        size += (room[fake + j * dim + other] - room[fake + (j + half) * dim + other]) ** 2
    for q in range(latent):
        apart += (room[latents + j * latent + q] - room[latents + (j + half) * latent + q]) ** 2
    size, apart = math.sqrt(size) + LITTLE, math.sqrt(apart) + LITTLE
    if not size / apart < _STEEPEST:
        return 0.0
    gap = room[fake + j * dim + axis] - room[fake + (j + half) * dim + axis]
    return gap / (size * apart) * (-weight / half) * (1.0 if p < half else -1.0)


_matrix, _row = float64[:, ::1], float64[::1]


@kernel(
    (
        _matrix, _matrix, _matrix, _matrix, int64[::1], _matrix, _matrix, _row, _matrix,
        float64[:, :, ::1], _row, _row, int64[::1], uint64[::1], *[int64] * 23,
    ),
    block=BLOCK, resident=1, shared=SHARED,
    spill="four words on sm_100: two networks and eight remedies keep 255 registers busy",
    # Two batches forward and back through the discriminator, one through the generator and both: 3 a parameter.
    work=Work("TS, no remedy: 100 games of 10,000 iterations", 100, 1e6 * 64 * 1200 * 3 * 3.0, 1e6 * 64 * 10.0,
              1e6 * 64 * 1200 * 9 / 2, 1e6 * 2e5),
)  # fmt: skip
def _play(
    parameters, firsts, seconds, lefts, diverged_at, rooms, samples, tensor, means, factors, cumulative, numbers, at,
    keys, first_trial, first, count, gen_steps, disc_steps, n, latent, dim, seen, width, width_gen, n_disc, anneal,
    kind, spectral, minimax, inside, size_gen, size_disc, size_own, size_room, far, layers,
):  # fmt: skip
    t, thread, threads = cuda.blockIdx.x, cuda.threadIdx.x, cuda.blockDim.x
    if diverged_at[t] >= 0:
        return
    shared = cuda.shared.array(0, float64)
    size, size_lefts = size_gen + size_disc, lefts.shape[1]
    base = 3 * size + size_lefts + 2 * width + 4
    first_moments, second_moments = rooms[t, :size], rooms[t, size : 2 * size]
    slopes, vectors = rooms[t, 2 * size : 3 * size], rooms[t, 3 * size : base]
    own, room = rooms[t, base : base + size_own], rooms[t, base + size_own :]
    if inside >= 1:
        own = shared[:size_own]
    if inside >= 2:
        room = shared[size_own : size_own + size_room]
    used, rights, largest = size if spectral == 1 else size_gen, size_lefts, size_lefts + 2 * width + 1
    trial, wide, left = uint64(first_trial + t), 2 * width_gen + latent, count
    while True:
        for i in range(thread, size, threads):
            own[i], first_moments[i], second_moments[i] = parameters[t, i], firsts[t, i], seconds[t, i]
        for i in range(thread, size_lefts, threads):
            vectors[i] = lefts[t, i]
        cuda.syncthreads()
        done = left
        for step in range(left):
            iteration = first + step
            block = uint64(iteration // _TOGETHER)
            for turn in range(n_disc + 1):
                teaching = turn < n_disc
                counter = (iteration % _TOGETHER * (n_disc + 1) + turn) * n
                for i in range(thread, size, threads):
                    slopes[i] = 0.0
                if spectral == 1:
                    normalise(own, size_gen, used, vectors, 0, rights, largest, seen, width, layers)
                for way in range(4 if teaching or numbers[_PATH] <= 0 else 0, 5):  # before 4: ends of paths
                    side = 0.0 if way == 4 else 1.0 - 2.0 * (way % 2)
                    _latents(room, at[_LATENTS], n, latent, side, wide, keys, block, trial, counter)
                    forward(
                        room, at[_LATENTS], own, 0, at[_GEN_HIDDEN], at[_FAKE], n, latent, width_gen, dim,
                        numbers[_LAYER_NOISE] if way == 4 else 0.0, keys, block, trial, counter, wide,
                        layers,
                    )  # fmt: skip
                    if way < 2:
                        for i in range(thread, n * dim, threads):
                            room[at[_ENDS] + way * n * dim + i] = room[at[_FAKE] + i]
                        cuda.syncthreads()
                        if way == 1:
                            _path_pulls(room, at[_ENDS], at[_PULLS], at[_VALUES], n, dim, numbers[_PATH])
                        continue
                    for real in range(1 if way == 4 else 0, -1, -1):  # data, then generated points
                        if real == 1 and not teaching and numbers[_MATCHING] <= 0:
                            continue
                        if real == 1:
                            _data(room, at[_POINTS], n, dim, means, factors, cumulative, keys, block, trial, counter)
                            cuda.syncthreads()
                        for i in range(thread, n * dim, threads):
                            x = room[(at[_POINTS] if real == 1 else at[_FAKE]) + i]
                            if numbers[_NOISE] > 0 and (teaching or real == 0):
                                index = ((counter + i // dim) * 2 + 1 - real) * dim + i % dim
                                sd = numbers[_NOISE] * (max(0.0, 1.0 - iteration / anneal) if anneal > 0 else 1.0)
                                x += sd * normal_at(index, keys[0], block, trial, BETWEEN)
                            room[at[_POINTS] + i] = x
                        cuda.syncthreads()
                        tell(room, at[_POINTS], at[_TOLD], at[_STATS], tensor, n, dim, seen, kind)
                        forward(
                            room, at[_TOLD], own, used, at[_HIDDEN], at[_VALUES], n, seen, width, 1, 0.0, keys, block,
                            trial, 0, 0, layers,
                        )  # fmt: skip
                        least, pulled = 0.0, -1
                        if not teaching and numbers[_MATCHING] > 0:
                            for u in range(thread, width, threads):
                                mean = 0.0
                                for p in range(n):
                                    mean += room[at[_HIDDEN] + (2 * n + p) * width + u]
                                mean /= n
                                if real == 1:
                                    room[at[_MATCHED] + u] = mean
                                else:
                                    gap = mean - room[at[_MATCHED] + u]
                                    room[at[_FEATURE_PULLS] + u] = 2.0 * numbers[_MATCHING] * gap / n
                            pulled = at[_FEATURE_PULLS]
                        if not teaching and real == 1:
                            continue
                        if not teaching and numbers[_TOP_K] > 0:
                            least = least_of(room, at[_VALUES], at[_RANKED], n, numbers[_TOP_K])
                        for p in range(thread, n, threads):
                            value = room[at[_VALUES] + p]
                            if teaching:
                                wanted = 1.0 - numbers[_SMOOTHING] if real == 1 else 0.0
                                if numbers[_FLIPS] > 0:
                                    drawn = uniform_at((counter + p) * 2 + 1 - real, keys[0], block, trial, FREQUENCIES)
                                    wanted = 1.0 - real if drawn < numbers[_FLIPS] else wanted
                                slope = logistic(value) - wanted
                            else:
                                slope = -logistic(value if minimax == 1 else -value)
                                if numbers[_TOP_K] > 0:
                                    slope = slope / (1.0 - numbers[_TOP_K]) if value >= least else 0.0
                            room[at[_ABOVE] + p] = slope / n
                        cuda.syncthreads()
                        penalised = real == 1 and numbers[_PENALTY] > 0
                        # Back through the discriminator; twice for the penalty; then through the generator.
                        for part in range(0 if way == 4 else 3, 4 if not teaching else 3 if penalised else 1):
                            if not teaching and 0 < part < 3:
                                continue
                            if part == 2:  # of the penalty: through the network without biases, along its slopes
                                for i in range(thread, n * seen, threads):
                                    room[at[_TOLD] + i] = (
                                        numbers[_PENALTY] * room[at[_SPARE] + i] / n if i % seen < dim else 0.0
                                    )
                                cuda.syncthreads()
                                for layer in range(layers - 1):
                                    to, inputs = at[_ALONG] + 2 * layer * n * width, seen if layer == 0 else width
                                    source = at[_TOLD] if layer == 0 else at[_ALONG]
                                    weights = used if layer == 0 else used + (seen + 1) * width
                                    product(
                                        room, to, room, source, inputs, 1, own, weights, width, 1, n, width, inputs,
                                        False,
                                    )  # fmt: skip
                                    cuda.syncthreads()
                                    for i in range(thread, n * width, threads):
                                        room[to + i] *= room[at[_HIDDEN] + (2 * layer + 1) * n * width + i]
                                    cuda.syncthreads()
                            if 0 < part < 3:
                                for p in range(thread, n, threads):
                                    room[at[_ABOVE] + p] = 1.0
                            for i in range(thread, n * dim if part == 3 else 0, threads):
                                p, axis = i // dim, i % dim
                                if way < 4:
                                    slope = room[at[_PULLS] + i] if way == 2 else -room[at[_PULLS] + i]
                                else:
                                    slope = untold(
                                        room, at[_POINTS], at[_SPARE], at[_STATS], tensor, n, dim, seen, kind, p, axis
                                    )
                                    if numbers[_DISPERSION] > 0:
                                        slope += _dispersed(
                                            room, at[_FAKE], at[_LATENTS], n, dim, latent, numbers[_DISPERSION], p, axis
                                        )
                                room[at[_ABOVE] + i] = slope
                            cuda.syncthreads()
                            x, layer_of, masks, weights, slope_of = at[_TOLD], at[_HIDDEN], at[_HIDDEN], used, size_gen
                            inputs, units, outputs, more = seen, width, 1, pulled
                            learns = 0 if not teaching else 2 if part == 0 else part - 1
                            if part == 2:
                                layer_of = at[_ALONG]
                            if part == 3:
                                x, layer_of, weights, slope_of = at[_LATENTS], at[_GEN_HIDDEN], 0, 0
                                masks = layer_of
                                inputs, units, outputs, more, learns = latent, width_gen, dim, -1, 2
                            backward(
                                room, x, layer_of, masks, own, weights, slopes, slope_of, n, inputs, units, outputs,
                                at[_ABOVE], at[_SPARE], learns, more, layers,
                            )  # fmt: skip
                if teaching and spectral == 1:
                    through_norms(
                        slopes, size_gen, own, used, vectors, 0, rights, largest, room, at[_PARTS], seen, width, layers
                    )
                start, size_of, rate, number = 0, size_gen, numbers[_LR_GEN], gen_steps + step + 1
                if teaching:
                    start, size_of, rate = size_gen, size_disc, numbers[_LR_DISC]
                    number = disc_steps + step * n_disc + turn + 1
                adam(own, slopes, first_moments, second_moments, start, size_of, rate, number)
            lost, large = 0, far
            for i in range(thread, size, threads):
                if not math.isfinite(own[i]):
                    lost = 1
                if abs(own[i]) > _LARGE:
                    large = 1
            if cuda.syncthreads_or(large):
                for p in range(thread, samples.shape[1] // latent, threads):
                    room_of = at[_GEN_HIDDEN] + 2 * width_gen * thread
                    if not value_is_finite(
                        own, 0, room, room_of, samples[t], p * latent, latent, width_gen, dim, layers
                    ):  # fmt: skip
                        lost = 1
            if cuda.syncthreads_or(lost):
                done = step
                break
        if done == left:
            break
        if thread == 0:
            diverged_at[t] = first + done + 1
        left = done
        cuda.syncthreads()
    for i in range(thread, size, threads):
        parameters[t, i], firsts[t, i], seconds[t, i] = own[i], first_moments[i], second_moments[i]
    for i in range(thread, size_lefts, threads):
        lefts[t, i] = vectors[i]


def places(game, dim, seen, size_own):
    """Return what is in shared memory (0: nothing, 1: parameters, 2: all), the places in a room, its size, bytes."""
    n, width, wide = game.batch, game.width, max(game.width, game.width_gen, seen, game.latent_dim)
    sizes = {
        _LATENTS: n * game.latent_dim, _GEN_HIDDEN: max(4 * n, 2 * BLOCK) * game.width_gen, _FAKE: n * dim,
        _POINTS: n * dim,
        _TOLD: n * seen, _HIDDEN: 4 * n * width, _ALONG: 4 * n * width if game.grad_penalty > 0 else 0, _VALUES: n,
        _ABOVE: n * wide, _SPARE: n * wide, _STATS: max(4 * n, 2 * dim), _ENDS: 2 * n * dim, _PULLS: n * dim,
        _MATCHED: width, _FEATURE_PULLS: width, _RANKED: n, _PARTS: max(width, seen),
    }  # fmt: skip
    ends = np.cumsum([sizes[name] for name in range(len(sizes))])
    room = int(ends[-1])
    taken = [0, 8 * size_own, 8 * (size_own + room)]
    inside = max(level for level, size in enumerate(taken) if size <= SHARED)
    return inside, np.append(0, ends[:-1]), room, taken[inside]


def play(parameters, firsts, seconds, lefts, diverged_at, samples, first, count, steps, game, tables, key, first_trial):
    """Play `count` iterations of each trial in place, after `first` of them.

    parameters, firsts, seconds (trials, P): of the generator, then of the discriminator, and their moments; lefts
    (trials, V): the spectral vectors; samples: the latents of recorded points; steps: those of both optimisers so far;
    tables: (tensor, means, Cholesky factors, cumulative weights, units of the two networks' first layers).
    """
    tensor, means, factors, cumulative, size_gen, seen = tables
    trials, size = parameters.shape
    dim, size_disc = means.shape[1], size - size_gen
    size_own = size + (size_disc if game.spectral else 0)
    inside, at, room, taken = places(game, dim, seen, size_own)
    here = (parameters, firsts, seconds, lefts, diverged_at)
    on_device = [there(array) for array in here]
    base = 3 * size + lefts.shape[1] + 2 * game.width + 4
    numbers = [
        game.lr_disc, game.lr_gen, game.instance_noise, game.label_smoothing, game.label_flips, game.grad_penalty,
        game.feature_matching, game.dispersion, game.path_length, game.top_k, game.layer_noise,
    ]  # fmt: skip
    _play.launch_blocks(
        trials, *on_device, empty((trials, base + size_own + room), np.float64), there(samples.reshape(trials, -1)),
        *(there(np.ascontiguousarray(table)) for table in (tensor.reshape(-1), means, factors, cumulative)),
        there(np.array(numbers)), there(at.astype(np.int64)), there(np.array([key])), first_trial,
        first, count, *steps, game.batch, game.latent_dim, dim, seen, game.width, game.width_gen, game.n_disc,
        game.anneal,
        {"none": NONE, "features": FEATURES, "deviation": DEVIATION}[game.minibatch], int(game.spectral),
        int(game.loss == "minimax"), inside, size_gen, size_disc, size_own, room,
        int(np.abs(samples).max() > _LARGE), _LAYERS_OF, block=BLOCK, shared=taken,
        outside=", ".join(("parameters", "batches")[inside:]),
    )  # fmt: skip
    back(*zip(on_device, here, strict=True))
