"""Restricted MMD, equilibria, spectra, step-size bounds, collapse states and divergence of the kernel GAN."""

from .linearisation import (
    alternating_spectrum,
    equilibrium_residual,
    full_jacobian,
    modes,
    quadratic_pencil,
    spectrum,
)
from .mmd import mmd_energy, restricted_mmd

__all__ = [
    "alternating_spectrum",
    "equilibrium_residual",
    "full_jacobian",
    "mmd_energy",
    "modes",
    "quadratic_pencil",
    "restricted_mmd",
    "spectrum",
]
