"""Loops of toy_wgan, for the CPU: a threshold theta against the slopes omega of one or more critic's atoms.

`law` is (prior, gamma, clip) as `formulas.toy_wgan` takes them; omega is held in [-clip, clip].
"""

import math

import numpy as np
from numba import njit, prange

from ..backend import compiled
from ..formulas import toy_wgan as formula
from ..formulas.extrapolation import narrowed
from ..formulas.toy_wgan import ALTERNATING, EXPLICIT, REFERENCE, SYMPLECTIC
from ..lanes.extrapolation import COLUMNS, refine

_TOLERANCE = 1e-14
_SHORTEST = 2.0**-40  # of a span: an unsettled step is taken as it is


@njit
def _rates(law, theta, omega):
    return formula.density(law[0], theta) * omega, -law[1] * formula.excess(law[0], theta)


@njit
def _midpoint(law, theta, omega, span, pieces):
    """Return theta and omega after `span` in `pieces` steps of the midpoint rule, its error even in the step."""
    step = span / pieces
    climb, learn = _rates(law, theta, omega)
    old_theta, old_omega = theta, omega
    theta, omega = theta + step * climb, omega + step * learn
    for _ in range(1, pieces):
        climb, learn = _rates(law, theta, omega)
        old_theta, theta = theta, old_theta + (step + step) * climb
        old_omega, omega = omega, old_omega + (step + step) * learn
    climb, learn = _rates(law, theta, omega)
    return 0.5 * (old_theta + theta + step * climb), 0.5 * (old_omega + omega + step * learn)


@njit
def _extrapolated(law, theta, omega, span):
    """Return theta and omega after `span`, and whether two columns agree."""
    thetas, slopes = np.empty(COLUMNS), np.empty(COLUMNS)
    root = math.sqrt(law[1])  # omega is of the order of this times theta
    settled = False
    for k in range(COLUMNS):
        thetas[k], end = _midpoint(law, theta, omega, span, 2 * k + 2)
        slopes[k] = end / root
        settled = refine(thetas, slopes, k, _TOLERANCE)
        if settled:
            break
    return thetas[0], root * slopes[0], settled


@njit
def _meets(law, theta, omega, span, wall, of_theta):
    """Return when, within `span`, theta is 0 (or omega is `wall`): the sign changes between; Newton in a bracket."""
    low, high, time = 0.0, span, span
    falls = theta > 0 if of_theta else omega > wall
    for _ in range(80):
        x, y, _settled = _extrapolated(law, theta, omega, time)
        rate = _rates(law, x, y)
        value = x if of_theta else y - wall
        slope = rate[0] if of_theta else rate[1]
        low, high, after = narrowed(low, high, time, value, slope, falls)
        if abs(after - time) <= 1e-16 * span or value == 0:
            break
        time = after
    return time


@njit
def _energy(law, theta, omega):
    return formula.potential(law[0], theta) + omega * omega / (2.0 * law[1])


@njit
def _levelled(law, theta, omega, energy):
    """Return theta and omega moved along the energy's gradient to its level, from which rounding took them."""
    off = _energy(law, theta, omega) - energy
    across, up = formula.potential_slope(law[0], theta), omega / math.sqrt(law[1])
    square = across * across + up * up
    if square == 0.0 or not math.isfinite(off / square):
        return theta, omega
    return theta - off * across / square, omega - off * omega / square


@njit
def _flow(law, theta, omega, span):
    """Return theta and omega after `span`, to rounding.

    On the wall theta moves at the speed omega in the coordinate u until its force turns, at theta = 0.  Between walls
    omega is monotone while theta keeps its sign, so that a step ends where theta is 0 or omega meets a wall.
    """
    prior, _, clip = law
    left, step = span, span
    energy = _energy(law, theta, omega)
    while left > 0 and math.isfinite(theta) and math.isfinite(omega):
        if abs(omega) >= clip and omega * theta < 0:
            u = formula.coordinate(prior, theta)
            if -u / omega > left:
                return formula.from_coordinate(prior, u + omega * left), omega
            theta, left = 0.0, left + u / omega
            step, energy = left, _energy(law, 0.0, omega)
            continue
        step = min(step, left)
        new_theta, new_omega, settled = _extrapolated(law, theta, omega, step)
        if not settled and step > _SHORTEST * span:
            step *= 0.5
            continue
        taken = step
        new_theta, new_omega = _levelled(law, new_theta, new_omega, energy)
        if clip < math.inf:
            if theta * new_theta < 0:
                taken = _meets(law, theta, omega, taken, 0.0, True)
                new_omega = _extrapolated(law, theta, omega, taken)[1]
                new_theta = 0.0
            if abs(new_omega) > clip:
                wall = math.copysign(clip, new_omega)
                taken = _meets(law, theta, omega, taken, wall, False) if abs(omega) < clip else 0.0
                new_theta, new_omega = _extrapolated(law, theta, omega, taken)[0], wall
        if taken == 0.0 and step == left:  # a wall is met by rounding alone: what is left of it is nothing
            new_theta, new_omega = _extrapolated(law, theta, omega, step)[0], min(max(omega, -clip), clip)
            taken = step
        theta, omega, left = new_theta, new_omega, left - taken
        step += step
    return theta, omega


@njit
def _kick(omegas, push, clip):
    """Add `push` to each omega, held in [-clip, clip]; return their mean."""
    total = 0.0
    for j in range(len(omegas)):
        omegas[j] = min(max(omegas[j] + push, -clip), clip)
        total += omegas[j]
    return total / len(omegas)


@njit
def _step(law, kind, theta, u, omegas, step):
    """Return theta and u after a step of one of the simple rules; omegas are moved in place."""
    prior, gamma, clip = law
    push = -step * gamma * formula.excess(prior, theta)
    if kind == SYMPLECTIC:
        u += step * _kick(omegas, 0.5 * push, clip)
        theta = formula.from_coordinate(prior, u)
        _kick(omegas, -0.5 * step * gamma * formula.excess(prior, theta), clip)
        return theta, u
    before = omegas.mean()
    after = _kick(omegas, push, clip)
    return theta + step * formula.density(prior, theta) * (before if kind == EXPLICIT else after), u


@compiled(parallel=True)
def play(particles, coordinates, omegas, diverged_at, first, count, law, kind, step):
    """Play `count` steps of each trial in place: particles (trials, 1, 1), coordinates (trials,), omegas (trials, m).

    `first` steps were played before.  A trial that leaves the finite numbers keeps its last finite ones.
    """
    for t in prange(len(omegas)):
        theta, u = float(particles[t, 0, 0]), coordinates[t]
        moving = omegas[t].astype(np.float64)
        if diverged_at[t] < 0:
            for done in range(count):
                if kind == REFERENCE:
                    theta, moving[0] = _flow(law, theta, moving[0], step)
                else:
                    theta, u = _step(law, kind, theta, u, moving, step)
                if not (math.isfinite(theta) and math.isfinite(moving[0]) and math.isfinite(u)):
                    diverged_at[t] = first + done + 1
                    break
                particles[t, 0, 0], coordinates[t] = theta, u
                for j in range(len(moving)):
                    omegas[t, j] = moving[j]
                    moving[j] = omegas[t, j]
                theta = float(particles[t, 0, 0])


@compiled
def potentials(out, prior, thetas):
    """Fill out (m,) with F at thetas (m,)."""
    for i in range(len(thetas)):
        out[i] = formula.potential(prior, thetas[i])


@compiled
def coordinates_of(out, prior, thetas):
    """Fill out (m,) with u at thetas (m,)."""
    for i in range(len(thetas)):
        out[i] = formula.coordinate(prior, thetas[i])


@compiled
def excesses(out, prior, thetas):
    """Fill out (m,) with Phi - 1/2 at thetas (m,)."""
    for i in range(len(thetas)):
        out[i] = formula.excess(prior, thetas[i])


@compiled
def turning_points(out, prior, energies):
    """Fill out (m,) with theta >= 0 where F is energies (m,)."""
    for i in range(len(energies)):
        out[i] = formula.turning_point(prior, energies[i])


@compiled
def drifts(out, prior, gamma, thetas, squares, kind):
    """Fill out (m,) with dE/dt over the step, of the explicit or the alternating rule; squares (m,) of omega."""
    for i in range(len(thetas)):
        e, d = formula.excess(prior, thetas[i]), formula.density(prior, thetas[i])
        bend = -formula.slope_of_density(prior, thetas[i]) * e * squares[i]
        out[i] = 0.5 * (bend if kind == ALTERNATING else bend + d * d * squares[i] + gamma * e * e)
