"""The kernel game with its whole history, summed anew at every step.  Imports nothing of ganth."""

import mpmath
import numpy as np


def rbf(difference, width):
    return -difference / width**2 * np.exp(-(difference @ difference) / (2 * width**2))


def multi_scale(difference, widths):
    return sum(rbf(difference, width) for width in widths)


def anisotropic_rbf(difference, widths):
    widths = np.asarray(widths)
    return -difference / widths**2 * np.exp(-np.sum(difference**2 / (2 * widths**2)))


def rational_quadratic(difference, width, mixing):
    return -difference / width**2 * (1 + difference @ difference / (2 * mixing * width**2)) ** (-mixing - 1)


def laplace(difference, width):
    r = np.linalg.norm(difference)
    return -difference / (r * width) * np.exp(-r / width) if r > 0 else 0 * difference


def relu_ntk(x, y, depth, bias):
    """The gradient in x of |x| |y| N(cosine), 0 at coincident points: in 40 digits, for near points need them."""
    if np.array_equal(x, y):
        return np.zeros(len(x))
    lift = [1] if bias else []
    with mpmath.workdps(40):
        x_lifted, y_lifted = mpmath.matrix([*x, *lift]), mpmath.matrix([*y, *lift])
        x_unit, y_norm = x_lifted / mpmath.norm(x_lifted), mpmath.norm(y_lifted)
        y_unit = y_lifted / y_norm
        u = cosine = value = (x_unit.T * y_unit)[0]
        d_cosine = d_value = mpmath.mpf(1)  # of the layer's cosine and of N, in u
        for _ in range(depth):
            angle = mpmath.acos(cosine)
            below, d_below = 1 - angle / mpmath.pi, d_cosine / (mpmath.pi * mpmath.sin(angle))
            cosine, d_cosine = mpmath.sin(angle) / mpmath.pi + below * cosine, below * d_cosine
            value, d_value = value * below + cosine, d_value * below + value * d_below + d_cosine
        gradient = y_norm * (value * x_unit + d_value * (y_unit - u * x_unit))
    return np.array([float(g) for g in gradient])[: len(x)]


def force(gradient, x, true_points, true_masses, past, masses, reg, lr_disc):
    """The gradient of f at x after len(past) steps of the discriminator; gradient(x, y) is that of K in x."""
    decay, k = 1 - lr_disc * reg, len(past)
    total = np.zeros(len(x))
    for age in range(k):
        for point, mass in zip(true_points, true_masses, strict=True):
            total += lr_disc * decay**age * mass * gradient(x, point)
        for point, mass in zip(past[k - 1 - age], masses, strict=True):
            total -= lr_disc * decay**age * mass * gradient(x, point)
    return total


def step(gradient, path, true_points, true_masses, masses, *, reg, lr_disc, lr_gen, order):
    """The particles after those of the path (steps, n, d)."""
    past = path if order == "alternating" else path[:-1]
    pulls = [force(gradient, x, true_points, true_masses, past, masses, reg, lr_disc) for x in path[-1]]
    return path[-1] + lr_gen * np.asarray(masses)[:, None] * np.array(pulls)


def play(gradient, start, steps, *settings, **rates):
    """The path (steps + 1, n, d)."""
    path = [np.array(start)]
    for _ in range(steps):
        path.append(step(gradient, path, *settings, **rates))
    return np.array(path)


def quadrature_bound(curve, nodes, log_size):
    """The bound of a rule with so many nodes along a curve (coefficients, axes); log_size(v) = log M(v)."""
    degrees = np.arange(float(len(curve)))
    r = 1 + np.geomspace(0.01, 1e7, 2000)[:, None]
    reach = np.linalg.norm((r**degrees - r**-degrees) / 2 @ np.abs(curve), axis=1)
    r = r[:, 0]
    return np.exp(np.min(np.log(4 / (r - 1)) + (1 - 2 * nodes) * np.log(r) + log_size(reach)))


def gaussian_log_size(v):
    return np.log1p(v) + v * v / 2


def rational_log_size(v, mixing):
    inside = np.maximum(1 - v * v / (2 * mixing), 0.0)
    return np.log1p(v) + np.where(inside > 0, -(mixing + 1) * np.log(np.where(inside > 0, inside, 1.0)), np.inf)
