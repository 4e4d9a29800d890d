"""Networks without PyTorch: dense and convolution layers, their gradients in parameters and inputs, and optimisers."""

from .architectures import dcgan
from .chain import NetworkLayers
from .dense import Dense, DenseFunction
from .layers import DenseLayers, Layer
from .network import Network
from .optimisers import SGD, Adam, Optimiser, RMSProp
from .parts import Activation, BatchNorm, Conv, ConvTranspose, Linear, MinibatchStd, Noise, Reshape
from .saved import load, save

__all__ = [
    "SGD",
    "Activation",
    "Adam",
    "BatchNorm",
    "Conv",
    "ConvTranspose",
    "Dense",
    "DenseFunction",
    "DenseLayers",
    "Layer",
    "Linear",
    "MinibatchStd",
    "Network",
    "NetworkLayers",
    "Noise",
    "Optimiser",
    "RMSProp",
    "Reshape",
    "dcgan",
    "load",
    "save",
]
