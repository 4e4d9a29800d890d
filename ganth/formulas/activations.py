"""Activations without branches, tables or libm, so that a loop over them is vectorised: tanh, and erf's tail.

Polynomials and quotients fitted with least worst error in 30 digits.  The loop bounds the argument and makes the
exponentials (`exponentials`).
"""

from numba import float32, njit

TANH_END = 8.3  # where the float32 quotient ends: tanh is 1 beyond, to 1.3e-7
_P0, _P1, _P2, _P3, _P4 = map(float32, (0.99999994, 0.13419145, 0.003541289, 2.1382462e-05, 1.4478992e-08))
_Q0, _Q1, _Q2, _Q3, _Q4 = map(float32, (1.0, 0.46752462, 0.0260497, 0.00033612296, 8.2247828e-07))
_T0, _T1, _T2, _T3 = map(float32, (0.2108115, 0.37164938, 0.25226334, 0.1233428))
_T4, _T5, _T6 = map(float32, (0.042590372, 0.0021491074, -0.0028065273))


@njit(fastmath={"contract"})
def tanh_float32(x):
    """Return tanh(x) for |x| <= TANH_END, to 4e-7."""
    z = x * x
    p = z * _P4 + _P3
    q = z * _Q4 + _Q3
    p = p * z + _P2
    q = q * z + _Q2
    p = p * z + _P1
    q = q * z + _Q1
    p = p * z + _P0
    q = q * z + _Q0
    return x * p / q


@njit(fastmath={"contract"})
def tanh_of_exp(e):
    """Return tanh(x) from e = exp(2 x), float64, to 2e-16."""
    return 1.0 - 2.0 / (e + 1.0)


@njit(fastmath={"contract"})
def erfcx_float32(s):
    """Return exp(u^2) erfc(u) for u >= 0 from s = (5/2 - u) / (5/2 + u), to 2e-7 exp(u^2)."""
    r = s * _T6 + _T5
    r = r * s + _T4
    r = r * s + _T3
    r = r * s + _T2
    r = r * s + _T1
    return r * s + _T0


@njit(fastmath={"contract"})
def erfcx_float64(s):
    """Return exp(u^2) erfc(u) for u >= 0 from s = (5/2 - u) / (5/2 + u), to 3e-16 exp(u^2)."""
    r = s * -1.0869763357727857e-07 + 9.529730990208993e-07
    r = r * s + -3.3306091171369105e-06
    r = r * s + 4.364321764406602e-06
    r = r * s + 4.816750435363607e-06
    r = r * s + -1.5505237918990547e-05
    r = r * s + -3.69068941219794e-05
    r = r * s + 0.00013063856229632726
    r = r * s + 0.00022755925976584515
    r = r * s + -0.0008756472739853164
    r = r * s + -0.002642423810824574
    r = r * s + 0.003993708197025389
    r = r * s + 0.03992253892185473
    r = r * s + 0.12503305230057937
    r = r * s + 0.2517131932269751
    r = r * s + 0.3717367339486652
    return r * s + 0.2108063640611408
