"""ED appendix G: a generator of finite width, its kernel along a run, and what RMSProp makes of it.

Theory: plain steps move the outputs by (alpha_G / N) Gamma grad D and change Gamma by a power of the width: -1 for a
smooth activation, -3/4 for ReLU, whose units cross their kinks.  RMSProp moves them by J P J^T grad D, with a P that
fits the size of each slope: it does not depend on the scale of D, and hardly couples different seeds.
"""

import functools
import math

import numpy as np
import pytest

import ganth
from ganth.generators import WideGenerator
from ganth.metrics import mode_collapse, nearest_mode_distance
from ganth.ntk import TwoValues, empirical, one_hidden

RING = ganth.targets.GaussianMixture.ring(8, 2.0, 0.02**2)
APP_G = {"var_a": 2.25, "var_w": 0.046, "var_b": 0.0}
LEVEL = math.log(8) / 2


def game(optimiser, width, *, seeds=64, hidden=256, rate=None, activation="relu", **changes):
    rate = rate or {"rmsprop": 1e-3, "sgd": 0.1}[optimiser]
    rules = ganth.EffectiveGAN(RING, n_particles=seeds, width=hidden, lr_disc=0.3, lr_gen=rate, n_disc=5, **changes)
    return ganth.FiniteWidthGAN(rules, WideGenerator(256, width, activation=activation, **APP_G), optimiser=optimiser)


@functools.cache
def trained(optimiser):
    """Start and end of three trials of 200 iterations at width 512."""
    played = game(optimiser, 512)
    options = {"trials": 3, "seed": 1, "threads": 1, "dtype": "float32"}
    return played, played.run(steps=0, **options), played.run(steps=200, record_every=20, **options)


def test_ED_Fig20():
    """Outputs reach all eight modes in every seed; the kernel's two peaks stay apart and move by less than 0.3."""
    played, start, end = trained("rmsprop")
    assert mode_collapse(end.particles[:, -1], RING.means).max() < 0.1
    distance = [np.median(nearest_mode_distance(end.particles[:, k], RING.means)) for k in (0, -1)]
    assert distance[1] < 0.25 < 1.5 < distance[0]
    for trial in range(3):
        before, after = (
            TwoValues.of_gram(empirical(played.network(run, trial), played.seeds_of(run, trial))[..., 0, 0])
            for run in (start, end)
        )
        assert abs(after.g1 / before.g1 - 1) < 0.3
        assert abs(after.g2 / before.g2 - 1) < 0.3
        assert after.g1 > 3 * after.g2


def test_ED_New_tension():
    """All of the paper's generators have g2/g1 > 1/5; with plain steps the one that converges in Fig. 20 collapses."""
    for name, settings in (
        ("relu", APP_G),
        ("erf", APP_G),
        ("relu", {"var_a": 0.42, "var_w": 0.42, "var_b": 1.17}),
        ("erf", {"var_a": 1.18, "var_w": 1.18, "var_b": 11.67}),
    ):
        g1, g2 = one_hidden(np.eye(2)[:1], np.eye(2), activation=name, **settings)[0]
        assert g2 / g1 > 0.2
    late = {
        optimiser: np.median(mode_collapse(trained(optimiser)[2].particles[:, 5:], RING.means))
        for optimiser in ("rmsprop", "sgd")
    }
    assert late["rmsprop"] < 0.1
    assert late["sgd"] > LEVEL


def changes(optimiser, activation, rate, widths):
    """Median relative change of Gamma over 8 iterations, for each width."""
    found = []
    for width in widths:
        played = game(optimiser, width, seeds=24, hidden=64, rate=rate, activation=activation)
        runs = [played.run(steps=steps, trials=8, seed=2, threads=1) for steps in (0, 8)]
        grams = [
            np.array([empirical(played.network(run, k), played.seeds_of(run, k)) for k in range(8)]) for run in runs
        ]
        moved = np.linalg.norm((grams[1] - grams[0]).reshape(8, -1), axis=1)
        found.append(np.median(moved / np.linalg.norm(grams[0].reshape(8, -1), axis=1)))
    return found


@pytest.mark.parametrize(("activation", "power"), [("relu", -0.75), ("tanh", -1.0)])
def test_ED_Rem_lazy(activation, power):
    """At a fixed time of plain steps the kernel's change vanishes with the width, like a power of it."""
    narrow, wide = changes("sgd", activation, 0.02, (64, 1024))
    assert abs(math.log(wide / narrow) / math.log(1024 / 64) - power) < 0.2


def test_ED_Rem_lazy_not_under_rmsprop():
    """RMSProp moves each parameter by its rate, whatever the width: the change does not vanish."""
    narrow, wide = changes("rmsprop", "relu", 1e-3, (64, 1024))
    assert math.log(wide / narrow) / math.log(1024 / 64) > -0.25


def test_ED_New_rmsprop():
    """A step is J P J^T grad D to first order; it is nothing like any multiple of Gamma grad D."""
    played = game("rmsprop", 256, seeds=24, hidden=64, rate=1e-6, activation="tanh")
    for after in (0, 5):
        before, then = (played.run(steps=after + k, seed=3, threads=1) for k in (0, 1))
        z, network = played.seeds_of(before), played.network(before)
        pull = then.discriminator_of().gradient(before.final) / 24
        scales = 1 / (np.sqrt(then.state["generator_squares"][0]) + 1e-8)
        moved = then.final - before.final
        by, plain = (np.einsum("abij,bj->ai", empirical(network, z, preconditioner=p), pull) for p in (scales, None))
        assert np.linalg.norm(moved - 1e-6 * by) < 1e-4 * np.linalg.norm(moved)
        part = (moved * plain).sum() ** 2 / (moved**2).sum() / (plain**2).sum()  # squared cosine
        assert part < 0.9
        moving = TwoValues.of_gram(empirical(network, z, preconditioner=scales)[..., 0, 0])
        assert abs(moving.ratio) < 0.05


def test_ED_New_rmsprop_starts_with_signs():
    """The first step moves every parameter by ten rates, up or down, however small its slope."""
    played = game("rmsprop", 128, seeds=24, hidden=64)
    start, end = (played.run(steps=k, seed=3, threads=1) for k in (0, 1))
    slopes = played.network(start).pullback(played.seeds_of(start), end.discriminator_of().gradient(start.final) / 24)
    moved = played.network(end).parameters - played.network(start).parameters
    large = np.abs(slopes) > 1e-4  # far above epsilon
    assert large.mean() > 0.2
    np.testing.assert_allclose(moved[large], 10e-3 * np.sign(slopes[large]), rtol=2e-3)
