"""Loops of deep, for the CPU.

Points are taken a block at a time, points in the lanes (lanes.networks).  Blocks of generated points come first, then
those of data; a share is some blocks in a row, played one after the other into a gradient of its own.  Shares depend
on the numbers of points alone and their gradients are added in order, so that they may be played side by side.  Every
block keeps what its layers put out and their deltas, which the regulariser reads again.

An iteration is a row of turns: LEARN and, with the regulariser, PULL for each step of the discriminator, and MOVE where
the generator uses the new network.
"""

import math
from collections import namedtuple

from numba import njit, prange, uint64

from ..backend import compiled
from ..lanes import networks
from ..lanes.descent import Optimiser as Optimiser
from ..lanes.descent import descend
from ..lanes.draws import mixture
from ..lanes.networks import Network as Network
from ..lanes.networks import Room, add_pulled_slopes, backward, forward, place_of, put_points
from ..lanes.products import block
from ..lanes.tiles import BYTES as BYTES

LEARN, PULL, MOVE = range(3)
Rules = namedtuple(
    "Rules",
    "lr_disc lr_gen reg penalty local other gram n_disc alternating resampled cumulative means factors",
)
# hidden, deltas (blocks, places of all layers); second (shares, 3, the same, or nothing): tangents, pulls, bends;
# turned, tile, gradients (shares, ...); slopes, pulls, velocities (d, points).
Desk = namedtuple(
    "Desk", "hidden deltas second turned tile zeros gradients total data slopes pulls velocities even odd modes"
)

lengths = compiled(networks.lengths.py_func)  # for the caller that makes the desk


@njit
def _room(desk, b, share):
    """Return the arrays of a block as lanes.networks takes them."""
    hidden, second = desk.hidden[b], desk.second[share]
    return Room(
        hidden, hidden[:0], desk.deltas[b], second[0], second[1], second[2],
        desk.turned[share], desk.tile[share], desk.zeros, desk.even[:0], desk.odd[:0],
    )  # fmt: skip


@njit
def _work(share, turn, network, parameters, particles, desk, rules):
    """Do the part of a share in a turn: D's slopes at its generated points, and what it adds to the gradient."""
    wide, dim, real = block(parameters), particles.shape[1], type(rules.lr_disc)
    n, n_data, blocks, shares = len(particles), len(desk.data), len(desk.hidden), len(desk.gradients)
    generated = -(-n // wide)
    gradient = desk.gradients[share][: parameters.size]
    if turn == LEARN:
        for i in range(gradient.size):
            gradient[i] = 0
    for b in range(share * blocks // shares, (share + 1) * blocks // shares):
        ours = b < generated
        if not ours and turn != LEARN:
            continue
        room = _room(desk, b, share)
        first = b * wide if ours else (b - generated) * wide
        if turn == PULL:
            for k in range(dim):
                for p in range(wide):
                    room.tangents[k * wide + p] = desk.pulls[k, first + p] if first + p < n else 0
            add_pulled_slopes(network, parameters, room, gradient)
            continue
        points = particles if ours else desk.data
        put_points(room.hidden, points, first, dim)
        forward(network, parameters, room, None)
        count = n if ours else n_data
        weight = real(1) / real(n) if ours else real(-1) / real(n_data)
        last = place_of(network, network.sizes.size - 1, parameters)
        for p in range(wide):
            room.deltas[last + p] = weight if first + p < count else 0
        backward(network, parameters, room, False, gradient, turn == LEARN, ours)
        if ours:
            for k in range(dim):
                for p in range(min(wide, n - first)):
                    desk.slopes[k, first + p] = room.deltas[k * wide + p] * real(n)


@njit
def _couple(out, slopes, factor, rules):
    """Set out to factor / N sum_b Gamma_ab slope_b; see effective.coupled."""
    real, (dim, n) = type(rules.lr_disc), slopes.shape
    for k in range(dim):
        if rules.gram.size > 0:
            for a in range(n):
                out[k, a] = 0
            for b in range(n):
                slope = slopes[k, b] * factor
                for a in range(n):
                    out[k, a] += rules.gram[b, a] * slope
        else:
            mean = real(0)
            for a in range(n):
                mean += slopes[k, a]
            mean /= real(n)
            for a in range(n):
                out[k, a] = (rules.local * slopes[k, a] + rules.other * mean) * factor


@njit
def _descend(parameters, squares, desk, rules, optimiser):
    """Take a step of the discriminator by the sum of the shares' gradients."""
    total = desk.total
    for i in range(total.size):
        total[i] = rules.reg * parameters[i]
    for share in range(len(desk.gradients)):
        gradient = desk.gradients[share]
        for i in range(total.size):
            total[i] += gradient[i]
    # The output's bias: generated and true points cancel, but for rounding.
    total[total.size - 1] = rules.reg * parameters[total.size - 1]
    descend(parameters, total, squares, rules.lr_disc, 0, optimiser)


@njit
def _turns(rules):
    """Return how many turns an iteration has."""
    return rules.n_disc * (2 if rules.penalty > 0 else 1) + (1 if rules.alternating else 0)


@njit
def _turn(i, rules):
    """Return what turn i of an iteration is."""
    if rules.alternating and i == _turns(rules) - 1:
        return MOVE
    return PULL if rules.penalty > 0 and i % 2 == 1 else LEARN


@njit
def _open(i, t, desk, key, trial, rules):
    """Draw data before a turn, where it takes new ones."""
    if rules.resampled and _turn(i, rules) == LEARN:
        step = t * rules.n_disc + (i // 2 if rules.penalty > 0 else i)
        mixture(
            desk.data, rules.means, rules.factors, rules.cumulative, key, uint64(step), trial, desk.even, desk.odd,
            desk.modes,
        )  # fmt: skip


@njit
def _close(i, parameters, squares, desk, rules, optimiser):
    """Do what follows a turn of all shares."""
    turn = _turn(i, rules)
    if turn == MOVE or (i == 0 and not rules.alternating):
        _couple(desk.velocities, desk.slopes, rules.lr_gen, rules)
    if turn == LEARN and rules.penalty > 0:
        _couple(desk.pulls, desk.slopes, rules.penalty, rules)
    if turn == PULL or (turn == LEARN and not rules.penalty > 0):
        _descend(parameters, squares, desk, rules, optimiser)


@njit
def _move(particles, parameters, velocities):
    """Move the particles and return whether all stays finite; if not, leave them where they are."""
    lost = 0
    for i in range(parameters.size):
        lost += 0 if math.isfinite(parameters[i]) else 1
    for k in range(particles.shape[1]):
        for a in range(len(particles)):
            velocities[k, a] += particles[a, k]
            lost += 0 if math.isfinite(velocities[k, a]) else 1
    if lost == 0:
        for k in range(particles.shape[1]):
            for a in range(len(particles)):
                particles[a, k] = velocities[k, a]
    return lost == 0


@compiled(error_model="numpy")
def play_alone(particles, parameters, squares, key, trial, first, count, network, rules, optimiser, desk):
    """Play `count` iterations of a trial, in place; return the first that is not finite, from 1 on, or -1."""
    for t in range(first, first + count):
        for i in range(_turns(rules)):
            _open(i, t, desk, key, trial, rules)
            for share in range(len(desk.gradients)):
                _work(share, _turn(i, rules), network, parameters, particles, desk, rules)
            _close(i, parameters, squares, desk, rules, optimiser)
        if not _move(particles, parameters, desk.velocities):
            return t + 1
    return -1


@compiled(parallel=True, error_model="numpy")
def play_shares(particles, parameters, squares, key, trial, first, count, network, rules, optimiser, desk):
    """See play_alone: shares side by side."""
    for t in range(first, first + count):
        for i in range(_turns(rules)):
            _open(i, t, desk, key, trial, rules)
            for share in prange(len(desk.gradients)):
                _work(share, _turn(i, rules), network, parameters, particles, desk, rules)
            _close(i, parameters, squares, desk, rules, optimiser)
        if not _move(particles, parameters, desk.velocities):
            return t + 1
    return -1
