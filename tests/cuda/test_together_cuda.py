"""Games that differ in numbers alone are one launch, and each has the bits of its own run."""

import numpy as np
import pytest

import ganth
from ganth.games import features_cuda, one_hidden_cuda

RING = ganth.targets.GaussianMixture.ring(4, 1.0, 0.02)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    if ganth.backend.simulated():
        for loops in (features_cuda, one_hidden_cuda):
            monkeypatch.setattr(loops, "BLOCK", 8)


def effective(**changes):
    call = {"n_particles": 4, "width": 9, "lr_disc": 0.1, "lr_gen": 0.1, "ntk_ratio": 0.2}
    return ganth.EffectiveGAN(RING, **call | changes)


def kernel(**changes):
    call = {"kernel": ganth.RBF(0.7), "n_frequencies": 9, "reg": 0.2, "lr_disc": 0.05, "lr_gen": 0.05}
    return ganth.KernelGAN(RING.means, **call | changes)


FAMILIES = {
    "effective": (effective, one_hidden_cuda._PLAYERS[2], [
        {"n_disc": 3, "ntk_ratio": 0.5}, {"lr_disc": 0.05, "lr_gen": 0.3}, {"grad_reg": 0.4, "reg": 0.5},
    ]),
    "kernel": (kernel, features_cuda._PLAYERS[2, np.dtype("float64")], [
        {"kernel": ganth.Laplace(0.5)}, {"reg": 1.0, "lr_gen": 0.2}, {"lr_disc": 0.3},
    ]),
}  # fmt: skip


@pytest.mark.parametrize("family", FAMILIES)
def test_a_launch_plays_them_all_with_the_bits_of_each_ones_run(family, monkeypatch):
    make, player, changes = FAMILIES[family]
    games, seeds = [make(**change) for change in changes], [3, 4, 3]
    call = {"steps": 3, "trials": 2, "backend": "cuda"}
    launches = []
    launch = type(player).launch_blocks

    def noted(kernel, blocks, *arguments, **how):
        launches.append(blocks)
        launch(kernel, blocks, *arguments, **how)

    monkeypatch.setattr(type(player), "launch_blocks", noted)
    runs = ganth.play_together(games, seeds=seeds, **call)
    assert launches == [6]
    for game, seed, run in zip(games, seeds, runs, strict=True):
        alone = game.run(seed=seed, **call)
        np.testing.assert_array_equal(run.particles, alone.particles)
        assert run.settings == alone.settings
    further = [run.extend(1).final for run in (runs[1], games[1].run(seed=4, **call))]
    np.testing.assert_array_equal(*further)
    np.testing.assert_array_equal(*(run.discriminator(RING.means, trial=1) for run in (runs[2], alone)))


def test_games_of_other_sizes_are_launches_of_their_own():
    games = [effective(), effective(width=5), kernel(), effective(n_disc=2)]
    runs = ganth.play_together(games, steps=1, backend="cuda")
    for game, run in zip(games, runs, strict=True):
        np.testing.assert_array_equal(run.final, game.run(steps=1, backend="cuda").final)
