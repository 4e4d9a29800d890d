"""KD, section 5 and appendix F: divergence, claim by claim.  SymPy and mpmath first, then ganth and the game itself.

g = q sqrt(mu) / width throughout; "sim" and "alt" are simultaneous and alternating updates.
"""

import math

import naive_wave as naive
import numpy as np
import pytest
import sympy as sp
from hypothesis import assume, given
from hypothesis import strategies as st

import ganth
from ganth.stability import (
    alternating_spectrum,
    collapse_equilibrium,
    damping_threshold,
    divergence_profile,
    divergence_speed,
    divergence_threshold,
    spectrum,
)
from ganth.theory import wave as theory

ORDERS = ("simultaneous", "alternating")
orders = st.sampled_from(ORDERS)
masses = st.floats(0.1, 2.0)
widths = st.floats(0.2, 3.0)
rates = st.floats(0.01, 0.3)
SETTING = {"reg": 0.5, "lr_disc": 0.1, "lr_gen": 0.05}


def isolated(mass, width, order, *, reg, lr_disc, lr_gen, steps, kick=1e-6, every=10):
    """Play the exact game of one point that a mass of `kick` q, a width away, pulls out of its well."""
    game = ganth.KernelGAN(
        [[width, 0.0]], [kick * mass], kernel=ganth.RBF(width), reg=reg, lr_disc=lr_disc, lr_gen=lr_gen, order=order
    )
    return game.run([[0.0, 0.0]], [mass], steps=steps, record_every=every)


def final_speed(run):
    """Length per step between the last two records."""
    (step,) = np.diff(run.steps[-2:])
    return float(np.linalg.norm(run.particles[0, -1, 0] - run.particles[0, -2, 0]) / step)


def push(slope, speed, *, rho, terms=2000):
    """sum_{j>=1} rho^(j-1) slope(j speed) for a slope -phi' of any kernel."""
    j = np.arange(1, terms)
    return float(rho ** (j - 1.0) @ slope(j * speed))


# ---- theorem 3, lemma 7 --------------------------------------------------------------------------------------------


@given(masses, widths, rates, rates, st.floats(0.1, 0.95), orders)
def test_KD_Thm3(mass, width, lr_disc, lr_gen, share, order):
    """Corrected: with eta_d q in (24a) and q in (24b), the trail of constant speed moves on at that speed."""
    setting = {"lr_disc": lr_disc, "lr_gen": lr_gen, "order": order}
    reg = share * divergence_threshold(ganth.RBF(width), mass, **setting)
    assume(0.02 < reg * lr_disc < 0.9)
    speed = divergence_speed(ganth.RBF(width), mass, reg=reg, **setting)
    past = math.ceil(40 / (reg * lr_disc))
    path = naive.play([j * speed for j in range(-past, 1)], 5, mass, width, reg, lr_disc, lr_gen, order)
    np.testing.assert_allclose(np.diff(path[past:]), speed, rtol=1e-11)
    # As printed in (114), eta_d^2 and no mass: another speed, at which the trail does not move on.
    printed = divergence_speed(ganth.RBF(width), 1.0, reg=reg, lr_disc=lr_disc, lr_gen=lr_disc, order="alternating")
    if printed is not None and abs(printed / speed - 1) > 0.01:
        path = naive.play([j * printed for j in range(-past, 1)], 1, mass, width, reg, lr_disc, lr_gen, order)
        assert abs((path[-1] - path[-2]) / printed - 1) > 1e-4


@given(masses, widths, rates, rates, st.floats(1.0001, 10.0), st.floats(1e-6, 1e2), orders)
def test_KD_Thm3_needs_a_small_reg(mass, width, lr_disc, lr_gen, excess, speed, order):
    """Dropping "lambda sufficiently small": from the threshold on, no speed reproduces itself."""
    setting = {"lr_disc": lr_disc, "lr_gen": lr_gen, "order": order}
    reg = excess * divergence_threshold(ganth.RBF(width), mass, **setting)
    assume(0.01 < reg * lr_disc < 0.95)
    assert divergence_speed(ganth.RBF(width), mass, reg=reg, **setting) is None
    assert naive.push(speed * width, mass, width, reg, lr_disc, lr_gen, order) < speed * width


def test_KD_Thm3_needs_an_integrable_kernel():
    """Dropping it: phi = 1 has phi(0) > 0 and is smooth; the history pushes nowhere."""
    assert push(lambda r: 0.0 * r, 0.1, rho=0.99) == 0


def test_KD_Lem7():
    """Corrected: eta_g eta_d q^2, and rho^(j-1) for the paper's own simultaneous updates; the existence proof stands.

    v sum phi'(j v) -> -phi(0) as v -> 0 (a Riemann sum), so that F(v, 1) -> -oo; SymPy has the integral.
    """
    x = sp.symbols("x", positive=True)
    assert sp.integrate(sp.diff(sp.exp(-(x**2) / 2), x), (x, 0, sp.oo)) == -1
    for speed in (1e-2, 1e-3):
        assert speed * push(lambda r: r * np.exp(-(r**2) / 2), speed, rho=1.0, terms=20_000) == pytest.approx(
            1, abs=1e-4
        )
    # The game knows which constants are right: eta_g = 4 eta_d, q = 1/2, eta_d lambda = 0.04.
    setting = {"reg": 0.4, "lr_disc": 0.1, "lr_gen": 0.4}
    measured = final_speed(isolated(0.5, 1.0, "simultaneous", steps=1500, **setting))
    assert measured == pytest.approx(divergence_speed(ganth.RBF(1.0), 0.5, **setting), rel=1e-6)
    printed = divergence_speed(ganth.RBF(1.0), 1.0, reg=0.4, lr_disc=0.1, lr_gen=0.1, order="alternating")
    assert abs(printed / measured - 1) > 0.02
    # As an oracle, mpmath to 40 digits.
    exact = theory.speed(0.5, 1.0, order="simultaneous", **setting)
    assert abs(divergence_speed(ganth.RBF(1.0), 0.5, **setting) / exact - 1) < 1e-14


# ---- the equations of the proof --------------------------------------------------------------------------------------


def test_KD_Eq24():
    """False as printed: (24a) lacks eta_d and the mass, (24b) the mass, and its gradient is at the next place."""
    mass, reg, lr = 0.3, 0.2, 0.1
    game = ganth.KernelGAN([[50.0]], [0.0], kernel=ganth.RBF(1.0), reg=reg, lr_disc=lr, lr_gen=lr)
    first, second = (game.run([[0.0]], [mass], steps=steps).discriminator([[0.0]])[0] for steps in (1, 2))
    assert first == pytest.approx(-lr * mass, abs=1e-12)  # printed: -1
    assert second == pytest.approx((1 - lr * reg) * first - lr * mass, abs=1e-12)
    # The gradient: at constant speed, the explicit step is v and the implicit one, at x^{k+1}, is not.
    setting = {"reg": reg, "lr_disc": lr, "lr_gen": lr}
    speed = divergence_speed(ganth.RBF(1.0), mass, **setting)

    def step(where):
        slope = divergence_profile(ganth.RBF(1.0), mass, [where - 1e-4, where + 1e-4], **setting)
        return lr * mass * (slope[1] - slope[0]) / 2e-4

    assert step(0.0) == pytest.approx(speed, rel=1e-6)
    implicit = speed
    for _ in range(100):
        implicit = step(implicit)
    assert abs(implicit / speed - 1) > 0.01


@pytest.mark.parametrize("terms", [1, 2, 5])
def test_KD_Eq117(terms):
    """Holds: f^{k+1} - rho f^k = -eta_d q phi(x - k v) but for the term that leaves a sum of J, of order rho^J."""
    k = sp.symbols("k", integer=True)
    phi, x, v = sp.Function("phi"), sp.symbols("x", real=True), sp.symbols("v", positive=True)
    left = theory.trail(terms, k + 1) - theory.rho * theory.trail(terms, k)
    scale = theory.lr_disc * theory.mass
    right = -scale * phi(x - k * v) + scale * theory.rho**terms * phi(x - (k - terms) * v)
    canonical = {call: phi(sp.expand(call.args[0])) for call in (left - right).atoms(sp.core.function.AppliedUndef)}
    assert sp.expand((left - right).subs(canonical)) == 0


@pytest.mark.parametrize("order", ORDERS)
def test_KD_Eq117_is_the_trail_of_the_game(order):
    run = isolated(1.0, 1.0, order, steps=1200, **SETTING)
    end = run.final[0]
    ahead = (end - run.particles[0, -2, 0]) / np.linalg.norm(end - run.particles[0, -2, 0])
    where = np.linspace(-4, 3, 15)
    found = run.discriminator(end + where[:, None] * ahead)
    np.testing.assert_allclose(found, divergence_profile(ganth.RBF(1.0), 1.0, where, order=order, **SETTING), atol=1e-7)


def test_KD_Eq119_120():
    """Corrected: q grad f^{k+1}(x^k) = v u / eta_g, so that x + v u = x + eta_g q grad f^{k+1}(x^k), alternating.

    Printed: (eta_d / eta_g) v u, then x + eta_g eta_d v u and f^k.
    """
    phi, x, v, k = sp.Function("phi"), sp.symbols("x", real=True), sp.symbols("v", positive=True), 7
    gradient = sp.diff(theory.trail(4, k + 1), x).subs(x, k * v).doit()
    slope = sp.diff(phi(x), x)
    expected = -theory.lr_disc * theory.mass * sum(theory.rho**j * slope.subs(x, j * v).doit() for j in range(4))
    assert sp.simplify(gradient - expected) == 0
    # In numbers, eta_g = eta_d / 2: the new discriminator's slope is f^{k+1}'s, the old one's another.
    mass = 0.9
    speed = divergence_speed(ganth.RBF(1.0), mass, order="alternating", **SETTING)
    j = np.arange(0, 4000)
    rho = 1 - SETTING["lr_disc"] * SETTING["reg"]
    own = SETTING["lr_disc"] * mass * float(rho**j @ (j * speed * np.exp(-((j * speed) ** 2) / 2)))
    assert mass * own == pytest.approx(speed / SETTING["lr_gen"], rel=1e-12)
    assert mass * own != pytest.approx(SETTING["lr_disc"] / SETTING["lr_gen"] * speed, rel=0.5)
    old = own / rho
    assert SETTING["lr_gen"] * mass * old == pytest.approx(speed / rho, rel=1e-12)  # f^k would make another step


# ---- new: the wave -------------------------------------------------------------------------------------------------


def test_KD_New_wave():
    """Holds, in SymPy: the threshold is g for sim, its alternating counterpart, and the speed of small rates."""
    assert sp.simplify(theory.threshold("simultaneous") / theory.g) == 1
    h = theory.g * theory.lr_disc / 2
    assert sp.simplify(theory.threshold("alternating") / (theory.g * (sp.sqrt(1 + h**2) - h))) == 1
    # For small rates c^2 = mu q^2 (1 - a M(a)), a = reg width / c: c = q sqrt(mu) at reg = 0, whatever the width.
    assert sp.simplify(theory.push_of_trail() - (1 - theory.drag * theory.mills(theory.drag))) == 0
    assert theory.push_of_trail().subs(theory.drag, 0) == 1
    shares = [float(sp.N(theory.reg_ratio_of_drag().subs(theory.drag, a), 60)) for a in (0.1, 1, 4, 16, 64)]
    assert shares == sorted(shares)
    assert 1 - 4e-3 < shares[-1] < 1


@given(masses, st.floats(0.05, 20.0), st.floats(0.05, 20.0), orders)
def test_KD_New_wave_speed_has_no_width_at_reg_0(mass, first, second, order):
    speeds = [
        divergence_speed(ganth.RBF(width), mass, reg=0.0, lr_disc=1e-6, lr_gen=1e-6, order=order)
        for width in (first, second)
    ]
    assert speeds[0] == pytest.approx(mass * 1e-6, rel=1e-6)
    assert speeds[1] == pytest.approx(speeds[0], rel=1e-6)


@given(masses, widths, rates, rates, st.floats(0.1, 0.95), st.floats(1e-3, 10.0), orders)
def test_KD_New_wave_is_unique_for_an_RBF(mass, width, lr_disc, lr_gen, share, factor, order):
    """-phi'(r) / r falls with r, so that the push over v does: one crossing of 1."""
    setting = {"lr_disc": lr_disc, "lr_gen": lr_gen, "order": order}
    reg = share * divergence_threshold(ganth.RBF(width), mass, **setting)
    assume(0.02 < reg * lr_disc < 0.95 and abs(factor - 1) > 1e-6)
    speed = divergence_speed(ganth.RBF(width), mass, reg=reg, **setting)
    other = factor * speed
    assert (naive.push(other, mass, width, reg, lr_disc, lr_gen, order) > other) == (factor < 1)


def test_KD_New_wave_needs_its_kernel():
    """Dropping the RBF, its uniqueness; dropping smoothness, the threshold."""

    # phi = exp(-r^2/2) cos(4 r), positive definite: three speeds solve the equation at eta_d lambda = 0.9.
    def slope(r):
        return np.exp(-(r**2) / 2) * (r * np.cos(4 * r) + 4 * np.sin(4 * r))

    strength = 5.0
    grid = np.linspace(0.01, 4, 4000)
    excess = np.array([strength * push(slope, v, rho=0.1, terms=100) - v for v in grid])
    assert (np.diff(np.sign(excess)) != 0).sum() == 3
    # phi = exp(-r): the push at v -> 0 is that of a cliff, and a wave exists for every reg.
    for reg in (0.1, 10.0, 1e3):
        rho = 1 - 1e-4 * reg
        assert 1e-8 * push(lambda r: np.exp(-r), 1e-12, rho=rho, terms=1000) > 1e-12


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("share", [0.2, 0.8])
def test_KD_New_wave_in_the_game(share, order):
    setting = {"lr_disc": 0.2, "lr_gen": 0.1, "order": order}
    kernel = ganth.RBF(0.5)
    reg = share * divergence_threshold(kernel, 0.5, **setting)
    expected = divergence_speed(kernel, 0.5, reg=reg, **setting)
    assert final_speed(isolated(0.5, 0.5, reg=reg, steps=1200, **setting)) == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("order", ORDERS)
def test_KD_New_waveattract(order):
    """Holds: kicked by a millionth of its mass, a point runs at v below the threshold and stands still above it."""
    setting = {"lr_disc": 0.2, "lr_gen": 0.1, "order": order}
    kernel = ganth.RBF(1.0)
    threshold = divergence_threshold(kernel, 1.0, **setting)
    for share in (0.5, 0.85):
        expected = divergence_speed(kernel, 1.0, reg=share * threshold, **setting)
        measured = final_speed(isolated(1.0, 1.0, reg=share * threshold, steps=1500, **setting))
        assert measured == pytest.approx(expected, rel=1e-6)
    stopped = isolated(1.0, 1.0, reg=1.2 * threshold, steps=1500, **setting)
    assert np.abs(stopped.particles).max() < 1e-3
    # The kick is what moves it: without one it stays at rest even below the threshold.
    assert not np.any(isolated(1.0, 1.0, reg=0.5 * threshold, steps=300, kick=0.0, **setting).particles)


@given(masses, widths, rates, rates, st.floats(0.3, 3.0))
def test_KD_New_waveattract_rest_loses_stability_there(mass, width, lr_disc, lr_gen, share):
    """The multiplier of the point at rest in its own well passes 1 at the threshold of the wave, for both orders."""
    assume(abs(share - 1) > 1e-6)
    for order in ORDERS:
        threshold = divergence_threshold(ganth.RBF(width), mass, lr_disc=lr_disc, lr_gen=lr_gen, order=order)
        reg = share * threshold
        assume(reg * lr_disc < 0.9)
        at = ([0.0], 0.0, [[0.0]], [mass], ganth.RBF(width))
        if order == "simultaneous":
            roots = spectrum(*at, reg=reg, lr_ratio=lr_gen / lr_disc)
        else:
            roots = alternating_spectrum(*at, reg=reg, lr_disc=lr_disc, lr_gen=lr_gen)
        moving = roots[np.argmax(np.abs(roots))].real
        assert (moving > 0) == (share < 1)
        values = {
            theory.mass: mass,
            theory.width: width,
            theory.reg: reg,
            theory.lr_disc: lr_disc,
            theory.lr_gen: lr_gen,
        }
        assert 1 + lr_disc * moving == pytest.approx(float(MULTIPLIERS[order].subs(values)), rel=1e-9)


MULTIPLIERS = {order: theory.multiplier_at_rest(order) for order in ORDERS}


# ---- new: the dichotomy ----------------------------------------------------------------------------------------------


@given(
    masses,
    st.floats(0.05, 20.0),
    st.floats(0.05, 20.0),
    st.floats(0.05, 20.0),
    st.integers(2, 5),
    st.floats(0.02, 0.98),
)
def test_KD_New_dichotomy(mass, width, lr_ratio, share, n, position):
    """Holds: g = q sqrt(mu) / sigma is the existence threshold of the wave, and keeps every simplex stable.

    The second half is sufficient, not sharp: simplices need at most sqrt(1 - e^-2) g = 0.93 g.
    """
    assume(abs(share - 1) > 1e-9)
    g = mass * math.sqrt(lr_ratio) / width
    reg = share * g
    lr_disc = 1e-3 / max(g, reg)
    speed = divergence_speed(ganth.RBF(width), mass, reg=reg, lr_disc=lr_disc, lr_gen=lr_ratio * lr_disc)
    assert (speed is not None) == (share < 1)
    ratio = math.exp(2 * position * (n + 1) / (2 * n)) / n
    critical = damping_threshold(n, n, ratio)
    assert critical < math.sqrt(1 - math.exp(-2))
    if share > 1:
        _, points, _ = collapse_equilibrium(n, n, ratio)
        at = {"reg": reg, "lr_ratio": lr_ratio}
        roots = spectrum(np.zeros(n), mass / ratio, width * points, np.full(n, mass), ganth.RBF(width), **at)
        assert roots.real.max() < 1e-6 * g


def test_KD_New_dichotomy_is_not_reversed():
    """Between 0.93 g and g both at once: a collapse state is stable, and an isolated point still runs away."""
    g = 1.0
    reg = 0.96 * g
    assert divergence_speed(ganth.RBF(1.0), 1.0, reg=reg, lr_disc=1e-2, lr_gen=1e-2) > 0
    _, points, _ = collapse_equilibrium(2, 2, 1.0)
    roots = spectrum([0.0, 0.0], 1.0, points, [1.0, 1.0], ganth.RBF(1.0), reg=reg, lr_ratio=1.0)
    assert roots.real.max() < 1e-7


@pytest.mark.parametrize(("mass", "dim", "points"), [(1 / 4, 2, 4), (1 / 10, 10, 10)])
def test_KD_New_ownruns(mass, dim, points):
    """Holds: lambda = 0.01, mu = 1: reg is 0.04 sigma g or 0.1 sigma g, below both thresholds for sigma of order 1."""
    for width in (0.1, 0.3, 0.6, 1.0, 2.0):
        assert divergence_speed(ganth.RBF(width), mass, reg=0.01, lr_disc=1e-3, lr_gen=1e-3) == pytest.approx(
            mass * 1e-3, rel=0.35
        )
        for n in (2, 3):
            assert 0.5 * damping_threshold(n, dim, 1.0) * mass / width > 0.01
    # Only kernels wider than 25, or 10, have no wave; pairs are held from 19, or 7.8 on.
    assert divergence_threshold(ganth.RBF(1.0), mass, lr_disc=1e-3, lr_gen=1e-3) / 0.01 == pytest.approx(100 * mass)
