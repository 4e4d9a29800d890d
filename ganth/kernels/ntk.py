"""The neural tangent kernel of an infinitely wide ReLU network."""

from dataclasses import dataclass

from .. import checks
from .base import Kernel


@dataclass(frozen=True)
class ReLUNTK(Kernel):
    """The neural tangent kernel of an infinitely wide ReLU network with `depth` hidden layers."""

    depth: int
    bias: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "depth", checks.integer("depth", self.depth, at_least=1))
