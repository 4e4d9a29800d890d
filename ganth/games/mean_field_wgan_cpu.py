"""Loops of mean_field_wgan, for the CPU: a trial is a cloud of generator's atoms against a cloud of critic's atoms.

A generator's atom (K (L + 2),) holds a, b (L,), c for each of the K coordinates of the data; a critic's (K + 2,) holds
alpha, beta (K,), gamma.  Points come with weights: a batch of equal ones, or the nodes of a quadrature.
"""

from collections import namedtuple

import numpy as np
from numba import njit, prange

from ..backend import compiled
from ..formulas import random
from ..formulas.mean_field import sigmoid
from ..formulas.random import DATA, LATENT
from ..lanes.descent import Optimiser, descend

# batch 0: the nodes.  modes (k, K), spreads (k,), shares (k,) cumulative: the data's law.
Rules = namedtuple(
    "Rules", "batch simultaneous n_critic rate clip kind decay second epsilon modes spreads shares z wz x wx"
)


def rules(*, optimiser, nodes, **settings):
    """Return the settings of `play`; nodes are (z (m, L), wz (m,), x (q, K), wx (q,))."""
    # Copies: `play` would be compiled once more for arrays that may not be written.
    copies = (np.array(one, order="C") for one in nodes)
    return Rules(**settings, **optimiser._asdict(), **dict(zip(("z", "wz", "x", "wx"), copies, strict=True)))


@njit
def generate(out, atoms, zs):
    """Fill out (m, K) with the generator's values at zs (m, L)."""
    n, latents, dim = len(atoms), zs.shape[1], out.shape[1]
    for p in range(len(zs)):
        for k in range(dim):
            at = k * (latents + 2)
            total = 0.0
            for i in range(n):
                u = atoms[i, at + latents + 1]
                for q in range(latents):
                    u += atoms[i, at + 1 + q] * zs[p, q]
                total += atoms[i, at] * sigmoid(u)[0]
            out[p, k] = total / n


@njit
def push(out, critics, xs):
    """Fill out (m, K) with the critic's gradient at xs (m, K)."""
    m, dim = critics.shape[0], xs.shape[1]
    for p in range(len(xs)):
        out[p] = 0.0
        for j in range(m):
            u = critics[j, dim + 1]
            for k in range(dim):
                u += critics[j, 1 + k] * xs[p, k]
            slope = critics[j, 0] * sigmoid(u)[1] / m
            for k in range(dim):
                out[p, k] += slope * critics[j, 1 + k]


@njit
def generator_slopes(out, atoms, zs, weights, pushes):
    """Fill out like atoms with the mean over zs of d sigma(z; theta_i) . push: N times the slope of Psi."""
    n, latents, dim = len(atoms), zs.shape[1], pushes.shape[1]
    for i in range(n):
        out[i] = 0.0
        for k in range(dim):
            at = k * (latents + 2)
            for p in range(len(zs)):
                u = atoms[i, at + latents + 1]
                for q in range(latents):
                    u += atoms[i, at + 1 + q] * zs[p, q]
                value, slope = sigmoid(u)
                pull = weights[p] * pushes[p, k]
                out[i, at] += pull * value
                pull *= atoms[i, at] * slope
                for q in range(latents):
                    out[i, at + 1 + q] += pull * zs[p, q]
                out[i, at + latents + 1] += pull


@njit
def critic_slopes(out, critics, xs, weights, sign):
    """Add to out, like critics, sign times the mean over xs of d sigma(x; omega_j): M times a part of Psi's slope."""
    dim = xs.shape[1]
    for j in range(len(critics)):
        for p in range(len(xs)):
            u = critics[j, dim + 1]
            for k in range(dim):
                u += critics[j, 1 + k] * xs[p, k]
            value, slope = sigmoid(u)
            out[j, 0] += sign * weights[p] * value
            pull = sign * weights[p] * critics[j, 0] * slope
            for k in range(dim):
                out[j, 1 + k] += pull * xs[p, k]
            out[j, dim + 1] += pull


@njit
def _normals(out, key, first, step, trial, purpose):
    """Fill out (d,) with normal numbers of counters `first`, `first` + 1, ..."""
    for q in range(0, len(out), 2):
        a, b, c, d = random.philox(key, first + q // 2, step, trial, purpose)
        one, other = random.normal_pair(a, b, c, d)
        out[q] = one
        if q + 1 < len(out):
            out[q + 1] = other


@njit
def _draw(zs, xs, law, key, step, trial):
    """Fill zs (batch, L) and xs (batch, K) with latents and data of a step."""
    wide_z, wide_x = (zs.shape[1] + 1) // 2, 1 + (xs.shape[1] + 1) // 2
    for p in range(len(zs)):
        _normals(zs[p], key, p * wide_z, step, trial, LATENT)
        _normals(xs[p], key, p * wide_x + 1, step, trial, DATA)
        a, b, _, _ = random.philox(key, p * wide_x, step, trial, DATA)
        mode = min(np.searchsorted(law.shares, random.uniform(a, b), side="right"), len(law.shares) - 1)
        for k in range(xs.shape[1]):
            xs[p, k] = law.modes[mode, k] + law.spreads[mode] * xs[p, k]


@njit
def _descend(flat, slopes, moments, rate, number, optimiser, clip):
    """Take a step in place and hold the parameters in [-clip, clip]; return whether slopes and they stay finite."""
    for i in range(slopes.size):
        if not np.isfinite(slopes[i]):
            return False
    descend(flat, slopes, moments, rate, number, optimiser)
    finite = True
    for i in range(flat.size):
        number = not np.isnan(flat[i])
        flat[i] = min(max(flat[i], -clip), clip)
        finite = finite and number and np.isfinite(flat[i])
    return finite


@njit
def _iterate(atoms, critics, moments, critic_moments, number, law, key, trial, zs, xs, wz, wx, gs, pushes, v, w):
    """Play iteration `number` = 1, 2, ... in place; return whether all numbers stayed finite."""
    n, m = len(atoms), len(critics)
    optimiser = Optimiser(law.kind, law.decay, law.second, law.epsilon)
    full = law.batch == 0
    rounds = 1 if law.simultaneous else law.n_critic
    draws = law.n_critic + 1
    if law.simultaneous or full:
        if not full:
            _draw(zs, xs, law, key, (number - 1) * draws, trial)
        generate(gs, atoms, zs)
    if law.simultaneous:
        push(pushes, critics, gs)
        generator_slopes(v, atoms, zs, wz, pushes)
    for r in range(rounds):
        if not (law.simultaneous or full):
            _draw(zs, xs, law, key, (number - 1) * draws + r, trial)
            generate(gs, atoms, zs)
        w[:] = 0.0
        critic_slopes(w, critics, xs, wx, 1.0 / m)  # the optimisers descend: minus the slope of Psi
        critic_slopes(w, critics, gs, wz, -1.0 / m)
        rate = law.rate * (law.n_critic if law.simultaneous else 1)
        step = (number - 1) * rounds + r + 1
        if not _descend(critics.reshape(-1), w.reshape(-1), critic_moments, rate, step, optimiser, law.clip):
            return False
    if not law.simultaneous:
        if not full:
            _draw(zs, xs, law, key, (number - 1) * draws + draws - 1, trial)
            generate(gs, atoms, zs)
        push(pushes, critics, gs)
        generator_slopes(v, atoms, zs, wz, pushes)
    v /= n
    return _descend(atoms.reshape(-1), v.reshape(-1), moments, law.rate, number, optimiser, np.inf)


@compiled(parallel=True, error_model="numpy")
def play(particles, critics, moments, critic_moments, diverged_at, first, count, law, key, first_trial):
    """Play `count` iterations of each trial in place: particles (trials, N, D), critics (trials, M, K + 2).

    `first` iterations were played before.  A trial that leaves the finite numbers keeps its last finite atoms.
    """
    for t in prange(len(particles)):
        if diverged_at[t] < 0:
            atoms, mine = particles[t].astype(np.float64), critics[t].astype(np.float64)
            latents, dim = law.z.shape[1], law.x.shape[1]
            size_z, size_x = (law.batch, law.batch) if law.batch > 0 else (len(law.z), len(law.x))
            zs, xs = np.empty((size_z, latents)), np.empty((size_x, dim))
            wz, wx = np.full(size_z, 1.0 / size_z), np.full(size_x, 1.0 / size_x)
            if law.batch == 0:
                zs[:], xs[:], wz[:], wx[:] = law.z, law.x, law.wz, law.wx
            gs, pushes = np.empty((size_z, dim)), np.empty((size_z, dim))
            v, w = np.empty_like(atoms), np.empty_like(mine)
            for done in range(count):
                going = _iterate(
                    atoms, mine, moments[t], critic_moments[t], first + done + 1, law, key,
                    first_trial + t, zs, xs, wz, wx, gs, pushes, v, w,
                )  # fmt: skip
                if not going:
                    diverged_at[t] = first + done + 1
                    break
                particles[t], critics[t] = atoms, mine
