"""ED Figs. 7 and 12, section IV B, app. B: a cluster on a V, D = c |x|, and what the mean gradient can do to it.

Theory: v_L, v_R = c (-+ eps + g2 (1 - 2p)), p the share of the particles left of the minimum.
"""

import naive_coupling as naive
import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

import ganth
from ganth.errors import ParameterError
from ganth.stability import local_weight, split_window
from ganth.theory import effective as theory


def evenly(n, place, length=1.0):
    return length * ((np.arange(n) + 0.5) / n - place)[:, None]


def sides(n, ratio, left, slope=1.0):
    """Return (v_L, v_R) by the double sum, `left` of n particles left of the minimum."""
    gradients = slope * np.where(np.arange(n) < left, -1.0, 1.0)[:, None]
    velocity = naive.velocities(naive.two_values(n, ratio, "mean"), gradients)[:, 0]
    return velocity[0], velocity[-1]


def test_ED_AppB_window():
    left, right = theory.split_velocities()
    c, n, g1, g2, p = theory.slope, theory.n, theory.g1, theory.g2, theory.p
    assert sp.simplify(left - c * (-(g1 - g2) / n + g2 * (1 - 2 * p))) == 0
    assert sp.simplify(right - c * ((g1 - g2) / n + g2 * (1 - 2 * p))) == 0
    low, high = theory.split_window()
    half = (g1 - g2) / (2 * n * g2)
    assert [sp.simplify(low - (sp.Rational(1, 2) - half)), sp.simplify(high - (sp.Rational(1, 2) + half))] == [0, 0]


@given(data=st.data(), n=st.integers(2, 12), ratio=st.floats(0.0, 1.0), slope=st.floats(0.1, 5.0))
def test_ED_AppB_window_holds_for_any_share(data, n, ratio, slope):
    left = data.draw(st.integers(1, n - 1))
    v_left, v_right = sides(n, ratio, left, slope)
    eps = local_weight(ratio, n)
    assert v_left == pytest.approx(slope * (-eps + (1 - eps) * (1 - 2 * left / n)), abs=1e-12)
    off, half = abs(left / n - 0.5), split_window(ratio, n) / 2
    if abs(off - half) > 1e-9:
        assert (v_left < 0 < v_right) == (off < half)


@given(n=st.integers(1, 500), ratio=st.floats(0.0, 1.0))
def test_ED_AppB_window_is_the_whole_cluster_for_small_ratios(n, ratio):
    assert 0 <= split_window(ratio, n) <= 1
    if abs(ratio * (n + 1) - 1) > 1e-9:
        assert (split_window(ratio, n) == 1) == (ratio < 1 / (n + 1))


def test_ED_EqB1():
    """1/precision over N g2 / (l g1) is 1 + O(g2/g1)."""
    low, high = theory.split_window()
    frequency = 1 / (theory.length * (high - low))
    printed = theory.n * theory.g2 / (theory.length * theory.g1)
    relative = sp.simplify((frequency / printed).subs(theory.g2, theory.ratio * theory.g1))
    assert sp.simplify(relative - 1 / (1 - theory.ratio)) == 0
    assert sp.limit(relative, theory.ratio, 0) == 1


@pytest.mark.parametrize("length", [0.3, 2.0])
@pytest.mark.parametrize("ratio", [0.01, 0.02, 0.06])
def test_ED_IVB_prec(ratio, length):
    """The precision by counting: l/N times what the main text says."""
    n = 200
    gradients = np.sign(evenly(n, 0.5, length) - np.linspace(-length / 2, length / 2, 2001)[None, :])
    g1, g2 = ganth.EffectiveGAN(
        ganth.targets.GaussianMixture([[0.0]], 1.0), n_particles=n, ntk_ratio=ratio, lr_disc=1, lr_gen=1
    ).ntk_values
    velocity = (g1 - g2) / n * gradients + g2 * gradients.mean(axis=0)
    parts = (velocity.min(axis=0) < 0) & (velocity.max(axis=0) > 0)
    counted = parts.mean() * length
    assert counted == pytest.approx(length * (g1 - g2) / (n * g2), abs=2 * length / n)
    main_text = (g1 - g2) / g2
    assert main_text / counted == pytest.approx(n / length, rel=0.25)


def test_ED_Fig12():
    """The centre is (1/2 - p) l: it moves left as p grows, and the caption's p l / 2 moves right."""
    p, length = theory.p, theory.length
    centre = theory.cluster_centre()
    assert sp.simplify(centre - (sp.Rational(1, 2) - p) * length) == 0
    assert sp.solve(centre - p * length / 2, p) == [sp.Rational(1, 3)]
    assert evenly(1000, 0.25).mean() == pytest.approx(0.25)
    assert evenly(1000, 0.0).mean() == pytest.approx(0.5)  # the caption has no shift here


@pytest.mark.parametrize(("place", "slips"), [(0.8, True), (0.65, True), (0.5, False), (0.47, False)])
def test_ED_Fig7(place, slips):
    """Off the centre all end on one side; near it each side stays where it was."""
    n, ratio = 40, 0.1
    start = evenly(n, place)
    last = naive.climb(naive.two_values(n, ratio, "mean"), np.sign, start, 0.02, 150)
    moved = last - start
    if slips:
        assert (moved < 0).all()
        assert (last < 0).all()
    else:
        assert (np.sign(moved) == np.sign(start)).all()
        assert np.ptp(last) - np.ptp(start) == pytest.approx(2 * local_weight(ratio, n) * 3.0, rel=1e-9)


@given(n=st.integers(2, 8), ratio=st.floats(0.0, 1.0), seed=st.integers(0, 2**32))
def test_ED_IVB_mech(n, ratio, seed):
    """Whatever D, X_a - X_b moves by eps times the difference of gradients: the mean term never reaches it."""
    gradients = np.random.default_rng(seed).normal(size=(n, 2))
    pushed = gradients + np.array([1e3, -1e3])  # a mean gradient that dominates everything
    gram = naive.two_values(n, ratio, "mean")
    apart = [v[0] - v[-1] for v in (naive.velocities(gram, gradients), naive.velocities(gram, pushed))]
    np.testing.assert_allclose(apart[0], local_weight(ratio, n) * (gradients[0] - gradients[-1]), atol=1e-12)
    np.testing.assert_allclose(apart[1], apart[0], atol=1e-9)


def test_ED_IVB_mech_a_cluster_that_slips_splits_all_the_same():
    """On a convex slope the mean term is ten times the local one, and the cluster still grows 20-fold."""
    n, ratio, rate, steps = 30, 0.3, 0.5, 84
    gram, eps = naive.two_values(n, ratio, "mean"), local_weight(ratio, n)
    particles = 1e-4 * np.linspace(-1, 1, n)[:, None]
    spread, way = particles.std(), 0.0
    for _ in range(steps):
        # The discriminator follows the cluster, as a trained one does: only its shape counts.
        slope = np.exp(particles - particles.mean())
        assert gram[0][1] * slope.mean() > 10 * eps * slope.max()
        velocity = naive.velocities(gram, slope)
        assert (velocity > 0).all()
        particles = particles + rate * velocity
        way += rate * velocity.mean()
    assert way == pytest.approx(rate * steps, rel=1e-3)
    assert np.log(particles.std() / spread) == pytest.approx(eps * rate * steps, rel=0.05)
    assert particles.std() > 18 * spread


@pytest.mark.parametrize("function", [local_weight, split_window])
def test_ratios_out_of_reach_are_named(function):
    with pytest.raises(ParameterError, match=r"ntk_ratio must be in \(-1/\(n_particles - 1\), 1\], got 1.5"):
        function(1.5, 10)
    with pytest.raises(ParameterError, match=r"ntk_ratio must be in \(-1/\(n_particles - 1\), 1\], got -0.5"):
        function(-0.5, 3)
    with pytest.raises(ParameterError, match="n_particles must be an integer >= 1, got 0"):
        function(0.5, 0)


@given(n=st.integers(1, 1000), ratio=st.floats(0.0, 1.0))
def test_the_local_weight_is_its_own_inverse(n, ratio):
    assert local_weight(local_weight(ratio, n), n) == pytest.approx(ratio, abs=1e-9)
    assert float(theory.local_weight().subs({theory.n: n, theory.ratio: ratio})) == pytest.approx(
        local_weight(ratio, n), abs=1e-12
    )
