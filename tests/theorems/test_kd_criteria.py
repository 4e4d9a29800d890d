"""KD, theorem 1(c), (d) and appendix C: which constants and which inequalities decide, with counterexamples."""

import numpy as np
import pytest
import sympy as sp
from hypothesis import assume, given
from hypothesis import strategies as st
from naive_linearisation import Curved

import ganth
from ganth import stability
from ganth.theory import linearisation as theory
from ganth.theory import true_point

S = sp.Symbol("s")
entry = st.floats(0.1, 3.0)
rate = st.floats(0.1, 2.0)


def stable(case):
    """By Routh and Hurwitz on the exact psi; a zero minor does not occur in these cases."""
    return all(minor > 0 for minor in theory.hurwitz_minors(case.psi(S)))


def worst(case, kernel):
    dim = case.hill.rows
    roots = stability.spectrum(
        np.zeros(dim),
        float(case.true_mass),
        np.zeros((1, dim)),
        [float(case.mass)],
        kernel,
        reg=float(case.reg),
        lr_ratio=float(case.mu),
    )
    return roots.real.max()


def curved(case):
    return Curved(np.array(case.hill, dtype=float), np.array(case.slope, dtype=float))


def rotated(values, angle):
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return turn @ np.diag(values) @ turn.T


@st.composite
def planes(draw):
    """One point, excess < 0, under a kernel with any curvatures in the plane: B and C need not commute."""
    hill = rotated([draw(entry), draw(entry)], draw(st.floats(0, np.pi)))
    slope = rotated([draw(entry), draw(entry)], draw(st.floats(0, np.pi)))
    mass, reg, mu = draw(st.floats(0.2, 2)), draw(rate), draw(rate)
    return hill, slope, draw(st.floats(0.0, 1.0)) * mass, mass, reg, mu


def constants(hill, slope):
    return np.linalg.eigvalsh(hill)[[0, -1]], np.linalg.eigvalsh(slope)[[0, -1]]


def roots_of(plane):
    hill, slope, p, q, reg, mu = plane
    return stability.spectrum(np.zeros(2), p, np.zeros((1, 2)), [q], Curved(hill, slope), reg=reg, lr_ratio=mu)


def pencil_of(plane, alpha):
    hill, slope, p, q, reg, mu = plane
    region = (np.zeros(2), p, np.zeros((1, 2)), [q], Curved(hill, slope))
    damping, coupling = stability.quadratic_pencil(*region, reg=reg, lr_ratio=mu)
    return (alpha + reg) * (alpha * np.eye(2) + damping) + coupling


# ---- (19), (20), (85), (88) ------------------------------------------------------------------------------------------


def test_KD_Thm1c():
    """An anisotropic RBF, widths 1 and 1/2: (19) holds, and the roots 1/2 +- 1.32 i of the steep axis grow."""
    case = true_point.AGAINST_19
    assert case.constants() == (1, 4, 1, 4)
    assert case.value(true_point.PRINTED["19"]) == sp.Rational(1, 2)
    assert case.value(true_point.CORRECTED["stable"]) == -1
    assert not stable(case)
    assert worst(case, ganth.AnisotropicRBF((1.0, 0.5))) == pytest.approx(0.5)


def test_KD_Thm1d():
    """B and C that do not commute: (20) holds, and all four roots have Re s < -0.16."""
    case = true_point.AGAINST_20
    assert case.value(true_point.PRINTED["20"]) == -sp.Rational(1, 10)
    assert case.value(true_point.CORRECTED["unstable"]) > 0
    assert case.hill * case.slope != case.slope * case.hill
    assert stable(case)
    assert worst(case, curved(case)) == pytest.approx(-0.166107, abs=1e-6)


@given(st.lists(st.floats(0.4, 2.5), min_size=1, max_size=3), st.floats(0, 1), st.floats(0.2, 2), rate, rate)
def test_KD_Thm1d_holds_for_shift_invariant_kernels(widths, share, mass, reg, mu):
    """Restore what (20) needs, B = C: then its constants k2, k4 are right."""
    kernel, dim = ganth.AnisotropicRBF(tuple(widths)), len(widths)
    steepest = min(widths) ** -2
    value = mu * (share - 1) * mass**2 * steepest + min(reg**2, mu * mass**2 * steepest)
    assume(value < -1e-6)
    point = np.zeros((1, dim))
    roots = stability.spectrum(point[0], share * mass, point, [mass], kernel, reg=reg, lr_ratio=mu)
    assert roots.real.max() > 0


def test_KD_Eq85_88():
    """(85): C small along one axis makes a positive real root.  (88): right only if k3 is attained."""
    case = true_point.AGAINST_85
    assert case.value(true_point.PRINTED["85"]) == sp.Rational(1, 2)
    assert case.value(true_point.CORRECTED["stable"]) == -sp.Rational(1, 4)
    assert not stable(case)
    assert worst(case, curved(case)) == pytest.approx((5**0.5 - 1) / 4)  # a real root
    loose = true_point.AGAINST_LOOSE_88
    half = sp.Rational(1, 2)
    assert true_point.criterion(half, 1, loose.reg, loose.mu, 1, sp.Rational(1, 100)) < 0
    assert stable(loose)
    assert worst(loose, ganth.RBF(1.0)) < 0


@given(planes())
def test_KD_Eq85_88_with_attained_constants(plane):
    """Restore attained constants: (88) does imply a root on the right."""
    hill, slope, p, q, reg, mu = plane
    (k1, _), (k3, _) = constants(hill, slope)
    value = mu * (p - q) * k1 * q + min(reg**2, mu * q**2 * k3)
    assume(value < -1e-6)
    assert roots_of(plane).real.max() > 0


@given(planes())
def test_KD_New_constants(plane):
    """(k2, k3) for stability and (k1, k4) for instability, whatever B and C."""
    hill, slope, p, q, reg, mu = plane
    (k1, k2), (k3, k4) = constants(hill, slope)
    real = roots_of(plane).real.max()
    if mu * (p - q) * k2 * q + min(reg**2, mu * q**2 * k3) > 1e-6:
        assert real < 0
    if mu * (p - q) * k1 * q + min(reg**2, mu * q**2 * k4) < -1e-6:
        assert real > 0


def test_KD_New_constants_cannot_be_the_printed_ones():
    """Put (k1, k3) or (k2, k4) back and each criterion errs on a case of its own."""
    assert (
        true_point.AGAINST_19.value(true_point.PRINTED["19"])
        > 0
        > true_point.AGAINST_19.value(true_point.CORRECTED["stable"])
    )
    assert (
        true_point.AGAINST_85.value(true_point.PRINTED["85"])
        > 0
        > true_point.AGAINST_85.value(true_point.CORRECTED["stable"])
    )
    for case in (true_point.AGAINST_19, true_point.AGAINST_85):
        assert not stable(case)


# ---- (72)-(78), (81)-(87) --------------------------------------------------------------------------------------------


def test_KD_Eq75_78():
    """Masses 1 and 3, p = 1: between q1 and q2 the least eigenvalue is negative, where (77) has a positive bound."""
    p, masses, reg = 1.0, np.array([1.0, 3.0]), 1.0
    damping, coupling = stability.quadratic_pencil(
        [0.0], p, [[0.0], [0.0]], masses, ganth.RBF(1.0), reg=reg, lr_ratio=1.0
    )
    q1, q2 = (masses.sum() - p) / reg * masses  # (73), k1 = k2 = mu = 1

    def least(alpha):
        return np.linalg.eigvalsh((alpha + reg) * (alpha * np.eye(2) + damping) + coupling)[0]

    middle = (q1 + q2) / 2
    assert (q1, q2) == (3.0, 9.0)
    assert least(middle) < 0 < (middle + reg) * (middle - q1)  # (77) and (78) fail
    assert least(0) > -reg * q2 + 0.1  # (76) is no equality
    assert least(q2) > 0


@given(st.lists(st.floats(0.1, 2), min_size=2, max_size=3), st.floats(0.05, 0.95), rate, rate, st.floats(0, 20))
def test_KD_Eq75_78_corrected(masses, share, reg, mu, alpha):
    """(alpha + reg)(alpha - q2) <= least eigenvalue <= (alpha + reg)(alpha - q1): a positive root in [q1, q2]."""
    p = share * sum(masses)
    region = ([0.0], p, np.zeros((len(masses), 1)), masses, ganth.RBF(1.0))
    damping, coupling = stability.quadratic_pencil(*region, reg=reg, lr_ratio=mu)
    q1, q2 = (mu * (sum(masses) - p) * m / reg for m in (min(masses), max(masses)))
    matrix = (alpha + reg) * (alpha * np.eye(len(masses)) + damping) + coupling
    least, slack = np.linalg.eigvalsh(matrix)[0], 1e-9 * np.abs(matrix).max()
    assert (alpha + reg) * (alpha - q2) - slack <= least <= (alpha + reg) * (alpha - q1) + slack
    roots = stability.spectrum(*region, reg=reg, lr_ratio=mu)
    far = 1e-5 * np.abs(roots).max()
    real = roots[np.abs(roots.imag) < far].real
    assert ((real > q1 - far) & (real < q2 + far)).any()


def test_KD_Eq75_78_needs_two_points():
    """Drop |N| >= 2: R is definite, no null vector bounds the least eigenvalue from above, and no root need exist."""
    roots = stability.spectrum([0.0], 0.5, [[0.0]], [1.0], ganth.RBF(1.0), reg=1.0, lr_ratio=1.0)
    assert not ((np.abs(roots.imag) < 1e-9) & (roots.real > 0)).any()


@given(planes(), st.floats(0, 20))
def test_KD_Eq83_84(plane, alpha):
    hill, slope, p, q, reg, mu = plane
    (_, k2), (k3, _) = constants(hill, slope)
    q2, r1 = mu * (q - p) * k2 * q / reg, mu * q**2 * k3
    matrix = pencil_of(plane, alpha)
    bound = alpha**2 + (reg - q2) * alpha + r1 - q2 * reg
    assert np.linalg.eigvalsh(matrix)[0] >= bound - 1e-9 * np.abs(matrix).max()
    if reg - q2 > 1e-6 and r1 - q2 * reg > 1e-6:
        roots = roots_of(plane)
        assert roots.real.max() < 0  # more than (84) asks: friction and stiffness are positive


def test_KD_Eq83_84_needs_both_conditions():
    """Drop r1 > q2 reg: a positive real root.  Drop reg > q2: none, but a complex pair on the right."""
    flat = stability.spectrum([0.0], 0.5, [[0.0]], [1.0], Curved([[1.0]], [[0.25]]), reg=1.0, lr_ratio=1.0)
    assert flat[0].real > 0.1
    assert abs(flat[0].imag) < 1e-12
    loose = stability.spectrum([0.0], 0.5, [[0.0]], [1.0], ganth.RBF(1.0), reg=0.5, lr_ratio=1.0)
    assert (loose.real > 0).all()
    assert (np.abs(loose.imag) > 0.1).all()


def test_KD_Eq81_87():
    """reg = 2, q1 = 1/2, r1 = r2 = 4: (87) promises a positive root of a^2 + 3/2 a + 3; there is none."""
    reg, q1, r2 = sp.Integer(2), sp.Rational(1, 2), sp.Integer(4)
    quadratic = sp.Poly(S**2 + (reg - q1) * S + r2 - q1 * reg, S)
    assert true_point.quadratic_root_printed(reg, q1, r2) == sp.true
    assert sp.real_roots(quadratic) == []
    assert true_point.quadratic_root(reg, q1, r2) == sp.false
    # The point itself: q = 2, p = 3/2, mu = 1, RBF, q1 = q (q - p)/reg, r = q^2, is stable.
    roots = stability.spectrum([0.0], 1.5, [[0.0]], [2.0], ganth.RBF(1.0), reg=2.0, lr_ratio=1.0)
    assert np.poly(roots) == pytest.approx([1.0, 1.5, 3.0])
    assert roots.real.max() < 0
    # (81): R = mu q^2 C lies in [r1, r2] I, and r1 holds mu already: at mu = 2 "mu [r1, k2]" misses it.
    _, coupling = stability.quadratic_pencil([0.0], 1.5, [[0.0]], [2.0], ganth.RBF(1.0), reg=2.0, lr_ratio=2.0)
    r1 = 2.0 * 2.0**2
    assert coupling.item() == pytest.approx(r1)
    assert coupling.item() < 2.0 * r1


@given(rate, entry, entry)
def test_KD_Eq81_87_corrected(reg, q1, r2):
    """The quadratic has a positive root iff r2 < q1 reg, or reg < q1 with real roots."""
    roots = np.roots([1.0, reg - q1, r2 - q1 * reg])
    assume(min(abs(r2 - q1 * reg), abs((reg - q1) ** 2 - 4 * (r2 - q1 * reg)), abs(reg - q1)) > 1e-6)
    positive = bool(((np.abs(roots.imag) < 1e-9) & (roots.real > 0)).any())
    assert bool(true_point.quadratic_root(reg, q1, r2)) == positive
