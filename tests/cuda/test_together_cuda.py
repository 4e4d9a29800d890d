"""Games that differ in numbers alone are one launch, and each has the bits of its own run."""

import functools
import os
import signal
import threading
import time

import numpy as np
import pytest

import ganth
from ganth.games import features_cuda, one_hidden_cuda

OPTIONS = {"trials": 1, "first_trial": 0, "dtype": "float64", "backend": "cuda"}
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
    "effective": (effective, one_hidden_cuda.PLAYERS[2, False], [
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


def cell(reg, width, seed, backend):
    run = kernel(kernel=ganth.RBF(width), reg=reg).run(steps=2, seed=seed, backend=backend)
    again = run.extend(1) if width > 0.5 else run  # some cells play twice
    return {"x": again.final[0, 0], "steps": float(again.steps[-1])}


def test_a_sweep_is_a_launch_for_all_that_its_cells_play_at_once():
    grid = {"reg": [0.1, 0.2, 0.3], "width": [0.5, 0.8]}
    fn = functools.partial(cell, backend="cuda")
    alone = ganth.sweep(fn, grid, seeds=2, jobs=1)
    together = ganth.sweep(fn, grid, seeds=2, executor=ganth.Together(at_once=7))
    for name in ("x", "steps"):
        np.testing.assert_array_equal(together.grid(name), alone.grid(name))


def broken(reg, seed):
    run = kernel(reg=reg).run(steps=1, seed=seed, backend="cuda")
    if reg > 0.2:
        raise ValueError("a cell that fails")
    return run.final[0, 0]


def test_a_cell_that_fails_keeps_nobody_waiting():
    with pytest.raises(ganth.errors.SweepError, match=r"2 of 6 cells failed: reg=0\.3"):
        ganth.sweep(broken, {"reg": [0.1, 0.2, 0.3]}, seeds=2, executor=ganth.Together())


def test_ctrl_c_keeps_what_is_done_and_leaves_no_thread(monkeypatch):
    before, advance = threading.active_count(), type(kernel()._engine(0, OPTIONS, None)).advance_together

    def pressed(self, engines, state, count):
        os.kill(os.getpid(), signal.SIGINT)
        advance(self, engines, state, count)

    monkeypatch.setattr("ganth.games.features.FeaturesEngine.advance_together", pressed)
    with pytest.raises(ganth.errors.InterruptedRun) as stopped:
        ganth.play_together([kernel(), kernel(reg=0.5)], steps=100, backend="cuda")
    assert [int(run.steps[-1]) for run in stopped.value.run] == [16, 16]
    for _ in range(100):
        if threading.active_count() == before:
            return
        time.sleep(0.05)
    raise AssertionError("threads are left")
