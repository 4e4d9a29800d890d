"""The numbers of a mixture that its transport map leans on, to twice the working precision: exact sums, 60 digits."""

import decimal
import functools
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_DIGITS = 60
_FARTHEST = 40.0  # beyond it a tail is below the smallest number


def anchors(means: Floats, variances: Floats, weights: Floats) -> Floats:
    """Return (k + 1, 8) pairs: W, 1 - W, W - 1/2 and A - B at y = 0, for each number of components on the left of y.

    W is the weight on the left, normalised; see transport_cpu for A and B.
    """
    exact = [Fraction(float(weight)) for weight in weights]
    total = sum(exact)
    exact = [weight / total for weight in exact]
    tails = [_tail(float(mean), float(variance)) for mean, variance in zip(means, variances, strict=True)]
    # Psi(0), of which each component with its mean on the left gives its weight less a tail, the others a tail.
    at_zero = sum(w * (1 - q if m < 0 else q) for w, m, q in zip(exact, means, tails, strict=True))
    rows, left = [], Fraction(0)
    for weight in [*exact, Fraction(0)]:
        numbers = (left, 1 - left, left - Fraction(1, 2), at_zero - left)
        rows.append([part for number in numbers for part in _pair(number)])
        left += weight
    return np.array(rows)


def _pair(number: Fraction) -> tuple[float, float]:
    high = float(number)
    return high, float(number - Fraction(high))


@functools.lru_cache(maxsize=4096)
def _tail(mean: float, variance: float) -> Fraction:
    """Return Q(|mean|/sqrt(variance)), by 1/2 - phi(z) (z + z^3/3 + z^5/15 + ...) with digits to spare."""
    rough = mean * mean / variance
    if rough > _FARTHEST**2:
        return Fraction(0)
    with decimal.localcontext() as context:
        context.prec = _DIGITS + int(0.45 * rough)
        square = decimal.Decimal(mean) ** 2 / decimal.Decimal(variance)
        term = total = square.sqrt()
        k = 1
        while term > total * decimal.Decimal(10) ** -context.prec:
            k += 2
            term = term * square / k
            total += term
        density = (-square / 2).exp() / (2 * _pi(context.prec)).sqrt()
        return Fraction(decimal.Decimal(1) / 2 - density * total)


@functools.cache
def _pi(digits: int) -> decimal.Decimal:
    """Return pi in the present precision, which has so many digits, by Machin's formula."""

    def arctangent(inverse: int) -> decimal.Decimal:
        term = total = decimal.Decimal(1) / inverse
        k = 1
        while term:
            term = -term / (inverse * inverse)
            k += 2
            change = total + term / k
            if change == total:
                break
            total = change
        return total

    return 4 * (4 * arctangent(5) - arctangent(239))
