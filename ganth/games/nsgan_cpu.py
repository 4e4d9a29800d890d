"""Loops of nsgan, for the CPU.

A step of a network is made of blocks of the batch, each with its points in the lanes, a random stream's own stretch
and a gradient of its own; gradients are added in order.  So blocks may be played side by side, or trials, and the bits
are the same.  Blocks of a step of the discriminator: data, generated points, and those of a penalty, `of_batch` each.
"""

import math
from collections import namedtuple

import numpy as np
from numba import njit, uint64

from ..backend import compiled
from ..formulas import losses, random
from ..lanes.descent import Optimiser as Optimiser
from ..lanes.descent import descend
from ..lanes.draws import normals, pick, uniforms
from ..lanes.networks import Network as Network
from ..lanes.networks import Noise, add_pulled_slopes, backward, copy, forward, place_of, put_points, room_of, take_rows
from ..lanes.products import block

NONE, BETWEEN, DATA = range(3)  # where a penalty on grad D is taken
REAL, FAKE, PENALTY, TEACH, SHOW = range(5)  # what a block is for
Rules = namedtuple(
    "Rules", "loss lr_disc lr_gen n_disc batch noise particle penalty penalty_at cumulative means factors"
)
Show = namedtuple("Show", "latents particles field")
Desk = namedtuple("Desk", "generator discriminator points modes")


@njit
def _desk_of(generator, discriminator, rules, like):
    """Return scratch memory for a block."""
    wide, dim = block(like), rules.means.shape[1]
    room = room_of(discriminator, like, rules.noise > 0, rules.penalty_at != NONE)
    return Desk(room_of(generator, like, False, False), room, np.empty(wide * dim), np.empty((2, wide // 2), np.int64))


@njit
def _put_draws(desk, first, key, step, data_step, trial, rules, kind, inputs):
    """Set data, as GaussianMixture.sample returns them, and latents, from point `first` on."""
    room, modes = desk.generator, desk.modes
    wide, dim = block(room.hidden), rules.means.shape[1]
    even, odd, half = room.even, room.odd, wide // 2
    # Which modes, the data, the latents: one loop, as random numbers take long to compile.
    for stage in range(2 if kind in (FAKE, TEACH) else 0, 2 if kind == REAL else 3):
        data = stage == 1
        columns = 1 if stage == 0 else dim if data else inputs
        count = half * columns
        purpose = uint64(random.DATA if stage == 0 else random.NOISE if data else random.LATENT)
        number = data_step + uint64(1) if stage == 0 else data_step if data else step
        uniforms(even, odd, count, key, number, trial, purpose, first * columns // 2)
        if stage == 0:
            pick(modes[0], even[:half], rules.cumulative)
            pick(modes[1], odd[:half], rules.cumulative)
            continue
        normals(even[:count], odd[:count])
        out = desk.discriminator.hidden if data else room.hidden
        for p in range(wide):
            for axis in range(columns):
                at = p * columns + axis
                x = odd[at >> 1] if at & 1 else even[at >> 1]
                if data:
                    mode = modes[p & 1, p >> 1]
                    x = rules.means[mode, axis]
                    for k in range(axis + 1):
                        at = p * columns + k
                        x += rules.factors[mode, axis, k] * (odd[at >> 1] if at & 1 else even[at >> 1])
                out[axis * wide + p] = x if first + p < rules.batch else 0.0
        if data and kind == PENALTY:
            copy(desk.points, 0, out, 0, dim * wide)


@njit
def _mix(desk, first, key, step, trial, dim):
    """Put points between data and generated ones into the discriminator's first rows."""
    room, even, odd = desk.discriminator, desk.discriminator.even, desk.discriminator.odd
    wide = block(room.hidden)
    uniforms(even, odd, wide // 2, key, step, trial, uint64(random.BETWEEN), first // 2)
    for k in range(dim):
        for p in range(wide):
            share, i = odd[p >> 1] if p & 1 else even[p >> 1], k * wide + p
            room.hidden[i] = share * desk.points[i] + (1.0 - share) * room.hidden[i]


@njit
def _pull(room, first, dim, rules):
    """Set tangents to the slopes in g = grad D of the penalty, its weight times mean (|g| - 1)^2 or mean |g|^2 / 2."""
    wide, one = block(room.hidden), type(rules.penalty)(1)
    for p in range(wide):
        norm = rules.penalty * 0
        for k in range(dim):
            norm += room.deltas[k * wide + p] * room.deltas[k * wide + p]
        norm = math.sqrt(norm)
        weight = rules.penalty / type(rules.penalty)(rules.batch)
        if rules.penalty_at == BETWEEN:
            weight = (one + one) * weight * (norm - one) / norm if norm > 0 else weight * 0
        for k in range(dim):
            i = k * wide + p
            room.tangents[i] = weight * room.deltas[i] if first + p < rules.batch else weight * 0


@njit
def _work(b, phase, desk, networks, gen, disc, gradients, key, t, j, trial, rules, show):
    """Do the work of block b of a phase: of step j of the discriminator (0), of the generator's step (1), or show (2).

    It leaves in gradients[b] what the block adds to the gradient; `show` gets the points, and how steep d is there.
    """
    wide, dim = block(disc), rules.means.shape[1]
    of_batch = -(-rules.batch // wide)
    kind, first = (b // of_batch, b % of_batch * wide) if phase == 0 else (TEACH if phase == 1 else SHOW, b * wide)
    draw, data_step = uint64(t * (rules.n_disc + 1) + j), uint64(t * rules.n_disc + j)
    if kind == SHOW:
        put_points(desk.generator.hidden, show.latents, first, networks[0].sizes[0])
    else:
        # A penalty at data needs no latents.
        drawn = REAL if kind == PENALTY and rules.penalty_at == DATA else kind
        _put_draws(desk, first, key, draw, data_step, trial, rules, drawn, networks[0].sizes[0])
    generates = kind != REAL and not (kind == PENALTY and rules.penalty_at == DATA)
    plain = kind in (PENALTY, SHOW)
    for turn in range(0 if generates else 1, 2):
        network = networks[0] if turn == 0 else networks[1]
        parameters = gen if turn == 0 else disc
        room = desk.generator if turn == 0 else desk.discriminator
        if turn == 1 and generates:
            at = place_of(networks[0], networks[0].sizes.size - 1, gen)
            copy(room.hidden, 0, desk.generator.hidden, at, dim * wide)
            if kind == PENALTY:
                _mix(desk, first, key, draw, trial, dim)
        deviation = rules.noise * 0 if turn == 0 or plain else rules.noise
        forward(network, parameters, room, Noise(deviation, key, draw, trial, kind << 28, first))
    network, room = networks[1], desk.discriminator
    at, size = place_of(network, network.sizes.size - 1, disc), type(rules.lr_disc)(rules.batch)
    for p in range(wide):
        v = room.hidden[at + p]
        if plain:
            room.deltas[at + p] = 1
        elif first + p >= rules.batch:
            room.deltas[at + p] = 0
        elif kind == REAL:
            room.deltas[at + p] = losses.real_slope(rules.loss, v) / size
        elif kind == FAKE:
            room.deltas[at + p] = losses.fake_slope(rules.loss, v) / size
        else:
            room.deltas[at + p] = losses.generated_slope(rules.loss, v) / size
    gradient = gradients[b]
    for i in range(0 if kind == SHOW else gradient.size):
        gradient[i] = 0
    for turn in range(2 if kind == TEACH else 1):
        if turn == 1:
            _move(desk, place_of(networks[0], networks[0].sizes.size - 1, gen), dim, rules)
        backward(
            networks[1] if turn == 0 else networks[0],
            disc if turn == 0 else gen,
            desk.discriminator if turn == 0 else desk.generator,
            rules.noise > 0 and turn == 0 and not plain,
            gradient,
            turn == 1 or kind in (REAL, FAKE),
            turn == 0 and kind not in (REAL, FAKE),
        )
    if kind == PENALTY:
        _pull(room, first, dim, rules)
        add_pulled_slopes(network, disc, room, gradient)
    if kind == SHOW:
        take_rows(show.particles, first, room.hidden, 0, dim)
        for p in range(min(wide, len(show.field) - first)):
            norm = 0.0
            for k in range(dim):
                norm += float(room.deltas[k * wide + p]) ** 2
            show.field[first + p] = losses.steepness(rules.loss, float(room.hidden[at + p])) * math.sqrt(norm)


@njit
def _move(desk, at, dim, rules):
    """Hand the slopes in the generated points to the generator, as they are or by way of moved particles."""
    below, above = desk.discriminator, desk.generator
    size, two = type(rules.lr_disc)(rules.batch), type(rules.lr_disc)(2)
    for i in range(dim * block(below.hidden)):
        if rules.particle > 0:  # Algorithm 1: the particle moves, is frozen, and the squared distance to it descends
            x = below.hidden[i]
            moved = x - rules.particle / two * size * below.deltas[i]
            above.deltas[at + i] = two * (x - moved) / size
        else:
            above.deltas[at + i] = below.deltas[i]


@njit
def _descend(parameters, gradients, count, moments, rate, step, optimiser):
    """Add up the gradients of a step's blocks, in order, and take the step."""
    size = parameters.size
    for b in range(1, count):
        for i in range(size):
            gradients[0, i] += gradients[b, i]
    descend(parameters, gradients[0, :size], moments, rate, step, optimiser)


@njit
def _finite(values):
    lost = 0
    for value in values:
        lost += 0 if value - value == 0 else 1
    return lost == 0


@njit
def _settle(gen, disc, kept):
    """Return whether both networks are finite; keep them if so, and go back to what was kept if not."""
    finite = _finite(gen) and _finite(disc)
    for turn in range(2):
        parameters, at = (gen, 0) if turn == 0 else (disc, gen.size)
        if finite:
            copy(kept, at, parameters, 0, parameters.size)
        else:
            copy(parameters, 0, kept, at, parameters.size)
    return finite


@compiled(error_model="numpy", nogil=True)
def play(gen, disc, gen_moments, disc_moments, key, trial, first, count, networks, optimisers, rules, show):
    """Play `count` iterations of a trial in place, then show what its generator makes of latents.

    Return the first step after which a network is not finite, or -1; there both stay as they were before it.
    """
    of_batch = -(-rules.batch // block(gen))
    desk = _desk_of(networks[0], networks[1], rules, gen)
    learned = (2 if rules.penalty_at == NONE else 3) * of_batch
    blocks = (learned, of_batch, -(-len(show.latents) // block(gen)))
    gradients = np.empty((max(learned, blocks[2]), max(gen.size, disc.size)), gen.dtype)
    kept = np.empty(gen.size + disc.size, gen.dtype)
    _settle(gen, disc, kept)
    diverged = -1
    for t in range(first, first + count + 1):
        showing = t == first + count or diverged >= 0
        for j in range(rules.n_disc, rules.n_disc + 1) if showing else range(rules.n_disc + 1):
            phase = 2 if showing else 1 if j == rules.n_disc else 0
            for b in range(blocks[phase]):
                _work(b, phase, desk, networks, gen, disc, gradients, key, t, j, trial, rules, show)
            if phase == 2:
                return diverged
            parameters, moments = (disc, disc_moments) if phase == 0 else (gen, gen_moments)
            rate, step = (rules.lr_disc, t * rules.n_disc + j + 1) if phase == 0 else (rules.lr_gen, t + 1)
            optimiser = optimisers[1] if phase == 0 else optimisers[0]
            _descend(parameters, gradients, blocks[phase], moments, rate, step, optimiser)
        if not _settle(gen, disc, kept):
            diverged = t + 1
    return diverged
