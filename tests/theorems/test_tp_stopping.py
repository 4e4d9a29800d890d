"""TP Assumption 5.1, sections 5.2 and 5.3, appendices F.2 and H: the cone, its slope, balls, thresholds, units.

Theory: |grad d|/d = 1/(2 sqrt2 h - rho) on the cone; balls of radius 2 sqrt2 h are disjoint from 4 sqrt2 h on.
"""

import itertools
import math

import mpmath
import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from ganth import fields, stopping
from ganth.targets import GaussianMixture
from ganth.theory import stopping as theory

seeds = st.integers(0, 2**32)
lengths = st.floats(0.01, 100)
EDGE = 2 * math.sqrt(2)
CUBE = np.array(list(itertools.product((1.0, -1.0), repeat=3)))
SIGNS = np.array(list(itertools.product((1.0, -1.0), repeat=2)))
VARIANCE = 0.0125
BANDWIDTH = math.sqrt(2 * VARIANCE)


def cone(x, mode, h):
    """Return d of one mode and its gradient, at points off the mode."""
    arm = x - mode
    away = np.linalg.norm(arm, axis=-1)
    inside = away < EDGE * h
    value = np.where(inside, 0.5 - math.sqrt(2) / (8 * h) * away, 0.0)
    return value, -math.sqrt(2) / (8 * h) * arm / away[..., None] * inside[..., None]


def on_sphere(seed, dim, radius):
    x = np.random.default_rng(seed).normal(size=(1, dim))
    return radius * x / np.linalg.norm(x)


def slope(x, h):
    return stopping.metric(*cone(x, 0.0, h), modes=1)


@given(h=lengths, apart=st.floats(EDGE, 2 * EDGE), share=st.floats(0.01, 0.99))
def test_TP_Ass5_1(h, apart, share):
    assert theory.least_separation() == 4 * sp.sqrt(2) * theory.bandwidth
    other = apart * h
    first, last = other - EDGE * h, EDGE * h  # what both balls hold on the line
    x = np.array([[first + share * (last - first)]])
    one, two = (cone(x, mode, h)[0][0] for mode in (0.0, other))
    largest = 1 - math.sqrt(2) * apart / 8
    assert abs(one - two) <= largest + 1e-12
    edge = [cone(np.array([[first * (1 + 1e-12) + 1e-12 * h]]), mode, h)[0][0] for mode in (0.0, other)]
    assert edge[0] - edge[1] == pytest.approx(largest, abs=1e-9)
    assert float(theory.disagreement().subs({theory.bandwidth: h, theory.separation: other})) == pytest.approx(
        largest, abs=1e-12
    )


@given(h=lengths, dim=st.integers(1, 50), seed=seeds)
def test_TP_S5_2_metric(h, dim, seed):
    assert theory.cone_slope(2).subs(theory.distance, sp.sqrt(2) * theory.bandwidth) == sp.sqrt(2) / (
        2 * theory.bandwidth
    )
    assert slope(on_sphere(seed, dim, math.sqrt(2) * h), h) == pytest.approx(math.sqrt(2) / (2 * h), rel=1e-12)
    # With a scale of one the rule says stop just outside that sphere and not just inside it.
    early = stopping.EarlyStopping(bandwidth=h, scale=1.0, modes=1)
    inner, outer = (cone(on_sphere(seed, dim, math.sqrt(2) * h * f), 0.0, h) for f in (0.999, 1.001))
    assert [early.update(*inner), early.update(*outer)] == [False, True]


@given(h=lengths, dim=st.integers(1, 50), seed=seeds, at=st.floats(1e-3, EDGE - 1e-3))
def test_TP_New_cone_profile(h, dim, seed, at):
    assert theory.cone_slope(3) == 1 / (2 * sp.sqrt(2) * theory.bandwidth - theory.distance)
    assert [theory.cone_slope_at(k) * theory.bandwidth / sp.sqrt(2) for k in (0, 2, 3)] == [
        sp.Rational(1, 4),
        sp.Rational(1, 2),
        1,
    ]
    assert theory.cone_edge() == sp.oo
    found = slope(on_sphere(seed, dim, at * h), h)
    assert found == pytest.approx(1 / (h * (EDGE - at)), rel=1e-9)
    assert found > math.sqrt(2) / (4 * h)  # half the reference value, at the very centre


@pytest.mark.parametrize("dim", [1, 2, 3, 4, 10])
def test_TP_Num_95_99(dim):
    assert theory.ball_mass_gap(dim) == 0
    for radius in (2, 3, 4):
        exact = theory.ball_mass_number(dim, radius)
        assert float(theory.ball_mass(dim, sp.Integer(radius))) == pytest.approx(float(exact), rel=1e-12)
        assert stats.chi.cdf(radius, dim) == pytest.approx(float(exact), rel=1e-12)
    within = GaussianMixture(np.zeros((1, dim)), 1.0).sample(20_000, 0)
    shares = [(np.linalg.norm(within, axis=1) <= radius).mean() for radius in (2, 3)]
    wanted = [float(theory.ball_mass_number(dim, radius)) for radius in (2, 3)]
    np.testing.assert_allclose(shares, wanted, atol=0.015)
    assert (round(wanted[0], 2) >= 0.95) == (dim == 1)
    assert (round(wanted[1], 2) >= 0.99) == (dim <= 2)
    assert float(theory.ball_mass_number(dim, theory.ball_radius(dim, 0.95))) == pytest.approx(0.95, rel=1e-12)


def test_TP_S5_2_dimension():
    """In high dimensions nearly all data lie beyond the balls, where d = 0 and its slope over it means nothing."""
    shares = [float(theory.ball_mass_number(dim, 4)) for dim in (1, 3, 20, 100)]
    assert shares[1] > 0.998
    assert shares[2] < 0.3
    assert shares[3] < 1e-20
    assert mpmath.log10(theory.ball_mass_number(64 * 64, 4)) < -4000
    x = GaussianMixture(np.zeros((1, 100)), VARIANCE).sample(1000, 0)
    assert (cone(x, 0.0, BANDWIDTH)[0] == 0).all()


def test_TP_Num_thresholds():
    printed = {"mixture": 8.9, "mnist": 1877, "fashion-mnist": 2679, "cifar-10": 4391}
    found = {name: float(value) for name, value in theory.printed_thresholds(15).items()}
    assert stopping.printed_thresholds() == pytest.approx(found, rel=1e-12)
    for name, value in printed.items():
        assert abs(found[name] - value) < (0.1 if name == "mixture" else 1)
    assert round(found["cifar-10"]) == 4392  # cut, not rounded


@given(scale=st.floats(0.1, 10), step=st.floats(0.01, 3), apart=st.floats(1, 8), seed=seeds)
def test_TP_S5_3_ks(scale, step, apart, seed):
    """No particle leaves for a mode at distance S below (S + 2 rho)/s: what k_s = S means depends on the step."""
    assert theory.leaving_slope() == (theory.separation + 2 * theory.distance) / theory.step
    modes = scale * apart / 2 * CUBE
    h = scale * BANDWIDTH
    x = GaussianMixture(modes, h * h / 2).sample(200, seed)
    home = np.linalg.norm(x[:, None] - modes, axis=2).argmin(axis=1)
    value, gradient = cone(x, modes[home], h)
    inside = value > 1e-9
    x, home, value, gradient = x[inside], home[inside], value[inside], gradient[inside]
    q = np.linalg.norm(gradient, axis=1) / value
    away = np.linalg.norm(x - modes[home], axis=1)
    moved = x + step * scale**2 * gradient / (2 * value[:, None])
    left = np.linalg.norm(moved[:, None] - modes, axis=2).argmin(axis=1) != home
    assert (q[left] * step * scale**2 >= (scale * apart + 2 * away[left]) * (1 - 1e-9)).all()
    at = {theory.bandwidth: h, theory.separation: scale * apart}
    size = float(theory.leaving_step().subs(at))
    limit = stopping.printed_threshold(h, scale * apart)
    assert size * limit == pytest.approx(scale * apart + 2 * math.sqrt(2) * h, rel=1e-9)


def test_TP_S5_3_ks_two_meanings():
    near, far = (stopping.printed_threshold(BANDWIDTH, distance) for distance in (2.0, 2 * math.sqrt(3)))
    assert near == pytest.approx(8.944, abs=1e-3)  # adjacent modes of the cube, as TP takes for its mixture
    assert far == pytest.approx(15.492, abs=1e-3)  # farthest modes, as it takes for images


@given(c=st.sampled_from([1 / 16, 1 / 4, 1 / 2, 2, 4, 16]), seed=seeds, width=st.floats(0.2, 0.8))
def test_TP_New_scale(c, seed, width):
    assert list(theory.rescaled().values()) == [1 / theory.factor, 1, 1 / theory.factor]
    found = []
    for factor in (1.0, c):
        data, generated = (GaussianMixture(factor * CUBE, factor**2 * VARIANCE * w**2) for w in (1.0, width))
        log_r, gradient = fields.log_ratio(generated.sample(64, seed), data, generated)
        found.append((log_r, gradient, stopping.metric(log_r, gradient, modes=8, logits=True)))
    assert found[1][2] == pytest.approx(found[0][2] / c, rel=1e-6)
    answers = {"printed": [], "scale-invariant": []}
    for rule, said in answers.items():
        for factor, (log_r, gradient, _) in zip((1.0, c), found, strict=True):
            # In the unit of the data a threshold that lies between q and q/c tells the rules apart.
            scale = found[0][2] * math.sqrt(2) * BANDWIDTH / math.sqrt(c)
            if rule == "printed":
                early = stopping.EarlyStopping(bandwidth=factor * BANDWIDTH, scale=factor * scale, modes=8)
            else:
                early = stopping.EarlyStopping(bandwidth=factor * BANDWIDTH, scale=scale, modes=8, rule=rule)
            said.append(early.update(log_r, gradient, logits=True))
    assert answers["printed"][0] != answers["printed"][1]
    assert answers["scale-invariant"][0] == answers["scale-invariant"][1]


def test_TP_New_double_normalised():
    assert theory.normalised_twice() == sp.sqrt(theory.entries)
    factors = [theory.normalised_twice().subs(theory.entries, theory.PRINTED[k][2]) for k in ("mnist", "cifar-10")]
    assert factors == [64, 64 * sp.sqrt(3)]
    # Entries of variance 0.33: the printed division makes each of 64 x 64 independent entries 64 times as narrow.
    images = np.random.default_rng(0).normal(0, math.sqrt(0.33), size=(50, 64, 64))
    assert images.var() == pytest.approx(0.33, rel=0.02)  # the population variance of a label, already per entry
    assert images.var(axis=0).sum() == pytest.approx(0.33 * 64 * 64, rel=0.05)
    assert math.sqrt(images.var()) / math.sqrt(images.var() / 64**2) == pytest.approx(64)
    assert math.sqrt(0.33 / 64**2) < 2 * 2 / 255  # as total variance: two grey levels


@given(seed=seeds, height=st.floats(-3, 3))
def test_TP_New_watershed(seed, height):
    """Far modes: the field changes its sign within 0.002 of x_i = 0 and is longer in the void than for near modes."""
    far, wide = GaussianMixture(3 * SIGNS, 0.1), GaussianMixture([[3.0, 3.0]], 3.0)
    near, one = GaussianMixture(SIGNS, 0.1), GaussianMixture([[1.0, 1.0]], 1.0)
    at = float(theory.watershed(3, 0.1, 3, 3))
    assert 0 < at < 0.002
    for axis in (0, 1):
        x = np.full((2, 2), height)
        x[:, axis] = at - 1e-6, at + 1e-6
        left, right = fields.optimal(x, far, wide)[1][:, axis]
        assert left < 0 < right
    x = np.random.default_rng(seed).uniform(-1, 1, size=(400, 2))
    away = np.abs(np.abs(x) - 1)
    void = x[(np.linalg.norm(away, axis=1) > 0.95) & (np.abs(x).min(axis=1) > 0.02)]
    lengths = [
        np.linalg.norm(fields.optimal(scale * void, *model)[1], axis=1)
        for scale, *model in ((3, far, wide), (1, near, one))
    ]
    assert (lengths[0] > lengths[1]).all()
