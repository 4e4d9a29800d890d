"""One isolated region: true and generated point masses under one kernel, checked once, and the sums J is made of."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .. import checks
from ..checks import Floats
from ..errors import ParameterError

_VERBS = ("gram", "gradient", "hessian", "cross_hessian")


@dataclass(frozen=True, eq=False)
class Region:
    """True points (m, d) with masses p_i >= 0 and generated points (n, d) with masses q_j > 0.

    With f_s the signed masses (q_1, ..., q_n, -p_1, ..., -p_m) of all the points z_s, the discriminator's optimum is
    f* = -1/lambda sum_s f_s K(., z_s) (KD, eq. 37b), and J, its gradient and its Hessian are the same signed sums.
    """

    true_points: Floats
    true_masses: Floats
    points: Floats
    masses: Floats
    kernel: Any

    @classmethod
    def checked(
        cls,
        true_point: ArrayLike,
        true_mass: ArrayLike,
        points: ArrayLike,
        masses: ArrayLike,
        kernel: Any,
        *,
        names: tuple[str, str, str] = ("true_point", "true_mass", "points"),
    ) -> "Region":
        """Return the region of one true point, (d,) with a number, or of several, (m, d) with (m,) masses.

        `names` are what the caller's signature calls the first three.
        """
        point_name, mass_name, generated_name = names
        true_points = checks.array(point_name, true_point, "(d,) or (m, d)", (1, 2))
        if true_points.ndim == 1:
            true_mass = [checks.number(mass_name, true_mass, at_least=0)]
        true_points = checks.points(point_name, np.atleast_2d(true_points))
        true_masses = checks.masses(mass_name, true_mass, len(true_points), zero_allowed=True)
        generated = checks.points(generated_name, points)
        checks.same_dim(**{point_name: true_points, generated_name: generated})
        for verb in _VERBS:
            if not callable(getattr(kernel, verb, None)):
                raise ParameterError(f"kernel must have the methods {', '.join(_VERBS)}, got {kernel!r}")
        return cls(true_points, true_masses, generated, checks.masses("masses", masses, len(generated)), kernel)

    def moved(self, points: Floats) -> "Region":
        """Return the same region with the generated points elsewhere."""
        return Region(self.true_points, self.true_masses, points, self.masses, self.kernel)

    @cached_property
    def _sources(self) -> Floats:
        return np.concatenate([self.points, self.true_points])

    @cached_property
    def _signed(self) -> Floats:
        return np.concatenate([self.masses, -self.true_masses])

    def energy(self) -> float:
        """Return J (KD, eq. 34)."""
        return float(0.5 * self._signed @ self.kernel.gram(self._sources, self._sources) @ self._signed)

    def gradient(self) -> Floats:
        """Return dJ/dx_j = -lambda q_j grad f*(x_j), (n, d): KD, eq. (41) with the mass it lacks."""
        slopes = self.kernel.gradient(self.points, self._sources)
        return np.einsum("j,s,jsa->ja", self.masses, self._signed, slopes)

    def curvature(self) -> Floats:
        """Return q_j times -lambda times the discriminator's Hessian at x_j, (n, d, d)."""
        hessians = self.kernel.hessian(self.points, self._sources)
        return np.einsum("j,s,jsab->jab", self.masses, self._signed, hessians)

    def coupling(self) -> Floats:
        """Return q_j q_k d2K/dx dx' at (x_j, x_k) as (n, d, n, d)."""
        mixed = self.kernel.cross_hessian(self.points, self.points)
        return np.einsum("j,k,jkab->jakb", self.masses, self.masses, mixed)

    def hessian(self) -> Floats:
        """Return the Hessian of J, (n, d, n, d): the coupling, and the curvature on the diagonal blocks."""
        result = self.coupling()
        diagonal = np.arange(len(self.points))
        result[diagonal, :, diagonal, :] += self.curvature()
        return result

    def scales(self) -> tuple[float, float]:
        """Return the largest slope that |dK/dx| can have at the points, and the kernel's length there.

        By Cauchy and Schwarz |dK(x, y)/dx|^2 <= trace d2K/dxdx'(x, x) K(y, y); for an RBF in d dimensions the slope is
        sqrt(d)/width and the length, K over the slope in one dimension, is the width.
        """
        steepness = float(np.einsum("jjaa->j", self.kernel.cross_hessian(self.points, self.points)).max())
        height = float(self.kernel.gram(self._sources, self._sources).diagonal().max())
        if not steepness > 0:
            return 0.0, 1.0
        return math.sqrt(steepness * height), math.sqrt(height * self.points.shape[1] / steepness)
