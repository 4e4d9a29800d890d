"""Loops of dirac, for the CPU: trials of two numbers each, by steps or along the flow.

`law` is (loss, damping, target, noise, consensus) as `formulas.dirac.forces` takes them, then the clip.
"""

import math

import numpy as np
from numba import njit, prange

from ..backend import compiled
from ..formulas.dirac import LINEAR, damped_flow, forces
from ..lanes.extrapolation import COLUMNS, refine

_TOLERANCE = 1e-13
_SHORTEST = 2.0**-40  # of a step: where the forces jump, halving ends here


@njit
def _clipped(phi, clip):
    return min(max(phi, -clip), clip)


@njit
def _pull(law, theta, phi):
    return forces(law[0], theta, phi, law[1], law[2], law[3], law[4])


@njit
def _iteration(theta, phi, law, lr_disc, lr_gen, n_disc, alternating):
    """Return theta and phi after n_disc steps of phi and one of theta."""
    start = phi
    for _ in range(n_disc):
        phi = _clipped(phi + lr_disc * _pull(law, theta, phi)[1], law[5])
    return theta + lr_gen * _pull(law, theta, phi if alternating else start)[0], phi


@njit
def _rates(law, theta, phi, pace, speed):
    """Return d theta / d tau and d phi / d tau; at the clip phi is held where its force points outwards."""
    climb, learn = _pull(law, theta, phi)
    if (phi >= law[5] and learn > 0) or (phi <= -law[5] and learn < 0):
        learn = 0.0
    return pace * climb, speed * learn


@njit
def _midpoint(law, theta, phi, pace, speed, span, pieces):
    """Return theta and phi after `span` in `pieces` steps of the midpoint rule, its error even in the step."""
    step = span / pieces
    d_theta, d_phi = _rates(law, theta, phi, pace, speed)
    old_theta, old_phi = theta, phi
    theta, phi = theta + step * d_theta, phi + step * d_phi
    for _ in range(1, pieces):
        d_theta, d_phi = _rates(law, theta, phi, pace, speed)
        old_theta, theta = theta, old_theta + (step + step) * d_theta
        old_phi, phi = phi, old_phi + (step + step) * d_phi
    d_theta, d_phi = _rates(law, theta, phi, pace, speed)
    return 0.5 * (old_theta + theta + step * d_theta), 0.5 * (old_phi + phi + step * d_phi)


@njit
def _extrapolated(law, theta, phi, pace, speed, span):
    """Return theta and phi after `span`, and whether two columns of Gragg's extrapolation agree."""
    thetas, phis = np.empty(COLUMNS), np.empty(COLUMNS)
    for k in range(COLUMNS):
        thetas[k], phis[k] = _midpoint(law, theta, phi, pace, speed, span, 2 * k + 2)
        if refine(thetas, phis, k, _TOLERANCE):
            return thetas[0], phis[0], True
    return thetas[0], phis[0], False


@njit
def _flow(theta, phi, law, pace, speed, span):
    """Return theta and phi after `span`: in closed form where the flow is linear."""
    if law[0] == LINEAR and law[2] == 0 and law[4] == 0 and law[5] == math.inf:
        scale = math.sqrt(pace / speed)
        theta, phi = damped_flow(span * speed * scale, theta, phi * scale, law[1] / scale)
        return theta, phi / scale
    done, step = 0.0, span
    while done < span and math.isfinite(theta) and math.isfinite(phi):
        step = min(step, span - done)
        new_theta, new_phi, settled = _extrapolated(law, theta, phi, pace, speed, step)
        if (settled and abs(new_phi) <= law[5]) or step <= _SHORTEST * span:
            theta, phi, done = new_theta, _clipped(new_phi, law[5]), done + step
            step += step
        else:
            step *= 0.5
    return theta, phi


@compiled(parallel=True)
def play_steps(particles, phis, diverged_at, first, count, law, lr_disc, lr_gen, n_disc, alternating):
    """Play `count` iterations of each trial in place: particles (trials, 1, 1), phis (trials,).

    `first` iterations were played before.  A trial that leaves the finite numbers keeps its last finite ones.
    """
    for t in prange(len(phis)):
        theta, phi = particles[t, 0, 0], phis[t]
        if diverged_at[t] < 0:
            for step in range(count):
                theta, phi = _iteration(theta, phi, law, lr_disc, lr_gen, n_disc, alternating)
                if not (math.isfinite(theta) and math.isfinite(phi)):
                    diverged_at[t] = first + step + 1
                    break
                particles[t, 0, 0], phis[t] = theta, phi


@compiled(parallel=True)
def play_flow(particles, phis, diverged_at, first, count, law, pace, speed, span):
    """See play_steps: `count` times `span` of the flow, theta at `pace` and phi at `speed` times its force."""
    for t in prange(len(phis)):
        theta, phi = float(particles[t, 0, 0]), float(phis[t])
        if diverged_at[t] < 0:
            for step in range(count):
                theta, phi = _flow(theta, phi, law, pace, speed, span)
                if not (math.isfinite(theta) and math.isfinite(phi)):
                    diverged_at[t] = first + step + 1
                    break
                particles[t, 0, 0], phis[t] = theta, phi
                theta, phi = float(particles[t, 0, 0]), float(phis[t])
