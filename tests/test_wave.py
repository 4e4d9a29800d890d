"""The self-propelled isolated point: its speed against mpmath, plain loops and the game played out."""

import math

import naive_wave as naive
import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

import ganth
from ganth import ParameterError
from ganth.stability import divergence_profile, divergence_speed, divergence_threshold, series, wave
from ganth.theory import wave as theory

ORDERS = st.sampled_from(wave.ORDERS)
WIDTHS = st.floats(0.2, 3.0)
MASSES = st.floats(0.1, 2.0)
KERNELS = [
    ganth.RBF(0.7),
    ganth.MultiScale((0.3, 1.0, 4.0)),
    ganth.RationalQuadratic(0.8, 0.6),
    ganth.RationalQuadratic(0.8, 30.0),
]
each_kernel = pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: f"{type(kernel).__name__}")


@given(MASSES, WIDTHS, st.floats(-9, -0.7), st.floats(-9, 0.0), st.floats(-3, -0.01), ORDERS)
@example(1.0, 1.0, -3.0, -3.0, -0.00043, "simultaneous")
@example(0.25, 0.6, -6.0, -3.0, -0.000435, "alternating")
def test_speed_to_twelve_digits(mass, width, log_lr_disc, log_lr_gen, log_share, order):
    """Second route: Euler and Maclaurin's formula, or the sum itself, in mpmath; from 1e-3 below the threshold."""
    rates = {"lr_disc": 10**log_lr_disc, "lr_gen": 10**log_lr_gen, "order": order}
    kernel = ganth.RBF(width)
    reg = min(10**log_share, 0.999) * divergence_threshold(kernel, mass, **rates)
    assume(reg * rates["lr_disc"] < 0.95)
    found = divergence_speed(kernel, mass, reg=reg, **rates)
    exact = theory.speed(mass, width, reg=reg, digits=20, **rates)
    assert abs(found / exact - 1) < 1e-13


@given(MASSES, WIDTHS, st.floats(0.02, 0.9), st.floats(0.02, 0.9), st.floats(0.3, 0.98), ORDERS)
def test_speed_solves_the_sum_written_out(mass, width, lr_disc, lr_gen, share, order):
    rates = {"lr_disc": lr_disc, "lr_gen": lr_gen, "order": order}
    reg = share * divergence_threshold(ganth.RBF(width), mass, **rates)
    assume(0.01 < reg * lr_disc < 0.95)
    speed = divergence_speed(ganth.RBF(width), mass, reg=reg, **rates)
    assert naive.push(speed, mass, width, reg, lr_disc, lr_gen, order) == pytest.approx(speed, rel=1e-12)


@each_kernel
@given(share=st.floats(0.01, 0.9999), order=ORDERS, lr_disc=st.floats(0.01, 0.2))
def test_blocks_of_terms_give_the_sum_of_all(kernel, share, order, lr_disc):
    rates = {"lr_disc": lr_disc, "lr_gen": 0.01, "order": order}
    reg = share * divergence_threshold(kernel, 0.5, **rates)
    assume(reg * lr_disc < 0.9)
    found = []
    for direct in (0, 10**7):
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(series, "_DIRECT", direct)
            found.append(divergence_speed(kernel, 0.5, reg=reg, **rates))
    assert found[0] == pytest.approx(found[1], rel=2e-13)


@each_kernel
def test_the_kernels_own_slope_balances(kernel):
    """Third route: the kernel's gradient, summed; ties the slopes used here to ganth.kernels."""
    mass, reg, lr = 0.6, 0.3, 0.1
    speed = divergence_speed(kernel, mass, reg=reg, lr_disc=lr, lr_gen=lr)
    steps = np.arange(1, 3000)
    slopes = kernel.gradient(speed * steps[:, None], [[0.0]])[:, 0, 0]
    assert -lr * lr * mass**2 * ((1 - lr * reg) ** (steps - 1.0) @ slopes) == pytest.approx(speed, rel=1e-12)


@each_kernel
@pytest.mark.parametrize("order", wave.ORDERS)
def test_existence_is_decided_at_the_threshold(kernel, order):
    rates = {"lr_disc": 0.03, "lr_gen": 0.2, "order": order}
    threshold = divergence_threshold(kernel, 0.4, **rates)
    assert divergence_speed(kernel, 0.4, reg=threshold * (1 - 1e-13), **rates) > 0
    assert divergence_speed(kernel, 0.4, reg=threshold * (1 + 1e-13), **rates) is None
    with pytest.raises(ParameterError, match="reg must be below divergence_threshold"):
        divergence_profile(kernel, 0.4, [0.0], reg=threshold * 1.01, **rates)


def test_existence_is_decided_exactly():
    assert divergence_speed(ganth.RBF(0.5), 0.25, reg=0.5, lr_disc=1e-3, lr_gen=1e-3) is None
    assert divergence_speed(ganth.RBF(0.5), 0.25, reg=np.nextafter(0.5, 0), lr_disc=1e-3, lr_gen=1e-3) > 0


@given(MASSES, WIDTHS, st.floats(0.01, 10.0), st.floats(0.01, 10.0), ORDERS)
def test_threshold_is_the_sympy_expression(mass, width, lr_disc, lr_gen, order):
    values = {theory.mass: mass, theory.width: width, theory.lr_disc: lr_disc, theory.lr_gen: lr_gen}
    exact = THRESHOLDS[order].subs(values)
    found = divergence_threshold(ganth.RBF(width), mass, lr_disc=lr_disc, lr_gen=lr_gen, order=order)
    assert found == pytest.approx(float(exact), rel=1e-9)


THRESHOLDS = {order: theory.threshold(order) for order in wave.ORDERS}


@each_kernel
def test_without_forgetting_the_speed_has_no_width(kernel):
    lr = 1e-5
    speed = divergence_speed(kernel, 0.5, reg=0.0, lr_disc=lr, lr_gen=lr)
    height = kernel.diagonal([[0.0]])[0]
    assert speed == pytest.approx(0.5 * lr * math.sqrt(height), rel=1e-6)


@pytest.mark.parametrize("order", wave.ORDERS)
def test_a_trail_that_moves_at_the_speed_keeps_moving(order):
    setting = {"mass": 0.8, "width": 0.5, "reg": 0.4, "lr_disc": 0.2, "lr_gen": 0.1}
    mass, width = setting.pop("mass"), setting.pop("width")
    speed = divergence_speed(ganth.RBF(width), mass, order=order, **setting)
    trail = [j * speed for j in range(-500, 1)]
    path = naive.play(trail, 20, mass, width, setting["reg"], setting["lr_disc"], setting["lr_gen"], order)
    np.testing.assert_allclose(np.diff(path[500:]), speed, rtol=1e-12)


def test_profile_is_the_discriminator_of_a_moving_point():
    setting = {"reg": 0.5, "lr_disc": 0.1, "lr_gen": 0.1}
    speed = divergence_speed(ganth.RBF(1.0), 1.0, **setting)
    where = np.array([-3.0, -0.4, 0.0, 0.7])
    written_out = [
        -0.1 * math.fsum(0.95 ** (j - 1) * math.exp(-((s + j * speed) ** 2) / 2) for j in range(1, 2000)) for s in where
    ]
    found = divergence_profile(ganth.RBF(1.0), 1.0, where, **setting)
    np.testing.assert_allclose(found, written_out, rtol=1e-12)


@given(st.integers(1, 3000), st.integers(0, 39))
@example(20, 39)
@example(21, 39)
def test_gauss_rule_sums_polynomials(count, degree):
    nodes, weights = series.gauss_sum_rule(count)
    assert (weights > 0).all()
    assert -0.5 < nodes.min() <= nodes.max() < count - 0.5
    exact = sum(i**degree for i in range(count)) / count**degree
    np.testing.assert_allclose(weights @ (nodes / count) ** degree, exact, rtol=1e-11)


def test_a_sum_of_a_billion_terms():
    total = series.smooth_sum(lambda j: j * np.exp(-1e-9 * j), reach=46e9, scale=4e9, limit=4e9)
    assert total == pytest.approx(math.exp(-1e-9) / math.expm1(-1e-9) ** 2, rel=1e-14)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kernel": ganth.Laplace(1.0)}, "kernel must be RBF, MultiScale or RationalQuadratic"),
        ({"kernel": "rbf"}, "kernel must be RBF, MultiScale or RationalQuadratic"),
        ({"mass": 0.0}, "mass must be > 0, got 0.0"),
        ({"reg": -0.1}, "reg must be >= 0, got -0.1"),
        ({"reg": math.nan}, "reg must be >= 0, got nan"),
        ({"lr_disc": 0.0}, "lr_disc must be > 0, got 0.0"),
        ({"lr_gen": math.inf}, "lr_gen must be > 0, got inf"),
        ({"reg": 10.0, "lr_disc": 0.1}, "lr_disc must be < 1 / reg = 0.1, got 0.1"),
        ({"order": "both"}, "order must be one of 'simultaneous', 'alternating', got 'both'"),
        ({"kernel": ganth.RationalQuadratic(1.0, 0.01), "reg": 0.0}, "reg must be > 0 for mixing < 0.05"),
    ],
)
def test_bad_settings_are_refused(changes, message):
    setting = {
        "kernel": ganth.RBF(1.0),
        "mass": 1.0,
        "reg": 0.1,
        "lr_disc": 0.1,
        "lr_gen": 0.1,
        "order": "simultaneous",
    }
    setting |= changes
    with pytest.raises(ParameterError, match=message.replace("(", "[(]")):
        divergence_speed(setting.pop("kernel"), setting.pop("mass"), **setting)
