"""What a discriminator makes of two densities: its value, the field it drives particles by, divergences that flow."""

from .discriminators import log_ratio, optimal, suboptimal
from .flows import FLOWS, Flow, divergence, velocity

__all__ = ["FLOWS", "Flow", "divergence", "log_ratio", "optimal", "suboptimal", "velocity"]
