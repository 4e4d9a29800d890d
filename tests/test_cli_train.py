"""`ganth train`: what it prints and writes, that it goes on, and its errors."""

import gzip
import signal

import numpy as np
import pytest

import ganth
from ganth import cli, studies

QUICK = ["train", "--limit", "130", "--width", "2", "--batch", "32", "--every", "2"]


@pytest.fixture
def inside(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def size_of(png):
    content = png.read_bytes()
    return int.from_bytes(content[16:20], "big"), int.from_bytes(content[20:24], "big")


def test_it_trains_on_the_digits_that_come_with_it(inside, capsys):
    assert cli.main([*QUICK, "--epochs", "3", "--warmup", "1", "--noise", "0.1", "--keep", "2"]) == 0
    told = capsys.readouterr().out
    out = inside / "training-sample"
    assert told.startswith("data: mnist-sample, 130 images of 28x28x1, 10 classes\n")
    for line in (
        "networks: generator 19773 parameters, discriminator 367; width 2, noise 0.1",
        "training: 3 epochs of 4 iterations, batch 32, rate 0.0002, seed 0",
        f"folder: {out}\n", "s an epoch, ", "epoch    3/3  metric", "rule printed: metric above",
        "rule scale-invariant: metric above", "result: training-sample/training.npz",
    ):  # fmt: skip
        assert line in told
    names = {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()}
    sheets = {f"samples/epoch-{epoch:04d}.png" for epoch in (0, 2, 3)}
    assert not list(out.rglob("*.part"))
    assert names == sheets | {"metric.png", "training.npz", "checkpoint-000002.npz", "checkpoint-000003.npz"}
    assert size_of(out / "samples" / "epoch-0003.png") == (640, 640)
    training = ganth.Training.load(out / "training.npz")
    assert training.epochs.tolist() == [0, 1, 2, 3]
    assert training.kept.tolist() == [2]


def test_its_limits_are_those_of_studies():
    from ganth import cli_train

    units = studies.ImageStudy("sample").units()
    told = cli_train._rules(studies.ImageStudy("sample").images())
    assert told == (units["distance"], units["bandwidth"], units["printed_bandwidth"])


def test_the_same_command_goes_on(inside, capsys):
    assert cli.main([*QUICK, "--epochs", "2", "--out", "here"]) == 0
    assert cli.main([*QUICK, "--epochs", "4", "--out", "here"]) == 0
    assert "which holds checkpoints: going on from there" in capsys.readouterr().out
    assert cli.main([*QUICK, "--epochs", "4", "--out", "there"]) == 0
    assert "going on" not in capsys.readouterr().out
    one, other = (ganth.Training.load(f"{name}/training.npz") for name in ("here", "there"))
    np.testing.assert_array_equal(one.state["generator"], other.state["generator"])
    np.testing.assert_array_equal(one.field, other.field)
    for sheet in (inside / "there" / "samples").iterdir():
        assert sheet.read_bytes() == (inside / "here" / "samples" / sheet.name).read_bytes()
    assert cli.main([*QUICK, "--epochs", "4", "--out", "here", "--lr", "0.5"]) == 2
    assert "holds another training: lr_disc is 0.0002, not 0.5; lr_gen" in capsys.readouterr().err


def test_ctrl_c_writes_what_there_is(inside, capsys, monkeypatch):
    from ganth import cli_train

    tell = cli_train._Course.epoch

    def stop(course, training):
        tell(course, training)
        if training.epochs[-1] == 2:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(cli_train._Course, "epoch", stop)
    assert cli.main([*QUICK, "--epochs", "9"]) == 130
    assert "the same command goes on from there" in capsys.readouterr().err
    assert ganth.Training.load("training-sample/training.npz").epochs[-1] == 2
    monkeypatch.undo()


def write_fashion(folder, count=64):
    rng = np.random.default_rng(0)
    labels = np.arange(count, dtype=np.uint8) % 10
    images = rng.integers(0, 256, (count, 28, 28), dtype=np.uint8)
    heads = {"images-idx3": (2051, count, 28, 28), "labels-idx1": (2049, count)}
    for name, content in (("images-idx3", images), ("labels-idx1", labels)):
        head = np.array(heads[name], ">i4").tobytes()
        (folder / f"fashion-mnist-train-{name}-ubyte.gz").write_bytes(gzip.compress(head + content.tobytes()))


def test_it_reads_fashion_mnist_from_its_files(inside, capsys):
    write_fashion(inside)
    call = ["train", "--data", "fashion-mnist", "--root", ".", "--epochs", "1", "--width", "1", "--batch", "32"]
    assert cli.main([*call, "--size", "64"]) == 0
    assert "data: fashion-mnist, 64 images of 64x64x1, 10 classes" in capsys.readouterr().out
    assert cli.main([*call, "--root", "nowhere"]) == 2
    assert "ganth: root must be a folder, got 'nowhere', which is none" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--epochs", "-1"], "epochs must be an integer >= 0, got -1"),
        (["--width", "0"], "width must be an integer >= 1, got 0"),
        (["--every", "0"], "every must be an integer >= 1, got 0"),
        (["--limit", "0"], "limit must be an integer >= 1, got 0"),
        (["--batch", "2001"], "batch must be <= the number of images, 2000, got 2001"),
        (["--seed", "-1"], "seed must be an int in"),
        (["--noise", "-1"], "noise must be >= 0, got -1.0"),
    ],
)
def test_bad_options_are_named(inside, capsys, options, message):
    assert cli.main(["train", *options]) == 2
    assert message in capsys.readouterr().err


def test_no_gpu_is_told_before_anything_is_made(inside, capsys, monkeypatch, tmp_path):
    from numba import cuda

    monkeypatch.setattr(cuda, "is_available", lambda: False)
    assert cli.main(["train", "--backend", "cuda", "--out", str(tmp_path / "new")]) == 2
    assert "backend='cuda' asked for, but" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_divergence_is_exit_status_1(inside, capsys):
    with pytest.warns(ganth.DivergenceWarning):
        assert cli.main([*QUICK, "--epochs", "9", "--lr", "1e30"]) == 1
    assert "diverged at iteration" in capsys.readouterr().out
