"""Sweeps whose later seeds are played near a level alone."""

import numpy as np
import pytest
import sweep_cells

import ganth
from ganth.sweeps import near_level, sweep_near_level


def test_seeds_are_played_near_the_level_and_nowhere_else():
    grid = {"row": [0.0, 3.0, 20.0, -20.0], "column": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]}
    found = sweep_near_level(sweep_cells.sloping, grid, level=2.5, name="height", seeds=[4, 5, 9], steps=1, jobs=1)
    near = np.array([[0, 1, 1, 0, 0, 0], [0, 0, 0, 0, 1, 1], [0, 0, 0, 0, 0, 1], [1, 0, 0, 0, 0, 0]], bool)
    np.testing.assert_array_equal(found["played"][..., 1:], np.repeat(near[..., None], 2, axis=2))
    assert found["played"][..., 0].all()
    whole = ganth.sweep(sweep_cells.sloping, grid, seeds=[4, 5, 9], jobs=1)
    for name in ("height", "seeds"):
        wanted = np.where(found["played"], whole.grid(name), np.nan)
        np.testing.assert_array_equal(found[name], wanted)
    one = sweep_near_level(sweep_cells.sloping, grid, level=2.5, name="height", seeds=[4], steps=1, jobs=1)
    np.testing.assert_array_equal(one["height"], found["height"][..., :1])


def test_what_is_unknown_or_crosses_twice_is_near():
    rows = [[9, np.nan, 9, 9, 9], [9, 1, 9, 9, 9], [1, 1, 1, 1, 1]]
    assert near_level(rows, 5, steps=1).astype(int).tolist() == [[1, 1, 1, 0, 0], [1, 1, 1, 0, 0], [1, 0, 0, 0, 0]]
    with pytest.raises(ganth.ShapeError, match="values must have shape"):
        near_level([1.0, 2.0], 5, steps=1)
    with pytest.raises(ganth.ParameterError, match="grid must hold two parameters, got 1"):
        sweep_near_level(sweep_cells.sloping, {"row": [1]}, level=0, seeds=[1], steps=1)


def test_a_cell_that_fails_is_named():
    grid = {"row": [0.0], "column": [1.0, 2.0, 3.0, 4.0]}
    with pytest.raises(
        ganth.errors.SweepError, match=r"1 of 2 cells near the level failed: row=0.0, column=3.0, seed=7"
    ):
        sweep_near_level(sweep_cells.breaking, grid, level=2.5, name="height", seeds=[4, 7], steps=1, jobs=1)
