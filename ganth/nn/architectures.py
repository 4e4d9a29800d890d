"""Generators and discriminators in the style of DCGAN, for images of 28 x 28 and 64 x 64."""

from typing import Any

from .. import checks
from ..errors import ParameterError
from .network import Network
from .parts import Activation, BatchNorm, Conv, ConvTranspose, Linear, MinibatchStd, Noise, Reshape

_CHANNELS = {28: (7, (2, 1)), 64: (4, (8, 4, 2, 1))}  # size -> smallest image, channels over width


def dcgan(
    size: int = 28,
    channels: int = 1,
    *,
    width: int = 32,
    latent_dim: int = 100,
    noise: float = 0.0,
    spectral: bool = False,
    minibatch_std: bool = False,
) -> tuple[Network, Network]:
    """Return a generator and a discriminator in the style of DCGAN (Radford, Metz, Chintala 2016).

    Parameters
    ----------
    size : {28, 64}
        Height and width of an image.
    channels : {1, 3}
        Of an image.
    width : int >= 1
        Channels at half of the size; each halving doubles them: 32 and 64 for 28 x 28.
    latent_dim : int >= 1
        Numbers that the generator takes.
    noise : float >= 0
        Standard deviation of the noise added to what each layer of the discriminator takes, in training (TP, app. G).
    spectral : bool
        Whether the discriminator has spectral normalisation in the place of batch normalisation.
    minibatch_std : bool
        Whether its last layer sees how much the samples of a batch differ.

    Returns
    -------
    generator, discriminator : Network
        The generator takes (latent_dim,) and puts out images in [-1, 1]; the discriminator puts out one logit.

    Raises
    ------
    ParameterError
        Naming the argument, the rule and the value.

    Notes
    -----
    Kernels 4 x 4, stride 2; batch normalisation everywhere but at the images and after the discriminator's first
    layer; ReLU in the generator, leaky ReLU (0.2) in the discriminator.

    Examples
    --------
    >>> generator, discriminator = dcgan(28, width=32)
    >>> generator.inputs, generator.outputs, discriminator.outputs
    ((100,), (28, 28, 1), (1,))
    >>> generator.size, discriminator.size
    (347073, 36577)
    """
    if size not in _CHANNELS:
        raise ParameterError(f"size must be 28 or 64, got {size!r}")
    if channels not in (1, 3):
        raise ParameterError(f"channels must be 1 or 3, got {channels!r}")
    width = checks.integer("width", width, at_least=1)
    latent_dim = checks.integer("latent_dim", latent_dim, at_least=1)
    noise = checks.number("noise", noise, at_least=0)
    smallest, times = _CHANNELS[size]
    counts = [n * width for n in times]
    up: list[Any] = [Linear(smallest * smallest * counts[0], bias=False), Reshape((smallest, smallest, counts[0]))]
    for count in counts[1:]:
        up += [BatchNorm(), Activation("relu"), ConvTranspose(count, bias=False)]
    up += [BatchNorm(), Activation("relu"), ConvTranspose(channels), Activation("tanh")]
    down: list[Any] = []
    for i, count in enumerate(reversed(counts)):
        normalised = i > 0 and not spectral
        down += [Noise(noise)] if noise > 0 else []
        down += [Conv(count, bias=not normalised, spectral=spectral)]
        down += [BatchNorm()] if normalised else []
        down += [Activation("leaky")]
    down += [MinibatchStd()] if minibatch_std else []
    down += [Noise(noise)] if noise > 0 else []
    down += [Linear(1, spectral=spectral)]
    return Network(tuple(up), (latent_dim,)), Network(tuple(down), (size, size, channels))
