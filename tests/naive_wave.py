"""The isolated point written out: plain loops, Gaussian kernel, one dimension.  Imports nothing of ganth."""

import math


def push(v, mass, width, reg, lr_disc, lr_gen, order):
    """Return the right side of the wave equation, term by term."""
    rho = 1.0 - lr_disc * reg
    total = []
    for j in range(1, 20_000):
        slope = -(j * v / width**2) * math.exp(-((j * v) ** 2) / (2 * width**2))
        total.append(rho ** (j if order == "alternating" else j - 1) * slope)
    return -lr_gen * lr_disc * mass**2 * math.fsum(total)


def play(trail, steps, mass, width, reg, lr_disc, lr_gen, order):
    """Play an isolated point whose past positions are `trail` (oldest first, the present one last); return all of them.

    Each past position has been visited by the discriminator once; the discriminator before that was zero.
    """
    rho = 1.0 - lr_disc * reg
    path = list(trail)
    for _ in range(steps):
        x = path[-1]
        seen = path if order == "alternating" else path[:-1]
        gradient = 0.0
        for age, y in enumerate(reversed(seen)):
            gradient += rho**age * (x - y) / width**2 * math.exp(-((x - y) ** 2) / (2 * width**2))
        path.append(x + lr_gen * mass * lr_disc * mass * gradient)
    return path
