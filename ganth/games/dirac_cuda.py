"""Loops of dirac, for CUDA: a thread plays one trial, its two numbers in registers."""

import math

from numba import cuda, float32, float64, int64

from ..device import back, held, kernel
from ..formulas.dirac import forces


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
