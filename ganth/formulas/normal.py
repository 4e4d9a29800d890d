"""The standard normal law in its tails, and to twice the working precision where a difference must keep its digits.

Tails are Q(z) = P(Z > z).  Pairs (high, low) are unevaluated sums of two float64 numbers, about 31 digits.
"""

import math

from numba import njit

HALF_LOG_TWO_PI = 0.9189385332046727
_SQRT_HALF = 0.7071067811865476
_ROOT_TWO_PI = (2.5066282746310007, -1.8328579980459167e-16)
_SPLITTER = 134217729.0  # 2^27 + 1
# log 2 in parts: the first has 32 bits, so that n times it is exact.
_LN2 = (0.6931471803691238, 1.9082149292705877e-10, 1.1612227229362532e-26)
_FAR = 4.0  # from here on tails go by the continued fraction
_TERMS = 60
_TERMS_OF_PAIRS = 140
_NEAR_OF_PAIRS = 3.0


@njit
def mills(z):
    """Return Q(z)/phi(z) for z >= 4, by 1/(z + 1/(z + 2/(z + ...))) from below."""
    terms = _TERMS if z < 8.0 else 24 if z < 30.0 else 8
    over, under = z, 1.0  # the fraction over/under, without its divisions
    for k in range(terms, 0, -1):
        over, under = z * over + k * under, over
    return under / over


@njit
def log_tail_and_hazard(z):
    """Return log Q(z) and phi(z)/Q(z)."""
    if z >= _FAR:
        ratio = mills(z)
        return math.log(ratio) - 0.5 * z * z - HALF_LOG_TWO_PI, 1.0 / ratio
    tail = 0.5 * math.erfc(z * _SQRT_HALF)
    log = math.log(tail) if z > -1.0 else math.log1p(-0.5 * math.erfc(-z * _SQRT_HALF))
    return log, math.exp(-0.5 * z * z - HALF_LOG_TWO_PI) / tail


@njit
def log_tail(z):
    """Return log Q(z)."""
    return log_tail_and_hazard(z)[0]


@njit
def hazard(z):
    """Return phi(z)/Q(z)."""
    return log_tail_and_hazard(z)[1]


@njit
def tail_quantile(log_p):
    """Return z >= 0 with log Q(z) = log_p <= log(1/2); Newton, from above, on a concave function."""
    z = math.sqrt(max(0.0, -2.0 * (log_p + 0.6931471805599453)))
    for _ in range(60):
        log, rate = log_tail_and_hazard(z)
        step = (log - log_p) / rate
        z += step
        if abs(step) <= 1e-16 * z:
            break
    return max(z, 0.0)


@njit
def centre_quantile(excess):
    """Return z with P(Z < z) = 1/2 + excess, relatively accurate around 0; |excess| <= 0.4."""
    wanted = abs(excess)
    z = wanted * 2.5066282746310002
    for _ in range(60):
        step = (wanted - 0.5 * math.erf(z * _SQRT_HALF)) * math.exp(0.5 * z * z + HALF_LOG_TWO_PI)
        z += step
        if abs(step) <= 1e-16 * z:
            break
    return math.copysign(z, excess)


@njit
def sum_exactly(a, b):
    """Return a + b as a pair."""
    total = a + b
    part = total - a
    return total, (a - (total - part)) + (b - part)


@njit
def multiply_exactly(a, b):
    """Return a b as a pair."""
    product = a * b
    a_high = _SPLITTER * a
    a_high = a_high - (a_high - a)
    a_low = a - a_high
    b_high = _SPLITTER * b
    b_high = b_high - (b_high - b)
    b_low = b - b_high
    return product, ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low


@njit
def add(a, a_low, b, b_low):
    """Return the sum of two pairs."""
    total, rest = sum_exactly(a, b)
    low, lower = sum_exactly(a_low, b_low)
    total, rest = sum_exactly(total, rest + low)
    return sum_exactly(total, rest + lower)


@njit
def multiply(a, a_low, b, b_low):
    """Return the product of two pairs."""
    product, rest = multiply_exactly(a, b)
    return sum_exactly(product, rest + (a * b_low + a_low * b))


@njit
def divide(a, a_low, b, b_low):
    """Return the quotient of two pairs."""
    first = a / b
    product, rest = multiply(first, 0.0, b, b_low)
    left, left_low = add(a, a_low, -product, -rest)
    second = left / b
    product, rest = multiply(second, 0.0, b, b_low)
    left, left_low = add(left, left_low, -product, -rest)
    total, rest = sum_exactly(first, second)
    return sum_exactly(total, rest + left / b)


@njit
def exponential(a, a_low):
    """Return exp of a pair in (-700, 1] as a pair."""
    n = math.floor(a / 0.6931471805599453 + 0.5)
    high, low = add(a, a_low, -n * _LN2[0], 0.0)
    for part in _LN2[1:]:
        product, rest = multiply_exactly(-n, part)
        high, low = add(high, low, product, rest)
    high, low = high / 64.0, low / 64.0
    total, rest = 1.0, 0.0
    for k in range(14, 0, -1):
        total, rest = multiply(total, rest, high, low)
        total, rest = divide(total, rest, float(k), 0.0)
        total, rest = add(total, rest, 1.0, 0.0)
    for _ in range(6):
        total, rest = multiply(total, rest, total, rest)
    # In two steps: 2^n alone may not be a normal number.
    half = math.ldexp(1.0, int(n) // 2)
    other = math.ldexp(1.0, int(n) - int(n) // 2)
    return total * half * other, rest * half * other


@njit
def density_pair(z):
    """Return phi(z) as a pair, |z| < 37."""
    square, low = multiply_exactly(z, z)
    value, rest = exponential(-0.5 * square, -0.5 * low)
    return divide(value, rest, _ROOT_TWO_PI[0], _ROOT_TWO_PI[1])


@njit
def centre_pair(z):
    """Return P(Z < z) - 1/2 as a pair, by phi(z) (z + z^3/3 + z^5/15 + ...); relatively accurate for |z| < 3."""
    square, low = multiply_exactly(z, z)
    term, term_low = z, 0.0
    total, rest = z, 0.0
    k = 1.0
    while abs(term) > 1e-34 * abs(total) and k < 2000.0:
        k += 2.0
        term, term_low = multiply(term, term_low, square, low)
        term, term_low = divide(term, term_low, k, 0.0)
        total, rest = add(total, rest, term, term_low)
    value, value_low = density_pair(z)
    return multiply(total, rest, value, value_low)


@njit
def tail_pair(z):
    """Return Q(z) as a pair, 0 <= z < 37."""
    if z < _NEAR_OF_PAIRS:
        centre, low = centre_pair(z)
        return add(0.5, 0.0, -centre, -low)
    total, rest = z, 0.0
    for k in range(_TERMS_OF_PAIRS, 0, -1):
        part, low = divide(float(k), 0.0, total, rest)
        total, rest = add(part, low, z, 0.0)
    value, low = density_pair(z)
    return divide(value, low, total, rest)
