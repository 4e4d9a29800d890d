"""Sine and cosine of an angle counted in turns, without branches, tables or libm: a loop over them is vectorised.

The loop reduces the angle: r = t - rint(t) for t turns, |r| <= 1/2.  Half of it is at most a quarter turn, where short
polynomials are enough, and the double angle needs neither signs nor quadrants.  The polynomials are minimax on
|r| <= 1/2 (the cosine's error weighted by the sine it is multiplied with), computed in 50 digits.
"""

from numba import float32, njit

_ONE = float32(1.0)
_S0, _S1, _S2, _S3, _S4 = map(float32, (3.1415925, -5.167707, 2.5500333, -0.59804666, 0.077222526))
_C0, _C1, _C2, _C3, _C4 = map(float32, (1.9999996, -9.869569, 8.116577, -2.66245, 0.43707138))


@njit(fastmath={"contract"})
def half_turn_float32(r):
    """Return sin(pi r) and 2 cos(pi r) for |r| <= 1/2: s and c with sin(2 pi r) = s c, cos(2 pi r) = 1 - 2 s^2."""
    z = r * r
    s = z * _S4 + _S3
    c = z * _C4 + _C3
    s = s * z + _S2
    c = c * z + _C2
    s = s * z + _S1
    c = c * z + _C1
    s = s * z + _S0
    c = c * z + _C0
    return s * r, c


@njit(fastmath={"contract"})
def half_turn_float64(r):
    """Return sin(pi r) and 2 cos(pi r) for |r| <= 1/2: s and c with sin(2 pi r) = s c, cos(2 pi r) = 1 - 2 s^2."""
    z = r * r
    s = z * -2.1085976594702827e-05 + 0.00046594235058251425
    c = z * -0.00020043395315177628 + 0.0038553650178359856
    s = s * z + -0.007370347580885738
    c = c * z + -0.05161292284415478
    s = s * z + 0.08214587561940587
    c = c * z + 0.4706611495795614
    s = s * z + -0.5992645284984311
    c = c * z + -2.6705255295855723
    s = s * z + 2.5501640398447254
    c = c * z + 8.11742425252002
    s = s * z + -5.167712780049389
    c = c * z + -9.86960440108396
    s = s * z + 3.1415926535897905
    c = c * z + 1.9999999999999731
    return s * r, c


@njit(fastmath={"contract"})
def sin_cos_float32(r):
    """Return sin(2 pi r) and cos(2 pi r) for |r| <= 1/2, to 6e-7."""
    s, c = half_turn_float32(r)
    return s * c, _ONE - (s + s) * s


@njit(fastmath={"contract"})
def sin_cos_float64(r):
    """Return sin(2 pi r) and cos(2 pi r) for |r| <= 1/2, to 3e-15."""
    s, c = half_turn_float64(r)
    return s * c, 1.0 - (s + s) * s


@njit
def fraction(phase, whole):
    """Return phase - rint(phase), in [-1/2, 1/2]; NaN where it is not finite; from `whole` on none has a fraction."""
    shift = whole if phase >= 0 else -whole
    return phase - ((phase + shift) - shift) if abs(phase) < whole else phase - phase
