"""What a sweep keeps: no kill loses a finished cell or changes a byte, and files are believed only if whole."""

import functools
import importlib
import json
import logging
import math
import os
import pathlib
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import sweep_cells
from sweep_cells import CELLS, assert_same, swept

import ganth
from ganth.errors import ParameterError
from ganth.sweeps.code import code_of

TESTS = pathlib.Path(__file__).parent


@pytest.fixture(scope="module")
def reference():
    return swept(jobs=1)


@pytest.fixture
def log(caplog):
    caplog.set_level(logging.DEBUG, logger="ganth")
    return caplog


def start(folder, csv, notes, jobs):
    code = f"import sweep_cells; sweep_cells.main({str(folder)!r}, {str(csv)!r}, {jobs})"
    environment = os.environ | {"PYTHONPATH": f"{TESTS.parent}{os.pathsep}{TESTS}", "NOTES": str(notes)}
    with open(f"{notes}.err", "w") as errors:
        return subprocess.Popen([sys.executable, "-c", code], env=environment, stderr=errors, start_new_session=True)


def called(notes):
    return pathlib.Path(notes).read_text().splitlines() if pathlib.Path(notes).is_file() else []


def wait_until(count, folder, process):
    while len(list(folder.rglob("*.json"))) < count and process.poll() is None:
        time.sleep(0.001)


def test_five_kills_at_random_moments_change_no_byte_and_lose_no_finished_cell(tmp_path):
    moments = random.Random(20221212)
    whole = start(tmp_path / "whole", tmp_path / "whole.csv", tmp_path / "whole.txt", 1)
    folder = tmp_path / "cells"
    finished = 0
    for kill in range(5):
        before = {path.read_bytes() for path in folder.rglob("*.json")}
        notes = tmp_path / f"notes{kill}.txt"
        process = start(folder, tmp_path / "killed.csv", notes, 1 + kill % 2)
        wait_until(len(before) + moments.randint(1, 7), folder, process)
        time.sleep(moments.uniform(0, 0.02))
        os.kill(process.pid, signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL, pathlib.Path(f"{notes}.err").read_text()
        finished = assert_new(before, notes, finished)
    notes = tmp_path / "last.txt"
    before = {path.read_bytes() for path in folder.rglob("*.json")}
    assert 0 < len(before) < CELLS
    assert start(folder, tmp_path / "killed.csv", notes, 1).wait() == 0
    assert_new(before, notes, finished)
    assert len(called(notes)) == CELLS - len(before)
    assert whole.wait() == 0
    assert (tmp_path / "killed.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()
    assert len(called(tmp_path / "whole.txt")) == CELLS


def assert_new(before, notes, finished):
    """No cell that was on disk before was called again, and none of them was lost."""
    assert len(before) >= finished
    cells = [json.loads(content)["cell"] for content in before]
    names = {f"{cell['width']} {cell['count']} {cell['seed']}" for cell in cells}
    assert not names & set(called(notes))
    assert len(set(called(notes))) == len(called(notes))
    return len(before)


def test_two_processes_may_sweep_into_one_folder(tmp_path, reference):
    both = [start(tmp_path / "cells", tmp_path / f"{i}.csv", tmp_path / f"{i}.txt", 1) for i in range(2)]
    assert [process.wait() for process in both] == [0, 0]
    expected = reference.to_csv(tmp_path / "reference.csv").read_bytes()
    assert [(tmp_path / f"{i}.csv").read_bytes() for i in range(2)] == [expected] * 2
    assert {path.suffix for path in (tmp_path / "cells").rglob("*") if path.is_file()} == {".json"}


@pytest.mark.parametrize("jobs", [1, 2])
def test_ctrl_c_keeps_finished_cells_and_says_how_many(jobs, tmp_path):
    folder = tmp_path / "cells"
    process = start(folder, tmp_path / "table.csv", tmp_path / "notes.txt", jobs)
    wait_until(5, folder, process)
    os.kill(process.pid, signal.SIGINT)
    process.wait()
    errors = (tmp_path / "notes.txt.err").read_text()
    kept = len(list(folder.rglob("*.json")))
    assert 5 <= kept < CELLS
    assert f"KeyboardInterrupt: interrupted; {kept} of {CELLS} cells are finished and kept in {folder}" in errors


def test_ctrl_c_without_a_folder_says_so(log):
    with pytest.raises(KeyboardInterrupt, match="2 of 4 cells are finished and lost, for there is no cache_dir"):
        ganth.sweep(sweep_cells.interrupted, {"x": [0, 1, 2, 3]}, seeds=1, jobs=1)
    assert "2 of 4 cells are finished" in log.text


def test_a_lost_worker_ends_the_sweep_and_says_what_is_kept(tmp_path):
    with pytest.raises(Exception, match="terminated") as caught:
        ganth.sweep(sweep_cells.die, {"x": [0, 1, 2]}, seeds=2, jobs=2, cache_dir=tmp_path)
    kept = len(list(tmp_path.rglob("*.json")))
    assert caught.value.__notes__ == [f"{kept} of 6 cells are finished and kept in {tmp_path}"]


def counted(table_of, monkeypatch):
    """Return how many cells `table_of()` calls, and its table."""
    calls = []
    inner = sweep_cells.math.sqrt
    monkeypatch.setattr(sweep_cells, "math", Recorder(calls, inner))
    try:
        return table_of(), len(calls)
    finally:
        monkeypatch.setattr(sweep_cells, "math", math)


class Recorder:
    def __init__(self, calls, sqrt):
        self.calls, self._sqrt, self.sin = calls, sqrt, math.sin

    def sqrt(self, x):
        self.calls.append(x)
        return self._sqrt(x)


def again(tmp_path, monkeypatch, **options):
    return counted(lambda: swept(cache_dir=tmp_path, jobs=1, **options), monkeypatch)


def test_a_second_sweep_computes_nothing_and_a_larger_one_what_is_new(tmp_path, monkeypatch, log, reference):
    assert again(tmp_path, monkeypatch)[1] == CELLS
    table, calls = again(tmp_path, monkeypatch)
    assert calls == 0
    assert_same(table, reference)
    # In another order, of NumPy's numbers, with one value more and one seed less.
    grid = {"count": np.array([30, 3, 1, 10]), "width": np.array([0.25, 2.0, 1.0, 0.5])}
    table, calls = counted(
        lambda: ganth.sweep(sweep_cells.several, grid, seeds=np.arange(1, 4), cache_dir=tmp_path, jobs=1), monkeypatch
    )
    assert calls == 4 * 3
    np.testing.assert_array_equal(
        table.grid("root")[:, 1:], reference.grid("root")[::-1, [3, 1, 0, 2], 1:].transpose(1, 0, 2)
    )
    assert "48 cells, 36 of them kept" in log.text
    assert "12 to compute: new" in log.text


def test_one_and_one_point_zero_are_two_cells_and_so_are_the_zeros(tmp_path):
    def texts(values):
        path = ganth.sweep(sweep_cells.plain, {"x": values}, seeds=1, cache_dir=tmp_path, jobs=1)
        return path["value"].tolist()

    assert texts([1]) == [10]
    assert texts([np.float32(0.5), 1.0]) == [5.0, 10.0]
    assert math.copysign(1, texts([0.0])[0]) == 1
    assert texts([-0.0]) == [0.0]  # -0.0 * 10 + 0
    assert len(list(tmp_path.rglob("*.json"))) == 5


DAMAGES = {
    "cut": lambda content: content[:-9],
    "empty": lambda content: b"",
    "one number": lambda content: content.replace(b'"sine": ', b'"sine": 1', 1),
    "a space": lambda content: content + b" ",
    "no JSON": lambda content: b"\x00\xff" * 30,
    "a list": lambda content: b"[]",
    "another schema": lambda content: content.replace(b'"schema": 1', b'"schema": 2'),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_named_set_aside_and_computed_again(damage, tmp_path, monkeypatch, log, reference):
    swept(cache_dir=tmp_path, jobs=1)
    path = sorted(tmp_path.rglob("*.json"))[3]
    whole = path.read_bytes()
    bad = DAMAGES[damage](whole)
    assert bad != whole
    path.write_bytes(bad)
    table, calls = again(tmp_path, monkeypatch)
    assert calls == 1
    assert_same(table, reference)
    assert path.read_bytes() == whole
    assert path.with_suffix(".damaged").read_bytes() == bad
    assert f"{path} is set aside as {path.stem}.damaged" in log.text
    assert "1 to compute: its file is damaged" in log.text


def test_the_file_of_another_cell_is_not_believed(tmp_path, monkeypatch, log, reference):
    swept(cache_dir=tmp_path, jobs=1)
    one, other = sorted(tmp_path.rglob("*.json"))[:2]
    other.write_bytes(one.read_bytes())
    table, calls = again(tmp_path, monkeypatch)
    assert calls == 1
    assert_same(table, reference)
    assert "it belongs to another cell" in log.text


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A function of the user's in a module that imports another one."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    (tmp_path / "swept_rule.py").write_text("FACTOR = 2\n")
    lines = ("import swept_rule", "def f(x, seed, shift=0):", "    return swept_rule.FACTOR * x + shift", "")
    (tmp_path / "swept_by_user.py").write_text("\n".join(lines))
    importlib.invalidate_caches()
    yield importlib.import_module("swept_by_user")
    for name in ("swept_by_user", "swept_rule"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize("jobs", [1, 2])
def test_changed_code_is_run_again_and_the_log_says_whose(jobs, module, tmp_path, log):
    def values():
        log.clear()
        return ganth.sweep(module.f, {"x": [1, 2]}, seeds=1, cache_dir=tmp_path / "c", jobs=jobs)["value"].tolist()

    assert values() == [2, 4]
    assert values() == [2, 4]
    assert "2 of them kept" in log.text
    (tmp_path / "swept_rule.py").write_text("FACTOR = 3\n")
    importlib.reload(sys.modules["swept_rule"])
    assert values() == [3, 6]
    assert "2 to compute: the code of swept_rule has changed" in log.text
    path = tmp_path / "swept_by_user.py"
    path.write_text(path.read_text().replace("+ shift", "- 1"))
    importlib.reload(module)
    assert values() == [2, 5]
    assert "the code of swept_by_user has changed" in log.text


def test_another_version_is_run_again_and_the_log_says_of_what(tmp_path, monkeypatch, log):
    swept(cache_dir=tmp_path, jobs=1)
    inner = importlib.metadata.version
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "0.1" if name == "numpy" else inner(name))
    assert again(tmp_path, monkeypatch)[1] == CELLS
    assert f"48 to compute: another version of numpy (0.1, was {np.__version__})" in log.text


def test_the_code_holds_what_the_user_wrote_and_ganth(module):
    assert list(code_of(module.f)["sources"]) == ["swept_by_user", "swept_rule", "ganth"]
    assert list(code_of(sweep_cells.several)["sources"]) == ["sweep_cells", "ganth"]
    assert set(code_of(module.f)["versions"]) == {"python", "numpy", "numba", "scipy"}


def test_bound_settings_are_part_of_the_key(module, tmp_path):
    def values(**settings):
        fn = functools.partial(module.f, **settings)
        return ganth.sweep(fn, {"x": [1]}, seeds=1, cache_dir=tmp_path / "c", jobs=1)["value"].tolist()

    assert [values(), values(shift=1), values(shift=np.int64(1)), values(shift=5)] == [[2], [3], [3], [7]]
    assert len(list((tmp_path / "c").rglob("*.json"))) == 3


@pytest.mark.parametrize(
    "fn",
    [lambda x, seed: x, math.sqrt, functools.partial(sweep_cells.plain, 1)],
    ids=["lambda", "built-in", "bound by position"],
)
def test_a_function_whose_code_cannot_be_told_has_no_cache(fn, tmp_path):
    with pytest.raises(ParameterError, match=r"fn must (be a function that its module holds|be bound by name|take)"):
        ganth.sweep(fn, {"x": [1]}, seeds=1, cache_dir=tmp_path)
