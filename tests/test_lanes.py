"""Validations side by side in processes of their own: the same files as one after the other, and failures named."""

import os
import pathlib
import signal
import subprocess
import sys
import time

import fake_checkout
import pytest

from ganth.claims import Evidence, checkout, runner

PARTS = {"head": fake_checkout.NO_CLAIMS, "check": fake_checkout.NO_VERDICTS}
SLOW = """
import pathlib, os, time

def compute(profile, seed, backend, jobs):
    pathlib.Path(__file__).with_suffix(".pid").write_text(str(os.getpid()))
    time.sleep(600)
"""


def run(root, job, **options):
    every, _ = checkout.validations(root)
    lines = []
    return runner.run(every, every, job, say=lines.append, **options), "\n".join(lines)


def measured(job, name):
    return Evidence.load(job.out / "KD" / f"{name}.json").measured


@pytest.fixture
def jobs(tmp_path):
    return [runner.Job(out=tmp_path / "figures", profile="smoke", jobs=count) for count in (1, 2)]


def test_lanes_make_the_same_files_and_name_what_fails(tmp_path, jobs):
    one, two = jobs
    fake_checkout.write(tmp_path)
    run(tmp_path, one)
    before = (one.out / "KD" / "demo.png").read_bytes()
    fake_checkout.write(tmp_path, "aaa", draw="def draw(result, fig):\n    raise ValueError('no ink')\n", **PARTS)
    fake_checkout.write(tmp_path, "zzz", **PARTS)
    problems, told = run(tmp_path, two, force=True)
    assert problems == ["KD/aaa: ValueError: no ink"]
    assert "in draw" in told  # the traceback
    assert not (one.out / "KD" / "aaa.json").exists()
    assert (one.out / "KD" / "demo.png").read_bytes() == before == (one.out / "KD" / "zzz.png").read_bytes()
    problems, told = run(tmp_path, two)
    assert "KD/zzz: up to date" in told
    (one.out / "KD" / "zzz.png").unlink()
    (one.out / "KD" / "demo.png").unlink()
    problems, told = run(tmp_path, two)
    assert told.count("drawn again from its evidence") == 2
    assert (one.out / "KD" / "demo.png").read_bytes() == before == (one.out / "KD" / "zzz.png").read_bytes()


def test_lanes_share_the_cores_and_groups_have_them_all(tmp_path, jobs):
    compute = (
        "def compute(profile, seed, backend, jobs):\n    import os\n    return {'jobs': jobs, 'process': os.getpid()}\n"
    )
    draw = "def draw(result, fig):\n    pass\n"
    for name in ("one", "two", "three"):
        fake_checkout.write(tmp_path, name, compute=compute, draw=draw, **PARTS)
    grouped = {**PARTS, "head": 'GROUP = "KD-all"\n' + PARTS["head"]}
    fake_checkout.write(tmp_path, "grouped", compute=compute, draw=draw, **grouped)
    problems, _ = run(tmp_path, runner.Job(out=jobs[0].out, profile="smoke", jobs=4))
    assert problems == []
    made = {name: measured(jobs[0], name) for name in ("one", "two", "three", "grouped")}
    assert [made[name]["jobs"] for name in made] == [2, 2, 2, 4]
    assert made["grouped"]["process"] == os.getpid()
    assert len({made[name]["process"] for name in ("one", "two", "three")} - {os.getpid()}) == 2


def test_a_lane_that_dies_is_told_and_replaced(tmp_path, jobs):
    killed = "def compute(*_):\n    import os, signal\n    os.kill(os.getpid(), signal.SIGKILL)\n"
    fake_checkout.write(tmp_path, "aaa", compute=killed, **PARTS)
    for name in ("bbb", "ccc", "ddd"):
        fake_checkout.write(tmp_path, name, **PARTS)
    problems, _ = run(tmp_path, jobs[1])
    assert problems == ["KD/aaa: its process ended with exit code -9"]
    assert sorted(path.stem for path in (jobs[1].out / "KD").glob("*.json")) == ["bbb", "ccc", "ddd"]


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL], ids=["ctrl-c", "killed"])
def test_lanes_end_with_the_process_that_asked(tmp_path, sent):
    paths = [fake_checkout.write(tmp_path, name, compute=SLOW, **PARTS) for name in ("aaa", "bbb")]
    command = [sys.executable, "-m", "ganth", "run", "KD", "--jobs", "2", "--out", str(tmp_path / "figures")]
    place = {**os.environ, "PYTHONPATH": str(pathlib.Path(runner.__file__).parents[2])}
    with subprocess.Popen(
        command, cwd=tmp_path, env=place, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        marks = [path.with_suffix(".pid") for path in paths]
        wait_until(lambda: all(mark.exists() and mark.read_text() for mark in marks))
        process.send_signal(sent)
        assert process.wait(30) == (130 if sent == signal.SIGINT else -sent)
    wait_until(lambda: not any(alive(int(mark.read_text())) for mark in marks))


def wait_until(true, seconds=60):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def alive(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    status = pathlib.Path(f"/proc/{process}/stat")
    return not status.exists() or status.read_text().rpartition(")")[2].split()[0] != "Z"
