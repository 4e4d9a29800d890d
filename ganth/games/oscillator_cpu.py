"""Loops of oscillator, for the CPU."""

from ..backend import compiled
from ..formulas.dirac import damped_flow


@compiled
def solve(out, times, thetas, phis, damping):
    """Fill out (2, m) with theta and phi after `times` (m,) from thetas, phis (m,)."""
    for i in range(len(times)):
        out[0, i], out[1, i] = damped_flow(times[i], thetas[i], phis[i], damping)
