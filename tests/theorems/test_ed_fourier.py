"""ED, app. C and section IV B: waves that each learn at their own rate, claim by claim.

Theory: a weight obeys w -> w - alpha_D gamma (f + lambda w) while the particles rest, a geometric sequence; waves of k
and -k are one function; a Gaussian blurs the wave k by exp(-k^2 sigma^2 / 2).
"""

import math

import naive_fourier
import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

import ganth
from ganth.metrics import mean_log_likelihood, mode_collapse
from ganth.stability import local_weight
from ganth.theory import fourier as theory

SD = 0.02
RING = ganth.targets.GaussianMixture.ring(8, 2.0, SD**2)
LEVEL = math.log(8) / 2
SMALL = ganth.FourierModes(per_axis=4, lowest=0.3, highest=4.0)
FAST = {"lr_disc": 4e-4, "lr_gen": 4e-3}  # four times the rates of the figures, for a quarter of their iterations


def game_of(ratio=0.0, n_disc=10, law="power", **settings):
    return ganth.EffectiveGAN(
        RING,
        discriminator="fourier",
        ntk_ratio=ratio,
        n_disc=n_disc,
        **{"modes": ganth.FourierModes(law), "data": "population", **FAST, **settings},
    )


def metric_of(steps=750, trials=3, **settings):
    final = game_of(**settings).run(steps=steps, trials=trials, dtype="float32").final
    return float(np.mean(mode_collapse(final, RING.means)))


def learned_gap(sign, seed, n_disc=5):
    """Return <D>_gen - <D>_data after inner steps down (sign 1) or, as printed, up the loss."""
    k = naive_fourier.grid(SMALL.axis, 2)
    x = np.random.default_rng(seed).normal(size=(20, 2))
    means = naive_fourier.gaussian_means(k, RING.weights, RING.means, RING.covariances)
    w_sine, w_cosine, _, _ = naive_fourier.play(
        k,
        SMALL.rate(np.linalg.norm(k, axis=1)),
        x,
        np.eye(20),
        lambda step, again: means,
        lr_disc=sign * 0.01,
        lr_gen=0.0,
        reg=0.5,
        n_disc=n_disc,
        order="alternating",
        steps=1,
    )
    sine, cosine = naive_fourier.waves(k, x)
    return w_sine @ (sine.mean(axis=0) - means[0]) + w_cosine @ (cosine.mean(axis=0) - means[1])


@given(st.integers(0, 2**32))
def test_ED_Alg2(seed):
    """Descent makes D lower on the generated than on the data, as (3) wants; the printed ascent makes it higher."""
    assert learned_gap(1, seed) < 0 < learned_gap(-1, seed)


def test_ED_Alg2_to_first_order():
    down, up = (theory.first_order_change("none", ascending=ascending) for ascending in (False, True))
    assert down.is_nonpositive
    assert sp.simplify(down + up) == 0


@given(start=st.floats(-0.05, 0.05), reg=st.floats(0.1, 2.0))
def test_ED_Alg2_reg(start, reg):
    """The printed penalty of fourth degree leaves small weights; the square one forgets them at rate lambda."""
    values = {theory.rate_disc: 0.1, theory.rate: 1.0, theory.reg: reg, theory.gap: 0.0}
    kept = {}
    for penalty in ("square", "printed"):
        step = sp.lambdify(theory.weight, theory.step(penalty).subs(values))
        w = start
        for _ in range(50):
            w = step(w)
        kept[penalty] = w
    assert kept["square"] == pytest.approx(start * (1 - 0.1 * reg) ** 50, abs=1e-15)
    assert abs(kept["printed"] - start) <= 0.11 * reg * 100 * abs(start) ** 3 + 1e-14 * abs(start)  # rounding
    assert theory.damping("square") == theory.reg
    assert theory.damping("printed") == 0


@given(st.integers(0, 2**32), st.sampled_from((1, 2)))
def test_ED_EqC1(seed, dim):
    """Half of the weights are redundant: waves of k and -k are one, and half the grid at twice the rate plays alike."""
    rng = np.random.default_rng(seed)
    k = naive_fourier.grid([0.7, 1.9], dim)
    waves = np.concatenate(naive_fourier.waves(k, rng.normal(size=(90, dim))), axis=1)
    assert np.linalg.matrix_rank(waves) == waves.shape[1] // 2 == theory.products(dim).rank() * 2**dim
    x, given_means = rng.normal(size=(7, dim)), rng.uniform(-0.3, 0.3, size=(2, len(k)))
    opposite = [int(np.flatnonzero((k == -one).all(axis=1))[0]) for one in k]
    given_means[0], given_means[1] = (
        (given_means[0] - given_means[0][opposite]) / 2,
        (given_means[1] + given_means[1][opposite]) / 2,
    )
    rate = 1 / (1 + (k**2).sum(axis=1))

    def played(chosen, factor):
        return naive_fourier.play(
            k[chosen],
            factor * rate[chosen],
            x,
            np.eye(7),
            lambda step, again: given_means[:, chosen],
            lr_disc=0.05,
            lr_gen=0.02,
            reg=0.4 / factor,
            n_disc=2,
            order="alternating",
            steps=6,
        )

    whole, half = played(np.ones(len(k), bool), 1), played(k[:, 0] > 0, 2)
    np.testing.assert_allclose(half[2], whole[2], rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(whole[0][opposite], -whole[0], atol=1e-12)
    np.testing.assert_allclose(whole[1][opposite], whole[1], atol=1e-12)


@given(
    start=st.floats(-3, 3),
    gap=st.floats(-1, 1),
    rate=st.floats(1e-6, 1.5),
    reg=st.floats(1e-3, 1),
    n=st.integers(1, 60),
)
def test_ED_New_closedinner(start, gap, rate, reg, n):
    w = start
    for _ in range(n):
        w -= rate * (gap + reg * w)
    q = 1 - rate * reg
    assert w == pytest.approx(q**n * start - (1 - q**n) / reg * gap, rel=1e-9, abs=1e-9)


def test_ED_New_closedinner_symbolic():
    w = theory.start
    for count in range(1, 5):
        w = theory.step().subs(theory.weight, w)
        assert sp.expand(w - theory.after_steps(sp.Integer(count))) == 0
    assert theory.unregularised_steps() == theory.start - theory.steps * theory.rate_disc * theory.rate * theory.gap


def test_ED_New_resolution():
    """Modes of sd 0.02 keep most of the highest wave: clouds keep any spread, and can pass the data's likelihood."""
    highest = math.sqrt(2) * ganth.FourierModes().highest
    assert float(theory.blurred().subs({theory.k: highest, theory.sd: SD})) > 0.85
    whole, points = (
        ganth.FourierModes().expectation(ganth.targets.GaussianMixture.ring(8, 2.0, variance))
        for variance in (SD**2, 1e-12)
    )
    assert np.abs(whole - points).max() < 0.16
    own = float(theory.mean_log_likelihood(theory.sd).subs(theory.sd, SD))
    assert mean_log_likelihood(RING.sample(4000, 1), RING) == pytest.approx(own, abs=0.1)
    wide = np.repeat(RING.means, 25, axis=0) + 5 * SD * ganth.streams.normal(3, (200, 2))
    reached = mean_log_likelihood(game_of(lr_disc=1e-3, lr_gen=1e-3).run(wide, steps=2000).final, RING)
    assert own + 0.5 < reached < float(theory.mean_log_likelihood(sp.S.Zero).subs(theory.sd, SD))
    kept = game_of(lr_disc=1e-3, lr_gen=1e-3).run(RING.means.repeat(25, axis=0), steps=300).final
    assert np.abs(kept - RING.means.repeat(25, axis=0)).max() < SD / 4


@given(scale=st.sampled_from((0.25, 0.5, 2.0, 8.0)), reg=st.sampled_from((0.0, 1.0)), seed=st.integers(0, 2**63))
def test_ED_New_fourierpars(scale, reg, seed):
    """Rates that share alpha_D alpha_G and alpha_D lambda move the particles by the same bits."""
    assert set(theory.rescaling_gap()) == {0}
    game = game_of(0.05, 3, n_particles=12, reg=reg, modes=SMALL)
    other = game.with_settings(lr_disc=scale * game.lr_disc, lr_gen=game.lr_gen / scale, reg=reg / scale)
    one, two = game.run(steps=12, seed=seed), other.run(steps=12, seed=seed)
    np.testing.assert_array_equal(one.final, two.final)
    np.testing.assert_array_equal(scale * one.state["weights"], two.state["weights"])


def test_ED_New_fourierpars_no_other_pair():
    """alpha_D alpha_G alone does not fix the run: alpha_D lambda counts too."""
    one, two = (game_of(0.05, 3, lr_disc=a, lr_gen=1e-6 / a, modes=SMALL).run(steps=50).final for a in (1e-3, 1e-2))
    assert np.abs(one - two).max() > 1e-3


def test_ED_AppC_mimic():
    """The Fourier kernel depends on x - y alone, a network's does not; a logarithmic grid adds a power 1/k an axis."""
    modes = ganth.FourierModes(per_axis=60, lowest=0.01, highest=20.0, cap=1e9)
    points = np.array([[0.3, -0.2], [2.0, 0.5]])
    sizes = [
        ((modes.waves(p[None])[0, 0][:, None] * modes.waves(p[None])[0, 1]) ** 2 * modes.rates(2)).sum() for p in points
    ]
    assert sizes[0] == pytest.approx(sizes[1])
    network = [ganth.ntk.one_hidden(p[None], p[None], var_a=1.0, var_w=1.0, var_b=9.0).item() for p in points]
    assert network[1] > 1.3 * network[0]
    # per dk_1 dk_2 on the diagonal: gamma times the number of grid points there
    k = modes.axis
    density = modes.rate(math.sqrt(2) * k[1:-1]) / ((k[2:] - k[:-2]) / 2) ** 2
    slope = np.polyfit(np.log(k[1:-1]), np.log(density), 1)[0]
    assert slope == pytest.approx(-5, abs=1e-6)


def test_ED_AppC_suff():
    """At n_disc = 16 and r = 0.35 the exponential's rates cover the modes and those of the cube do not."""
    assert metric_of(ratio=0.35, n_disc=16, law="exponential") < LEVEL < metric_of(ratio=0.35, n_disc=16)


def test_ED_AppC_range():
    """log(1/eps) is not straight in r: its slope is 199/(1 + 199 r) + 1/(1 - r), least in the middle."""
    r = sp.Symbol("r", positive=True)
    slope = sp.diff(sp.log((1 + 199 * r) / (1 - r)), r)
    assert sp.simplify(slope - 199 / (1 + 199 * r) - 1 / (1 - r)) == 0
    at = [float(slope.subs(r, value)) for value in (0.1, 0.5, 0.9)]
    assert at[1] < min(at[0], at[2]) / 2
    assert local_weight(0.7, 200) == pytest.approx(float(((1 - r) / (1 + 199 * r)).subs(r, 0.7)))
    assert metric_of(steps=500, ratio=0.7, n_disc=400, law="exponential") < LEVEL
    assert metric_of(steps=500, ratio=0.7, n_disc=4, law="exponential") > LEVEL


@given(st.floats(0.3, 4.0), st.floats(0.2, 3.0))
def test_ED_IVB_time(k, reg):
    """A weight reaches 1 - 1/e of its limit after 1/(alpha_D gamma lambda) steps, whatever k."""
    modes = ganth.FourierModes(per_axis=1, lowest=k, highest=k)
    target = ganth.targets.GaussianMixture([[0.4]], 1e-4)
    rate = 1e-3 / (modes.rates(1)[0] * reg)
    game = ganth.EffectiveGAN(
        target,
        discriminator="fourier",
        modes=modes,
        n_particles=1,
        data="population",
        reg=reg,
        lr_disc=rate,
        lr_gen=1e-9,
    )
    learned, limit = (game.with_settings(n_disc=n).run(steps=1).discriminator_of().weights for n in (1000, 10**6))
    np.testing.assert_allclose(learned / limit, 1 - math.exp(-1), rtol=1e-3)


def boundary(ratio, decay):
    """Return the n_disc at which a column passes the level."""
    n_discs = [2, 8, 32, 128, 512]
    modes = ganth.FourierModes(decay=decay)
    row = [metric_of(ratio=ratio, n_disc=n, modes=modes, trials=2) for n in n_discs]
    return ganth.transitions.crossings(n_discs, [row], LEVEL, direction="falling").at[0]


def test_ED_New_gammaexp():
    """From r = 0.08 to 0.3 the boundary rises, more for a steeper gamma, and less than r^decay."""
    slopes = {
        decay: math.log(boundary(0.3, decay) / boundary(0.08, decay)) / math.log(0.3 / 0.08) for decay in (2.0, 4.0)
    }
    assert 0 < slopes[2.0] < slopes[4.0] < 4.0
    assert slopes[2.0] < 2.0


def test_ED_Fig14():
    """The boundary rises with r, and far less steeply than the printed 4.90 between 0.06 and 0.3."""
    low, high = boundary(0.06, 3.0), boundary(0.3, 3.0)
    assert 0.5 < math.log(high / low) / math.log(5) < 3.5


def test_ED_Fig15():
    """The boundary of the exponential rates is steep enough for a line and steeper than 1.86 in either logarithm."""
    sides = [
        metric_of(steps=500, ratio=r, n_disc=n, law="exponential")
        for r, n in ((0.3, 20), (0.3, 1), (0.6, 20), (0.6, 160))
    ]
    assert sides[0] < LEVEL < sides[1]
    assert sides[3] < LEVEL < sides[2]
