"""Restricted MMD, equilibria, spectra, step-size bounds, collapse states and divergence of the kernel GAN."""

from .equilibria import Equilibrium, LocalMinima, find_equilibrium, local_minima, morse_index
from .jacobian import full_jacobian
from .linearisation import alternating_spectrum, equilibrium_residual, modes, quadratic_pencil, spectrum
from .mmd import mmd_energy, restricted_mmd
from .step_size import max_lr_disc, neutral_roots
from .true_point import balanced_max_lr_gen, single_point_max_lr_disc, single_point_threshold, splitting_rate

__all__ = [
    "Equilibrium",
    "LocalMinima",
    "alternating_spectrum",
    "balanced_max_lr_gen",
    "equilibrium_residual",
    "find_equilibrium",
    "full_jacobian",
    "local_minima",
    "max_lr_disc",
    "mmd_energy",
    "modes",
    "morse_index",
    "neutral_roots",
    "quadratic_pencil",
    "restricted_mmd",
    "single_point_max_lr_disc",
    "single_point_threshold",
    "spectrum",
    "splitting_rate",
]
