"""Loops of transport, for the CPU.

Components come sorted by mean; `split` of them lie to the left of y.  With B = sum w Q((y - m)/s) over those on the
left and A = sum w Q((m - y)/s) over the rest, Psi(y) = W + A - B, W the weight on the left: every term is a tail, so
that A - B = Phi(x) - W, the excess, is well conditioned however low the density is.
"""

import math

import numpy as np
from numba import prange

from ..backend import compiled
from ..formulas import normal as formula

_NODES, _WEIGHTS = (tuple(part.tolist()) for part in np.polynomial.legendre.leggauss(12))


@compiled(error_model="numpy")
def tails(y, first, last, sign, means, scales, log_weights):
    """Return log sum_k w Q(z) and sum_k w phi(z)/s over that sum, z = sign (y - m)/s, k from first to last - 1."""
    top = -np.inf
    total = slope = 0.0
    for k in range(first, last):
        z = sign * (y - means[k]) / scales[k]
        tail, density = formula.log_tail_and_hazard(z)
        tail, density = tail + log_weights[k], density / scales[k]
        if tail > top:
            shrink = math.exp(top - tail)
            total, slope, top = total * shrink + 1.0, slope * shrink + density, tail
        else:
            share = math.exp(tail - top)
            total, slope = total + share, slope + share * density
    if total == 0.0:
        return -np.inf, 0.0
    return top + math.log(total), slope / total


@compiled(error_model="numpy")
def log_sum(a, b):
    top = max(a, b)
    if top == -np.inf:
        return top
    return top + math.log1p(math.exp(min(a, b) - top))


@compiled(error_model="numpy")
def log_density(y, split, means, scales, log_weights):
    """Return log psi(y)."""
    left, fall = tails(y, 0, split, 1.0, means, scales, log_weights)
    right, rise = tails(y, split, len(means), -1.0, means, scales, log_weights)
    return log_sum(left + math.log(fall), right + math.log(rise))


@compiled(error_model="numpy")
def excess_pair(x, row):
    """Return Phi(x) - W as a pair; row holds W, 1 - W and W - 1/2 as pairs."""
    if abs(x) < 1.0:
        value, low = formula.centre_pair(x)
        return formula.add(value, low, -row[4], -row[5])
    if x < 0.0:
        value, low = formula.tail_pair(-x)
        return formula.add(value, low, -row[0], -row[1])
    value, low = formula.tail_pair(x)
    return formula.add(row[2], row[3], -value, -low)


@compiled(error_model="numpy")
def solve(log_excess, negative, low, high, split, means, scales, log_weights):
    """Return y in [low, high] where A - B = -+exp(log_excess), by safeguarded Newton steps on a difference of logs."""
    y = 0.5 * (low + high)
    for _ in range(200):
        log_b, rate_b = tails(y, 0, split, 1.0, means, scales, log_weights)
        log_a, rate_a = tails(y, split, len(means), -1.0, means, scales, log_weights)
        # Falls with y: log B - log(A + |excess|) or log(B + excess) - log A.
        if negative:
            right = log_sum(log_a, log_excess)
            gap, fall = log_b - right, rate_b + rate_a * math.exp(log_a - right)
        else:
            left = log_sum(log_b, log_excess)
            gap, fall = left - log_a, rate_a + rate_b * math.exp(log_b - left)
        if gap > 0.0:
            low = y
        elif gap < 0.0:
            high = y
        else:
            break
        after = y + gap / fall
        if not low <= after <= high:
            after = 0.5 * (low + high)
        if after == y or abs(after - y) <= 1e-16 * abs(y):
            y = after
            break
        y = after
    return y


@compiled(error_model="numpy")
def mass_from_zero(y, means, scales, log_weights, shift):
    """Return exp(shift) (Psi(y) - Psi(0)), relatively accurate for small y."""
    total = 0.0
    for k in range(len(means)):
        z, width = -means[k] / scales[k], y / scales[k]
        if abs(width) * (1.0 + abs(z)) < 2.0:
            part = 0.0
            for node, weight in zip(_NODES, _WEIGHTS):  # noqa: B905 (Numba knows no strict)
                t = z + 0.5 * (1.0 + node) * width
                part += 0.5 * weight * math.exp(log_weights[k] + shift - 0.5 * t * t - formula.HALF_LOG_TWO_PI)
            total += part * width
        else:
            sign = 1.0 if z + width > 0.0 else -1.0
            start = math.exp(log_weights[k] + shift + formula.log_tail(sign * z))
            end = math.exp(log_weights[k] + shift + formula.log_tail(sign * (z + width)))
            total += sign * (start - end)
    return total


@compiled(error_model="numpy")
def polish(y, x, split, means, scales, log_weights, row):
    """Return y near 0, relatively accurate, from Psi(y) - Psi(0) = Phi(x) - Psi(0)."""
    value, low = excess_pair(x, row)
    value, low = formula.add(value, low, -row[6], -row[7])
    if value == 0.0:
        return 0.0
    for _ in range(4):
        shift = -log_density(y, split, means, scales, log_weights)
        if shift > 600.0:
            break
        step = value * math.exp(shift) - mass_from_zero(y, means, scales, log_weights, shift)
        y += step
        if abs(step) <= 1e-16 * abs(y):
            break
    return y


@compiled(parallel=True, error_model="numpy")
def affine(y, log_slope, x, mean, scale, scale_low):
    """See transport.Transport, one component: y = mean + scale x, with the scale as a pair."""
    for i in prange(len(x)):
        value, low = formula.multiply_exactly(scale, x[i])
        value, low = formula.add(value, low + scale_low * x[i], mean, 0.0)
        y[i] = value + low
        log_slope[i] = math.log(scale)


@compiled(parallel=True, error_model="numpy")
def transport(y, log_slope, x, means, scales, log_weights, places, rows):
    """See transport.Transport: y = Psi^-1(Phi(x)) and log of its derivative; places = g^-1(means)."""
    count = len(means)
    widest = scales.max()
    for i in prange(len(x)):
        split = np.searchsorted(places, x[i], side="right")
        low, high = np.inf, -np.inf
        for k in range(count):
            bound = means[k] + scales[k] * x[i]
            low, high = min(low, bound), max(high, bound)
        if split > 0:
            low = max(low, means[split - 1] - scales[split - 1])
        if split < count:
            high = min(high, means[split] + scales[split])
        slack = 1e-12 * (abs(low) + abs(high))
        low, high = low - slack, high + slack
        if split == 0 or split == count:
            negative = split > 0
            log_excess = formula.log_tail(x[i] if negative else -x[i])
        else:
            value, _ = excess_pair(x[i], rows[split])
            negative = value < 0.0
            log_excess = math.log(abs(value)) if value != 0.0 else -np.inf
        found = solve(log_excess, negative, low, high, split, means, scales, log_weights)
        if abs(found) < 0.1 * widest and abs(x[i]) < 37.0:
            found = polish(found, x[i], split, means, scales, log_weights, rows[split])
        y[i] = found
        if split == 0 or split == count:
            # The masses agree: what is left is the ratio of two hazards.
            sign = 1.0 if negative else -1.0
            _, rate = tails(found, 0, count, sign, means, scales, log_weights)
            log_slope[i] = math.log(formula.hazard(sign * x[i])) - math.log(rate)
        else:
            below = -0.5 * x[i] * x[i] - formula.HALF_LOG_TWO_PI
            log_slope[i] = below - log_density(found, split, means, scales, log_weights)


@compiled(parallel=True, error_model="numpy")
def log_densities(out, y, means, scales, log_weights):
    """See transport.Transport.log_density."""
    for i in prange(len(y)):
        split = np.searchsorted(means, y[i], side="right")
        out[i] = log_density(y[i], split, means, scales, log_weights)


@compiled(parallel=True, error_model="numpy")
def inverse(x, y, means, scales, log_weights, rows):
    """See transport.Transport: x = Phi^-1(Psi(y))."""
    count = len(means)
    widest = scales.max()
    for i in prange(len(y)):
        split = np.searchsorted(means, y[i], side="right")
        log_b, _ = tails(y[i], 0, split, 1.0, means, scales, log_weights)
        log_a, _ = tails(y[i], split, count, -1.0, means, scales, log_weights)
        row = rows[split]
        excess = math.exp(log_a) - math.exp(log_b)
        centre = row[4] + excess
        if abs(y[i]) < 0.1 * widest and abs(centre) < 0.3:
            value, low = formula.add(row[4], row[5], row[6], row[7])
            density = log_density(y[i], split, means, scales, log_weights)
            shift = min(-density, 600.0)
            centre = value + (low + mass_from_zero(y[i], means, scales, log_weights, shift) * math.exp(-shift))
        if abs(centre) < 0.3:
            x[i] = formula.centre_quantile(centre)
        elif centre < 0.0:
            x[i] = -formula.tail_quantile(log_a if split == 0 else math.log(row[0] + excess))
        else:
            x[i] = formula.tail_quantile(log_b if split == count else math.log(row[2] - excess))
