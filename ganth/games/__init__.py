"""Games: a discriminator and a generator playing, and the record of a run."""

from .kernel import KernelGAN
from .run import Run

__all__ = ["KernelGAN", "Run"]
