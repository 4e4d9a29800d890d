"""KD, appendices A and B: what the linearisation is, claim by claim.  SymPy first, then ganth.stability."""

import functools

import numpy as np
import pytest
import sympy as sp
from hypothesis import assume, given
from hypothesis import strategies as st

import ganth
from ganth import stability
from ganth.metrics import mmd2
from ganth.theory import linearisation as theory

REG, MU, P = sp.symbols("lambda mu p", positive=True)
Q1, Q2 = sp.symbols("q1 q2", positive=True)
masses_of = st.lists(st.floats(0.1, 2.0), min_size=1, max_size=3).map(np.array)


@st.composite
def settings(draw, dims=(1, 2)):
    """One true point at the origin, one to three generated points, a smooth kernel, reg and the ratio of rates."""
    dim = draw(st.sampled_from(dims))
    masses = draw(masses_of)
    points = draw(st.lists(st.floats(-2, 2), min_size=len(masses) * dim, max_size=len(masses) * dim))
    kernel = draw(
        st.sampled_from(
            [ganth.RBF(1.0), ganth.RBF(0.6), ganth.MultiScale((0.7, 2.0)), ganth.RationalQuadratic(1.0, 1.5)]
        )
    )
    return {
        "true_point": np.zeros(dim),
        "true_mass": draw(st.floats(0.0, 2.0)),
        "points": np.array(points).reshape(-1, dim),
        "masses": masses,
        "kernel": kernel,
    }, {"reg": draw(st.floats(0.05, 3.0)), "lr_ratio": draw(st.floats(0.2, 3.0))}


def general(dim):
    """A region of two generated points under a kernel a(x)^T a(y) of three features that nothing is known of."""
    features = [sp.Function(f"a{m}") for m in range(3)]
    points = [tuple(sp.symbols(f"x{j}_0:{dim}", real=True)) for j in range(3)]
    kernel = theory.feature_kernel(lambda x: [a(*x) for a in features])
    return theory.Configuration(kernel, (points[0],), (P,), tuple(points[1:]), (Q1, Q2))


def vanishes(matrix):
    return matrix.applyfunc(lambda entry: sp.expand(entry.doit())).is_zero_matrix


def symmetric(matrix):
    return (matrix + matrix.T) / 2


# ---- the oscillator ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dim", [1, 2])
def test_KD_New_identity(dim):
    region = general(dim)
    assert vanishes(REG * region.friction(REG, MU) + region.coupling(MU) - MU * region.hessian())


@given(settings())
def test_KD_New_identity_in_numbers(drawn):
    region, rates = drawn
    damping, coupling = stability.quadratic_pencil(**region, **rates)
    hessian = stability.restricted_mmd(**region)[2].reshape(damping.shape)
    np.testing.assert_allclose(
        rates["reg"] * damping + coupling, rates["lr_ratio"] * hessian, rtol=1e-12, atol=1e-13 * rates["lr_ratio"]
    )


@functools.cache
def exact(n, dim):
    """J, its gradient and Hessian, Q and R for an RBF, as functions of numbers."""
    points = tuple(tuple(sp.symbols(f"x{j}_0:{dim}", real=True)) for j in range(n))
    masses = sp.symbols(f"q0:{n}", positive=True)
    width = sp.Symbol("sigma", positive=True)
    region = theory.Configuration(theory.rbf(width), ((0,) * dim,), (P,), points, masses)
    arguments = [P, *masses, *sp.flatten(points), width, REG, MU]
    wanted = [region.mmd(), region.gradient(), region.hessian(), region.friction(REG, MU), region.coupling(MU)]
    return sp.lambdify(arguments, wanted, "numpy")


@given(settings())
def test_theory_and_stability_agree_on_J_and_the_roots(drawn):
    region, rates = drawn
    n, dim = region["points"].shape
    assume(isinstance(region["kernel"], ganth.RBF) and n * dim <= 3)
    energy, gradient, hessian, friction, coupling = exact(n, dim)(
        region["true_mass"], *region["masses"], *region["points"].ravel(), region["kernel"].width, *rates.values()
    )
    ours = stability.restricted_mmd(**region)
    assert ours[0] == pytest.approx(energy, rel=1e-12, abs=1e-12)
    np.testing.assert_allclose(ours[1].ravel(), gradient.ravel(), rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(ours[2].reshape(hessian.shape), hessian, rtol=1e-11, atol=1e-11)
    identity = np.eye(n * dim)
    companion = np.block([[-rates["reg"] * identity, -coupling], [identity, -friction]])  # det = psi
    theirs = np.linalg.eigvals(companion)
    roots = stability.spectrum(**region, **rates)
    assert np.poly(roots) == pytest.approx(np.poly(theirs), rel=1e-8, abs=1e-8 * np.abs(np.poly(theirs)).max())


def test_KD_New_oscillator():
    s, c, k = sp.symbols("s c k", real=True)
    # A root of D(s) v = 0 with |v| = 1 obeys s^2 + c s + k = 0, c and k the friction and stiffness along v.
    minors = theory.hurwitz_minors(sp.Poly(s**2 + c * s + k, s))
    assert minors == [c, c * k]
    # The roots sum to -tr(friction): at a negative trace some Re s > 0.
    entries = sp.symbols("c11 c12 c22 k11 k12 k22", real=True)
    friction, stiffness = sp.Matrix([entries[:2], entries[1:3]]), sp.Matrix([entries[3:5], entries[4:6]])
    psi = sp.Poly((s**2 * sp.eye(2) + s * friction + stiffness).det(), s)
    assert sp.expand(psi.coeff_monomial(s**3) - friction.trace()) == 0
    assert sp.expand(psi.eval(0) - stiffness.det()) == 0


@given(settings())
def test_KD_New_oscillator_in_numbers(drawn):
    region, rates = drawn
    damping, coupling = stability.quadratic_pencil(**region, **rates)
    friction = symmetric(rates["reg"] * np.eye(len(damping)) + damping)
    stiffness = symmetric(rates["reg"] * damping + coupling)
    roots = stability.spectrum(**region, **rates)
    scale = np.abs(roots).max()
    least_friction, least_stiffness = np.linalg.eigvalsh(friction)[0], np.linalg.eigvalsh(stiffness)[0]
    if least_friction > 1e-6 and least_stiffness > 1e-6:
        assert roots.real.max() < 0
    if least_stiffness < -1e-6:
        real = roots[np.abs(roots.imag) < 1e-9 * scale].real
        assert real.size
        assert real.max() > 0
    if np.trace(friction) < -1e-6:
        assert roots.real.max() > 0
    assert roots.sum() == pytest.approx(-np.trace(friction), rel=1e-9, abs=1e-9 * scale)


def test_a_stiffness_without_friction_does_not_hold():
    """Drop friction > 0 from the oscillator's theorem: a minimum of J with growing oscillations."""
    roots = stability.spectrum([0.0], 0.5, [[0.0]], [1.0], ganth.RBF(1.0), reg=0.5, lr_ratio=1.0)
    hessian = stability.restricted_mmd([0.0], 0.5, [[0.0]], [1.0], ganth.RBF(1.0))[2]
    assert hessian.item() > 0
    np.testing.assert_allclose(roots.real, 0.25)


# ---- appendix A -----------------------------------------------------------------------------------------------------


@given(
    st.lists(st.floats(-1, 1), min_size=9, max_size=9), st.sampled_from([0.3, 0.8, 0.97, 1.03, 1.5]), st.floats(0, 1)
)
def test_KD_Lem1ac_2(entries, radius, bend):
    """The largest modulus decides a linear map, and a smooth one near its equilibrium."""
    matrix = np.array(entries).reshape(3, 3)
    largest = np.abs(np.linalg.eigvals(matrix)).max()
    assume(largest > 0.3)
    matrix *= radius / largest
    steps = int(30 / abs(np.log(radius)))
    size = np.linalg.norm(np.linalg.matrix_power(matrix, steps))
    assert (size < 1e-5) if radius < 1 else (size > 1e10)
    start = np.full(3, 1e-9)
    z = start + np.real(np.linalg.eig(matrix)[1]).sum(axis=1) * 1e-9
    for _ in range(steps):
        z = matrix @ z + bend * np.sin(z) ** 2  # smooth, and flat at 0
        if np.linalg.norm(z) > 1e-4:
            break
    assert (np.linalg.norm(z) > 1e-4) == (radius > 1)


def test_KD_Lem1ac_2_at_modulus_one_says_nothing():
    """Drop |rho| != 1: z - z^3 and z + z^3 share their Jacobian; neither is exponential and one is unstable."""
    inward = outward = 0.1
    for _ in range(1000):
        inward, outward = inward - inward**3, min(outward + outward**3, 1.0)
    assert 0.02 < inward < 0.1  # 1/sqrt(2 k), not geometric
    assert outward == 1.0


def test_KD_Lem1b():
    k = sp.Symbol("k", integer=True, positive=True)
    power = theory.jordan_power(k)
    assert power[0, 1] == k  # unbounded
    assert sp.Matrix([[1, 1], [0, 1]]).eigenvals() == {1: 2}
    assert np.linalg.matrix_power(np.array([[1, 1], [0, 1]]), 10**6)[0, 1] == 10**6


def test_KD_Rem_limitcycle():
    assert theory.linear_orbit_is_never_isolated().is_zero_matrix
    turn = np.array([[np.cos(1.0), -np.sin(1.0)], [np.sin(1.0), np.cos(1.0)]])
    z = np.array([1.0, 0.0])
    returns = []
    for _ in range(1000):
        z = turn @ z
        returns.append(np.linalg.norm(z - [1.0, 0.0]))
    assert min(returns) > 1e-5  # critically stable, and no orbit ever closes: 1/(2 pi) is irrational
    # The game itself, excess 0 and two points: the neutral root is 0, a line of rest points and no cycle at all.
    roots = stability.spectrum([0.0], 1.0, [[0.0], [0.0]], [0.5, 0.5], ganth.RBF(1.0), reg=1.0, lr_ratio=1.0)
    neutral = roots[np.abs(roots.real) < 1e-12]
    assert len(neutral) == 1
    assert abs(neutral[0].imag) < 1e-12


# ---- appendix B: J and the equilibria --------------------------------------------------------------------------------


def test_KD_Eq31():
    region = general(1)
    gap = theory.generator_loss(region, REG) - theory.discriminator_loss(region, REG)
    true = P**2 * region.kernel(region.true_points[0], region.true_points[0])
    generated = sp.Add(
        *(
            q * r * region.kernel(x, y)
            for q, x in zip(region.masses, region.points, strict=True)
            for r, y in zip(region.masses, region.points, strict=True)
        )
    )
    assert sp.expand(theory.discriminator_loss(region, REG) - region.mmd() / REG) == 0  # what (31) gives
    assert sp.expand(gap - (generated - true) / (2 * REG)) == 0  # what it is off by
    heavy = theory.Configuration(theory.rbf(1), ((0,),), (1,), ((0,),), (2,))
    assert (theory.generator_loss(heavy, 1), heavy.mmd()) == (2, sp.Rational(1, 2))


def test_KD_Eq31_holds_for_equal_kernel_norms():
    """Restore the hypothesis that (31) needs: as many Diracs, as far apart, on both sides."""
    even = theory.Configuration(theory.rbf(1), ((0,), (3,)), (1, 1), ((5,), (8,)), (1, 1))
    assert sp.simplify(theory.generator_loss(even, 2) - even.mmd() / 2) == 0


@given(settings())
def test_KD_Eq33(drawn):
    region, _ = drawn
    dim = len(region["true_point"])
    twice = mmd2(
        region["true_point"][None], region["points"], region["kernel"], [region["true_mass"]], region["masses"]
    )
    assert 2 * stability.restricted_mmd(**region)[0] == pytest.approx(twice, rel=1e-11, abs=1e-13)
    # Two regions, so far apart that an RBF between them is exactly 0: J is the sum of the J_i.
    kernel, away = ganth.RBF(1.0), np.full(dim, 100.0)
    here = region | {"kernel": kernel}
    there = here | {"true_point": away, "points": away - region["points"] / 2}
    both = stability.mmd_energy(
        np.array([here["true_point"], away]),
        [region["true_mass"]] * 2,
        np.concatenate([here["points"], there["points"]]),
        np.concatenate([region["masses"]] * 2),
        kernel,
    )[0]
    parts = stability.restricted_mmd(**here)[0] + stability.restricted_mmd(**there)[0]
    assert both == pytest.approx(parts, rel=1e-12, abs=1e-13)


def test_KD_Eq33_needs_isolation():
    """Drop isolation: J is no longer the sum of the J_i."""
    kernel = ganth.RBF(1.0)
    both = stability.mmd_energy([[0.0], [1.0]], [1.0, 1.0], [[0.5], [0.5]], [1.0, 1.0], kernel)[0]
    parts = stability.restricted_mmd([0.0], 1.0, [[0.5]], [1.0], kernel)[0]
    parts += stability.restricted_mmd([1.0], 1.0, [[0.5]], [1.0], kernel)[0]
    assert abs(both - parts) > 0.01


@pytest.mark.parametrize("dim", [1, 2])
def test_KD_Lem3(dim):
    """dJ/dx_j = -reg q_j grad f*(x_j), so critical points and equilibria are the same; (38) is another matter."""
    region = general(dim)
    weights = sp.diag(*(q * sp.eye(dim) for q in region.masses))
    assert vanishes(region.gradient() + REG * weights * region.slopes(REG))
    heavy = theory.Configuration(theory.rbf(1), ((0,),), (1,), ((0,),), (1,))
    assert heavy.hessian()[0] == 1
    assert heavy.friction(REG, 1)[0] == 0  # -H(x) = 0, so (38) would have it 0


@given(settings())
def test_KD_Lem3_in_numbers(drawn):
    region, rates = drawn
    gradient = stability.restricted_mmd(**region)[1]
    kernel, x = region["kernel"], region["points"]
    slope = region["true_mass"] * kernel.gradient(x, region["true_point"][None])[:, 0]
    slope -= np.einsum("k,jka->ja", region["masses"], kernel.gradient(x, x))
    step = region["masses"][:, None] * slope / rates["reg"]  # (12b), per unit of lr_gen
    np.testing.assert_allclose(gradient, -rates["reg"] * step, rtol=1e-11, atol=1e-13)


def test_KD_Eq38():
    region = general(1)
    right = -REG * sp.diag(*(q * region._at(x, REG, 2) for q, x in zip(region.masses, region.points, strict=True)))
    extra = [region.coupling(MU)[j, j] / MU for j in range(2)]
    for j in range(2):
        assert sp.expand((region.hessian()[j, j] - right[j, j] - extra[j]).doit()) == 0
    # p = 1, q = 2, an RBF: the block is p q = 2, and -reg H is p - q = -1.
    single = theory.Configuration(theory.rbf(1), ((0,),), (1,), ((0,),), (2,))
    assert single.hessian()[0] == 2
    assert single.friction(1, 1)[0] / 2 == -1
    numbers = stability.restricted_mmd([0.0], 1.0, [[0.0]], [2.0], ganth.RBF(1.0))[2].item()
    assert numbers == pytest.approx(2.0)


def test_KD_Eq41():
    region = general(1)
    gap = region.gradient() + REG * region.slopes(REG)
    assert not vanishes(gap)
    assert vanishes(gap.subs({Q1: 1, Q2: 1}))  # right where every q_j is 1
    gradient = stability.restricted_mmd([0.0], 1.0, [[1.0]], [0.5], ganth.RBF(1.0))[1].item()
    printed = np.exp(-0.5)  # -reg f*'(1)
    assert gradient == pytest.approx(0.5 * printed)
