"""The cases of benchmarks/on_gpu.py on both backends: alike, and on a GPU how many times faster."""

import importlib.util
import pathlib
import sys

import pytest

import ganth
from ganth.games import features_cuda, one_hidden_cuda

FILE = pathlib.Path(__file__).parents[2] / "benchmarks" / "on_gpu.py"
BOUND = {"dirac": 1e-9, "features": 1e-6, "effective": 1e-2, "field": 1e-12}  # after so many steps


@pytest.fixture
def on_gpu(monkeypatch):
    spec = importlib.util.spec_from_file_location("on_gpu", FILE)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "on_gpu", module)
    spec.loader.exec_module(module)
    if ganth.backend.simulated():
        for loops in (features_cuda, one_hidden_cuda):
            monkeypatch.setattr(loops, "BLOCK", 8)
    return module


@pytest.mark.parametrize("name", sorted(BOUND))
def test_a_case_is_the_same_game(on_gpu, name, record_property, capsys):
    result = on_gpu.measure(name, small=ganth.backend.simulated())
    assert result.apart <= BOUND[name]
    if not ganth.backend.simulated():
        record_property("times_faster", result.ratio)
        with capsys.disabled():
            print(f"\n{name}: {result.cpu:.3g} s on the CPU, {result.gpu:.3g} s on the GPU: {result.ratio:.1f} times")


def test_every_case_has_its_bound(on_gpu):
    assert set(on_gpu.CASES) == set(BOUND)
