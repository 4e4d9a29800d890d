"""A Wide of units of a network with one hidden layer: activations, and the sums over points that a step needs.

`unit` is a named tuple (one,) whose class, called ReLU, Tanh or Erf, tells the activation, so that a loop is compiled
for it; `one` is 1 in the working type.
Points (count, d) lie one after the other; weights are rows, one for each axis.
"""

from typing import Any

from numba import types
from numba.extending import overload

from ..formulas import activations, exponentials
from .draws import inlined
from .rows import (
    add_multiples,
    add_numbers_where,
    add_rows,
    add_rows_where,
    add_where,
    affine,
    bounded,
    magnitude,
    times_power,
    with_sign,
    zero_rows,
)
from .wide import zeros

_tanh_float32, _tanh_of_exp = inlined(activations.tanh_float32), inlined(activations.tanh_of_exp)
_erfcx_float32, _erfcx_float64 = inlined(activations.erfcx_float32), inlined(activations.erfcx_float64)
_exp_parts_float32, _exp_parts = inlined(exponentials.exp_parts_float32), inlined(exponentials.exp_parts)
_INLINE: Any = {"forceinline": True, "fastmath": {"contract"}}


def _name(unit):
    return unit.instance_class.__name__


def homogeneous(unit):
    """Return whether s(u) = u s'(u)."""


@overload(homogeneous)
def _homogeneous(unit):
    relu = _name(unit) == "ReLU"
    return lambda unit: relu


def _activate(u, unit):
    """Return s(u), s'(u) and s''(u) of a Wide of smooth units."""


@overload(_activate, jit_options=_INLINE)
def _activate_of(u, unit):
    single = u.number == types.float32
    if _name(unit) == "Tanh" and single:

        def activate(u, unit):
            value = _tanh_float32(bounded(u, activations.TANH_END))
            slope = 1 - value * value
            return value, slope, value * slope * -2

    elif _name(unit) == "Tanh":

        def activate(u, unit):
            value = _tanh_of_exp(times_power(*_exp_parts(bounded(u, 20) * 2)))
            slope = 1 - value * value
            return value, slope, value * slope * -2

    else:
        parts, tail, end = (_exp_parts_float32, _erfcx_float32, 8.5) if single else (_exp_parts, _erfcx_float64, 26)

        def activate(u, unit):
            x = bounded(u, end)
            r = magnitude(x)
            fall = times_power(*parts(r * r * -1))
            value = with_sign(1 - fall * tail((2.5 - r) / (r + 2.5)), x)
            slope = fall * 1.1283791670955126  # 2 / sqrt(pi)
            return value, slope, x * slope * -2

    return activate


def add_pushes(force, at, u, pushes, unit):
    """Add s'(u) times the pushes, rows of Wides, to the vectors of a force; see rows.add_rows."""


@overload(add_pushes, jit_options=_INLINE)
def _add_pushes(force, at, u, pushes, unit):
    if _name(unit) == "ReLU":
        return lambda force, at, u, pushes, unit: add_rows_where(force, at, u, pushes)
    return lambda force, at, u, pushes, unit: add_rows(force, at, _activate(u, unit)[1], pushes)


def moments(weights, biases, points, pulls, count, pulled, axes, unit):
    """Return sums over the points: of values s(u), of slopes s'(u), and of slopes times the points, as rows.

    Where `pulled`, a pull h on grad D at each point adds the gradient of h . grad D.  For ReLU, the values are left 0,
    and `pulls` are the points moved by h; for smooth units they are h.
    """


@overload(moments, jit_options=_INLINE)
def _moments(weights, biases, points, pulls, count, pulled, axes, unit):
    def of_relu(weights, biases, points, pulls, count, pulled, axes, unit):
        slopes, sums = zeros(points), zero_rows(points, axes)
        for p in range(count):
            u = affine(biases, weights, points, p * len(axes))
            slopes = add_where(slopes, u, unit.one)
            sums = add_numbers_where(sums, u, pulls, p * len(axes))
        return zeros(points), slopes, sums

    def of_smooth(weights, biases, points, pulls, count, pulled, axes, unit):
        nothing = values = slopes = zeros(points)
        sums = zero_rows(points, axes)
        for p in range(count):
            value, slope, bend = _activate(affine(biases, weights, points, p * len(axes)), unit)
            if pulled:
                along = affine(nothing, weights, pulls, p * len(axes))
                sums = add_multiples(sums, slope, pulls, p * len(axes))
                value, slope = value + slope * along, slope + bend * along
            values += value
            slopes += slope
            sums = add_multiples(sums, slope, points, p * len(axes))
        return values, slopes, sums

    return of_relu if _name(unit) == "ReLU" else of_smooth
