"""The tangent kernel of a wide network whose pre-activations are normalised over the batch."""

import numpy as np
from numpy.typing import ArrayLike

from .. import checks
from ..checks import Floats
from ..errors import ShapeError
from ..generators import WideNetwork
from ..generators.activations import activated, sloped

_UNITS = 2048  # of a block


def batch_normalised(network: WideNetwork, x: ArrayLike) -> Floats:
    r"""Return the tangent kernel of a network with batch normalisation over the seeds x.

    .. math::
        G^i(x_a) = \sqrt{2 / width} \sum_k a_{ik} s(\gamma_k \hat u_{ka} + \beta_k), \qquad
        \hat u_{ka} = \frac{u_{ka} - \mathrm{mean}_b u_{kb}}{\mathrm{sd}_b u_{kb}}, \qquad
        u_{ka} = w_k^\top x_a

    at gamma = 1 and beta = 0, with a, w, gamma and beta trained; the biases b drop out.

    Parameters
    ----------
    network : WideNetwork
    x : (n, dim) array, n >= 2
        The batch; no unit may have the same pre-activation at all of it.

    Returns
    -------
    (n, n, outputs, outputs) array

    Raises
    ------
    ParameterError, ShapeError
        Naming the argument, the rule and the value.

    Notes
    -----
    Source: ED, section III A; Ioffe and Szegedy 2015, without their small constant.  The derivative of u_hat_a in w is
    (x_a - mean x - u_hat_a m) / sd with m = mean_b u_hat_b x_b.  For many seeds of a high-dimensional unit sphere it is
    as if w had variance 1 in the signals, and the product x_a . x_b the weight 1 / var_w.  Cost: 4 n^2 width for each
    pair of outputs.

    Examples
    --------
    >>> import ganth
    >>> z = ganth.generators.sphere(40, 256, seed=1)
    >>> network = ganth.generators.WideGenerator(256, 1024).initial(seed=1)
    >>> kernels = ganth.ntk.empirical(network, z), batch_normalised(network, z)
    >>> [round(ganth.ntk.TwoValues.of_gram(kernel[..., 0, 0]).ratio, 2) for kernel in kernels]
    [0.25, 0.02]
    """
    points = checks.points("x", x, dim=network.architecture.dim)
    if len(points) < 2:
        raise ShapeError(f"x must hold at least two seeds, got shape {points.shape}")
    shape, (hidden, heads) = network.architecture, network.split
    n = len(points)
    centred = points - points.mean(axis=0)
    products = centred @ centred.T
    values, result = np.zeros((n, n)), np.zeros((n, n, shape.outputs, shape.outputs))
    for at in range(0, shape.width, _UNITS):
        units = slice(at, at + _UNITS)
        signal = centred @ hidden[units, :-1].T
        deviation = np.sqrt((signal**2).mean(axis=0))
        signal /= deviation
        active, bend = activated(shape.activation, signal), sloped(shape.activation, signal)
        values += active @ active.T
        mean = signal.T @ centred / n  # m
        pulled = centred @ mean.T / deviation**2  # m . x_a / sd^2
        grown = 1.0 + (mean**2).sum(axis=1) / deviation**2
        for i in range(shape.outputs):
            for j in range(i, shape.outputs):
                left = bend * (heads[i, units] * heads[j, units])
                cross = (left * signal) @ (bend * pulled).T
                result[..., i, j] += (left / deviation**2) @ bend.T * products + left @ bend.T - cross - cross.T
                result[..., i, j] += (left * signal * grown) @ (bend * signal).T
    for i in range(shape.outputs):
        for j in range(i):
            result[..., i, j] = result[..., j, i]
        result[..., i, i] += values
    return np.asarray(2.0 / shape.width * result)
