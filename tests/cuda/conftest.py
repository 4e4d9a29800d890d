"""Tests of CUDA loops: in Numba's simulator (NUMBA_ENABLE_CUDASIM=1 before Python starts), or on a GPU."""

import pytest


def pytest_collection_modifyitems(items):
    from numba import cuda

    for item in items:
        item.add_marker(pytest.mark.gpu)
        item.add_marker(pytest.mark.filterwarnings("ignore:.*encountered in:RuntimeWarning"))  # NumPy in the simulator
        if not cuda.is_available():
            item.add_marker(
                pytest.mark.skip(reason="no CUDA device, and NUMBA_ENABLE_CUDASIM is off: `make test-cuda`")
            )
