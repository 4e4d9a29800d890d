"""KD, Apps. H and I: random features and concatenated kernels, claim by claim.

Theory: a cosine-sine pair of frequency w adds cos(w.(x - x')), whose mean over w ~ N(0, I/sigma^2) is the RBF and whose
variance is (1 - e^{-d^2})^2 / 2 at distance d (units of sigma): 0 at the origin, 1/2 far away.
"""

import numpy as np
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

import ganth
from ganth.theory import features as theory

seeds = st.integers(0, 2**63)
widths = st.floats(0.1, 10.0)
ORIGIN = np.zeros((1, 2))


def estimates(distance, width, count, draws=300, norm="unit"):
    """Return K_R(x, 0) at |x| = distance for many draws."""
    place = np.array([[distance, 0.0]])
    return np.array(
        [
            ganth.RandomFeatures(ganth.RBF(width), count, 2, 5, trial=t, feature_norm=norm).gram(place, ORIGIN)[0, 0]
            for t in range(draws)
        ]
    )


@given(seed=seeds, width=widths)
def test_KD_Eq131(seed, width):
    """Concatenated maps add their kernels: symbolically for any map, and for random and exact ones."""
    x, y = sp.symbols("x y")
    first, second = [x, sp.sin(x)], [sp.Function("h")(x)]
    parts = [sum(e * e.subs(x, y) for e in part) for part in (first, second)]
    assert sp.simplify(theory.concatenated_kernel(first, second, x, y) - sum(parts)) == 0
    points = ganth.streams.normal(seed, (4, 2))
    both = ganth.MultiScale([width, 2 * width]).gram(points, points)
    np.testing.assert_allclose(
        both, ganth.RBF(width).gram(points, points) + ganth.RBF(2 * width).gram(points, points), rtol=1e-13, atol=1e-300
    )
    multi = ganth.RandomFeatures(ganth.MultiScale([width, 2 * width]), 30, 2, seed)
    single = ganth.RandomFeatures(ganth.RBF(width), 30, 2, seed)
    np.testing.assert_array_equal(multi.frequencies[:30], single.frequencies)
    np.testing.assert_allclose(multi.diagonal(points), 2.0, rtol=1e-12)


@given(seed=seeds, width=widths)
def test_KD_Eq133(seed, width):
    """The printed scale sqrt(2/R) gives K(x, x) = 2 for every draw; sqrt(1/R) gives 1 and the RBF on average."""
    assert sp.simplify(theory.mean_kernel(2 / theory.features) - 2 * theory.rbf) == 0
    assert sp.simplify(theory.mean_kernel(1 / theory.features) - theory.rbf) == 0
    points = ganth.streams.normal(seed, (3, 2))
    for norm, value in (("paper", 2.0), ("unit", 1.0)):
        kernel = ganth.RandomFeatures(ganth.RBF(width), 20, 2, seed, feature_norm=norm)
        np.testing.assert_allclose(kernel.diagonal(points), value, rtol=1e-12)


def test_KD_Eq133_converges_to_twice_the_rbf():
    printed = estimates(1.0, 1.0, 1000, norm="paper")
    assert abs(printed.mean() - 2 * np.exp(-0.5)) < 4 * printed.std() / len(printed) ** 0.5
    assert abs(printed.mean() - np.exp(-0.5)) > 0.5


@given(seed=st.integers(0, 100), reg=st.floats(0.05, 1.0))
def test_KD_New_rffnorm(seed, reg):
    """Doubling K is the same as scaling both masses by sqrt(2): the particles then move alike."""
    game = ganth.KernelGAN(
        [[0.0, 0.0]], [0.7], kernel=ganth.RBF(0.8), n_frequencies=30, reg=reg, lr_disc=0.02, lr_gen=0.02
    )
    start = [[0.5, 0.1], [-0.2, 0.3]]
    doubled = game.with_settings(feature_norm="paper").run(start, [0.5, 0.4], steps=80, seed=seed)
    scaled = game.with_settings(true_masses=[0.7 * 2**0.5]).run(
        start, [0.5 * 2**0.5, 0.4 * 2**0.5], steps=80, seed=seed
    )
    unit = game.run(start, [0.5, 0.4], steps=80, seed=seed)
    np.testing.assert_allclose(doubled.final, scaled.final, rtol=1e-9, atol=1e-12)
    assert np.abs(doubled.final - unit.final).max() > 1e-6


def test_KD_New_rffnorm_shifts_thresholds():
    """One isolated point, g = q sqrt(mu K(x,x)) / sigma: for reg in (g, sqrt(2) g) only the printed norm moves on."""
    unit = ganth.stability.spectrum([0.0], 0.0, [[0.0]], [1.0], ganth.RBF(1.0), reg=1.2, lr_ratio=1.0)
    printed = ganth.stability.spectrum([0.0], 0.0, [[0.0]], [2**0.5], ganth.RBF(1.0), reg=1.2, lr_ratio=1.0)
    moving = 1e-9
    assert unit.real.max() <= moving
    assert printed.real.max() > moving


def test_KD_New_rfftail():
    """The error is (1 - e^{-d^2}) / sqrt(2R) everywhere, six widths out too, where the RBF itself is 1.5e-8."""
    variance = sp.lambdify((theory.offset, theory.width), theory.pair_variance())
    assert sp.limit(theory.pair_variance().subs(theory.width, 1), theory.offset, sp.oo) == sp.Rational(1, 2)
    for distance in (0.5, 1.0, 6.0):
        for count in (50, 800):
            got = np.sqrt(np.mean((estimates(distance, 1.0, count) - np.exp(-(distance**2) / 2)) ** 2))
            np.testing.assert_allclose(got, np.sqrt(variance(distance, 1.0) / count), rtol=0.2)


def test_KD_New_rfftail_moves_isolated_points():
    """A point 20 widths from its only true point stays with the exact kernel and moves with random features."""
    game = ganth.KernelGAN([[2.0, 0.0]], [1.0], kernel=ganth.RBF(0.1), reg=0.01, lr_disc=1e-3, lr_gen=1e-3)
    start = [[0.0, 0.0]]
    exact = game.run(start, [1.0], steps=300)
    random = game.with_settings(n_frequencies=1000).run(start, [1.0], steps=300, trials=5)
    assert np.abs(exact.final - start).max() < 1e-12
    assert np.linalg.norm(random.final - start, axis=-1).min() > 1e-6


def test_KD_Num_features():
    """The frequencies needed grow slower than d^2: from d = 2 to 32 far less than the printed factor 256."""

    def worst(dim, trial):
        kernel = ganth.RandomFeatures(ganth.RBF(1.0), 300, dim, 3, trial=trial)
        offsets = ganth.streams.normal(3, (400, dim), trial=trial)
        offsets *= 2 * ganth.streams.uniform(3, (400, 1), trial=trial) / np.linalg.norm(offsets, axis=1, keepdims=True)
        error = kernel.gram(offsets, np.zeros((1, dim)))[:, 0] - np.exp(-(offsets**2).sum(axis=1) / 2)
        return np.abs(error).max()

    needed = [np.mean([worst(d, t) ** 2 for t in range(6)]) for d in (2, 8, 32)]
    assert needed[2] / needed[0] < 16 * 2
    assert needed[1] / needed[0] < 4 * 2


def test_KD_Fig5():
    """The largest error over the plotted square falls as 1/sqrt(R): by 10 from R = 10 to 1000, within a factor 2."""
    axis = np.linspace(-4, 4, 33)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    exact = ganth.RBF(1.0).gram(grid, ORIGIN)
    errors = [
        np.mean(
            [
                np.abs(ganth.RandomFeatures(ganth.RBF(1.0), r, 2, 1, trial=t).gram(grid, ORIGIN) - exact).max()
                for t in range(8)
            ]
        )
        for r in (10, 1000)
    ]
    assert 5 < errors[0] / errors[1] < 20
    assert errors[1] < 0.15
