"""Activations and exponentials by polynomials: their errors against libm's and mpmath's, and their types."""

import math

import mpmath as mp
import numpy as np
import pytest

from ganth.formulas import activations, exponentials

U = np.concatenate([np.linspace(0, 8, 4001), np.geomspace(1e-12, 1, 300)])


def times_power(parts, bits):
    """What the loops make of (m, s): m 2^n with n in the low bits of s."""
    mantissa, shifted = parts
    return math.ldexp(float(mantissa), round(float(shifted) - (6755399441055744.0 if bits == 64 else 12582912.0)))


def test_float32_in_float32_out():
    x = np.float32(0.3)
    assert type(activations.tanh_float32.py_func(x)) is np.float32
    assert type(activations.erfcx_float32.py_func(x)) is np.float32
    assert type(exponentials.log_of_ratio_float32.py_func(x, np.float32(1))) is np.float32
    assert {type(part) for part in exponentials.exp_parts_float32.py_func(x)} == {np.float32}


def test_tanh():
    x = np.linspace(-activations.TANH_END, activations.TANH_END, 4001).astype(np.float32)
    found = [float(activations.tanh_float32(v)) for v in x]
    np.testing.assert_allclose(found, np.tanh(x.astype(float)), atol=4e-7)
    np.testing.assert_allclose(found[1900:2101], np.tanh(x[1900:2101].astype(float)), rtol=4e-7)
    assert 1 - math.tanh(activations.TANH_END) < 1.3e-7
    assert activations.tanh_float32(np.float32(0)) == 0

    x = np.linspace(-19, 19, 2001)
    found = [activations.tanh_of_exp(math.exp(2 * v)) for v in x]
    np.testing.assert_allclose(found, [float(mp.tanh(mp.mpf(v))) for v in x], atol=4e-16)
    assert activations.tanh_of_exp(1.0) == 0


@pytest.mark.parametrize("bits", [32, 64])
def test_erf(bits):
    real, tail = {
        32: (np.float32, activations.erfcx_float32),
        64: (np.float64, activations.erfcx_float64),
    }[bits]
    u = U.astype(real)
    s = (real(2.5) - u) / (real(2.5) + u)
    found = [1 - math.exp(-(float(v) ** 2)) * float(tail(t)) for v, t in zip(u, s, strict=True)]
    np.testing.assert_allclose(found, [float(mp.erf(mp.mpf(float(v)))) for v in u], atol={32: 3e-7, 64: 6e-16}[bits])
    assert tail(real(1)) == 1  # erf(0) = 0, so that units of zeros stay zeros


def test_exponentials():
    for x in np.linspace(-79, 79, 999).astype(np.float32):
        found = times_power(exponentials.exp_parts_float32(x), 32)
        assert found == pytest.approx(math.exp(float(x)), rel=2e-7)
    for x in np.linspace(-700, 700, 999):
        assert times_power(exponentials.exp_parts(x), 64) == pytest.approx(math.exp(x), rel=5e-16)


def test_logarithm():
    for u in np.concatenate([np.geomspace(1e-16, 0.9, 500), 1 - np.geomspace(1e-15, 0.1, 500)]):
        mantissa, exponent = math.frexp(u)
        found = exponentials.log_of_parts(2 * mantissa, exponent - 1.0)
        assert found == pytest.approx(float(mp.log(mp.mpf(float(u)))), rel=5e-16)


def test_logarithm_of_a_ratio():
    for exponent in (-40, 0, 3):
        for ratio in np.geomspace(2**-0.59, 2**0.59, 301):
            wanted = mp.log(mp.mpf(float(ratio))) + exponent * mp.log(2)
            t = (mp.mpf(float(ratio)) - 1) / (mp.mpf(float(ratio)) + 1)
            found = exponentials.log_of_ratio(float(t), float(exponent))
            assert found == pytest.approx(float(wanted), rel=7e-16, abs=1e-18)
            found = exponentials.log_of_ratio_float32(np.float32(t), np.float32(exponent))
            assert found == pytest.approx(float(wanted), rel=3e-7)
