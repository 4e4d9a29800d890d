"""The obvious loops for fields, and the same in 50 digits.  Nothing of ganth."""

import math

import mpmath as mp


def exact(x, data, generated):
    """Return d*, field, log ratio and |score_data| + |score_generated| at one point, in 50 digits.

    A density is (weights, means, covariances).
    """
    with mp.workdps(50):
        (log_p, score_p), (log_q, score_q) = (_exact_side(x, density) for density in (data, generated))
        gap = log_p - log_q
        weight = 1 / (1 + mp.exp(gap))
        field = [weight * (a - b) for a, b in zip(score_p, score_q, strict=True)]
        return 1 / (1 + mp.exp(-gap)), field, gap, norm(score_p) + norm(score_q)


def norm(vector):
    return mp.sqrt(sum(v * v for v in vector))


def _exact_side(x, density):
    logs, scores = [], []
    for weight, mean, covariance in zip(*density, strict=True):
        matrix = mp.matrix([[mp.mpf(float(v)) for v in row] for row in covariance])
        inverse = matrix**-1
        y = mp.matrix([mp.mpf(float(a)) - mp.mpf(float(b)) for a, b in zip(x, mean, strict=True)])
        square = (y.T * inverse * y)[0]
        scale = mp.log(mp.det(matrix)) + len(mean) * mp.log(2 * mp.pi)
        logs.append(mp.log(mp.mpf(float(weight))) - (scale + square) / 2)
        scores.append(-(inverse * y))
    top = max(logs)
    shares = [mp.exp(value - top) for value in logs]
    total = sum(shares)
    score = [sum(share * s[i] for share, s in zip(shares, scores, strict=True)) / total for i in range(len(x))]
    return top + mp.log(total), score


def round_field(x, data, generated):
    """Return d*, field and log ratio at one point; a density is a list of (weight, mean, variance)."""

    def side(density):
        total, pull = 0.0, [0.0] * len(x)
        for weight, mean, variance in density:
            square = sum((a - b) ** 2 for a, b in zip(x, mean, strict=True))
            value = weight * (2 * math.pi * variance) ** (-len(x) / 2) * math.exp(-square / (2 * variance))
            total += value
            pull = [p - value * (a - b) / variance for p, a, b in zip(pull, x, mean, strict=True)]
        return total, pull

    (p, p_slope), (q, q_slope) = side(data), side(generated)
    d = p / (p + q)
    d_slope = [(a * q - b * p) / (p + q) ** 2 for a, b in zip(p_slope, q_slope, strict=True)]
    return d, [s / d for s in d_slope], math.log(p / q)
