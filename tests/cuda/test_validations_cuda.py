"""Validations computed with backend "auto" on a GPU: what the CPU computes, to rounding."""

import importlib.util
import pathlib

import numpy as np
import pytest

import ganth
from ganth import device
from ganth.games import one_hidden_cuda

VALIDATIONS = pathlib.Path(__file__).parents[2] / "validations"


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    if ganth.backend.simulated():
        monkeypatch.setattr(one_hidden_cuda, "BLOCK", 8)


def module(name):
    spec = importlib.util.spec_from_file_location(f"{name.replace('/', '_')}_here", VALIDATIONS / f"{name}.py")
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


def computed(validation):
    """Return the smoke result on the CPU and on the GPU, and the launches of each."""
    found = []
    for backend in ("cpu", "auto"):
        before = device.launches()
        found.append((validation.compute("smoke", 1, backend, 1), device.launches() - before))
    return found


def test_games_of_a_validation_run_there(monkeypatch):
    critics = module("TS/critics")
    monkeypatch.setitem(critics.STEPS, "smoke", 5)
    monkeypatch.setattr(critics, "best_slope", lambda weight: 0.0)  # slow, and not of a game
    (here, none), (there, launches) = computed(critics)
    assert none == 0
    assert launches > 0
    for name in ("penalised", "r1"):
        np.testing.assert_allclose(there[name], here[name], rtol=1e-12)


def test_cells_of_a_sweep_meet_in_launches(monkeypatch):
    fig05 = module("ED/fig05")
    monkeypatch.setattr(fig05, "N", 3)
    monkeypatch.setattr(fig05, "EVERY", 1)
    monkeypatch.setattr(fig05, "STEP", 2.0)
    monkeypatch.setitem(fig05.SIZES, "smoke", (3, 9, 0.1, 0.1, np.array([0.2]), [1, 2], 2, 1))
    cells = []
    monkeypatch.setattr(fig05, "cell", lambda *a, cell=fig05.cell, **k: cells.append(k["backend"]) or cell(*a, **k))
    (here, none), (there, launches) = computed(fig05)
    assert none == 0
    records = 9 + 3 * fig05.EVERY  # a launch for each, at least
    assert 0 < launches < records * cells.count("auto") / 2
    for name in ("before", "likelihood", "line_after", "zero"):
        np.testing.assert_allclose(there[name], here[name], rtol=1e-3, atol=1e-3)
