"""GAN training theory that runs: closed forms, fast dynamics, and a verdict with evidence for every claim."""

import importlib
from typing import TYPE_CHECKING, Any

from .errors import (
    BackendUnavailableError,
    DataUnavailableError,
    DeviceMemoryError,
    DivergedError,
    DivergenceWarning,
    InterruptedRun,
    ParameterError,
    ShapeError,
    SweepError,
)

__version__ = "0.1.0"

# Where each public name lives; nothing heavier than NumPy is loaded before one is used.
_NAMES = {
    "RBF": "kernels",
    "MultiScale": "kernels",
    "Laplace": "kernels",
    "RationalQuadratic": "kernels",
    "AnisotropicRBF": "kernels",
    "ReLUNTK": "kernels",
    "RandomFeatures": "kernels",
    "DenseReLU": "discriminators",
    "DiracGAN": "games",
    "EffectiveGAN": "games",
    "FiniteWidthGAN": "games",
    "FourierModes": "discriminators",
    "ImageGAN": "games",
    "KernelGAN": "games",
    "MeanFieldRegression": "games",
    "MeanFieldWGAN": "games",
    "NSGAN": "games",
    "RemedyGAN": "games",
    "Run": "games",
    "Table": "sweeps",
    "Together": "games",
    "ToyWGAN": "games",
    "Training": "games",
    "executor_for": "games",
    "play_together": "games",
    "sweep": "sweeps",
}
_ROOMS = (
    "backend",
    "checks",
    "claims",
    "classifiers",
    "cli",
    "discriminators",
    "divergences",
    "errors",
    "fields",
    "formulas",
    "games",
    "generators",
    "kernels",
    "maps",
    "metrics",
    "nn",
    "ntk",
    "observers",
    "plotting",
    "stability",
    "steepness",
    "stopping",
    "streams",
    "studies",
    "sweeps",
    "targets",
    "theory",
    "transitions",
)
__all__ = [
    "BackendUnavailableError",
    "DataUnavailableError",
    "DeviceMemoryError",
    "DivergedError",
    "DivergenceWarning",
    "InterruptedRun",
    "ParameterError",
    "ShapeError",
    "SweepError",
    "__version__",
    "citation",
    *_NAMES,
    *_ROOMS,
]

if TYPE_CHECKING:
    from .discriminators import DenseReLU as DenseReLU
    from .discriminators import FourierModes as FourierModes
    from .games import NSGAN as NSGAN
    from .games import DiracGAN as DiracGAN
    from .games import EffectiveGAN as EffectiveGAN
    from .games import FiniteWidthGAN as FiniteWidthGAN
    from .games import ImageGAN as ImageGAN
    from .games import KernelGAN as KernelGAN
    from .games import MeanFieldRegression as MeanFieldRegression
    from .games import MeanFieldWGAN as MeanFieldWGAN
    from .games import RemedyGAN as RemedyGAN
    from .games import Run as Run
    from .games import Together as Together
    from .games import ToyWGAN as ToyWGAN
    from .games import Training as Training
    from .games import executor_for as executor_for
    from .games import play_together as play_together
    from .kernels import RBF as RBF
    from .kernels import AnisotropicRBF as AnisotropicRBF
    from .kernels import Laplace as Laplace
    from .kernels import MultiScale as MultiScale
    from .kernels import RandomFeatures as RandomFeatures
    from .kernels import RationalQuadratic as RationalQuadratic
    from .kernels import ReLUNTK as ReLUNTK
    from .sweeps import Table as Table
    from .sweeps import sweep as sweep


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        value = getattr(importlib.import_module(f".{_NAMES[name]}", __name__), name)
    elif name in _ROOMS:
        value = importlib.import_module(f".{name}", __name__)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)


def citation() -> str:
    """Return how to cite ganth and the sources it re-derives, as text.

    >>> citation().splitlines()[0]
    'The ganth developers. ganth: GAN training theory that runs. Version 0.1.0, 2026.'
    """
    return (
        f"The ganth developers. ganth: GAN training theory that runs. Version {__version__}, 2026.\n"
        "KD: E. Becker, P. Pandit, S. Rangan, A. K. Fletcher. Instability and Local Minima in GAN Training with "
        "Kernel Discriminators. NeurIPS 2022.\n"
        "ED: S. Durr, Y. Mroueh, Y. Tu, S. Wang. Effective Dynamics of Generative Adversarial Networks. 2022."
    )
