"""Transport, bounds and recurrences, the obvious way: mpmath digits and plain loops.  Imports nothing of ganth."""

import math

import mpmath as mp


def tail(z):
    return mp.erfc(z / mp.sqrt(2)) / 2


def digits(x, y, means, variances):
    """Return how many digits a sum of tails needs so that 50 are left of a difference as small as the density."""
    deepest = min((y - m) ** 2 / v for m, v in zip(means, variances, strict=True))
    small = -math.log10(abs(y)) if y else 0
    return int(60 + (x * x + deepest) / 4.6 + max(0, small))


def transport(x, near, means, variances, weights):
    """Return Psi^-1(Phi(x)) and its derivative, 50 digits, by two Newton steps from a number that is nearly it."""
    with mp.workdps(digits(x, near, means, variances)):
        x, y = mp.mpf(float(x)), mp.mpf(float(near))
        weights = [mp.mpf(float(w)) for w in weights]
        weights = [w / mp.fsum(weights) for w in weights]
        parts = [
            (w, mp.mpf(float(m)), mp.sqrt(mp.mpf(float(v)))) for w, m, v in zip(weights, means, variances, strict=True)
        ]
        for _ in range(2):
            left = mp.fsum(w * tail((m - y) / s) for w, m, s in parts)
            density = mp.fsum(w * mp.npdf((y - m) / s) / s for w, m, s in parts)
            y -= (left - tail(-x)) / density
        return +y, mp.npdf(x) / mp.fsum(w * mp.npdf((y - m) / s) / s for w, m, s in parts)


def inverse(y, means, variances, weights):
    """Return Phi^-1(Psi(y)), by bisection."""
    with mp.workdps(digits(40.0, y, means, variances)):
        weights = [mp.mpf(float(w)) for w in weights]
        weights = [w / mp.fsum(weights) for w in weights]
        u = mp.fsum(
            w * tail((mp.mpf(float(m)) - mp.mpf(float(y))) / mp.sqrt(mp.mpf(float(v))))
            for w, m, v in zip(weights, means, variances, strict=True)
        )
        low, high = mp.mpf(-60), mp.mpf(60)
        for _ in range(120):
            middle = (low + high) / 2
            low, high = (middle, high) if tail(-middle) < u else (low, middle)
        return (low + high) / 2


def printed_bound(points, bandwidth, radius, repaired):
    count, dim = len(points), len(points[0])
    mean = [sum(point[i] for point in points) / (count if repaired else dim) for i in range(dim)]
    powers = [
        math.exp(sum((a - b) ** 2 for a, b in zip(point, mean, strict=True)) / (dim * bandwidth**2)) for point in points
    ]
    delta = math.exp(-(radius**2) / 2) / math.sqrt(2 * math.pi)
    scale = bandwidth if repaired else bandwidth ** (1 / dim)
    return delta * scale * math.sqrt(math.pi / dim) * (min(powers) if repaired else max(powers))


def recurrence(k, target, step, x0, dim, n_steps, law):
    def phi(z):
        return math.exp(-(z**2) / 2)

    path = [k]
    for _ in range(n_steps):
        if law == "printed":
            k = k + step * (1 / k**2 - 1 / target**2) / (1 + k * phi(k * x0 / target) / (target * phi(x0)))
        else:
            ratio = (phi(k * x0 / target) / target**dim) / (phi(x0) / k**dim)
            k = k + step * k * (1 / k**2 - 1 / target**2) / (1 + ratio)
        path.append(k)
    return path
