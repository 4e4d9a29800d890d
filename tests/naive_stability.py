"""The obvious loops for the stability room; imports nothing of ganth."""

import math

import numpy as np


def rbf(x, y, width):
    return math.exp(-sum((a - b) ** 2 for a, b in zip(x, y, strict=True)) / (2 * width**2))


def energy(true_points, true_masses, points, masses, width):
    """J of KD (34) for an RBF, term by term."""
    total = 0.0
    for x, p in zip(true_points, true_masses, strict=True):
        for y, r in zip(true_points, true_masses, strict=True):
            total += 0.5 * p * r * rbf(x, y, width)
        for y, q in zip(points, masses, strict=True):
            total -= p * q * rbf(x, y, width)
    for x, q in zip(points, masses, strict=True):
        for y, r in zip(points, masses, strict=True):
            total += 0.5 * q * r * rbf(x, y, width)
    return total


def pencil(s, true_points, true_masses, points, masses, width, reg, lr_ratio):
    """D(s) of KD (46) for an RBF, block by block from f* of (37b)."""
    n, dim = points.shape
    result = np.zeros((n * dim, n * dim), dtype=complex)
    for j in range(n):
        hessian = np.zeros((dim, dim))
        for weights, sources in ((true_masses, true_points), (-masses, points)):
            for w, z in zip(weights, sources, strict=True):
                u = (points[j] - z) / width**2
                hessian += w / reg * rbf(points[j], z, width) * (np.outer(u, u) - np.eye(dim) / width**2)
        for k in range(n):
            u = (points[j] - points[k]) / width**2
            mixed = rbf(points[j], points[k], width) * (np.eye(dim) / width**2 - np.outer(u, u))
            block = lr_ratio * masses[j] * masses[k] * mixed.astype(complex)
            if j == k:
                block = block + (s + reg) * (s * np.eye(dim) - lr_ratio * masses[j] * hessian)
            result[j * dim : (j + 1) * dim, k * dim : (k + 1) * dim] = block
    return result


def update(state, features, true_points, true_masses, shape, masses, reg, lr_disc, lr_gen, alternating):
    """One step of KD (12) from the flat state (theta, x_1, ..., x_n); features: x (d,) -> (k,) and x -> (k, d)."""
    values, slopes = features
    size = shape[0] * shape[1]
    theta, points = state[:-size], state[-size:].reshape(shape)
    after = theta - lr_disc * reg * theta
    for x, p in zip(true_points, true_masses, strict=True):
        after = after + lr_disc * p * values(x)
    for x, q in zip(points, masses, strict=True):
        after = after - lr_disc * q * values(x)
    used = after if alternating else theta
    moved = [x + lr_gen * q * slopes(x).T @ used for x, q in zip(points, masses, strict=True)]
    return np.concatenate([after, np.ravel(moved)])


def differences(function, at, step=1e-5):
    """Central differences of a function of a flat vector, last axis by the variable."""
    columns = []
    for i in range(at.size):
        up, down = at.copy(), at.copy()
        up[i] += step
        down[i] -= step
        columns.append((np.asarray(function(up)) - np.asarray(function(down))) / (2 * step))
    return np.stack(columns, axis=-1)


def instance(seed, n_max=4, dim=None):
    """Two true points, n generated points of unequal masses."""
    rng = np.random.default_rng(seed)
    n, d = rng.integers(1, n_max + 1), dim or int(rng.integers(1, 4))
    return rng.normal(size=(2, d)), rng.uniform(0.2, 2, 2), rng.normal(size=(n, d)), rng.uniform(0.2, 1, n)


def farthest(found, expected):
    """The largest distance within the best pairing of two sets of complex numbers of the same size."""
    from scipy.optimize import linear_sum_assignment

    assert found.shape == expected.shape
    distances = np.abs(found[:, None] - expected[None])
    return distances[linear_sum_assignment(distances)].max()
