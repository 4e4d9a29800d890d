"""The toy WGAN and the mean-field WGAN by the obvious loops.  Imports nothing of ganth."""

import math

import numpy as np


def phi(z):
    return math.exp(-z * z / 2) / math.sqrt(2 * math.pi)


def big_phi(z):
    return 0.5 * math.erfc(-z / math.sqrt(2))


def toy_step(theta, omegas, gamma, clip, h, alternating):
    """One explicit step of threshold and slopes under the normal prior."""
    pulled = [min(max(w + h * gamma * (0.5 - big_phi(theta)), -clip), clip) for w in omegas]
    used = pulled if alternating else omegas
    return theta + h * phi(theta) * sum(used) / len(used), pulled


def sigmoid(u):
    return 1 / (1 + math.exp(-u))


def generator(atoms, z, dim):
    """g(z) by units and coordinates; an atom is (a, b..., c) for each coordinate."""
    size = len(atoms[0]) // dim
    out = []
    for k in range(dim):
        total = 0.0
        for atom in atoms:
            a, *b, c = atom[k * size : (k + 1) * size]
            total += a * sigmoid(np.dot(b, z) + c)
        out.append(total / len(atoms))
    return np.array(out)


def critic(atoms, x):
    return sum(atom[0] * sigmoid(np.dot(atom[1:-1], x) + atom[-1]) for atom in atoms) / len(atoms)


def objective(atoms, critics, zs, wz, xs, wx):
    dim = len(xs[0])
    fake = sum(w * critic(critics, generator(atoms, z, dim)) for z, w in zip(zs, wz, strict=True))
    return fake - sum(w * critic(critics, x) for x, w in zip(xs, wx, strict=True))


def slopes(function, at, step=1e-5):
    """The gradient of a function of an array by differences of fourth order."""
    out = np.zeros_like(at)
    for i in np.ndindex(at.shape):
        values = []
        for k in (-2, -1, 1, 2):
            moved = at.copy()
            moved[i] += k * step
            values.append(function(moved))
        out[i] = (values[0] - 8 * values[1] + 8 * values[2] - values[3]) / (12 * step)
    return out
