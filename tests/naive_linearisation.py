"""The update map of KD (12) as plain loops, its Jacobian by differences, and a kernel with free curvatures.

Imports nothing of ganth.
"""

import numpy as np


def update(state, features, true_points, true_masses, shape, masses, reg, lr_disc, lr_gen):
    """One simultaneous step of (theta, x_1, ..., x_n) as one flat vector, the features those of an object."""
    n, dim = shape
    theta, points = state[: -n * dim], state[-n * dim :].reshape(shape)
    ascent = -reg * theta
    for p, x in zip(true_masses, true_points, strict=True):
        ascent = ascent + p * features.features(x[None])[0]
    moved = points.copy()
    for j in range(n):
        ascent = ascent - masses[j] * features.features(points[j : j + 1])[0]
        moved[j] += lr_gen * masses[j] * features.features_jacobian(points[j : j + 1])[0].T @ theta
    return np.concatenate([theta + lr_disc * ascent, moved.ravel()])


def rest(features, true_points, true_masses, points, masses, reg):
    """The state (theta*, X) of KD (37a)."""
    theta = true_masses @ features.features(true_points) - masses @ features.features(points)
    return np.concatenate([theta / reg, np.ravel(points)])


def play(features, true_mass, masses, starts, reg, lr, steps, every=1):
    """Points on the line from rest at f* (from f = 0 where reg is 0), the true point at 0: paths (records, n)."""
    masses, shape, origin, true_masses = np.array(masses), (len(masses), 1), np.zeros((1, 1)), np.array([true_mass])
    state = rest(features, origin, true_masses, np.reshape(starts, shape), masses, reg or np.inf)
    kept = [state[-len(masses) :]]
    for step in range(1, steps + 1):
        state = update(state, features, origin, true_masses, shape, masses, reg, lr, lr)
        if step % every == 0:
            kept.append(state[-len(masses) :])
    return np.array(kept)


def differences(function, state, step=1e-5):
    """The Jacobian of a function of a flat vector, by central differences."""
    columns = []
    for direction in np.eye(len(state)):
        columns.append((function(state + step * direction) - function(state - step * direction)) / (2 * step))
    return np.array(columns).T


class Curved:
    """(1 - x'Bx/2)(1 - y'By/2) + x'Cy: B = -d2K/dx2 and C = d2K/dxdy at the origin are free."""

    def __init__(self, hill, slope):
        self.hill, self.slope = np.array(hill, dtype=float), np.array(slope, dtype=float)

    def _cap(self, x):
        return 1 - np.einsum("na,ab,nb->n", x, self.hill, x) / 2

    def gram(self, x, y):
        return np.outer(self._cap(x), self._cap(y)) + x @ self.slope @ y.T

    def gradient(self, x, y):
        return -(x @ self.hill)[:, None] * self._cap(y)[None, :, None] + (y @ self.slope)[None]

    def hessian(self, x, y):
        return -self.hill * (np.ones(len(x))[:, None] * self._cap(y))[..., None, None]

    def cross_hessian(self, x, y):
        bx, by = x @ self.hill, y @ self.hill
        return bx[:, None, :, None] * by[None, :, None, :] + self.slope

    def diagonal(self, x):
        return self.gram(x, x).diagonal()
