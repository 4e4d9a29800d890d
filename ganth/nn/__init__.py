"""Networks without PyTorch: dense layers, their gradients in parameters and inputs, penalties, and optimisers."""

from .dense import Dense, DenseFunction
from .layers import DenseLayers, Layer
from .optimisers import SGD, Adam, Optimiser, RMSProp

__all__ = ["SGD", "Adam", "Dense", "DenseFunction", "DenseLayers", "Layer", "Optimiser", "RMSProp"]
