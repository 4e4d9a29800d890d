"""Games: a discriminator and a generator playing, and the record of a run."""

from .dirac import DiracGAN
from .effective import EffectiveGAN
from .kernel import KernelGAN
from .run import Run

__all__ = ["DiracGAN", "EffectiveGAN", "KernelGAN", "Run"]
