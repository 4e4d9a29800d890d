"""Closed forms at the true point (KD, theorem 1 and its corrections), held against the roots of the pencil."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from naive_stability import farthest

import ganth
from ganth import stability

SEEDS = st.integers(0, 2**32 - 1)
RATES = st.floats(0.05, 20.0)
MASSES = st.floats(0.1, 3.0)
RBF = ganth.RBF(1.0)


def widths_of(kernel):
    return kernel.widths if isinstance(kernel, ganth.MultiScale) else kernel.width


@pytest.mark.parametrize("kernel", [ganth.RBF(0.7), ganth.MultiScale((0.5, 2.0))], ids=["RBF", "MultiScale"])
@given(true_mass=MASSES, mass=MASSES, lr_ratio=RATES, reg=st.floats(0.1, 10.0))
def test_single_point_closed_forms_agree_with_the_spectrum(kernel, true_mass, mass, lr_ratio, reg):
    region = ([0.0, 0.0], true_mass, [[0.0, 0.0]], [mass], kernel)
    setting = (true_mass, mass, widths_of(kernel))
    threshold = stability.single_point_threshold(*setting, lr_ratio=lr_ratio)
    roots = stability.spectrum(*region, reg=reg, lr_ratio=lr_ratio)
    assume(abs(reg - threshold) > 1e-6)
    assert (roots.real.max() < 0) == (reg > threshold)
    bound = stability.single_point_max_lr_disc(*setting, reg=reg, lr_ratio=lr_ratio)
    assert bound == pytest.approx(stability.max_lr_disc(roots, reg), rel=1e-6)  # a double root is known to 1e-8
    alternating = stability.single_point_max_lr_disc(*setting, reg=reg, lr_ratio=lr_ratio, order="alternating")
    assert (alternating > 0) == (reg > threshold)
    if alternating:
        for factor, stable in ((1 - 1e-6, True), (1 + 1e-6, False)):
            lr = factor * alternating
            every = stability.alternating_spectrum(*region, reg=reg, lr_disc=lr, lr_gen=lr_ratio * lr)
            assert (np.abs(1 + lr * np.append(every, -reg)).max() < 1) == stable


@given(MASSES, RATES, st.floats(0.05, 3.0))
def test_an_isolated_point_rests_above_the_threshold_of_self_propulsion(mass, lr_ratio, width):
    threshold = stability.single_point_threshold(0.0, mass, width, lr_ratio=lr_ratio)
    assert threshold == pytest.approx(mass * math.sqrt(lr_ratio) / width, rel=1e-14)
    for reg in (0.99 * threshold, 1.01 * threshold):
        region = ([99.0], 0.0, [[0.0]], [mass], ganth.RBF(width))
        roots = stability.spectrum(*region, reg=reg, lr_ratio=lr_ratio)
        bound = stability.single_point_max_lr_disc(0.0, mass, width, reg=reg, lr_ratio=lr_ratio)
        assert (bound > 0) == (reg > threshold)
        assert bound == pytest.approx(stability.max_lr_disc(roots, reg), rel=1e-9)


@given(SEEDS, st.integers(2, 5), st.integers(1, 3), RATES, st.floats(0.1, 10.0))
def test_too_much_mass_at_the_true_point_splits_at_the_closed_rate(seed, n, dim, lr_ratio, reg):
    rng = np.random.default_rng(seed)
    mass, width = rng.uniform(0.1, 2), rng.uniform(0.4, 3)
    true_mass = n * mass * rng.uniform(0.1, 0.9)
    rate, times = stability.splitting_rate(n, dim, true_mass, mass, width, reg=reg, lr_ratio=lr_ratio)
    region = (np.zeros(dim), true_mass, np.zeros((n, dim)), np.full(n, mass), ganth.RBF(width))
    roots = stability.spectrum(*region, reg=reg, lr_ratio=lr_ratio)
    assert times == (n - 1) * dim
    assert (np.sort(np.abs(roots - rate))[:times] <= 1e-12 * np.abs(roots).max()).all()
    mean = np.roots([1.0, reg - rate, lr_ratio * (n * mass**2) / width**2 - reg * rate])
    assert farthest(np.array([*np.repeat(mean, dim), *[rate, -reg] * times]), roots) <= 1e-6 * np.abs(roots).max()


@given(SEEDS)
def test_unequal_masses_split_with_as_many_positive_roots(seed):
    rng = np.random.default_rng(seed)
    n, dim = int(rng.integers(2, 5)), int(rng.integers(1, 3))
    masses = rng.uniform(0.1, 1, n)
    region = (np.zeros(dim), 0.7 * masses.sum(), np.zeros((n, dim)), masses, RBF)
    roots = stability.spectrum(*region, reg=rng.uniform(0.1, 3), lr_ratio=1.0)
    assert ((roots.real > 0) & (np.abs(roots.imag) < 1e-9)).sum() >= (n - 1) * dim


@given(st.floats(0.1, 2.0), st.lists(st.floats(0.3, 3.0), min_size=1, max_size=3), RATES, st.floats(0.05, 0.999))
def test_balanced_mass_bounds_the_generator_rate_while_underdamped(mass, widths, lr_ratio, part):
    curvature = sum(1 / w**2 for w in widths)
    reg = part * mass * math.sqrt(2 * lr_ratio * curvature)
    bound = stability.balanced_max_lr_gen(mass, widths, reg=reg)
    exact = stability.single_point_max_lr_disc(mass, mass, widths, reg=reg, lr_ratio=lr_ratio)
    assert bound == pytest.approx(lr_ratio * exact, rel=1e-12)
    kernel = ganth.MultiScale(tuple(widths))
    roots = stability.spectrum([0.0], mass, [[0.0]], [mass], kernel, reg=reg, lr_ratio=lr_ratio)
    assert bound == pytest.approx(lr_ratio * stability.max_lr_disc(roots, reg), rel=1e-9)


def test_beyond_that_damping_the_unseen_features_bind_first():
    """R = 1, reg = 1.7: still underdamped (reg < 2), yet 2/reg < reg/R."""
    assert stability.balanced_max_lr_gen(1.0, 1.0, reg=1.7) == 1.7
    assert stability.single_point_max_lr_disc(1.0, 1.0, 1.0, reg=1.7, lr_ratio=1.0) == 2 / 1.7
