"""The effective GAN against Fourier modes, step by step in NumPy on the whole grid.  Imports nothing of ganth."""

import itertools

import numpy as np


def grid(axis, dim):
    """Return every k whose coordinates are values of `axis` or their negatives, ((2 P)^dim, dim)."""
    return np.array(list(itertools.product([*axis, *(-value for value in axis)], repeat=dim)))


def waves(k, x):
    """Return sin(k.x) and cos(k.x) of points x (m, d), (m, K) each."""
    phases = x @ k.T
    return np.sin(phases), np.cos(phases)


def gaussian_means(k, weights, means, covariances):
    """Return the means of sin(k.x) and cos(k.x) under a Gaussian mixture, (K,) each."""
    sine, cosine = np.zeros(len(k)), np.zeros(len(k))
    for weight, mean, covariance in zip(weights, means, covariances, strict=True):
        for i, one in enumerate(k):
            damp = np.exp(-0.5 * one @ covariance @ one)
            sine[i] += weight * damp * np.sin(one @ mean)
            cosine[i] += weight * damp * np.cos(one @ mean)
    return sine, cosine


def gradient(k, w_sine, w_cosine, x):
    """Return the gradient of D at x (m, d), (m, d)."""
    sine, cosine = waves(k, x)
    return (cosine * w_sine - sine * w_cosine) @ k


def play(k, rate, start, gram, data, *, lr_disc, lr_gen, reg, n_disc, order, steps):
    """Return w1 (K,), w2 (K,), the particles (n, d) and 0, or the first step whose particles are not all finite.

    `rate` is gamma(k), (K,); `gram` (n, n); data(t, j) gives the means of sin and cos over the data at step j of
    iteration t.  Where a step is not finite, everything returned is from before it.
    """
    w_sine, w_cosine, x = np.zeros(len(k)), np.zeros(len(k)), np.array(start, dtype=float)
    for step in range(steps):
        of_sine, of_cosine = w_sine, w_cosine
        for again in range(n_disc):
            generated, given = waves(k, x), data(step, again)
            of_sine = of_sine - lr_disc * rate * (generated[0].mean(axis=0) - given[0] + reg * of_sine)
            of_cosine = of_cosine - lr_disc * rate * (generated[1].mean(axis=0) - given[1] + reg * of_cosine)
        climbed = (of_sine, of_cosine) if order == "alternating" else (w_sine, w_cosine)
        moved = x + lr_gen / len(x) * gram @ gradient(k, *climbed, x)
        if not np.isfinite(moved).all():
            return w_sine, w_cosine, x, step + 1
        w_sine, w_cosine, x = of_sine, of_cosine, moved
    return w_sine, w_cosine, x, 0
