"""Elementary functions without branches, tables or calls, so that a loop over them is vectorised.

libm's exp, log1p and asin keep a loop scalar.  These are polynomials (interpolated at Chebyshev points in 50 digits)
and serve float64, one of them float32.  Numba shows the bits of NumPy scalars alone, so what the exponent's bits need
is left to the loop: it multiplies by 2^n, or splits a number into mantissa and exponent.  Errors: about one unit in
the last place.
"""

from numba import float32, njit

_LOG2_E = 1.4426950408889634
_LN2_HIGH = 0.6931471803691238  # 32 bits: n * _LN2_HIGH is exact
_LN2_LOW = 1.9082149292705877e-10
# The low bits of x + _SHIFTER hold the integer next to x, in two's complement.
_SHIFTER = 6755399441055744.0
SMALLEST_EXPONENT = -708.0  # exp of less is not a normal number
_LOG2_E_32, _LN2_HIGH_32, _LN2_LOW_32, _SHIFTER_32 = map(float32, (1.442695, 0.693145752, 1.428607e-6, 12582912.0))
_E0, _E1, _E2, _E3, _E4 = map(float32, (1.0, 0.5, 0.16666415, 0.041666152, 0.0083751525))
_E5 = float32(0.0013952991)
_A0, _A1, _A2, _A3 = map(float32, (2.0, 0.666672, 0.39940417, 0.3066693))


@njit(error_model="numpy", fastmath={"contract"})
def exp_parts(x):
    """Return (m, s): exp(x) = m 2^n with m in [0.70, 1.42], and n in the low bits of the float64 s; |x| < 1e5."""
    shifted = x * _LOG2_E + _SHIFTER
    n = shifted - _SHIFTER
    f = x - n * _LN2_HIGH - n * _LN2_LOW
    p = 2.5110037605963777e-08
    p = p * f + 2.763263963904103e-07
    p = p * f + 2.755724091857897e-06
    p = p * f + 2.4801485482328494e-05
    p = p * f + 0.00019841269890047113
    p = p * f + 0.0013888888952314775
    p = p * f + 0.008333333333319601
    p = p * f + 0.0416666666664881
    p = p * f + 0.1666666666666668
    p = p * f + 0.5000000000000019
    p = p * f + 1.0
    return p * f + 1.0, shifted


@njit(error_model="numpy", fastmath={"contract"})
def exp_parts_float32(x):
    """Return (m, s): exp(x) = m 2^n, and n in the low bits of the float32 s; |x| < 80, to a unit in the last place."""
    shifted = x * _LOG2_E_32 + _SHIFTER_32
    n = shifted - _SHIFTER_32
    f = x - n * _LN2_HIGH_32 - n * _LN2_LOW_32
    p = f * _E5 + _E4
    p = p * f + _E3
    p = p * f + _E2
    p = p * f + _E1
    p = p * f + _E0
    return p * f + _E0, shifted


@njit(error_model="numpy", fastmath={"contract"})
def log_of_parts(mantissa, exponent, more=0.0):
    """Return log(mantissa 2^exponent) + more, mantissa in [1, 2) and more next to nothing."""
    above = mantissa > 1.4142135623730951
    mantissa = 0.5 * mantissa if above else mantissa
    exponent = exponent + 1.0 if above else exponent
    s = (mantissa - 1.0) / (mantissa + 1.0)
    z = s * s
    p = 0.14809710360655276
    p = p * z + 0.1531252814836419
    p = p * z + 0.18183631680229329
    p = p * z + 0.22222197056726048
    p = p * z + 0.2857142876064168
    p = p * z + 0.3999999999930234
    p = p * z + 0.6666666666666765
    p = p * z + 2.0
    return exponent * _LN2_HIGH + (s * p + (exponent * _LN2_LOW + more))


@njit(error_model="numpy", fastmath={"contract"})
def log_of_ratio(t, exponent):
    """Return log((1 + t) / (1 - t)) + exponent log 2, for |t| < 0.21: log(a/b) where t = (a - b)/(a + b)."""
    z = t * t
    p = z * 0.15657525013445103 + 0.1521010130714107
    p = p * z + 0.1818853223792528
    p = p * z + 0.22222080054341448
    p = p * z + 0.28571430200622494
    p = p * z + 0.39999999990850843
    p = p * z + 0.6666666666668621
    p = p * z + 2.0
    return exponent * _LN2_HIGH + (t * p + exponent * _LN2_LOW)


@njit(error_model="numpy", fastmath={"contract"})
def log_of_ratio_float32(t, exponent):
    """Return log((1 + t) / (1 - t)) + exponent log 2 of float32 numbers, for |t| < 0.21."""
    z = t * t
    p = z * _A3 + _A2
    p = p * z + _A1
    p = p * z + _A0
    return exponent * _LN2_HIGH_32 + (t * p + exponent * _LN2_LOW_32)


@njit(error_model="numpy", fastmath={"contract"})
def log1p_of_parts(x, sum_, mantissa, exponent):
    """Return log(1 + x) for x >= 0, where sum_ = 1 + x as rounded = mantissa 2^exponent, mantissa in [1, 2)."""
    return log_of_parts(mantissa, exponent, (x - (sum_ - 1.0)) / sum_)


@njit(error_model="numpy", fastmath={"contract"})
def arcsine(t):
    """Return arcsin(t) for 0 <= t <= sqrt(1/2) and a little beyond."""
    z = t * t
    p = 0.8892904367638688
    p = p * z - 3.278933156739812
    p = p * z + 5.7579408313146985
    p = p * z - 6.229299875397985
    p = p * z + 4.6420689099888435
    p = p * z - 2.4908808126226116
    p = p * z + 1.0082016650534187
    p = p * z - 0.2968705430689824
    p = p * z + 0.07871611357002127
    p = p * z - 0.002601537848299688
    p = p * z + 0.013191002571753903
    p = p * z + 0.01380344589589198
    p = p * z + 0.017364281439103527
    p = p * z + 0.022371584779320355
    p = p * z + 0.030381963396751827
    p = p * z + 0.044642856762615
    p = p * z + 0.07500000000401816
    p = p * z + 0.16666666666664987
    return t + t * (p * z)
