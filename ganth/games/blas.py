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
    """Keep matrix products on the thread that asks for them inside a `with` block; give the threads they had before.

    Where the library cannot be told, its own settings stay: then bits may depend on them.
    """
    controls = _controls()
    if controls is None:
        yield os.cpu_count() or 1
        return
    tell, put = controls
    with _lock:
        before = tell()
        put(1)
        try:
            yield before
        finally:
            put(before)
