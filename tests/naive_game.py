"""The kernel game as the paper writes it: f is a function, updated by (5).  Imports nothing of ganth."""

import numpy as np


def play_in_function_space(kernel, true_points, true_masses, start, masses, *, reg, lr_disc, lr_gen, steps):
    """Return the particles and f after `steps` simultaneous steps of (5) and (9), by kernel sections."""
    centers, weights, particles = np.array(true_points), np.zeros(len(true_points)), np.array(start)
    for _ in range(steps):
        gradient = np.einsum("nmd,m->nd", kernel.gradient(particles, centers), weights)
        weights = weights * (1 - lr_disc * reg)
        weights[: len(true_points)] += lr_disc * np.asarray(true_masses)
        centers, weights = np.vstack([centers, particles]), np.append(weights, -lr_disc * np.asarray(masses))
        particles = particles + lr_gen * np.asarray(masses)[:, None] * gradient
    return particles, lambda x: kernel.gram(x, centers) @ weights
