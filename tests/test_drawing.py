"""Figures that another process draws: the same as those drawn here, and failures named."""

import fake_checkout

from ganth.claims import checkout, runner


def run(root, job, **options):
    every, _ = checkout.validations(root)
    lines = []
    return runner.run(every, every, job, say=lines.append, **options), "\n".join(lines)


def test_figures_drawn_beside_the_next_computation_are_the_same(tmp_path):
    fake_checkout.write(tmp_path)
    job = runner.Job(out=tmp_path / "figures", profile="smoke")
    run(tmp_path, job)
    before = (job.out / "KD" / "demo.png").read_bytes()
    bad = "def draw(result, fig):\n    raise ValueError('no ink')\n"
    parts = {"head": fake_checkout.NO_CLAIMS, "check": fake_checkout.NO_VERDICTS}
    fake_checkout.write(tmp_path, "aaa", draw=bad, **parts)
    fake_checkout.write(tmp_path, "zzz", **parts)
    two = runner.Job(out=job.out, profile="smoke", jobs=2)
    problems, told = run(tmp_path, two, force=True)
    assert problems == ["KD/aaa: ValueError: no ink"]
    assert "no ink" in told
    assert not (job.out / "KD" / "aaa.json").exists()
    assert (job.out / "KD" / "demo.png").read_bytes() == before == (job.out / "KD" / "zzz.png").read_bytes()
    problems, told = run(tmp_path, two)
    assert "KD/zzz: up to date" in told
