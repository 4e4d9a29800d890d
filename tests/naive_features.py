"""The kernel game against random features, step by step in NumPy.  Imports nothing of ganth."""

import numpy as np


def play(frequencies, amplitude, true_points, true_masses, start, masses, *, reg, lr_disc, lr_gen, order, steps):
    """Return theta (2 R,), the particles (n, d) and 0, or the first step whose particles are not all finite.

    frequencies are (R, d).  Where a step is not finite, theta and particles are those before it.
    """

    def features(x):
        phases = x @ frequencies.T
        return amplitude * np.concatenate([np.cos(phases), np.sin(phases)], axis=1)

    def jacobian(x):
        phases = (x @ frequencies.T)[:, :, None]
        waves = [-np.sin(phases) * frequencies, np.cos(phases) * frequencies]
        return amplitude * np.concatenate(waves, axis=1)

    theta, particles = np.zeros(2 * len(frequencies)), np.array(start, dtype=float)
    for step in range(1, steps + 1):
        learned = theta + lr_disc * (true_masses @ features(true_points) - masses @ features(particles) - reg * theta)
        force = np.einsum("nkd,k->nd", jacobian(particles), learned if order == "alternating" else theta)
        moved = particles + lr_gen * masses[:, None] * force
        if not np.isfinite(moved).all():
            return theta, particles, step
        theta, particles = learned, moved
    return theta, particles, 0
