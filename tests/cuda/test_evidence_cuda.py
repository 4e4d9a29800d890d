"""A validation with --backend cuda: its evidence says on what it ran and how near it is to the CPU."""

import json

import fake_checkout
import numpy as np
import pytest

import ganth
from ganth.claims import Evidence, runner
from ganth.claims.checkout import validations
from ganth.games import features_cuda

PLAYS = """
import ganth

def compute(profile, seed, backend, jobs):
    game = ganth.KernelGAN(
        [[0.0], [1.0]], kernel=ganth.RBF(1.0), n_frequencies=9, reg=0.1, lr_disc=0.1, lr_gen=0.1
    )
    run = game.run(steps=40 if profile == "smoke" else 3, seed=seed, backend=backend)
    return {"x": np.arange(3.0), "large": np.ones((101, 100)), "lost": float("inf"), "final": run.final[:, 0]}
"""


def made(tmp_path, **parts):
    fake_checkout.write(tmp_path, **parts)
    every, broken = validations(tmp_path)
    assert not broken
    job = runner.Job(out=tmp_path / "figures", backend="cuda")
    assert runner.run(every, every, job, say=lambda line: None) == []
    return Evidence.load(job.out / "KD" / "demo.json"), json.loads((job.out / "KD" / "demo.json").read_text())


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    if ganth.backend.simulated():
        monkeypatch.setattr(features_cuda, "BLOCK", 8)


def test_device_launches_and_agreement_are_told(tmp_path):
    evidence, record = made(tmp_path, compute=PLAYS)
    assert record["backend"] == "cuda"
    assert record["gpu"]["device"] == ganth.device.name()
    assert record["gpu"]["launches"] >= 1
    agreement = evidence.gpu["agreement"]
    assert (agreement["names"], agreement["alike"], agreement["farthest"]) == (4, 4, "final")
    assert 0 < agreement["by"] < 1e-11


def test_what_has_no_work_for_a_gpu_says_so(tmp_path):
    evidence, _ = made(tmp_path)
    assert evidence.gpu == {"device": ganth.device.name(), "launches": 0}


@pytest.mark.parametrize(
    ("here", "there", "wanted"),
    [([1.0, 2.0], [1.0, 2.5], 0.25), ([1.0], [1.0, 1.0], np.inf), ([np.nan, 1.0], [np.nan, 1.0], 0.0),
     ([np.nan, 1.0], [2.0, 1.0], np.inf), ([1.0], [np.inf], np.inf), ([0.0], [0.0], 0.0), ([], [], 0.0)],
)  # fmt: skip
def test_how_far_numbers_are_apart(here, there, wanted):
    from ganth.claims.gpu import _apart

    assert _apart(np.array(here), np.array(there)) == wanted
