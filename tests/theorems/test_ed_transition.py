"""ED, section IV B, apps. C and D: the transition to mode collapse on small clouds, and what ends its line.

Particles feel (g1 - g2)/N = eps times their own gradient and 1 - eps times the mean: eps = 1 at r = 0 and 0 at r = 1.
So the least n_disc that splits a cloud is finite at r = 0, where C r^s is 0, and infinite at r = 1, where C r^s and
C exp(s r) are finite: neither is the law of the whole line.
"""

import numpy as np
import pytest

import ganth
from ganth.discriminators import FourierModes
from ganth.metrics import mean_log_likelihood, mode_collapse, nearest_mode_distance
from ganth.stability import local_weight
from ganth.transitions import compare_laws, crossings, fit_boundary

RING = ganth.targets.GaussianMixture.ring(8, 2.0, 0.02**2)
LEVEL = np.log(8) / 2
RATIOS, N_DISCS, STEPS, EVERY = np.array([1e-4, 0.02, 0.06, 0.2, 0.5]), [3, 6, 12], 800, 20
SMALL = {"n_particles": 50, "width": 128, "reg": 0.004, "lr_disc": 0.1, "lr_gen": 0.1}


@pytest.fixture(scope="module")
def plane():
    """Metric, distance and likelihood (3, ratios, n_discs, trials, records) of a small ReLU discriminator."""
    games = [[ganth.EffectiveGAN(RING, ntk_ratio=r, n_disc=n, **SMALL) for n in N_DISCS] for r in RATIOS]
    clouds = np.array(
        [[game.run(steps=STEPS, trials=4, record_every=EVERY, threads=1).particles for game in row] for row in games]
    )
    means = RING.means
    return np.array(
        [mode_collapse(clouds, means), nearest_mode_distance(clouds, means), mean_log_likelihood(clouds, RING)]
    )


def line(plane, record=-1):
    """Return the r at which each n_disc's row rises through (1/2) log 8, as `Crossings`."""
    return crossings(RATIOS, plane[0, :, :, :, record].transpose(1, 0, 2), LEVEL, direction="rising")


def assert_rigid(start, end):
    """The cloud may have moved, but no particle against another."""
    np.testing.assert_allclose(
        end - end.mean(axis=-2, keepdims=True), start - start.mean(axis=-2, keepdims=True), atol=1e-10
    )


def weights(ratios):
    return np.array([local_weight(r, 200) for r in ratios])


def test_ED_Fig5_trans(plane):
    metric = plane[0, ..., -1].mean(axis=-1)
    assert metric[0, -1] < 0.05  # weak coupling, many steps: all modes
    assert metric[-1, 0] > 1.4  # strong coupling, few steps: one or two
    at = line(plane).at
    assert (np.diff(at) > 0).all()  # a larger r needs a larger n_disc
    assert at[-1] > 5 * at[0]


@pytest.mark.parametrize("n_disc", [1, 5])
def test_ED_Fig5_power(n_disc):
    # At r = 1 nothing splits, whatever n_disc is, and any C r^s is finite there.
    run = ganth.EffectiveGAN(RING, ntk_ratio=1.0, n_disc=n_disc, **SMALL).run(steps=200, trials=2, threads=1)
    assert_rigid(run.particles[:, 0], run.final)
    assert np.abs(run.final.mean(axis=1) - run.particles[:, 0].mean(axis=1)).max() > 0.1  # but it moves
    # A line with a floor and a wall, n = n0 eps^-s, is told from both laws where it is seen whole.
    ratios = np.geomspace(1e-3, 0.9, 12)
    n_discs = 2 * weights(ratios) ** -0.5 * np.exp(0.02 * ganth.streams.normal(0, 12))
    found = compare_laws(ratios, n_discs)
    assert found.favoured == "neither"
    in_weight = fit_boundary(1 / weights(ratios), n_discs, law="power")
    assert in_weight.log_likelihood > max(found.power.log_likelihood, found.exponential.log_likelihood)


def test_ED_Fig6(plane):
    metric, _, likelihood = plane[..., -1].mean(axis=-1)
    # All of n_disc = 12 up to r = 0.2 has left the collapse, but only far from the line is the cloud precise.
    assert (metric[:4, 2] < LEVEL).all()
    assert likelihood[0, 2] > -60
    assert likelihood[3, 2] < -200
    assert likelihood[:4, 2].argmax() == 0


def test_ED_Num_avg(plane):
    metric = plane[0]
    before, after, around = (
        metric[..., window].mean(axis=-1) for window in (slice(-7, -3), slice(-4, None), slice(-7, None))
    )
    error = np.sqrt((before.var(axis=-1, ddof=1) / 4).mean())  # of a cell's mean over seeds
    for other in (after, around):
        shift = (other - before).mean(axis=-1)
        assert np.abs(shift.mean()) < error
        assert np.sqrt((shift**2).mean()) < 3 * error


def test_ED_Fig13():
    # There is a line for tanh too; and nothing splits at r = 1, where C exp(s r) is finite.
    settings = SMALL | {"activation": "tanh", "lr_disc": 0.3}
    runs = {
        r: ganth.EffectiveGAN(RING, ntk_ratio=r, n_disc=2, **settings).run(steps=400, trials=4, threads=1)
        for r in (0.0, 0.5, 1.0)
    }
    metric = {r: mode_collapse(run.final, RING.means).mean() for r, run in runs.items()}
    assert metric[0.0] < LEVEL / 2
    assert metric[0.5] > 1.2 * LEVEL
    assert_rigid(runs[1.0].particles[:, 0], runs[1.0].final)


@pytest.mark.parametrize("law", ["power", "exponential"])
def test_ED_New_shapes(law):
    # Waves forget at q^n_disc: once all are at their best reply more steps change nothing, so that the line is a wall,
    # which no power law and no exponential is.
    modes = FourierModes(law, per_axis=5, lowest=0.2, highest=3.0)
    settings = {"discriminator": "fourier", "modes": modes, "data": "population", "lr_disc": 1e-3, "lr_gen": 1e-3}
    enough = int(40 / (modes.rates(2).min() * settings["lr_disc"]))
    one, many, more = (
        ganth.EffectiveGAN(RING, n_particles=20, ntk_ratio=0.3, n_disc=n, **settings).run(steps=60, threads=1).final
        for n in (1, enough, 100 * enough)
    )
    np.testing.assert_allclose(many, more, atol=1e-9)
    assert np.abs(one - many).max() > 1e-2

    # On a short stretch of such a line the two laws are hardly told apart, on a long one they are.
    def favoured(ratios):
        noise = 0.1 * ganth.streams.normal(1, len(ratios))
        return compare_laws(ratios, weights(ratios) ** -0.5 * np.exp(noise)).favoured

    assert favoured(np.geomspace(0.05, 0.15, 5)) == "undecided"
    assert favoured(np.geomspace(0.001, 0.9, 15)) != "undecided"


def test_ED_Fig16(plane):
    # At one n_disc, clouds cover the modes below a ratio and few of them above it.
    metric = plane[0, :, 1, :, -1]
    assert (metric[0] < LEVEL / 2).all()
    assert (metric[-1] > LEVEL).all()
    assert line(plane).sides[1] == "inside"


def test_ED_Fig17(plane):
    # The distance to the nearest mode is larger next to the line than on either side of it.
    distance, at = plane[1, :, 1, :, -1].mean(axis=-1), line(plane).at[1]
    peak = distance.argmax()
    assert 0 < peak < len(RATIOS) - 1
    assert RATIOS[peak - 1] < at < RATIOS[peak + 1]
    assert distance[peak] > 1.2 * max(distance[0], distance[-1])


def test_ED_AppD_xref(plane):
    # Where the line is depends on when one looks: outputs after 3000 steps are not those of a run of 5000.
    early, late = line(plane, STEPS // EVERY // 2).at, line(plane).at
    assert late[1] > 1.3 * early[1]
    assert (plane[0, 1:3, :2, :, STEPS // EVERY // 2].mean() - plane[0, 1:3, :2, :, -1].mean()) > 0.1
