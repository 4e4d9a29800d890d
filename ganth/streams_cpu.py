"""Loops of streams, for the CPU."""

from .backend import compiled
from .formulas import random as formula


@compiled
def normal(out, key, step, trial, purpose):
    """See streams.normal: counter i gives elements 2 i and 2 i + 1."""
    for i in range((out.size + 1) // 2):
        a, b, c, d = formula.philox(key, i, step, trial, purpose)
        first, second = formula.normal_pair(a, b, c, d)
        out[2 * i] = first
        if 2 * i + 1 < out.size:
            out[2 * i + 1] = second


@compiled
def uniform(out, key, step, trial, purpose):
    """See streams.uniform: counter i gives elements 2 i and 2 i + 1."""
    for i in range((out.size + 1) // 2):
        a, b, c, d = formula.philox(key, i, step, trial, purpose)
        out[2 * i] = formula.uniform(a, b)
        if 2 * i + 1 < out.size:
            out[2 * i + 1] = formula.uniform(c, d)
