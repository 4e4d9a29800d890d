"""Generators: networks of finite width that map seeds to particles, with the gradients in their parameters."""

from .deep import DeepReLU, DeepReLUNetwork
from .seeds import sphere
from .wide import WideGenerator, WideNetwork

__all__ = ["DeepReLU", "DeepReLUNetwork", "WideGenerator", "WideNetwork", "sphere"]
