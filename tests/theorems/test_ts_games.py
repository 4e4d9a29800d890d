"""TS sections 1, 5, 11, A.5 and A.6: remedies on toy games.  Claims are heuristic: what is tested is the machinery."""

import numpy as np
import pytest

import ganth
from ganth import nn
from ganth.targets import GaussianMixture

RING = GaussianMixture.ring(8, 2.0, 0.01)


def play(steps=60, **settings):
    return ganth.RemedyGAN(RING, width=12, width_gen=12, batch=32, **settings).run(steps=steps, trials=2, seed=0)


def changed(**settings):
    run, plain = play(**settings), play()
    assert (run.diverged_at == -1).all()
    assert np.isfinite(run.final).all()
    return float(np.abs(run.final - plain.final).max())


def test_TS_S1_game():
    """A discriminator of many steps separates better after as many iterations."""
    strong, weak = play(n_disc=4, lr_disc=4e-3), play(lr_disc=1e-4)

    def separation(run):
        return run.discriminator(RING.means).mean() - run.discriminator(run.final[0]).mean()

    assert separation(strong) > separation(weak)


def test_TS_S5_persistent():
    """A collapsed generator goes on in another game, from where it was."""
    one = ganth.RemedyGAN(GaussianMixture(RING.means[:1], 0.01), width=12, width_gen=12, batch=32)
    start = one.run(steps=40, trials=2, seed=0)
    later = ganth.RemedyGAN(RING, width=12, width_gen=12, batch=32).continue_run(start, 40)
    assert later.steps[-1] == 80
    assert (later.final != start.final).any()


def test_TS_S11_overlap():
    for remedy in ({"instance_noise": 0.3}, {"label_smoothing": 0.2}, {"label_flips": 0.2}):
        assert changed(**remedy) > 1e-6
    smooth = play(label_smoothing=0.3, steps=300).discriminator(RING.means)
    plain = play(steps=300).discriminator(RING.means)
    assert smooth.max() < plain.max()  # less sure of itself


def test_TS_S11_sn_gp():
    def steepest(run):
        step, x = 1e-4, RING.means
        logits = [np.log(d / (1 - d)) for d in (run.discriminator(x + np.array([s, 0.0])) for s in (step, -step))]
        return np.abs(logits[0] - logits[1]).max() / (2 * step)

    plain, spectral, penalised = (
        steepest(play(steps=300, lr_disc=5e-3, **s)) for s in ({}, {"spectral": True}, {"grad_penalty": 10.0})
    )
    assert spectral <= 1.5  # power iterations are below the norm
    assert penalised < plain


def test_TS_S11_balance():
    assert changed(n_disc=3) > 1e-6
    with pytest.raises(ganth.ParameterError, match="n_disc must be an integer >= 1"):
        ganth.RemedyGAN(RING, n_disc=0)


def test_TS_S11_diversity():
    for remedy in ({"minibatch": "features"}, {"minibatch": "deviation"}, {"feature_matching": 1.0}):
        assert changed(**remedy) > 1e-6
    spread = [play(dispersion=d, steps=200).final.std(axis=1).mean() for d in (0.0, 5.0)]
    assert spread[1] > spread[0]


def test_TS_S11_smooth_generator():
    for remedy in ({"top_k": 0.5}, {"path_length": 0.1}, {"layer_noise": 0.2}):
        assert changed(**remedy) > 1e-6


def test_TS_S11_capacity_curriculum():
    narrow = ganth.RemedyGAN(RING, width=12, width_gen=1, batch=32).run(steps=60, seed=0).final
    # One unit in the second layer: all points on a line.
    assert np.linalg.matrix_rank(narrow - narrow.mean(axis=0), tol=1e-9) == 1
    assert changed(instance_noise=1.0, anneal=30) > 1e-6


def test_TS_S11_combined():
    assert changed(instance_noise=0.3, grad_penalty=1.0, dispersion=0.5) > 1e-6


def test_TS_A5_features():
    tensor = np.random.default_rng(0).normal(size=(2, 3, 2))
    one, all_ = (GaussianMixture(RING.means[:k], 0.01).sample(64, 0) for k in (1, 8))
    assert nn.minibatch_features(one, tensor).mean() > nn.minibatch_features(all_, tensor).mean()
    assert nn.minibatch_deviation(one) < nn.minibatch_deviation(all_)
    copies = np.ones((64, 2))
    assert (nn.minibatch_features(copies, tensor) == 64).all()
    assert nn.minibatch_deviation(copies) == 0


def test_TS_A6_fm():
    """Data at -1 and 1, a generator at 1 alone: with the feature x^2 the moments match."""
    data, collapsed = GaussianMixture([[-1.0], [1.0]], 1e-12), GaussianMixture([[1.0]], 1e-12)
    x, y = data.sample(64, 0), collapsed.sample(64, 0)
    assert (x**2).mean() == pytest.approx((y**2).mean(), abs=1e-4)
    assert (y.mean() - x.mean()) > 0.5
