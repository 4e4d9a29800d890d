"""Equilibria, spectra, step-size bounds, collapse and divergence of the kernel GAN; coupling of the effective GAN."""

from .collapse import CollapseMode, collapse_equilibrium, collapse_modes, damping_threshold, shell_radius
from .coupling import local_weight, split_window
from .equilibria import Equilibrium, LocalMinima, find_equilibrium, local_minima, morse_index
from .jacobian import full_jacobian
from .linearisation import alternating_spectrum, equilibrium_residual, modes, quadratic_pencil, spectrum
from .mmd import mmd_energy, restricted_mmd
from .step_size import max_lr_disc, neutral_roots
from .true_point import balanced_max_lr_gen, single_point_max_lr_disc, single_point_threshold, splitting_rate
from .wave import divergence_profile, divergence_speed, divergence_threshold

__all__ = [
    "CollapseMode",
    "Equilibrium",
    "LocalMinima",
    "alternating_spectrum",
    "balanced_max_lr_gen",
    "collapse_equilibrium",
    "collapse_modes",
    "damping_threshold",
    "divergence_profile",
    "divergence_speed",
    "divergence_threshold",
    "equilibrium_residual",
    "find_equilibrium",
    "full_jacobian",
    "local_minima",
    "local_weight",
    "max_lr_disc",
    "mmd_energy",
    "modes",
    "morse_index",
    "neutral_roots",
    "quadratic_pencil",
    "restricted_mmd",
    "shell_radius",
    "single_point_max_lr_disc",
    "single_point_threshold",
    "spectrum",
    "split_window",
    "splitting_rate",
]
