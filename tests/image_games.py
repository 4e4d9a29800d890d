"""A small image GAN that tests share, and the process that one of them kills."""

import sys

import numpy as np

import ganth
from ganth import nn

LATENT_DIM = 3
GENERATOR = nn.Network(
    (nn.Linear(6), nn.BatchNorm(), nn.Activation("leaky"), nn.Linear(16), nn.Reshape((4, 4, 1)), nn.Activation("tanh")),
    (LATENT_DIM,),
)
DISCRIMINATOR = nn.Network((nn.Linear(5), nn.BatchNorm(), nn.Activation("leaky"), nn.Linear(1)), (4, 4, 1))
PLAIN = nn.Network((nn.Linear(5), nn.Activation("leaky"), nn.Linear(1)), (4, 4, 1))
NOISED = nn.Network((nn.Noise(0.1), *DISCRIMINATOR.parts[:3], nn.Noise(0.1), *DISCRIMINATOR.parts[3:]), (4, 4, 1))
IMAGES = np.tanh(np.random.default_rng(3).normal(size=(10, 4, 4, 1)))


def game(**settings):
    base = {
        "generator": GENERATOR,
        "discriminator": DISCRIMINATOR,
        "latent_dim": LATENT_DIM,
        "batch": 4,
        "lr_disc": 0.01,
        "lr_gen": 0.01,
        "start": "torch",
        "modes": 3,
        "metric_samples": 10,
    }
    return ganth.ImageGAN(settings.pop("images", IMAGES), **{**base, **settings})


def convolutional():
    digits = ganth.targets.images.sample().images[:64]
    generator, discriminator = nn.dcgan(28, 1, width=4, latent_dim=LATENT_DIM, noise=0.1)
    return game(images=digits, generator=generator, discriminator=discriminator, batch=16, start="dcgan")


if __name__ == "__main__":
    where, epochs = sys.argv[1], int(sys.argv[2])
    convolutional().train(
        epochs, seed=4, folder=where, keep=(1, epochs), samples=5, progress=lambda *done: print(*done, flush=True)
    ).save(f"{where}/end.npz")
