"""Where a loop runs (the CPU, or a GPU that is really there) and where its compiled code is kept."""

import contextlib
import functools
import hashlib
import importlib.util
import math
import os
import pathlib
import shutil
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from .checks import choice, integer
from .errors import BackendUnavailableError

_KEPT_CACHES = 3
OLD_DRIVER = "it must be new enough for the toolkit: update it, or pip install 'ganth[cuda12]'"
_CACHE_LINE = 64  # bytes
_region = threading.RLock()
_went_parallel = False
_forked_after_parallel = False


def resolve(backend: str) -> str:
    """Return "cpu" or "cuda" for "cpu", "cuda" or "auto"; never fall back silently.

    Raises `BackendUnavailableError` for "cuda" where there is no usable GPU, and says what is missing and what to do.

    >>> resolve("cpu")
    'cpu'
    """
    choice("backend", backend, ("cpu", "cuda", "auto"))
    if backend == "cpu":
        return backend
    try:
        from numba import cuda

        usable = cuda.is_available()
    except ImportError:
        usable = False
    if backend == "auto":
        return "cuda" if usable else "cpu"
    if not usable:
        raise BackendUnavailableError(f"backend='cuda' asked for, but {_missing()}; or use backend='cpu'")
    return backend


def _missing() -> str:
    """Return in words what keeps Numba from a GPU, and what to do about it."""
    if importlib.util.find_spec("numba_cuda") is None:
        return "numba-cuda is not installed: pip install 'ganth[cuda13]' (or cuda12 for an older driver)"
    from numba import cuda

    words = " ".join(str(cuda.cuda_error() or "").split())
    if not words:
        return (
            "the toolkit's compiler (libNVVM) is missing: pip install 'ganth[cuda13]' (or cuda12 for an older driver)"
        )
    if "NO_DEVICE" in words or "no CUDA-capable device" in words:
        return "the driver sees no GPU: see what nvidia-smi lists, and that CUDA_VISIBLE_DEVICES does not hide it"
    if "cannot be found" in words or "libcuda" in words:
        return "there is no CUDA driver: install NVIDIA's driver (nvidia-smi lists what it sees)"
    return f"the driver does not start ({words}): {OLD_DRIVER}"


def simulated() -> bool:
    """Return whether Numba's simulator stands in for a GPU (NUMBA_ENABLE_CUDASIM=1 before Python starts)."""
    import numba

    config: Any = numba.config
    return bool(config.ENABLE_CUDASIM)


def no_cuda_loops(backend: str, what: str) -> str:
    """Resolve `backend` for work that has CPU loops only: "auto" and "cpu" are "cpu", "cuda" raises and says so."""
    if backend == "cuda" and resolve(backend) == "cuda":
        raise BackendUnavailableError(f"{what} has no CUDA loops in this version; use backend='cpu'")
    choice("backend", backend, ("cpu", "cuda", "auto"))
    return "cpu"


def _source_hash() -> str:
    """Return a hash of every source that can enter machine code, the compiler's versions and the CPU's name.

    A source that neither speaks of Numba nor uses `compiled` is not compiled, and a change in it leaves compiled
    code valid; but constants of formulas and lanes may be part of it.
    """
    import llvmlite
    import llvmlite.binding as llvm
    import numba

    digest = hashlib.sha256()
    root = pathlib.Path(__file__).parent
    for path in sorted(root.rglob("*.py")):
        source = path.read_bytes()
        if b"numba" in source or b"@compiled" in source or path.parent.name in ("formulas", "lanes"):
            digest.update(str(path.relative_to(root)).encode() + source)
    for part in (numba.__version__, llvmlite.__version__, llvm.get_host_cpu_name(), sys.version):
        digest.update(part.encode())
    return digest.hexdigest()[:20]


@functools.cache
def cache_folder() -> pathlib.Path | None:
    """Return the folder of compiled code for these sources, compiler and CPU, or None where none can be written.

    The folder is named by a hash, so that a changed formula in any file never meets old machine code; the newest three
    are kept.  `GANTH_CACHE` names another parent (default: the user's cache folder).
    """
    home = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
    parent = pathlib.Path(os.environ.get("GANTH_CACHE") or home / "ganth")
    folder = parent / _source_hash()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
        os.utime(folder)
        by_age = sorted((p for p in parent.iterdir() if p.is_dir()), key=lambda p: p.stat().st_mtime, reverse=True)
        for old in by_age[_KEPT_CACHES:]:
            shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        warnings.warn(f"compiled code is not kept: {error}; every process compiles anew", RuntimeWarning, stacklevel=2)
        return None
    return folder


def compiled(function: Callable[..., Any] | None = None, **options: Any) -> Any:
    """Decorate a CPU loop with numba.njit, its machine code kept in `cache_folder`.

    Options go to numba.njit (`parallel=True`, `fastmath=...`).  Numba's own cache setting is restored afterwards.
    """
    if function is None:
        return functools.partial(compiled, **options)
    import numba

    folder = cache_folder()
    if folder is None:
        return numba.njit(**options)(function)
    config: Any = numba.config
    before = config.CACHE_DIR
    config.CACHE_DIR = str(folder)
    try:
        return numba.njit(cache=True, **options)(function)
    finally:
        config.CACHE_DIR = before


def aligned(shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """Return an array of zeros that starts at a cache line, where the loops' vectors may be loaded whole.

    >>> aligned((3, 5), "float32").ctypes.data % 64
    0
    """
    size = math.prod(shape) * np.dtype(dtype).itemsize
    room = np.zeros(size + _CACHE_LINE, np.uint8)
    start = -room.ctypes.data % _CACHE_LINE
    return room[start : start + size].view(dtype).reshape(shape)


def thread_count() -> int:
    """Return how many threads parallel work takes where the caller asks for no number: as many as Numba has."""
    import numba

    return int(numba.get_num_threads())


def _note_fork() -> None:
    global _forked_after_parallel
    _forked_after_parallel = _went_parallel


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_note_fork)


@contextlib.contextmanager
def parallel_region(threads: int | None = None) -> Iterator[None]:
    """Hold the process-wide lock around a parallel loop, run on `threads` threads (None: as many as Numba has).

    Numba's thread pools do not survive a fork and some abort when entered twice: a forked child gets a RuntimeError
    that says what to do, a second thread waits.
    """
    global _went_parallel
    # Threads that spin for long at every barrier cost tenfold where another process wants their core; threads that
    # never spin cost 10 us a barrier.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    os.environ.setdefault("GOMP_SPINCOUNT", "3000")
    import numba

    if _forked_after_parallel:
        raise RuntimeError(
            "this process was forked after a parallel loop had run, and Numba's threads do not survive a fork; "
            "start workers with multiprocessing's 'spawn' or 'forkserver', or with joblib's loky"
        )
    config: Any = numba.config
    most = config.NUMBA_NUM_THREADS
    wanted = most if threads is None else min(integer("threads", threads, at_least=1), most)
    with _region:
        before = numba.get_num_threads()
        if threads is not None:
            numba.set_num_threads(wanted)
        _went_parallel = True
        try:
            yield
        finally:
            numba.set_num_threads(before)
