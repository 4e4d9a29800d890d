"""Particles coupled by a Gram matrix, written as the sums of ED (20) and (21).  Imports nothing of ganth."""

import numpy as np


def two_values(n, ratio, normalisation):
    diagonal = n / (1 + (n - 1) * ratio) if normalisation == "mean" else n
    return [[diagonal if a == b else ratio * diagonal for b in range(n)] for a in range(n)]


def velocities(gram, gradients):
    n, dim = np.shape(gradients)
    out = np.zeros((n, dim))
    for a in range(n):
        for b in range(n):
            for i in range(dim):
                out[a, i] += gram[a][b] * gradients[b][i] / n
    return out


def climb(gram, gradient, particles, rate, steps):
    """Return particles that climb a discriminator that stays as it is, by Euler steps."""
    particles = np.array(particles, dtype=float)
    for _ in range(steps):
        particles = particles + rate * velocities(gram, gradient(particles))
    return particles
