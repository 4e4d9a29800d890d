"""Sweeps: what a table holds, the same bits whatever the workers, and errors that name their cell."""

import importlib
import logging
import math
import os
import warnings

import numpy as np
import pytest
import sweep_cells
from hypothesis import given
from hypothesis import strategies as st
from sweep_cells import CELLS, assert_same, swept

import ganth
from ganth.errors import BackendUnavailableError, ParameterError, SweepError
from ganth.sweeps import workers


@pytest.fixture(scope="module")
def reference():
    return swept(jobs=1)


@pytest.fixture
def log(caplog):
    caplog.set_level(logging.DEBUG, logger="ganth")
    return caplog


# ---- the table ----


def test_rows_are_in_the_order_of_the_grid_the_last_name_fastest_and_seeds_innermost():
    table = ganth.sweep(lambda b, a, seed: 100 * b + 10 * a + seed, {"b": [2, 1], "a": [3, 0]}, seeds=[7, 5], jobs=1)
    assert list(table.columns) == ["b", "a", "seed", "value"]
    assert table["value"].tolist() == [237, 235, 207, 205, 137, 135, 107, 105]
    assert table["seed"].tolist() == [7, 5] * 4
    assert table.grid("value").shape == (2, 2, 2)
    assert table.grid("value")[1, 0, 1] == 135
    assert len(table) == 8
    assert repr(table).splitlines()[:3] == [
        "Table of 8 rows: b (2) by a (2) by seed (2)",
        "b  a  seed  value",
        "2  3  7     237",
    ]


@given(
    st.dictionaries(
        st.sampled_from(["x", "y", "z"]),
        st.lists(st.integers(-9, 9) | st.floats(-1e300, 1e300), min_size=1, max_size=3, unique=True),
        max_size=2,
    ),
    st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=3, unique=True),
)
def test_every_cell_is_in_its_row_whatever_the_grid(grid, seeds):
    table = ganth.sweep(lambda **cell: {"tag": float(hash(tuple(cell.items())))}, grid, seeds=seeds, jobs=1)
    shape = [*map(len, grid.values()), len(seeds)]
    for row, index in enumerate(np.ndindex(*shape)):
        values = [*(list(values)[i] for values, i in zip(grid.values(), index, strict=False)), seeds[index[-1]]]
        assert [table[name][row] for name in (*grid, "seed")] == values
        assert table["tag"][row] == float(hash(tuple(zip((*grid, "seed"), values, strict=True))))
        assert table.grid("tag")[index] == table["tag"][row]


def test_csv_reads_back_to_the_bit(tmp_path, reference):
    path = reference.to_csv(tmp_path / "new" / "table.csv")
    rows = np.genfromtxt(path, delimiter=",", names=True)
    for name, column in reference.columns.items():
        np.testing.assert_array_equal(rows[name], column)
    odd = ganth.sweep(sweep_cells.non_finite, {"x": [0, 1]}, seeds=1, jobs=1).to_csv(tmp_path / "odd.csv")
    assert odd.read_text() == "x,seed,huge,none,zero\n0,0,inf,nan,-0.0\n1,0,-inf,nan,-0.0\n"
    words = ganth.sweep(lambda word, on, seed: on, {"word": ["a,b", 'c"'], "on": [True]}, seeds=1, jobs=1)
    assert words.to_csv(tmp_path / "words.csv").read_text() == 'word,on,seed,value\n"a,b",True,0,1\n"c""",True,0,1\n'


# ---- the same table whatever the workers ----


@pytest.mark.parametrize("options", [{"jobs": 2}, {"executor": "threading", "jobs": 3}], ids=str)
def test_workers_do_not_change_a_bit(options, reference):
    assert_same(swept(**options), reference)


def test_workers_run_one_thread_each():
    table = ganth.sweep(sweep_cells.threads, {}, seeds=4, jobs=2)
    assert table["threads"].tolist() == [1] * 4
    assert os.getpid() not in table["process"]


# A cell that waits until two processes are at work, so that both of the two workers are seen.
HELD = """
import os, pathlib, time

def process(seed):
    marks = pathlib.Path(__file__).with_suffix("")
    (marks / str(os.getpid())).touch()
    end = time.monotonic() + 60
    while len(list(marks.iterdir())) < 2 and time.monotonic() < end:
        time.sleep(0.01)
    return os.getpid() + 0 * seed
"""


def test_workers_are_kept_until_code_that_they_hold_has_changed(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    modules = []
    for name in ("held_first", "held_second"):
        (tmp_path / f"{name}.py").write_text(HELD)
        (tmp_path / name).mkdir()
        modules.append(importlib.import_module(name))

    def processes(module):
        return set(ganth.sweep(module.process, {}, seeds=2, jobs=2)["value"])

    def shared():
        from joblib import Parallel, delayed

        with workers.shared(modules[0].process):
            return set(Parallel(n_jobs=2)(delayed(os.getpid)() for _ in range(40)))

    first = processes(modules[0])
    assert len(first) == 2
    assert first == processes(modules[1])
    assert shared() <= first
    (tmp_path / "held_second.py").write_text(HELD.replace("0 *", "0.0 *"))
    for mark in (tmp_path / "held_second").iterdir():
        mark.unlink()
    importlib.reload(modules[1])
    assert not first & processes(modules[1])


def test_processes_of_a_dask_cluster_give_the_same_table(tmp_path, reference):
    distributed = pytest.importorskip("dask.distributed")
    options = {"threads_per_worker": 1, "processes": True, "dashboard_address": "localhost:0"}
    quiet = {"silence_logs": logging.ERROR}
    with distributed.LocalCluster(n_workers=2, **options, **quiet) as cluster, distributed.Client(cluster):
        assert_same(swept(executor="dask", cache_dir=tmp_path), reference)
        table = ganth.sweep(sweep_cells.threads, {}, seeds=6, executor="dask")
        with pytest.raises(SweepError, match="x=2, seed=1: ValueError: two is too much"):
            ganth.sweep(sweep_cells.failing, {"x": [1, 2]}, seeds=2, executor="dask")
    assert table["threads"].tolist() == [1] * 6
    assert len(set(table["process"]) - {os.getpid()}) == 2
    assert len(list(tmp_path.rglob("*.json"))) == CELLS
    assert_same(swept(cache_dir=tmp_path, jobs=1), reference)


def test_dask_without_a_client_says_what_to_do():
    pytest.importorskip("dask.distributed")
    with pytest.raises(BackendUnavailableError, match="needs a client of a running cluster"):
        swept(executor="dask")
    with pytest.raises(ParameterError, match="jobs must be None for executor='dask'"):
        swept(executor="dask", jobs=2)
    for name in ("nonsense", "multiprocessing"):
        with pytest.raises(ParameterError, match="executor must be 'local', 'dask' or a joblib backend"):
            swept(executor=name)


# ---- errors ----


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_error_names_its_cell_and_keeps_the_others(jobs, tmp_path, log):
    with pytest.raises(SweepError, match="1 of 6 cells failed: x=2, seed=1: ValueError: two is too much") as caught:
        ganth.sweep(sweep_cells.failing, {"x": [1, 2, 3]}, seeds=2, cache_dir=tmp_path, jobs=jobs)
    np.testing.assert_array_equal(caught.value.table["value"], [1, 2, 2, np.nan, 3, 4])
    assert "in failing" in str(caught.value)
    assert "the cell x=2, seed=1 failed" in log.text
    assert len(list(tmp_path.rglob("*.json"))) == 5


def test_what_is_no_number_is_an_error_of_its_cell():
    with pytest.raises(SweepError) as caught:
        ganth.sweep(sweep_cells.odd, {"x": range(6)}, seeds=1, jobs=1)
    message = str(caught.value)
    assert "5 of 6 cells failed" in message
    assert "x=1, seed=0: ganth.errors.ParameterError: fn must return a number or a dict of numbers, got 'tex" in message
    assert "and 2 more" in message
    assert caught.value.table["a"][0] == 1.0


def test_cells_must_return_the_same_names():
    with pytest.raises(ParameterError, match=r"same names for every cell, got 'a', 'b' at x=1, seed=0 and 'a' at x=0"):
        ganth.sweep(sweep_cells.other_names, {"x": [0, 1]}, seeds=1, jobs=1)
    with pytest.raises(ParameterError, match="fn must not return 'value', which names a parameter"):
        ganth.sweep(lambda value, seed: value, {"value": [0]}, seeds=1, jobs=1)


@pytest.mark.parametrize(
    ("grid", "seeds", "message"),
    [
        ([1], 1, "grid must be a dict"),
        ({"seed": [1]}, 1, "grid must not hold 'seed'"),
        ({"x": []}, 1, r"grid\['x'\] must hold at least one value"),
        ({"x": 3}, 1, r"grid\['x'\] must be a sequence"),
        ({"x": "abc"}, 1, r"grid\['x'\] must be a sequence"),
        ({"x": [1, "a"]}, 1, "numbers, strings or booleans, not some of each"),
        ({"x": [1, True]}, 1, "numbers, strings or booleans, not some of each"),
        ({"x": [1, math.nan]}, 1, r"grid\['x'\]\[1\] must be finite, got nan"),
        ({"x": [math.inf]}, 1, r"grid\['x'\]\[0\] must be finite, got inf"),
        ({"x": [None]}, 1, r"grid\['x'\]\[0\] must be a number, a string or a boolean"),
        ({"x": [0.5, 1, 1.0]}, 1, "must hold each value once, got 1.0 twice"),
        ({"x": [0.0, -0.0]}, 1, "must hold each value once"),
        ({"x y": [1]}, 1, "grid must have names that fn can take"),
        ({"x": [1]}, 0, "seeds must be an integer >= 1, got 0"),
        ({"x": [1]}, [], "seeds must hold at least one seed"),
        ({"x": [1]}, [1, 1], "seeds must hold each value once"),
        ({"x": [1]}, [-1], r"seed must be an int in \[0, 2\*\*64\)"),
        ({"x": [1]}, [True], r"seed must be an int in \[0, 2\*\*64\)"),
        ({"x": [1]}, [1.5], r"seed must be an int in \[0, 2\*\*64\)"),
        ({"x": [1]}, 1.5, "seeds must be an integer >= 1 or a sequence"),
        ({"y": [1]}, 1, "fn must take y, seed by name"),
        ({}, 1, "fn must take seed by name"),
    ],
)
def test_bad_input_is_refused_before_anything_runs(grid, seeds, message):
    with pytest.raises(ParameterError, match=message):
        ganth.sweep(sweep_cells.plain, grid, seeds=seeds)


def test_bad_options_are_refused(tmp_path):
    with pytest.raises(ParameterError, match="jobs must be an integer >= 1"):
        swept(jobs=0)
    with pytest.raises(ParameterError, match="fn must be a function"):
        ganth.sweep(3, {"x": [1]}, seeds=1)


def test_progress_counts_what_was_kept(tmp_path, capsys):
    seen = []
    grid = {"x": [1, 2, 3]}
    ganth.sweep(sweep_cells.plain, {"x": [2]}, seeds=1, cache_dir=tmp_path, jobs=1)
    options = {"seeds": 1, "cache_dir": tmp_path, "jobs": 1}
    ganth.sweep(sweep_cells.plain, grid, progress=lambda done, total: seen.append((done, total)), **options)
    assert seen == [(2, 3), (3, 3)]
    ganth.sweep(sweep_cells.plain, grid, progress=True, **options)
    assert "3/3" in capsys.readouterr().err


def test_nothing_warns():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        swept(jobs=2)
