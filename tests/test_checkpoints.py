"""A training that is stopped and started again: killed, interrupted, with damaged files, or of other settings."""

import os
import pathlib
import random
import signal
import subprocess
import sys

import image_games
import numpy as np
import pytest
from image_games import game
from test_image_gan import assert_same_bits

import ganth
from ganth.errors import InterruptedRun, ParameterError

ROOT = pathlib.Path(__file__).parents[1]


def steady(now):
    return {"mean": now.generate(4).mean()}


@pytest.fixture(scope="module")
def whole():
    return game().train(8, seed=4, keep=(0, 5, 8), samples=3, observer=steady)


def train(folder, epochs, **settings):
    keep = tuple(epoch for epoch in (0, 5, 8) if epoch <= epochs)
    return game().train(epochs, seed=4, keep=keep, samples=3, observer=steady, folder=folder, **settings)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_training_goes_on_from_its_folder(tmp_path, whole):
    assert_same_bits(train(tmp_path, 3), game().train(3, seed=4, keep=(0,), samples=3, observer=steady))
    assert names(tmp_path) == ["checkpoint-000002.npz", "checkpoint-000003.npz"]
    assert_same_bits(train(tmp_path, 7), game().train(7, seed=4, keep=(0, 5), samples=3, observer=steady))
    assert_same_bits(train(tmp_path, 8, checkpoint_every=5), whole)
    told = []
    assert_same_bits(train(tmp_path, 8, progress=lambda *done: told.append(done)), whole)
    assert told == [(16, 16)]


def test_few_checkpoints_are_written_where_few_are_asked_for(tmp_path, whole):
    seen = []
    game().train(8, seed=4, folder=tmp_path, checkpoint_every=3, observer=lambda now: seen.append(names(tmp_path)))
    assert [len(found) for found in seen] == [0, 0, 0, 0, 1, 1, 1, 2, 2]
    assert names(tmp_path) == ["checkpoint-000006.npz", "checkpoint-000008.npz"]


def test_ctrl_c_keeps_whole_epochs(tmp_path, whole):
    def stop(now):
        if now.epochs[-1] == 5:
            signal.raise_signal(signal.SIGINT)
        return steady(now)

    with pytest.raises(InterruptedRun) as caught:
        game().train(8, seed=4, keep=(0, 5), samples=3, observer=stop, folder=tmp_path, checkpoint_every=100)
    assert_same_bits(caught.value.run, game().train(5, seed=4, keep=(0, 5), samples=3, observer=steady))
    assert names(tmp_path) == ["checkpoint-000005.npz"]
    assert_same_bits(train(tmp_path, 8), whole)


@pytest.mark.parametrize("damage", ["cut", "empty", "flipped", "no archive"])
def test_a_damaged_checkpoint_is_named_and_the_one_before_is_used(tmp_path, whole, damage):
    train(tmp_path, 6)
    last = tmp_path / "checkpoint-000006.npz"
    content = bytearray(last.read_bytes())
    if damage == "flipped":
        content[len(content) // 2] ^= 1
    last.write_bytes({"cut": content[:-9], "empty": b"", "no archive": b"x" * 99}.get(damage, bytes(content)))
    with pytest.warns(RuntimeWarning, match=r"checkpoint-000006\.npz'.*the one before it is used") as told:
        again = train(tmp_path, 8)
    assert len(told) == 1
    assert_same_bits(again, whole)


def test_without_a_good_checkpoint_it_starts_anew(tmp_path, whole):
    train(tmp_path, 2)
    for path in tmp_path.iterdir():
        path.write_bytes(b"")
    with pytest.warns(RuntimeWarning, match="the one before it is used"):
        assert_same_bits(train(tmp_path, 8), whole)


def test_another_training_is_refused_by_what_differs(tmp_path):
    game().train(2, seed=4, folder=tmp_path)
    for other, call, message in (
        (game(lr_gen=0.5), {"seed": 4}, r"holds another training: lr_gen is 0.01, not 0.5$"),
        (game(), {"seed": 5}, r"holds another training: seed is 4, not 5$"),
        (game(), {"seed": 4, "trial": 1, "dtype": "float64"}, r"dtype is 'float32', not 'float64'; trial is 0, not 1$"),
        (game(images=-image_games.IMAGES), {"seed": 4}, r"images is '\(10, 4, 4, 1\) sha256 .*', not '"),
        (game(discriminator=image_games.PLAIN), {"seed": 4}, "discriminator is .Network"),
    ):
        with pytest.raises(ParameterError, match=message):
            other.train(2, folder=tmp_path, **call)
    with pytest.raises(ParameterError, match="epochs must be >= 2, which folder holds, got 1"):
        game().train(1, seed=4, folder=tmp_path)
    with pytest.raises(ParameterError, match=r"keep must hold no epoch that .* has passed, got \[1\]"):
        game().train(3, seed=4, folder=tmp_path, keep=(1, 3))


def test_a_checkpoint_of_a_newer_ganth_is_no_damage(tmp_path, monkeypatch):
    from ganth.games import checkpoints

    monkeypatch.setattr(checkpoints, "SCHEMA", 99)
    game().train(1, seed=4, folder=tmp_path)
    monkeypatch.undo()
    with pytest.raises(ParameterError, match=r"got schema 99 in .*: it was written by a newer ganth"):
        game().train(2, seed=4, folder=tmp_path)


@pytest.mark.slow
def test_a_training_killed_again_and_again_ends_with_the_same_bits(tmp_path):
    epochs, steps = 10, 40
    chance = random.Random(7)
    command = [sys.executable, str(ROOT / "tests" / "image_games.py"), str(tmp_path), str(epochs)]
    kills = 0
    while True:
        lines, until = 0, chance.randint(2, 12)
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env=environment()) as process:
            for _ in process.stdout:
                lines += 1
                if lines == until and kills < 4:
                    process.kill()
        if process.returncode == 0:
            break
        assert process.returncode == -signal.SIGKILL
        kills += 1
        (tmp_path / "checkpoint-000003.npz.0123456789abcdef.part").write_bytes(b"half of it")
    assert kills == 4
    assert lines < steps  # it did go on
    whole = image_games.convolutional().train(epochs, seed=4, keep=(1, epochs), samples=5)
    assert_same_bits(ganth.Training.load(tmp_path / "end.npz"), whole)
    assert names(tmp_path) == ["checkpoint-000009.npz", "checkpoint-000010.npz", "end.npz"]
    assert np.isfinite(whole.field).all()


def environment():
    return {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"}
