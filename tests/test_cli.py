"""The command line: what it prints, what it writes, and its exit status."""

import subprocess
import sys

import fake_checkout
import pytest

import ganth
from ganth import cli


@pytest.fixture
def inside(tmp_path, monkeypatch):
    fake_checkout.write(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def outside(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_list_works_anywhere(outside, capsys):
    assert cli.main(["list"]) == 0
    told = capsys.readouterr().out
    assert "KD  Becker" in told
    assert "90 claims, 0 decided" in told
    assert cli.main(["list", "KD-Thm1b", "MF"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("KD-Thm1b ")
    assert told.count("\nMF-") == 50


def test_list_tells_verdicts_and_validations(inside, capsys):
    assert cli.main(["run", "--profile", "smoke", "--out", "figures"]) == 0
    capsys.readouterr()
    assert cli.main(["list"]) == 0
    told = capsys.readouterr().out
    assert "90 claims, 2 decided" in told
    assert "KD/demo" in told
    assert cli.main(["list", "KD/demo"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines if line.startswith("KD")] == [
        ["KD-Thm1b", "false"],
        ["KD-Fig3a", "reproduced"],
    ]


@pytest.mark.parametrize("command", ["list", "run"])
def test_an_unknown_id_is_one_clear_error(inside, capsys, command):
    assert cli.main([command, "KD/dem"]) == 2
    told = capsys.readouterr().err
    assert told.startswith("ganth: unknown ID 'KD/dem'; near it: KD/demo, ")
    assert told.endswith("; `ganth list` shows them all\n")


@pytest.mark.parametrize("command", ["run", "report", "bench"])
def test_outside_a_checkout_says_how_to_get_one(outside, capsys, command):
    assert cli.main([command]) == 2
    told = capsys.readouterr().err
    assert told.startswith("ganth: this folder is in no checkout of ganth: ")
    assert f"clone the repository with git and run `ganth {command}` inside it" in told


def test_run_writes_what_it_says(inside, capsys):
    assert cli.main(["run", "KD", "--profile", "smoke", "--out", "there", "--jobs", "1", "--seed", "7"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("validations: 1; profile smoke; seed 7; backend cpu; jobs 1; seconds; figures go to ")
    assert told.rstrip().endswith(f"report: {inside / 'there' / 'index.html'}")
    assert (inside / "there" / "KD" / "demo.png").is_file()
    assert not (inside / "figures").exists()


def test_a_smoke_run_leaves_the_figures_alone(inside, capsys):
    assert cli.main(["run", "--profile", "smoke"]) == 0
    assert "ganth-smoke-" in capsys.readouterr().out
    assert not (inside / "figures").exists()


def test_a_failed_validation_is_exit_status_1(inside, capsys):
    fake_checkout.write(inside, compute="def compute(*_):\n    raise ValueError('no')\n")
    fake_checkout.write(inside, "broken", head="")
    assert cli.main(["run", "--profile", "smoke"]) == 1
    told = capsys.readouterr().err
    assert "failed: KD/demo: ValueError: no\n" in told
    assert "failed: KD/broken: " in told


def test_an_interrupt_is_exit_status_130(inside, capsys):
    fake_checkout.write(inside, compute="def compute(*_):\n    raise KeyboardInterrupt\n")
    assert cli.main(["run", "--profile", "smoke"]) == 130
    assert "the same command goes on from there" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--jobs", "0"], "jobs must be an integer >= 1, got 0"),
        (["--seed", "-1"], "seed must be an int in"),
    ],
)
def test_bad_options_are_named(inside, capsys, options, message):
    assert cli.main(["run", *options]) == 2
    assert message in capsys.readouterr().err


def test_report_reads_the_evidence_and_runs_nothing(inside, capsys):
    path = inside / "validations" / "KD" / "demo.py"
    cli.main(["run", "--profile", "smoke", "--out", "figures"])
    page = inside / "figures" / "index.html"
    before = page.read_bytes()
    page.unlink()
    assert cli.main(["report"]) == 0
    assert page.read_bytes() == before
    assert fake_checkout.times_run(path) == 1
    (inside / "figures" / "KD" / "demo.json").write_text("{")
    assert cli.main(["report"]) == 1
    assert "left out: " in capsys.readouterr().err


def test_info_tells_versions_and_machine(capsys):
    assert cli.main(["info"]) == 0
    told = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert told["ganth"] == ganth.__version__
    assert {"python", "numpy", "numba", "processor", "cores", "backends", "cache"} <= set(told)


def test_bench_lists_and_runs(inside, capsys):
    (inside / "benchmarks").mkdir()
    script = '"""How fast.\n\nMore."""\nimport sys\n\nif __name__ == "__main__":\n    sys.exit(3)\n'
    (inside / "benchmarks" / "speed.py").write_text(script)
    (inside / "benchmarks" / "shared.py").write_text('"""What they share."""\n')
    assert cli.main(["bench"]) == 0
    assert capsys.readouterr().out.split(maxsplit=1) == ["speed", "How fast.\n"]
    assert cli.main(["bench", "speed"]) == 1
    assert cli.main(["bench", "other"]) == 2
    assert "unknown benchmark 'other'; there are: speed" in capsys.readouterr().err


def test_python_m_ganth_is_the_command():
    done = subprocess.run(
        [sys.executable, "-m", "ganth", "list", "KD-Eq33"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    assert done.stdout.startswith("KD-Eq33")
