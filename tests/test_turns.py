"""Sine and cosine of turns, against 50 digits."""

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numba import float32

from ganth.formulas import turns

FORMULAS = {np.float32: (turns.sin_cos_float32, turns.half_turn_float32, 6e-7)}
FORMULAS[np.float64] = (turns.sin_cos_float64, turns.half_turn_float64, 3e-15)


def exact(r):
    with mpmath.workdps(50):
        angle = 2 * mpmath.pi * mpmath.mpf(float(r))
        return mpmath.sin(angle), mpmath.cos(angle)


def error(got, wanted):
    return max(float(abs(mpmath.mpf(float(a)) - b)) for a, b in zip(got, wanted, strict=True))


@pytest.mark.parametrize("number", FORMULAS)
@given(r=st.floats(-0.5, 0.5, width=32))
def test_sine_and_cosine_of_turns(number, r):
    sin_cos, half_turn, bound = FORMULAS[number]
    assert error(sin_cos(number(r)), exact(number(r))) <= bound
    s, c = half_turn(number(r))
    assert error((s, c / 2), exact(number(r) / 2)) <= 7 * bound  # where s is small, c need not be as good


@pytest.mark.parametrize("number", FORMULAS)
def test_sine_and_cosine_on_a_grid(number):
    sin_cos, _, bound = FORMULAS[number]
    for r in np.concatenate([np.linspace(-0.5, 0.5, 801), 0.5 - np.geomspace(1e-9, 0.1, 60)]).astype(number):
        assert error(sin_cos(r), exact(r)) <= bound


def test_whole_and_quarter_turns():
    for number, (sin_cos, _, _) in FORMULAS.items():
        assert sin_cos(number(0)) == (0, 1)
        np.testing.assert_allclose(sin_cos(number(0.25)), (1, 0), atol=1e-6)
        assert sin_cos(number(-0.125))[0] == -sin_cos(number(0.125))[0]


def test_float32_stays_float32():
    for formula in (turns.half_turn_float32, turns.sin_cos_float32):
        formula(np.float32(0.3))
        returned = [signature.return_type for signature in formula.nopython_signatures if signature.args == (float32,)]
        assert [set(pair.types) for pair in returned] == [{float32}]
