"""Where loops run: no silent fallback, a cache that follows the sources, a fork that says what to do."""

import multiprocessing
import os
import subprocess
import sys

import numpy as np
import pytest

import ganth
from ganth import backend


def test_auto_and_cpu_resolve_and_cuda_never_falls_back():
    assert backend.resolve("cpu") == "cpu"
    assert backend.resolve("auto") in ("cpu", "cuda")
    if backend.resolve("auto") == "cpu":
        with pytest.raises(ganth.BackendUnavailableError, match="use backend='cpu'"):
            backend.resolve("cuda")
    with pytest.raises(ganth.ParameterError, match="backend must be one of 'cpu', 'cuda', 'auto', got 'gpu'"):
        backend.resolve("gpu")


@pytest.mark.parametrize(
    ("installed", "error", "words"),
    [
        (False, None, r"numba-cuda is not installed: pip install 'ganth\[cuda13\]'"),
        (True, None, r"compiler \(libNVVM\) is missing: pip install 'ganth\[cuda13\]'"),
        (True, "CUDA_ERROR_NO_DEVICE (100)", "the driver sees no GPU: see what nvidia-smi lists"),
        (True, "CUDA driver library cannot be found", "there is no CUDA driver: install NVIDIA's driver"),
        (
            True,
            "SYSTEM_DRIVER_MISMATCH",
            r"does not start \(SYSTEM_DRIVER_MISMATCH\): .* pip install 'ganth\[cuda12\]'",
        ),
    ],
)
def test_what_is_missing_is_named_with_what_to_do(monkeypatch, installed, error, words):
    from numba import cuda

    monkeypatch.setattr(cuda, "is_available", lambda: False)
    monkeypatch.setattr(cuda, "cuda_error", lambda: error)
    monkeypatch.setattr(backend.importlib.util, "find_spec", lambda name: object() if installed else None)
    with pytest.raises(ganth.BackendUnavailableError, match=words):
        backend.resolve("cuda")


def run_python(code, **environment):
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, **environment}, check=False
    )


def test_an_unwritable_cache_is_one_warning_and_the_same_numbers(tmp_path):
    blocked = tmp_path / "a file, not a folder"
    blocked.write_text("")
    code = "import ganth.streams as s; print(repr(float(s.normal(3, 1)[0])))"
    result = run_python(code, GANTH_CACHE=str(blocked))
    assert result.returncode == 0, result.stderr
    assert result.stderr.count("compiled code is not kept") == 1
    assert float(result.stdout) == ganth.streams.normal(3, 1)[0]


def test_numbas_own_cache_setting_is_left_alone(tmp_path):
    code = "import numba, ganth.streams as s; s.normal(3, 1); print(repr(numba.config.CACHE_DIR))"
    result = run_python(code, GANTH_CACHE=str(tmp_path))
    assert result.stdout.strip() == "''", result.stderr
    assert list(tmp_path.rglob("*.nbi")), "machine code should be kept in the named folder"


def test_every_compiled_source_changes_the_cache_folder(tmp_path, monkeypatch):
    """A change in any file that machine code is made of, vector types included, must not meet old machine code."""
    import pathlib
    import shutil

    copy = tmp_path / "ganth"
    shutil.copytree(pathlib.Path(backend.__file__).parent, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(backend, "__file__", str(copy / "backend.py"))
    before = backend._source_hash()
    compiled = [*copy.rglob("*_cpu.py"), *copy.glob("formulas/[!_]*.py"), *copy.glob("lanes/[!_]*.py")]
    assert len(compiled) > 10
    for path in compiled:
        source = path.read_bytes()
        path.write_bytes(source + b"\n")
        assert backend._source_hash() != before, path
        path.write_bytes(source)
    (copy / "cli.py").write_bytes(b"")
    assert backend._source_hash() == before


def _child(queue):
    try:
        with backend.parallel_region():
            queue.put("ran")
    except RuntimeError as error:
        queue.put(str(error))


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork on this platform")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_fork_after_a_parallel_loop_gets_a_clear_error():
    with backend.parallel_region():
        pass
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=_child, args=(queue,))
    child.start()
    answer = queue.get(timeout=60)
    child.join()
    assert "forked after a parallel loop" in answer


def test_threads_are_set_inside_the_region_and_restored():
    import numba

    before = numba.get_num_threads()
    with backend.parallel_region(1):
        assert numba.get_num_threads() == 1
    assert numba.get_num_threads() == before
    with (
        pytest.raises(ganth.ParameterError, match="threads must be an integer >= 1, got 0"),
        backend.parallel_region(0),
    ):
        pass


def test_import_is_light():
    heavy = ("numba", "scipy", "matplotlib", "sympy", "ot", "joblib", "torch")
    code = f"import sys, ganth; print([m for m in {heavy} if m in sys.modules]); ganth.RBF; print(ganth.__version__)"
    result = run_python(code)
    assert result.stdout.splitlines()[0] == "[]", result.stderr


def test_every_public_name_is_reachable():
    assert {name for name in ganth.__all__ if not hasattr(ganth, name)} == set()
    assert set(ganth.__all__) <= set(dir(ganth))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = ganth.nothing
    assert np.isfinite(ganth.streams.normal(0, 1)).all()
