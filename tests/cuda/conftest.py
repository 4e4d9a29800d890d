"""Tests of CUDA loops: in Numba's simulator (NUMBA_ENABLE_CUDASIM=1 before Python starts), or on a GPU."""

import math
import pathlib
from fractions import Fraction

import pytest

HERE = pathlib.Path(__file__).parent


def pytest_collection_modifyitems(items):
    from numba import cuda

    there = cuda.is_available()
    for item in items:
        if item.path.parent != HERE:
            continue
        item.add_marker(pytest.mark.gpu)
        item.add_marker(pytest.mark.filterwarnings("ignore:.*encountered in:RuntimeWarning"))  # NumPy in the simulator
        if not there:
            item.add_marker(pytest.mark.skip(reason="no CUDA device, and NUMBA_ENABLE_CUDASIM is off: `make test`"))


@pytest.fixture(scope="module")
def one_rounding():
    """Let the simulator's fma round once, as a GPU's does."""
    from ganth.backend import simulated

    def fma(self, a, b, c):
        if not all(map(math.isfinite, (a, b, c))):
            return a * b + c
        return type(a)(float(Fraction(float(a)) * Fraction(float(b)) + Fraction(float(c))))

    with pytest.MonkeyPatch.context() as patch:
        if simulated():
            from numba.cuda.simulator.kernelapi import FakeCUDAModule

            patch.setattr(FakeCUDAModule, "fma", fma)
        yield
