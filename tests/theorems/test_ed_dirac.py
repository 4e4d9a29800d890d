"""ED, App. E: the Dirac-GAN, claim by claim.  SymPy and mpmath first, then ganth and the game itself."""

import functools
import math

import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

import ganth
from ganth.theory import dirac as theory

rates = st.floats(0.02, 1.9)
damped = st.floats(0.05, 6.0)


@functools.cache
def regulariser_is_derived():
    assert theory.penalty("half") == theory.beta * theory.phi**2 / 2
    assert theory.dynamics() == sp.Matrix([[0, 1], [-1, -theory.beta]])
    assert (theory.critical("half"), theory.critical("full")) == (2, 1)
    return True


@functools.cache
def signs_are_derived():
    assert sp.simplify(sum(theory.eigenvalues()) + theory.beta) == 0
    assert sp.simplify(sum(theory.printed_eigenvalues()) - theory.beta) == 0
    for found in theory.eigenvalues():
        assert sp.expand(found**2 + theory.beta * found + 1) == 0
    for printed in theory.printed_eigenvalues():
        assert sp.expand(printed**2 + theory.beta * printed + 1) != 0
    return True


@functools.cache
def path_is_derived():
    """Return the gap of the largest zero as a function of 1/T, and the two overdamped terms as one of beta and T."""
    for regime in ("under", "critical", "over"):
        assert theory.path_defects(regime) == [0, 0, 0]
    assert theory.winding_defect() == 0
    gap = theory.largest_zero_gap(4)
    return sp.lambdify(list(gap.free_symbols), gap), sp.lambdify([theory.beta, theory.t], theory.overdamped_terms())


@functools.cache
def steps_are_derived():
    assert theory.growth() == 1 + theory.lr_disc * theory.lr_gen
    step, form = theory.step_matrix("alternating", penalised=False), theory.conserved_form()
    assert sp.expand(step.T * form * step - form) == sp.zeros(2)
    assert sp.factor(form.det() - theory.lr_disc * theory.lr_gen * (4 - theory.lr_disc * theory.lr_gen) / 4) == 0
    return True


@functools.cache
def iteration(order, steps):
    return sp.lambdify([theory.beta, theory.lr_disc, theory.lr_gen], theory.step_matrix(order, steps))


def oracle(beta, final):
    """theta(final) from (1, 0) by SciPy."""
    found = solve_ivp(
        lambda _, s: [s[1], -s[0] - beta * s[1]], (0, final), [1.0, 0.0], "DOP853", rtol=1e-12, atol=1e-14
    )
    return found.y[0, -1]


@given(st.floats(-3, 3), st.floats(-3, 3), damped)
def test_ED_AppE_reg(theta, phi, beta):
    """(27) is beta phi^2 / 2, (E1) and (E2) follow, and the eigenvalues meet at beta = 2: at 1 for (28)."""
    assert regulariser_is_derived()
    for form, factor in (("half", 1), ("full", 2)):
        rate = 1e-3
        game = ganth.DiracGAN(beta, lr_disc=rate, lr_gen=rate, grad_reg_form=form)
        run = game.run(theta, phi0=phi, steps=1)
        assert run.final[0, 0] - theta == pytest.approx(rate * phi, abs=1e-15)
        assert run.recorded["phi"][0, 1] - phi == pytest.approx(rate * (-theta - factor * beta * phi), abs=1e-14)
        turning = abs(ganth.DiracGAN(beta / factor, grad_reg_form=form).spectrum()[0].imag) > 0
        assert turning == (beta < 2)


@given(damped)
def test_ED_AppE_eig(beta):
    """False: printed with the wrong sign.  The sum of the eigenvalues is the trace -beta; the game decays."""
    assert signs_are_derived()
    assert ganth.DiracGAN(beta).spectrum().real.max() < 0
    theta, phi = ganth.DiracGAN(beta).solution([0.0, 60.0, 400.0], 1.0, 0.0)
    assert theta[2] ** 2 + phi[2] ** 2 < theta[1] ** 2 + phi[1] ** 2 < 1


def test_ED_Fig18():
    """Not reproduced: the least |theta(10)| is an exact zero below 2, and beta = 2 is no minimum."""
    zeros = ganth.DiracGAN().zeros(10.0)
    assert len(zeros) == 3
    assert zeros.max() < 1.95
    at_two = 11 * math.exp(-10)
    assert ganth.DiracGAN(2.0).solution(10.0, 1.0, 0.0)[0] == pytest.approx(at_two, rel=1e-13)
    assert oracle(2.0, 10.0) == pytest.approx(at_two, abs=1e-11)
    for zero in zeros:
        assert abs(oracle(zero, 10.0)) < 1e-11 < at_two / 1e6
    around = [abs(ganth.DiracGAN(b).solution(10.0, 1.0, 0.0)[0]) for b in (1.95, 2.0, 2.05)]
    assert around[0] < around[1] < around[2]
    # The three regimes of the picture are there: large at 0, small near 2, growing again.
    curve = [abs(oracle(b, 10.0)) for b in (0.0, 0.5, 1.9, 4.0, 8.0)]
    assert curve[0] > curve[1] > curve[2] < curve[3] < curve[4]


@given(st.floats(0.5, 80.0), st.floats(2.0, 40.0))
def test_ED_New_diraczeros(final, beta):
    """Three regimes in closed form; T sin e + e = k pi gives every zero; none from 2 on; the largest tends to 2."""
    gap, terms = path_is_derived()
    game = ganth.DiracGAN()
    zeros = game.zeros(final)
    assert len(zeros) == math.floor(final / math.pi + 0.5)
    for k, zero in enumerate(zeros[::-1], start=1):
        e = math.acos(zero / 2)
        assert final * math.sin(e) + e == pytest.approx(k * math.pi, rel=1e-12)
        assert abs(theory.digits(zero, final)) < 1e-14
    assert min(terms(beta + 0.01, min(final, 20.0))) > 0
    assert ganth.DiracGAN(beta).solution(final, 1.0, 0.0)[0] > 0
    for long in (40.0, 200.0, 1000.0):
        assert 2 - game.zeros(long)[-1] == pytest.approx(float(gap(1 / long)), rel=2e3 / long**4, abs=1e-14)
        assert (2 - game.zeros(long)[-1]) * (long + 1) ** 2 / math.pi**2 == pytest.approx(1, abs=10 / long**2)


@given(rates, rates)
def test_ED_New_euler(lr_disc, lr_gen):
    """Simultaneous steps grow by 1 + lr_disc lr_gen; alternating ones keep a form, definite iff lr_disc lr_gen < 4."""
    assert steps_are_derived()
    rates = {"lr_disc": lr_disc, "lr_gen": lr_gen}
    apart = ganth.DiracGAN(**rates).run(steps=200, record_every=1)
    size = lr_disc * apart.particles[0, :, 0, 0] ** 2 + lr_gen * apart.recorded["phi"][0] ** 2
    np.testing.assert_allclose(size[1:] / size[:-1], 1 + lr_disc * lr_gen, rtol=1e-12)
    bounded = ganth.DiracGAN(order="alternating", **rates).run(steps=5000, record_every=1)
    cross = -lr_disc * lr_gen / 2
    smallest = np.linalg.eigvalsh([[lr_disc, cross], [cross, lr_gen]])[0]
    assert np.square(bounded.particles).max() <= lr_disc / smallest * (1 + 1e-9)
    # Beyond 4 they diverge too.
    beyond = ganth.DiracGAN(order="alternating", lr_disc=4.2 / lr_gen, lr_gen=lr_gen).run(steps=400)
    assert abs(beyond.final[0, 0]) > 1e6


@pytest.mark.parametrize("order", ["simultaneous", "alternating"])
@pytest.mark.parametrize("steps", [1, 2, 5])
@given(st.floats(0.01, 0.4), st.floats(0.01, 0.4), st.floats(0.01, 2.2))
def test_iterations_are_those_of_sympy(order, steps, lr_disc, lr_gen, beta):
    """The played iteration of (1, 0) and (0, 1) is the matrix that SymPy writes out."""
    game = ganth.DiracGAN(beta, lr_disc=lr_disc, lr_gen=lr_gen, n_disc=steps, order=order)
    run = game.run(np.array([1.0, 0.0]).reshape(2, 1, 1), phi0=[0.0, 1.0], steps=1, trials=2)
    expected = iteration(order, steps)(beta, lr_disc, lr_gen)
    np.testing.assert_allclose([run.final[:, 0, 0], run.recorded["phi"][:, -1]], expected, atol=1e-13)
