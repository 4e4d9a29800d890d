"""Games played side by side, on the CPU: one after another."""

import numpy as np
import pytest

import ganth


def games(**changes):
    one = ganth.KernelGAN([[0.0], [1.0]], kernel=ganth.RBF(1.0), n_frequencies=20, reg=0.1, lr_disc=0.05, lr_gen=0.05)
    return [one.with_settings(reg=reg, **changes) for reg in (0.0, 0.3)]


def test_each_game_has_its_own_record():
    runs = ganth.play_together(games(), steps=9, seeds=[4, 5], trials=2, record_every=3)
    for game, seed, run in zip(games(), (4, 5), runs, strict=True):
        alone = game.run(steps=9, seed=seed, trials=2, record_every=3)
        np.testing.assert_array_equal(run.particles, alone.particles)
        np.testing.assert_array_equal(run.extend(3).particles, alone.extend(3).particles)
        assert run.settings == alone.settings


def test_games_of_several_kinds_keep_their_order():
    toy = ganth.DiracGAN(loss="vanilla", lr_disc=0.1, lr_gen=0.1)
    runs = ganth.play_together([games()[0], toy, games()[1]], steps=2)
    assert [type(run.game).__name__ for run in runs] == ["KernelGAN", "DiracGAN", "KernelGAN"]


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        ({"games": [3]}, ganth.ParameterError, r"games\[0\] must be a game of ganth, got 3"),
        ({"games": games(), "seeds": [1]}, ganth.ShapeError, "seeds must be one, or one for each of 2 games, got 1"),
        ({"games": games(), "seeds": [1, -1]}, ganth.ParameterError, "seed"),
        ({"games": games(), "backend": "gpu"}, ganth.ParameterError, "backend"),
    ],
)
def test_bad_calls_are_told(call, error, words):
    with pytest.raises(error, match=words):
        ganth.play_together(**{"steps": 1} | call)


def test_no_games_are_no_runs():
    assert ganth.play_together([], steps=3) == []


def test_cells_on_the_cpu_are_the_machines_processes():
    assert ganth.executor_for("cpu") == "local"
    with pytest.raises(ganth.ParameterError, match="backend"):
        ganth.executor_for("gpu")
