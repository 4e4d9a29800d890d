"""Loops of dirac, for CUDA: a thread plays one trial, its two numbers in registers.

Along a flow without closed form each thread has a column of the extrapolation's table in shared memory.
"""

import math

from numba import cuda, float32, float64, int64

from ..device import Work, back, held, kernel
from ..formulas.dirac import LINEAR, damped_flow, forces
from ..formulas.extrapolation import COLUMNS
from ..lanes.columns import refine

BLOCK = 64  # threads along a flow
_TOLERANCE = 1e-13
_SHORTEST = 2.0**-40  # of a step: where the forces jump, halving ends here


def _signature(real):
    law = (int64, *[real] * 5)
    return (real[:, :, ::1], real[::1], int64[::1], int64, int64, *law, real, real, int64, int64)


@kernel(*map(_signature, (float32, float64)), resident=4)
def _play_steps(
    particles, phis, diverged_at, first, count, loss, damping, target, noise, consensus, clip, lr_disc, lr_gen, n_disc,
    alternating,
):  # fmt: skip
    t = cuda.grid(1)
    if t >= phis.size or diverged_at[t] >= 0:
        return
    theta, phi = particles[t, 0, 0], phis[t]
    for step in range(count):
        start = phi
        for _ in range(n_disc):
            phi = phi + lr_disc * forces(loss, theta, phi, damping, target, noise, consensus)[1]
            phi = min(max(phi, -clip), clip)
        theta = (
            theta + lr_gen * forces(loss, theta, phi if alternating else start, damping, target, noise, consensus)[0]
        )
        if not (math.isfinite(theta) and math.isfinite(phi)):
            diverged_at[t] = first + step + 1
            break
        particles[t, 0, 0], phis[t] = theta, phi


def play_steps(particles, phis, diverged_at, first, count, law, lr_disc, lr_gen, n_disc, alternating):
    """See dirac_cpu.play_steps."""
    on_device = [held(array) for array in (particles, phis, diverged_at)]
    _play_steps.launch(len(phis), *on_device, first, count, *law, lr_disc, lr_gen, n_disc, int(alternating))
    back(*zip(on_device, (particles, phis, diverged_at), strict=True))


def _mapping(real):
    return (real[:, :, ::1], real[::1], int64[::1], int64, int64, *[float64] * 4)


@kernel(*map(_mapping, (float32, float64)), resident=4)
def _play_map(particles, phis, diverged_at, first, count, kept, gained, lost, left):
    """Play the linear flow: an iteration takes (theta, phi) to (kept theta + gained phi, lost theta + left phi)."""
    t = cuda.grid(1)
    if t >= phis.size or diverged_at[t] >= 0:
        return
    for step in range(count):
        old_theta, old_phi = float64(particles[t, 0, 0]), float64(phis[t])
        theta, phi = kept * old_theta + gained * old_phi, lost * old_theta + left * old_phi
        if not (math.isfinite(theta) and math.isfinite(phi)):
            diverged_at[t] = first + step + 1
            break
        particles[t, 0, 0], phis[t] = theta, phi


@cuda.jit(device=True)
def _midpoint(law, theta, phi, pace, speed, span, pieces):
    """See dirac_cpu; the rates are taken in one place, at the clip held where they point outwards."""
    loss, damping, target, noise, consensus, clip = law
    step = span / pieces
    old_theta, old_phi = theta, phi
    for i in range(pieces + 1):
        climb, learn = forces(loss, theta, phi, damping, target, noise, consensus)
        if (phi >= clip and learn > 0) or (phi <= -clip and learn < 0):
            learn = 0.0
        climb, learn = pace * climb, speed * learn
        if i == 0:
            theta, phi = theta + step * climb, phi + step * learn
        elif i < pieces:
            old_theta, theta = theta, old_theta + (step + step) * climb
            old_phi, phi = phi, old_phi + (step + step) * learn
        else:
            theta, phi = 0.5 * (old_theta + theta + step * climb), 0.5 * (old_phi + phi + step * learn)
    return theta, phi


def _flowing(real):
    return (real[:, :, ::1], real[::1], int64[::1], int64, int64, int64, *[float64] * 8)


@kernel(
    *map(_flowing, (float32, float64)), block=BLOCK, resident=4, shared=2 * COLUMNS * BLOCK * 8,
    # 5 columns a step: 35 forces, of an exponential and a quotient each
    work=Work("400 cells, 10,000 iterations of the vanilla flow", 7, 400 * 1e4 * 35 * 40, 400 * 1e4 * 35 * 2),
)  # fmt: skip
def _play_flow(
    particles, phis, diverged_at, first, count, loss, damping, target, noise, consensus, clip, pace, speed, span
):  # fmt: skip
    t, thread, threads = cuda.grid(1), cuda.threadIdx.x, cuda.blockDim.x
    if t >= phis.size or diverged_at[t] >= 0:
        return
    table = cuda.shared.array(0, float64)
    law = (loss, damping, target, noise, consensus, clip)
    for step in range(count):
        theta, phi = float64(particles[t, 0, 0]), float64(phis[t])
        done, size = 0.0, span
        while done < span and math.isfinite(theta) and math.isfinite(phi):
            size = min(size, span - done)
            new_theta, new_phi, settled = theta, phi, False
            for k in range(COLUMNS):
                x, y = _midpoint(law, theta, phi, pace, speed, size, 2 * k + 2)
                new_theta, new_phi, settled = refine(table, thread, threads, k, x, y, _TOLERANCE)
                if settled:
                    break
            if (settled and abs(new_phi) <= clip) or size <= _SHORTEST * span:
                theta, phi, done = new_theta, min(max(new_phi, -clip), clip), done + size
                size += size
            else:
                size *= 0.5
        if not (math.isfinite(theta) and math.isfinite(phi)):
            diverged_at[t] = first + step + 1
            break
        particles[t, 0, 0], phis[t] = theta, phi


def play_flow(particles, phis, diverged_at, first, count, law, pace, speed, span):
    """See dirac_cpu.play_flow."""
    on_device = [held(array) for array in (particles, phis, diverged_at)]
    loss, damping, target, _, consensus, clip = law
    if loss == LINEAR and target == 0 and consensus == 0 and clip == math.inf:
        scale = math.sqrt(pace / speed)
        (kept, lost), (gained, left) = (
            damped_flow(span * speed * scale, theta, phi, damping / scale) for theta, phi in ((1.0, 0.0), (0.0, 1.0))
        )
        _play_map.launch(len(phis), *on_device, first, count, kept, gained * scale, lost / scale, left)
    else:
        _play_flow.launch(
            len(phis), *on_device, first, count, *law, pace, speed, span, block=BLOCK, shared=2 * COLUMNS * BLOCK * 8
        )
    back(*zip(on_device, (particles, phis, diverged_at), strict=True))
