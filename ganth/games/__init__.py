"""Games: a discriminator and a generator playing, and the record of a run."""

from .dirac import DiracGAN
from .effective import EffectiveGAN
from .finite_width import FiniteWidthGAN
from .kernel import KernelGAN
from .nsgan import NSGAN
from .run import Run

__all__ = ["NSGAN", "DiracGAN", "EffectiveGAN", "FiniteWidthGAN", "KernelGAN", "Run"]
