"""ED section III A and appendix G: what the two values g1 and g2 of a generator's tangent kernel depend on.

Theory: Gamma = 2 (E[s s] + var_a E[s' s'] (x . y + 1)) on one hidden layer; seeds of a sphere in n dimensions have a
cosine of mean 0 and variance 1/n; deep ReLU networks by a recursion over layers.
"""

import itertools
import math

import mpmath as mp
import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

import ganth
from ganth.generators import WideGenerator, sphere
from ganth.ntk import TwoValues, batch_normalised, deep_relu, empirical, one_hidden, two_values
from ganth.theory import tangent as theory

FIG2 = {
    "relu": {"activation": "relu", "var_a": 0.42, "var_w": 0.42, "var_b": 1.17},
    "erf": {"activation": "erf", "var_a": 1.18, "var_w": 1.18, "var_b": 11.67},
}
APP_G = {"var_a": 2.25, "var_w": 0.046, "var_b": 0.0}
MEANS = {"relu": theory.relu_means, "erf": theory.erf_means}
variances = st.floats(-4, 4).map(lambda e: 10.0**e)


def orthogonal(activation, **settings):
    """g1 and g2 of unit seeds, coincident and orthogonal."""
    return one_hidden([[1.0, 0.0]], np.eye(2), activation=activation, **settings)[0]


def symbolic(activation, cosine, **settings):
    """The kernel of unit seeds by SymPy."""
    at = {getattr(theory, name): sp.Float(str(value), 30) for name, value in settings.items()}
    return float(theory.on_unit_sphere(MEANS[activation](), sp.Integer(cosine)).subs(at).evalf(20))


@pytest.mark.parametrize("name", ["relu", "erf"])
def test_ED_Fig2(name):
    """Two peaks, apart by many of their spreads, where the closed form puts them."""
    z = sphere(50, 100, 4)
    network = WideGenerator(100, 2048, outputs=1, **FIG2[name]).initial(4)
    values, exact = TwoValues.of_gram(empirical(network, z)[..., 0, 0]), two_values(100, **FIG2[name])
    assert values.g1 - values.g2 > 5 * math.hypot(values.spread1, values.spread2)
    assert abs(values.g1 / exact.g1 - 1) < 0.06
    assert abs(values.g2 / exact.g2 - 1) < 0.06


def test_ED_Fn28():
    relu, erf = (
        [symbolic(name, c, **{k: v for k, v in FIG2[name].items() if k != "activation"}) for c in (1, 0)]
        for name in FIG2
    )
    for one, other in zip(relu, erf, strict=True):
        assert abs(other / one - 1) < 0.025
    assert math.isclose(relu[0], 1.59 + 2 * 0.42, rel_tol=1e-12)  # var_w + var_b + 2 var_a


@given(var_a=variances, var_w=variances, var_b=st.one_of(st.just(0.0), variances))
def test_ED_Rem_universal(var_a, var_w, var_b):
    """Not every architecture has every (g1, g2): ReLU has g2/g1 in [1/4, 1] only."""
    one, two = orthogonal("relu", var_a=var_a, var_w=var_w, var_b=var_b)
    assert 0.25 - 1e-12 <= two / one <= 1


def test_ED_Rem_universal_takes_tuning():
    """Erf goes far below ReLU's least ratio, and with the variances of the ReLU network it has other values."""
    one, two = orthogonal("erf", var_a=1.0, var_w=1e4, var_b=0.0)
    assert two / one < 0.01
    relu, erf = (orthogonal(name, var_a=0.42, var_w=0.42, var_b=1.17) for name in ("relu", "erf"))
    assert abs(erf / relu - 1).max() > 0.2


def test_the_least_ratio_of_relu_is_a_quarter():
    """g2/g1 = (V kappa_1 + var_a kappa_0) / (V + 2 var_a), V = var_w + var_b, at an angle of at most pi/2 of the lifted
    seeds: there kappa_1 >= 1/pi and kappa_0 >= 1/2, with equality without biases.
    """
    ratio = (theory.on_unit_sphere(theory.relu_means(), sp.Integer(0))).subs(theory.var_b, 0)
    ratio = sp.simplify(ratio / theory.on_unit_sphere(theory.relu_means(), sp.Integer(1)).subs(theory.var_b, 0))
    a, w = theory.var_a, theory.var_w
    assert sp.simplify(ratio - (w / sp.pi + a / 2) / (w + 2 * a)) == 0
    assert sp.simplify(ratio.subs(w, 0)) == sp.Rational(1, 4)


@pytest.mark.parametrize(("name", "quoted"), [("relu", (4.5, 1.1)), ("erf", (10.6, 5.2))])
def test_ED_Num_AppG(name, quoted):
    for cosine, value in zip((1, 0), quoted, strict=True):
        assert round(symbolic(name, cosine, **APP_G), 1) == value
    z = sphere(200, 256, 1)
    network = WideGenerator(256, 8192, outputs=1, activation=name, **APP_G).initial(1)
    values = TwoValues.of_gram(empirical(network, z)[..., 0, 0])
    np.testing.assert_allclose(values[:2], quoted, rtol=0.07)


@pytest.mark.parametrize("left_out", ["b", "w and b", "a"])
def test_ED_New_ntkform(left_out):
    """The quoted numbers need a, w and b trained: leave one out and one of four rounds to something else."""
    found = []
    for name in ("relu", "erf"):
        only_a = orthogonal(name, **(APP_G | {"var_a": 0.0}))
        inner = orthogonal(name, **APP_G) - only_a
        found += {"b": only_a + inner * [0.5, 0.0], "w and b": only_a, "a": inner}[left_out].tolist()
    assert [round(v, 1) for v in found] != [4.5, 1.1, 10.6, 5.2]


def test_ED_New_ntkform_is_of_erf_itself():
    """erf(u / sqrt 2) is erf of half the variance, its slopes in w and b are 1 / sqrt 2 of it: half the kernel."""
    halved = APP_G | {"var_w": 0.023}
    only_a = orthogonal("erf", **(halved | {"var_a": 0.0}))
    one, two = only_a + 0.5 * (orthogonal("erf", **halved) - only_a)
    assert one < 6
    assert two < 3


@given(angle=st.floats(0, math.pi), turn=st.floats(0, 2 * math.pi), var_b=st.floats(0, 3))
def test_ED_Rem_angle(angle, turn, var_b):
    """Turned together, two inputs have the same kernel, for any activation, given isotropic weights and one length."""

    def pair(start):
        return np.array([[math.cos(t), math.sin(t)] for t in (start, start + angle)])

    for activation in ("relu", "erf", "tanh"):
        values = [
            one_hidden(p[:1], p[1:], activation=activation, var_a=1.3, var_w=0.8, var_b=var_b)[0, 0]
            for p in (pair(0.0), pair(turn))
        ]
        # ReLU: the slope in the angle is at most about 2 var_a / pi.
        assert abs(values[1] - values[0]) < 1e-14 * 10


def test_ED_Rem_angle_needs_isotropic_weights_even_for_relu():
    """Weights +-1 in the plane: E[relu relu] of a right angle is 1/4 along the axes and 0 along the diagonals."""
    signs = np.array(list(itertools.product((-1.0, 1.0), repeat=2)))
    means = []
    for turn in (0.0, math.pi / 4):
        pair = np.array([[math.cos(turn), math.sin(turn)], [-math.sin(turn), math.cos(turn)]])
        means.append(np.maximum(signs @ pair.T, 0).prod(axis=1).mean())
    np.testing.assert_allclose(means, [0.25, 0.0], atol=1e-15)


def test_ED_Rem_angle_off_the_sphere_depends_on_lengths_too():
    first, second = (one_hidden([[r, 0.0]], [[0.0, r]], **APP_G)[0, 0] for r in (1.0, 2.0))
    assert abs(second / first - 1) > 0.01


def test_ED_Fn23_25():
    assert theory.squared_length() == (theory.dim, sp.sqrt(2) / sp.sqrt(theory.dim))
    assert theory.cosine_moment(1) == 1 / theory.dim
    # The fourth moment over that of a normal variable, 3 / n^2, tends to 1: n / (n + 2).
    assert sp.simplify(theory.cosine_moment(2) * theory.dim**2 / 3 - theory.dim / (theory.dim + 2)) == 0
    # The law of the angle by direct integration, n = 5.
    t = sp.Symbol("t")
    weight = sp.integrate(sp.sin(t) ** 3, (t, 0, sp.pi))
    assert sp.integrate(sp.cos(t) ** 2 * sp.sin(t) ** 3, (t, 0, sp.pi)) / weight == theory.cosine_moment(1).subs(
        theory.dim, 5
    )
    z = np.random.default_rng(0).normal(size=(4000, 100)) * 1.7
    lengths = (z**2).sum(axis=1)
    assert abs(lengths.mean() / (100 * 1.7**2) - 1) < 4 * math.sqrt(2 / 100 / 4000)
    assert math.isclose(lengths.std() / lengths.mean(), math.sqrt(2 / 100), rel_tol=4 / math.sqrt(8000))


@pytest.mark.parametrize("activation", ["relu", "erf", "tanh"])
def test_ED_Eq20(activation):
    """Spread over g1 falls like n^(-1/2) towards the value at orthogonal seeds; outputs uncouple like width^(-1/2)."""
    values = [two_values(dim, activation=activation, **APP_G) for dim in (100, 400, 1600)]
    for coarse, fine in itertools.pairwise(values):
        assert math.isclose(coarse.spread2 / fine.spread2, 2.0, rel_tol=0.03)
        assert coarse.spread1 == 0
    assert math.isclose(values[-1].g2, orthogonal(activation, **APP_G)[1], rel_tol=1e-3)
    z, crossed = sphere(8, 64, 1), []
    for width in (100, 1600):
        shape = WideGenerator(64, width, activation=activation, **APP_G)
        drawn = [empirical(shape.initial(1, trial=k), z)[..., 0, 1] for k in range(40)]
        crossed.append(np.std(drawn))
    assert math.isclose(crossed[0] / crossed[1], 4.0, rel_tol=0.35)


def test_ED_Rem_batchnorm():
    """Batch normalisation brings g2/g1 of the App. G generator down, as if signals had variance 1."""
    z = sphere(200, 256, 2)
    network = WideGenerator(256, 1024, **APP_G).initial(2)
    before, after = (TwoValues.of_gram(k(network, z)[..., 0, 0]) for k in (empirical, batch_normalised))
    assert math.isclose(before.ratio, 0.25, rel_tol=0.05)
    assert after.ratio < before.ratio / 5
    # g1 of many seeds: 2 ((1 + var_a) / 2 + var_a / 2 (1 + 1 / var_w))
    assert math.isclose(after.g1, 3.25 + 2.25 * (1 + 1 / 0.046), rel_tol=0.05)


def test_ED_AppG_closed():
    """False for one hidden layer: the arcsine and the arc-cosine are integrals done, to thirty digits."""
    exact = sp.lambdify((theory.size_x, theory.size_y, theory.rho), theory.erf_means(), "mpmath")
    with mp.workdps(30):
        at = mp.mpf("0.7"), mp.mpf("0.4"), mp.mpf("0.6")
        slope = lambda u: 2 / mp.sqrt(mp.pi) * mp.exp(-u * u)  # noqa: E731
        for function, value in zip((mp.erf, slope), exact(*at), strict=True):
            assert abs(theory.gaussian_mean(function, function, *at, 1.5) / value - 1) < mp.mpf("1e-28")
        # ReLU in polar coordinates: u = r cos(t), v = r cos(t - angle), both positive on an arc.
        relu = sp.lambdify((theory.size_x, theory.size_y, theory.rho), theory.relu_means(), "mpmath")
        angle = mp.acos(at[2])
        arc = mp.quad(lambda t: mp.cos(t) * mp.cos(t - angle), [angle - mp.pi / 2, mp.pi / 2])
        mean = at[0] * at[1] * arc * mp.quad(lambda r: r**3 * mp.exp(-r * r / 2), [0, mp.inf]) / (2 * mp.pi)
        assert abs(mean / relu(*at)[0] - 1) < mp.mpf("1e-25")
    got = one_hidden([[0.5]], [[0.3]], activation="erf", var_a=1.0, var_w=2.0, var_b=0.1)[0, 0]
    p, q, c = math.sqrt(0.6), math.sqrt(0.28), 0.4
    means = exact(p, q, c / (p * q))
    assert math.isclose(got, 2 * (means[0] + means[1] * 1.15), rel_tol=1e-14)


def test_ED_Fig21():
    mus = np.linspace(0, 1, 101)
    for convention in ("plain", "standardised"):
        ratios = [deep_relu(0.0, 6, mu, convention) / deep_relu(1.0, 6, mu, convention) for mu in mus]
        assert (np.diff(ratios) > -1e-15).all()
        assert ratios[-1] == 1
        assert ratios[0] < 0.31


@given(mu=st.floats(0.15, 1), convention=st.sampled_from(["plain", "standardised"]))
def test_ED_AppG_chaos(mu, convention):
    """No mu is chaotic: with depth the ratio tends to 1 for mu > 0 and to 1/4 for mu = 0, to 0 for none."""
    assert deep_relu(0.0, 2000, mu, convention) / deep_relu(1.0, 2000, mu, convention) > 0.99


def test_ED_AppG_chaos_without_biases_tends_to_a_quarter():
    ratios = [
        deep_relu(0.0, depth, 0.0, "standardised") / deep_relu(1.0, depth, 0.0, "standardised") for depth in (500, 5000)
    ]
    np.testing.assert_allclose(ratios, 0.25, rtol=0.03)
    assert abs(ratios[1] - 0.25) < abs(ratios[0] - 0.25) / 5
    # The limit of a fixed angle is that of the profile of deep networks as the angle times the depth grows.
    profile = ganth.theory.networks.deep_profile()
    assert sp.limit(profile, ganth.theory.networks.share, sp.oo) == sp.Rational(1, 4)


def test_ED_New_deepconv():
    """The factor sqrt 2 of the ReLU changes the curve unless mu is 0 or 1: plain halves what the layers carry."""
    for mu in (0.0, 1.0):
        plain, other = (deep_relu(0.0, 6, mu, c) / deep_relu(1.0, 6, mu, c) for c in ("plain", "standardised"))
        assert math.isclose(plain, other, rel_tol=1e-14)
    plain, other = (deep_relu(0.0, 6, 0.3, c) / deep_relu(1.0, 6, 0.3, c) for c in ("plain", "standardised"))
    assert plain - other > 0.3


def test_ED_Fig1():
    """Outputs at fixed seeds move as the parameters do: each by alpha_G / N sum Gamma grad D, to first order."""
    ring = ganth.targets.GaussianMixture.ring(8, 2.0, 0.02**2)
    rules = ganth.EffectiveGAN(ring, n_particles=12, width=32, lr_disc=0.3, lr_gen=1e-4, n_disc=2)
    game = ganth.FiniteWidthGAN(rules, WideGenerator(64, 300, activation="erf", **APP_G))
    start, end = (game.run(steps=k, seed=1) for k in (0, 1))
    gamma = empirical(game.network(start), game.seeds_of(start))
    pull = end.discriminator_of().gradient(start.final) / 12
    expected = 1e-4 * np.einsum("abij,bj->ai", gamma, pull)
    np.testing.assert_array_equal(game.seeds_of(start), game.seeds_of(end))
    np.testing.assert_allclose(end.final - start.final, expected, rtol=0, atol=1e-4 * np.abs(expected).max())
    assert (game.network(start).parameters != game.network(end).parameters).any()
