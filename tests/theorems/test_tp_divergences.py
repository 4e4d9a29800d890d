"""TP appendices B, C and I: the NSGAN's divergence, f-GANs and what they descend, suboptimal discriminators.

Theory: D_f = 2 KL((p + q)/2 || p) = KL(q || p) - 2 JS; particles of an f-GAN move by grad f'(r), which is the flow of
int q h(p/q), h'' = f''/u; the suboptimal field is (f - r f')/(r + f) grad log r.
"""

import math

import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from ganth import fields
from ganth.targets import GaussianMixture
from ganth.theory import fields as theory

seeds = st.integers(0, 2**32)
GRID = np.linspace(-11, 11, 4001)[:, None]
CELL = float(GRID[1, 0] - GRID[0, 0])


def nsgan_f(u):
    return -(u + 1) * math.log(u / (u + 1)) + u * (1 - 2 * math.log(2)) - 1


def pair(seed):
    rng = np.random.default_rng(seed)
    return [GaussianMixture(rng.normal(size=(k, 1)), rng.uniform(0.7, 1.3, size=k)) for k in rng.integers(1, 4, size=2)]


@given(seed=seeds)
def test_TP_AppB_f(seed):
    assert sp.simplify(theory.nsgan_f.subs(theory.u, 1)) == 0
    assert sp.simplify(theory.convexity(theory.nsgan_f) * theory.u**2 * (1 + theory.u)) == 1  # > 0: convex
    assert sp.simplify(theory.flow_weight(theory.nsgan_f) * (1 + theory.u)) == 1  # r/(1 + r) of grad log r over r
    target, generated = pair(seed)
    x = np.random.default_rng(seed).normal(size=(10, 1))
    np.testing.assert_allclose(
        fields.velocity(x, target, generated, "gan"), fields.optimal(x, target, generated)[1], rtol=1e-10, atol=1e-13
    )
    assert fields.FLOWS["gan"].descends == "nsgan"


def test_TP_AppB_singular():
    assert theory.singular_limits(theory.nsgan_f)[0] == sp.oo
    # Fenchel's conjugate at 0 is - inf f, and f falls without end: not finite either.
    assert sp.limit(theory.nsgan_f, theory.u, sp.oo) == -sp.oo
    values = []
    for apart in (4.0, 6.0, 8.0):
        sides = [GaussianMixture([[sign * apart / 2]], 1.0) for sign in (1, -1)]
        values.append(fields.divergence("nsgan", GRID, CELL, *sides))
        assert fields.divergence("js", GRID, CELL, *sides) < 2 * math.log(2)
    assert values[-1] == pytest.approx(8**2 / 2 - 2 * math.log(2), abs=1e-3)
    assert values[0] < values[1] < values[2]


def test_TP_AppB_latent():
    """A curve from one latent dimension that fills the square: at every level each cell has its share."""
    cells = np.zeros((1, 2), int)
    for level in range(6):
        side = 2**level
        turned = cells[:, ::-1]
        last = np.array([2 * side - 1, side - 1]) - turned
        up = np.array([0, side])
        finer = np.concatenate([turned, cells + up, cells + np.array([side, side]), last])
        assert len({tuple(cell) for cell in finer}) == 4 ** (level + 1) == len(finer)
        assert np.abs(np.diff(finer, axis=0)).sum(axis=1).max() == 1  # continuous
        # Each part of the curve stays in its quarter: the levels converge uniformly.
        quarters = finer.reshape(4, -1, 2) // side
        assert (quarters == quarters[:, :1]).all()
        cells = finer
    # A thin law, towards a smooth curve: the divergence grows like log(1/h).
    fine = np.linspace(-9, 9, 60_001)[:, None]
    of = [
        fields.divergence("nsgan", fine, 18 / 60_000, GaussianMixture([[0.0]], 1.0), GaussianMixture([[0.0]], h**2))
        for h in (0.1, 0.01)
    ]
    for h, value in zip((0.1, 0.01), of, strict=True):
        assert value > math.log(1 / h) - 0.5 - 2 * math.log(2)
    assert of[1] > of[0] + 1.5


@given(seed=seeds)
def test_TP_New_divergence(seed):
    first, second = theory.nsgan_gaps()
    assert second == 0
    assert sp.simplify(first - (1 - sp.log(2)) * (theory.p - theory.q)) == 0
    target, generated = pair(seed)
    p, q = (np.exp(density.log_density(GRID)) for density in (target, generated))
    literal = sum(b * nsgan_f(a / b) for a, b in zip(p, q, strict=True)) * CELL
    of = {name: fields.divergence(name, GRID, CELL, target, generated) for name in ("nsgan", "reverse-kl", "js")}
    assert literal == pytest.approx(of["nsgan"], rel=1e-8, abs=1e-11)
    assert of["reverse-kl"] - of["js"] == pytest.approx(of["nsgan"], rel=1e-8, abs=1e-11)
    assert of["nsgan"] >= -1e-12


@given(seed=seeds)
def test_TP_AppI_Df(seed):
    """With f = -log u the printed integral is - KL(p || q), below the 0 that an f-divergence has at least."""
    a = sp.Symbol("a", real=True)
    assert sp.simplify(theory.printed_divergence_is_negative() + a**2 / 2) == 0
    target, generated = pair(seed)
    p, q = (np.exp(density.log_density(GRID)) for density in (target, generated))
    printed = (p * -np.log(p / q)).sum() * CELL
    assert printed == pytest.approx(-fields.divergence("kl", GRID, CELL, target, generated), rel=1e-9, abs=1e-12)
    assert printed < 0
    assert (q * -np.log(p / q)).sum() * CELL > 0


@given(seed=seeds, step=st.floats(0.01, 10))
def test_TP_AppI_step(seed, step):
    """The squared loss towards Z + v has twice the gradient of the f-GAN's loss, towards Z + s v / 2 s times."""
    assert theory.particle_step_factor(sp.Integer(1)) == 2
    rng = np.random.default_rng(seed)
    slopes, speed = rng.normal(size=(6, 4)), rng.normal(size=6)  # dg/dtheta of 6 particles; v
    game = -(slopes.T @ speed) / 6
    for moved, factor in ((speed, 2.0), (step * speed / 2, step)):
        squared = 2 * slopes.T @ (np.zeros(6) - moved) / 6
        np.testing.assert_allclose(squared, factor * game, rtol=1e-12, atol=1e-14)


def test_TP_New_fgan_flow():
    for f, h in theory.GAMES.values():
        assert sp.simplify(theory.game_weight(f) - theory.flow_weight(h)) == 0
        assert sp.simplify(sp.diff(h, theory.u, 2) - sp.diff(f, theory.u, 2) / theory.u) == 0
    assert theory.GAMES["gan"][1] == theory.nsgan_f
    for name, flow in fields.FLOWS.items():
        u = np.array([0.01, 0.5, 1.0, 3.0, 100.0])
        wanted = [float(theory.game_weight(theory.GAMES[name][0]).subs(theory.u, value)) for value in u]
        np.testing.assert_allclose(flow.weight(np.log(u)), wanted, rtol=1e-12)


@given(seed=seeds, power=st.floats(0.2, 3), factor=st.floats(0.1, 3), base=st.floats(0.1, 3))
def test_TP_PropC_1(seed, power, factor, base):
    """For f = base + factor r^power the cosine is the sign of f - r f', and 1 for small r."""
    target, generated = pair(seed)
    x = np.random.default_rng(seed + 1).normal(size=(20, 1)) * 2
    f, slope = lambda r: base + factor * r**power, lambda r: factor * power * r ** (power - 1)
    optimal = fields.optimal(x, target, generated)[1][:, 0]
    _, found, log_r = fields.suboptimal(x, target, generated, f, slope)
    r = np.exp(log_r)
    balance = base + factor * (1 - power) * r**power
    clear = np.abs(balance) > 1e-9
    np.testing.assert_array_equal(np.sign(found[:, 0] * optimal)[clear], np.sign(balance * np.abs(optimal))[clear])
    small = r < min(1.0, (base / (2 * factor * max(power - 1, 1e-9))) ** (1 / power))
    assert (found[:, 0] * optimal >= 0)[small].all()


def test_TP_PropC_1_needs_more_than_it_says():
    r = theory.r
    assert theory.cosine_sign(theory.BACKWARD) == -(r**2)  # f(0) = 0: never along the optimal field
    wavering = theory.cosine_sign(theory.WAVERING)  # f(0) = 1, not C^2 at 0: both signs below every r
    for k in (10, 1000, 100_000):
        values = [float(wavering.subs(r, 1 / sp.sqrt(sp.pi * (2 * k + odd)))) for odd in (0, 1)]
        assert values[0] > 0 > values[1]
    for f in (1 + r**2, sp.exp(-r), sp.cos(r)):
        assert theory.taylor_rest(f) == 1  # f - r f' = f(0) - r^2 f''/2: a minus
