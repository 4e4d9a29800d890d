"""Networks without PyTorch: dense and convolution layers, their gradients in parameters and inputs, and optimisers."""

from .architectures import dcgan
from .chain import NetworkLayers
from .dense import Dense, DenseFunction
from .layers import DenseLayers, Layer
from .minibatch import minibatch_deviation, minibatch_features, minibatch_slopes
from .network import Network
from .norms import convolution_norm, power_iteration, spectral_norm
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
    "convolution_norm",
    "dcgan",
    "load",
    "minibatch_deviation",
    "minibatch_features",
    "minibatch_slopes",
    "power_iteration",
    "save",
    "spectral_norm",
]
