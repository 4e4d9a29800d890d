"""NumPy's matrix products on one thread: how many it takes changes the last bits of a product."""

import contextlib
import ctypes
import functools
import os
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

# How the libraries that NumPy is built with call it: its own wheels, other builds of OpenBLAS, MKL.
_NAMES = (
    ("scipy_openblas_get_num_threads64_", "scipy_openblas_set_num_threads64_"),
    ("scipy_openblas_get_num_threads", "scipy_openblas_set_num_threads"),
    ("openblas_get_num_threads64_", "openblas_set_num_threads64_"),
    ("openblas_get_num_threads", "openblas_set_num_threads"),
    ("MKL_Get_Max_Threads", "MKL_Set_Num_Threads"),
)
_lock = threading.Lock()
_inside = 0  # blocks that are open, in all threads
_before = 1


@functools.cache
def _controls() -> tuple[Callable[[], int], Callable[[int], Any]] | None:
    """Return the library's functions that tell and set its threads, or None where it has none that we know."""
    core = getattr(np, "_core", None) or np.core
    try:
        library = ctypes.CDLL(core._multiarray_umath.__file__)
    except OSError:
        return None
    for tell, put in _NAMES:
        with contextlib.suppress(AttributeError):
            return getattr(library, tell), getattr(library, put)
    return None


@contextlib.contextmanager
def one_thread() -> Iterator[int]:
    """Keep matrix products on the thread that asks for them while a `with` block is open in any thread.

    It gives the number of threads that they had before.  Where the library cannot be told, its own settings stay, and
    bits may depend on them.
    """
    global _inside, _before
    controls = _controls()
    if controls is None:
        yield os.cpu_count() or 1
        return
    tell, put = controls
    with _lock:
        if _inside == 0:
            _before = tell()
            put(1)
        _inside += 1
    try:
        yield _before
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0:
                put(_before)
