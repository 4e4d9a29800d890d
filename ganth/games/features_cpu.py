"""Loops of features, for the CPU."""

import math

import numpy as np
from numba import prange

from ..backend import compiled


@compiled(parallel=True)
def play(x, diverged_at, theta, freq, target, masses, amplitude, reg, lr_disc, lr_gen, alternating, first, count):
    """See FeaturesEngine.advance."""
    n, d, size = x.shape[1], x.shape[2], freq.shape[1]
    for t in prange(x.shape[0]):
        gradient = np.empty((n, d), x.dtype)
        c, s = np.empty(n, x.dtype), np.empty(n, x.dtype)
        for step in range(count):
            if diverged_at[t] >= 0:
                break
            gradient[:] = 0
            for r in range(size):
                old_c, old_s = theta[t, r], theta[t, size + r]
                sum_c, sum_s = target[t, r], target[t, size + r]
                for j in range(n):
                    phase = x[t, j, 0] * freq[t, r, 0]
                    for a in range(1, d):
                        phase += x[t, j, a] * freq[t, r, a]
                    c[j], s[j] = math.cos(phase), math.sin(phase)
                    sum_c -= masses[j] * amplitude * c[j]
                    sum_s -= masses[j] * amplitude * s[j]
                new_c = old_c + lr_disc * (sum_c - reg * old_c)
                new_s = old_s + lr_disc * (sum_s - reg * old_s)
                theta[t, r], theta[t, size + r] = new_c, new_s
                if alternating:
                    old_c, old_s = new_c, new_s
                for j in range(n):
                    push = amplitude * (old_s * c[j] - old_c * s[j])
                    for a in range(d):
                        gradient[j, a] += push * freq[t, r, a]
            finite = True
            for j in range(n):
                for a in range(d):
                    gradient[j, a] = x[t, j, a] + lr_gen * masses[j] * gradient[j, a]
                    finite = finite and math.isfinite(gradient[j, a])
            if finite:
                x[t] = gradient
            else:
                diverged_at[t] = first + step + 1
