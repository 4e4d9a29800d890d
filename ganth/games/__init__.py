"""Games: a discriminator and a generator playing, and the record of a run."""

from .dirac import DiracGAN
from .effective import EffectiveGAN
from .finite_width import FiniteWidthGAN
from .images import ImageGAN
from .kernel import KernelGAN
from .mean_field import MeanFieldRegression
from .mean_field_wgan import MeanFieldWGAN
from .nsgan import NSGAN
from .remedies import RemedyGAN
from .run import Run
from .together import Together, executor_for, play_together
from .toy_wgan import ToyWGAN
from .training import Training

__all__ = [
    "NSGAN",
    "DiracGAN",
    "EffectiveGAN",
    "FiniteWidthGAN",
    "ImageGAN",
    "KernelGAN",
    "MeanFieldRegression",
    "MeanFieldWGAN",
    "RemedyGAN",
    "Run",
    "Together",
    "ToyWGAN",
    "Training",
    "executor_for",
    "play_together",
]
