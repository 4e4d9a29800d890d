"""The benchmarks: who plays another game is refused, and what is written by hand beside ganth is the same game."""

import importlib.util
import json
import pathlib
import sys

import numpy as np
import pytest

from ganth import cli

FOLDER = pathlib.Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def benchmark(monkeypatch):
    """Return what loads a file of benchmarks/ anew."""
    monkeypatch.syspath_prepend(str(FOLDER))

    def load(name):
        spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, name, module)
        spec.loader.exec_module(module)
        return module

    return load


@pytest.fixture
def small(benchmark, monkeypatch):
    """Return effective_gan with few points, units and steps."""
    module = benchmark("effective_gan")
    for name, value in {"POINTS": 12, "WIDTH": 64, "N_DISC": 3}.items():
        monkeypatch.setattr(module, name, value)
    return module


def test_bench_lists_what_can_be_run(monkeypatch, capsys):
    monkeypatch.chdir(FOLDER.parent)
    assert cli.main(["bench"]) == 0
    listed = {line.split()[0] for line in capsys.readouterr().out.splitlines()}
    assert {"kernel_gan", "dense_gan", "effective_gan"} <= listed
    assert "contest" not in listed


@pytest.mark.parametrize("case", ["plain, one core", "regularised, one core", "tanh, one core"])
def test_games_written_by_hand_land_where_ganth_does(small, case):
    problem = small.Problem(small.CASES[case], "float64")
    wanted = problem.own()(small.CHECK_STEPS)
    assert all(problem.off(miss(small.CHECK_STEPS), wanted) > 10 for miss in problem.near_misses().values())
    hand = small.Written(problem, np, np.tanh)
    for step, field in ((hand.by_products, hand.field_by_products), (hand.by_sums, hand.field_by_sums)):
        x, data, p, weights = problem.arrays()
        for _ in range(small.CHECK_STEPS):
            for _ in range(small.N_DISC):
                p = step(p, x, data, weights)
            x = hand.move(p, x, field)
        assert problem.off(x, wanted) <= 1
    for block in (64, 16):
        assert problem.off(small.in_place(problem, np, lambda array: array, block)(small.CHECK_STEPS), wanted) <= 1


@pytest.mark.parametrize("grad_reg", [0.0, 1.0])
def test_the_loss_that_others_differentiate_is_the_one_ganth_descends(small, grad_reg):
    case = small.Case(cores=1, activation="tanh", grad_reg=grad_reg)
    problem = small.Problem(case, "float64")
    x, data, p, _ = problem.arrays()
    hand = small.Written(problem, np, np.tanh)
    game = problem.game.with_settings(n_disc=1, lr_disc=1e-3)
    after = game.run(steps=1, seed=small.SEED, threads=1).state["parameters"][0]
    slopes = (p - after) / 1e-3
    for at in ((0, 5), (1, 7), (2, 30), (3, 63)):
        shift = np.zeros_like(p)
        shift[at] = 1e-5
        up, down = (hand.loss(q, x, data, hand.field_by_products) for q in (p + shift, p - shift))
        assert (up - down) / 2e-5 == pytest.approx(slopes[at], rel=1e-5, abs=1e-8)


def test_who_plays_another_game_is_refused(small):
    def peers(change):
        return {
            "ganth": small.ganth_peer,
            "numpy": lambda problem: iter([("other", problem.own(**change))]),
            "not-a-package": small.ganth_peer,
        }

    def contest_of(change):
        return small.contest.dataclasses.replace(small.CONTEST, problem=small.Problem, peers=peers(change))

    problem = small.Problem(small.CASES["plain, one core"], "float64")
    plays, left_out = contest_of({}).contenders(problem)
    assert list(plays) == ["ganth", "other"]
    assert left_out == {"not-a-package": "not installed"}
    with pytest.raises(SystemExit, match="other plays another game"):
        contest_of({"lr_disc": 0.11}).contenders(problem)
    problem.near_misses = lambda: {"itself": problem.own()}
    with pytest.raises(SystemExit, match="would not notice itself"):
        contest_of({}).contenders(problem)


def test_ratios_are_to_the_best_of_a_group(benchmark):
    contest = benchmark("effective_gan").CONTEST
    times = {"ganth": [1.0, 9.0, 2.0], "NumPy": [3.0] * 3, "JAX, autograd": [8.0] * 3, "torch.compile, sums": [5.0] * 3}
    measured = {"results": {"float32": {"microseconds": times, "steps": {}, "left_out": {"numpy": "not installed"}}}}
    for name, target in (("plain", "target 6x"), ("tanh", "no target")):
        (row,) = contest.rows(name, measured)
        assert {group: (best["peer"], best["ratio"]) for group, best in row["best"].items()} == {
            "of PyTorch and JAX": ("torch.compile, sums", 2.5),
            "of PyTorch and JAX by autograd": ("JAX, autograd", 4.0),
            "of all others": ("NumPy", 1.5),
        }
        text = contest.table([json.loads(json.dumps(row))], {"cpu": "any"})
        assert f"best of PyTorch and JAX: torch.compile, sums, 2.5x ({target})" in text
        assert "numpy                                left out: not installed" in text


def test_a_case_runs_in_a_process_without_settings_that_favour_one(benchmark, monkeypatch, tmp_path):
    contest = benchmark("contest")
    script = tmp_path / "script.py"
    script.write_text("import json, os, sys\nprint(json.dumps({'given': dict(os.environ), 'line': sys.argv[1:]}))\n")
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    nothing = {"title": "", "unit": "", "problem": None, "peers": {}, "check_steps": 1, "rivals": {}}
    cases = {"one": contest.Case(cores=1)}
    found = contest.Contest(script=str(script), cases=cases, **nothing).run_case("one", 2, 0.5)
    assert "OPENBLAS_CORETYPE" not in found["given"]
    assert all(found["given"][name] == "1" for name in contest.THREADS)
    assert found["line"] == ["--work", "one", "--rounds", "2", "--seconds", "0.5"]
