"""The linear Dirac-GAN in closed form, against 60 digits; its zeros; logistic means under Gaussian noise."""

import math

import mpmath as mp
import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ganth
from ganth.formulas import dirac as formulas

starts = st.floats(-2.0, 2.0)


@given(st.floats(-8, 8), st.floats(0, 30), st.booleans())
def test_means_under_noise(u, spread, beside_one):
    """Against mpmath, on both sides of the change of variables too."""
    spread = 1.0 + 1e-9 * (-1 if u > 0 else 1) if beside_one else spread
    density = lambda z: mp.exp(-z * z / 2) / mp.sqrt(2 * mp.pi)  # noqa: E731
    logistic = lambda t: 1 / (1 + mp.exp(-t))  # noqa: E731
    mean, slope = formulas.noisy_logistic(u, spread)
    nodes = sorted({-12, -4, 0, 4, 12, *([-u / spread] if spread > abs(u) / 12 else [])})
    exact = mp.quad(lambda z: density(z) * logistic(u + spread * z), nodes)
    assert abs(mean - exact) < 1e-13
    exact = mp.quad(lambda z: density(z) * logistic(u + spread * z) * logistic(-u - spread * z), nodes)
    assert abs(slope - exact) < 1e-13


def test_noise_tames_a_huge_slope():
    mean, slope = formulas.noisy_logistic(3.0, 1e300)
    assert mean == pytest.approx(0.5, abs=1e-14)
    assert slope == pytest.approx(1 / math.sqrt(2 * math.pi) / 1e300, rel=1e-12)


def exact_path(t, theta, phi, damping):
    """theta and phi in 60 digits, by the matrix exponential's eigenvalues."""
    with mp.workdps(60):
        t, theta, phi, damping = map(mp.mpf, (t, theta, phi, damping))
        root = mp.sqrt(damping**2 / 4 - 1 + 0j)
        cosine, sine = mp.cosh(root * t), mp.sinh(root * t) / root if root else t
        shrink = mp.exp(-damping * t / 2)
        return (
            float((shrink * (theta * cosine + (phi + damping * theta / 2) * sine)).real),
            float((shrink * (phi * cosine - (theta + damping * phi / 2) * sine)).real),
        )


@given(
    t=st.floats(0, 40),
    theta=starts,
    phi=starts,
    damping=st.one_of(
        st.floats(0, 6),
        st.floats(-14, -1).map(lambda e: 2 - 10**e),
        st.floats(-14, -1).map(lambda e: 2 + 10**e),
        st.floats(1, 6).map(lambda e: 10**e),
        st.just(2.0),
    ),
)
def test_solution_in_all_regimes(t, theta, phi, damping):
    """To rounding of the oscillation's amplitude; from (1, 0) in the overdamped regime to rounding of theta itself."""
    exact = exact_path(t, theta, phi, damping)
    size = math.exp(-formulas.exponents(damping)[0] * t) * (abs(theta) + abs(phi)) * (1 + min(t, 40))
    np.testing.assert_allclose(ganth.DiracGAN(damping).solution(t, theta, phi), exact, rtol=0, atol=1e-14 * size)
    if damping >= 2:
        np.testing.assert_allclose(
            ganth.DiracGAN(damping).solution(t, 1.0, 0.0), exact_path(t, 1.0, 0.0, damping), rtol=1e-13
        )


def test_solution_takes_arrays():
    gan = ganth.DiracGAN(0.7)
    theta, phi = gan.solution(np.linspace(0, 3, 4)[:, None], [1.0, 2.0], 0.5)
    assert theta.shape == phi.shape == (4, 2)
    assert theta[2, 1] == gan.solution(2.0, 2.0, 0.5)[0]
    assert np.isscalar(gan.solution(2.0, 2.0, 0.5)[0])
    full = ganth.DiracGAN(0.35, grad_reg_form="full")
    assert full.solution(2.0, 1.0, 0.0) == gan.solution(2.0, 1.0, 0.0)
    with pytest.raises(ganth.ShapeError, match="must have shapes that broadcast"):
        gan.solution([1.0, 2.0], [1.0, 2.0, 3.0], 0.0)
    with pytest.raises(ganth.ParameterError, match="t must be finite, got inf"):
        gan.solution(np.inf, 1.0, 0.0)


@given(st.floats(0, 8))
def test_spectrum_is_that_of_the_matrix(grad_reg):
    found = ganth.DiracGAN(grad_reg).spectrum()
    assert found.dtype == np.complex128
    np.testing.assert_allclose(found.sum(), -grad_reg, atol=1e-13)
    np.testing.assert_allclose(found.prod(), 1.0, atol=1e-13)
    assert found.real.max() <= 0
    expected = np.sort_complex(np.linalg.eigvals([[0.0, 1.0], [-1.0, -grad_reg]]))
    np.testing.assert_allclose(np.sort_complex(found), expected, atol=1e-6)


@given(st.floats(0.1, 60))
def test_zeros_are_all_there_are(t_final):
    found = ganth.DiracGAN(5.0, order="alternating").zeros(t_final)
    assert len(found) == math.floor(t_final / math.pi + 0.5)
    assert (np.diff(found) > 0).all()
    assert ((found >= 0) & (found < 2)).all()
    np.testing.assert_array_equal(ganth.DiracGAN(grad_reg_form="full").zeros(t_final), found / 2)
    for zero in found:
        around = [exact_path(t_final, 1, 0, b)[0] for b in (zero - 1e-7, zero + 1e-7)]
        assert around[0] * around[1] < 0
    angles = np.linspace(1e-3, math.pi / 2, 2000)  # beta = 2 cos: between the zeros the sign is kept
    signs = np.sign([ganth.DiracGAN(2 * math.cos(a)).solution(t_final, 1.0, 0.0)[0] for a in angles])
    assert (np.diff(signs) != 0).sum() == len(found)


def test_zeros_need_a_time():
    with pytest.raises(ganth.ParameterError, match="t_final must be >= 0, got -1"):
        ganth.DiracGAN().zeros(-1)
    assert ganth.DiracGAN().zeros(0).shape == (0,)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"loss": "vanilla"}, "loss must be 'linear' for {}, got 'vanilla'"),
        ({"lr_gen": 0.5}, "lr_gen must be 1.0 for {}, got 0.5"),
        ({"lr_disc": 2.0}, "lr_disc must be 1.0 for {}, got 2.0"),
        ({"n_disc": 2}, "n_disc must be 1 for {}, got 2"),
        ({"consensus": 0.1}, "consensus must be 0.0 for {}, got 0.1"),
    ],
)
def test_closed_forms_are_of_the_plain_game(settings, message):
    gan = ganth.DiracGAN(0.3, **settings)
    calls = {"solution": lambda: gan.solution(1.0, 1.0, 0.0), "spectrum": gan.spectrum, "zeros": lambda: gan.zeros(1.0)}
    for name, call in calls.items():
        with pytest.raises(ganth.ParameterError) as caught:
            call()
        assert str(caught.value) == message.format(name)


def test_formulas_keep_float32():
    one = np.float32(1)
    formulas.damped_flow(one, one, one, one)
    formulas.exponents(one)
    for loss in (formulas.LINEAR, formulas.VANILLA, formulas.NONSATURATING):
        formulas.forces(loss, one, one, one, one, one, one)
    for formula in (
        formulas.logistic,
        formulas.logistic_d,
        formulas.noisy_logistic,
        formulas.forces,
        formulas.exponents,
        formulas.damped_flow,
    ):
        found = [s.return_type for s in formula.nopython_signatures if numba.float64 not in s.args]
        assert found
        assert all(getattr(kind, "dtype", kind) == numba.float32 for kind in found), formula
