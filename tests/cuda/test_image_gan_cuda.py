"""ImageGAN on CUDA against its CPU loops, through the public door."""

import numpy as np
import pytest

import ganth
from ganth import nn
from ganth.games import image_engine_cuda
from ganth.nn import convolution_cuda, normalisation_cuda, optimisers_cuda, pointwise_cuda, steps_cuda

BOUND = {"float64": 1e-12, "float32": 2e-5}
IMAGES = np.tanh(np.random.default_rng(3).normal(size=(5, 4, 4, 1)))
TILE = convolution_cuda.Tile(4, 4, 2, 4, 4)
PRODUCTS = convolution_cuda.products(TILE)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    if ganth.backend.simulated():
        monkeypatch.setattr(convolution_cuda, "TILE", TILE)
        monkeypatch.setattr(convolution_cuda, "PRODUCTS", PRODUCTS)
        for loops in (
            convolution_cuda, normalisation_cuda, optimisers_cuda, pointwise_cuda, steps_cuda, image_engine_cuda,
        ):  # fmt: skip
            monkeypatch.setattr(loops, "BLOCK", 8)


def game(images=IMAGES, **changes):
    generator = nn.Network(
        (nn.Linear(4, bias=False), nn.Reshape((2, 2, 1)), nn.BatchNorm(), nn.Activation("relu"), nn.ConvTranspose(1),
         nn.Activation("tanh")), (2,),
    )  # fmt: skip
    discriminator = nn.Network((nn.Noise(0.1), nn.Conv(2), nn.Activation("leaky"), nn.Linear(1)), (4, 4, 1))
    call = {"latent_dim": 2, "batch": 2, "lr_disc": 0.01, "lr_gen": 0.01, "start": "torch", "modes": 3}
    networks = {"generator": generator, "discriminator": discriminator, "metric_samples": 2}
    return ganth.ImageGAN(images, **call | networks | changes)


def plain(**changes):
    """Return a game of networks that are quick in the simulator."""
    generator = nn.Network((nn.Linear(4), nn.Reshape((2, 2, 1)), nn.Activation("tanh")), (2,))
    discriminator = nn.Network((nn.Linear(1),), (2, 2, 1))
    return game(IMAGES[:, :2, :2], generator=generator, discriminator=discriminator, **{"epoch_steps": 1} | changes)


def assert_near(found, wanted, bound):
    for name, value in wanted.state.items():
        scale = np.abs(value).max(initial=1e-300)
        np.testing.assert_allclose(found.state[name], value, rtol=0, atol=bound * scale, err_msg=name)
    for name in ("field", "loss_disc", "loss_gen", "mean_real", "mean_fake"):
        np.testing.assert_allclose(getattr(found, name), getattr(wanted, name), rtol=bound, err_msg=name)


@pytest.mark.parametrize(
    ("dtype", "loss", "changes"),
    [
        ("float64", "nsgan", {}),
        ("float64", "lsgan", {"n_disc": 2, "optimiser_disc": nn.RMSProp(), "optimiser_gen": nn.SGD()}),
        ("float32", "minimax", {"optimiser_gen": nn.SGD(momentum=0.5), "optimiser_disc": nn.SGD()}),
    ],
)
def test_iterations_are_those_of_the_cpu(dtype, loss, changes):
    one = game(loss=loss, epoch_steps=2 if dtype == "float32" else 1, **changes)
    on_cpu, on_gpu = (one.train(1, seed=1, dtype=dtype, backend=backend) for backend in ("cpu", "cuda"))
    assert_near(on_gpu, on_cpu, BOUND[dtype])


def test_a_training_goes_on_bit_for_bit_where_it_began(tmp_path):
    one, call = plain(), {"seed": 2, "backend": "cuda", "keep": (1,), "samples": 2}
    whole = one.train(2, **call)
    one.train(1, folder=tmp_path, **call)
    parts = one.train(2, folder=tmp_path, **call)
    for name, value in whole.state.items():
        np.testing.assert_array_equal(parts.state[name], value)
    np.testing.assert_array_equal(parts.samples, whole.samples)
    np.testing.assert_array_equal(parts.field, whole.field)
    with pytest.raises(ganth.errors.ParameterError, match="backend is 'cuda', not None"):
        one.train(2, seed=2, folder=tmp_path, keep=(1,), samples=2)


@pytest.mark.filterwarnings("ignore::ganth.DivergenceWarning")
def test_a_training_that_diverges_ends_with_the_last_whole_epoch():
    one = plain(lr_disc=1e300, optimiser_disc=nn.SGD(), loss="lsgan")
    on_cpu, on_gpu = (one.train(3, dtype="float64", backend=backend) for backend in ("cpu", "cuda"))
    assert on_gpu.diverged_at == on_cpu.diverged_at > 0
    assert all(np.isfinite(value).all() for value in on_gpu.state.values())
