"""Tangent kernels of networks as they are, without their Jacobian in memory."""

import numpy as np
from numpy.typing import ArrayLike

from .. import checks
from ..checks import Floats
from ..errors import ParameterError
from ..generators import DeepReLUNetwork, WideNetwork
from ..generators.activations import activated, sloped
from ..generators.deep import SLOPES

_UNITS = 2048  # of a block


def empirical(
    network: WideNetwork | DeepReLUNetwork,
    x: ArrayLike,
    y: ArrayLike | None = None,
    *,
    preconditioner: ArrayLike | None = None,
) -> Floats:
    r"""Return the tangent kernel of a network of finite width at its parameters.

    .. math:: \Gamma^{ij}(x, y) = \sum_k P_k \, \partial_{\theta_k} G^i(x) \, \partial_{\theta_k} G^j(y)

    Parameters
    ----------
    network : WideNetwork or DeepReLUNetwork
    x : (n, dim) array
    y : (m, dim) array, optional
        None: x.
    preconditioner : (size,) array >= 0, optional
        P, which scales the step of each parameter of a `WideNetwork`, as RMSProp does.  None: 1.

    Returns
    -------
    (n, m, outputs, outputs) array

    Raises
    ------
    ParameterError, ShapeError
        Naming the argument, the rule and the value.

    Notes
    -----
    Source: ED, eq. (18).  One hidden layer: with S = s(U), S' = s'(U) at the pre-activations it is
    (2 / width) (delta_ij S_x S_y^T + (a_i S'_x)(a_j S'_y)^T (x . y + 1)), summed over blocks of units.  Deep networks:
    the sum over layers of (delta delta^T) ((1 - mu^2) / n_l h h^T + mu^2), deltas by back-propagation.  The factors are
    those of the network's parametrisation, in which all parameters are of order one and train at one rate; a network
    whose weights themselves are of order width^(-1/2) has another kernel.  Memory: (n + m) width numbers a layer, never
    n times the parameters.  Cost: n m width for each pair of outputs, dim times that with a preconditioner.

    Examples
    --------
    >>> import ganth
    >>> z = ganth.generators.sphere(4, 256, seed=1)
    >>> gamma = empirical(ganth.generators.WideGenerator(256, 4096).initial(seed=1), z)
    >>> gamma.shape
    (4, 4, 2, 2)
    >>> exact = ganth.ntk.one_hidden(z, z, var_a=2.25, var_w=0.046, var_b=0.0)
    >>> bool(abs(gamma[..., 0, 0] - exact).max() < 0.3)
    True
    """
    if not isinstance(network, (WideNetwork, DeepReLUNetwork)):
        raise ParameterError(f"network must be a WideNetwork or a DeepReLUNetwork, got {network!r}")
    dim = network.architecture.dim
    left = checks.points("x", x, dim=dim)
    right = left if y is None else checks.points("y", y, dim=dim)
    if isinstance(network, DeepReLUNetwork):
        if preconditioner is not None:
            raise ParameterError(f"preconditioner must be None for a {type(network).__name__}, got {preconditioner!r}")
        return _deep(network, left, right)
    if preconditioner is None:
        return _wide(network, left, right)
    scales = checks.masses("preconditioner", preconditioner, network.architecture.size, zero_allowed=True)
    return _preconditioned(network, left, right, scales)


def _wide(network: WideNetwork, x: Floats, y: Floats) -> Floats:
    shape, (hidden, heads) = network.architecture, network.split
    lifted = [np.column_stack([points, np.ones(len(points))]) for points in (x, y)]
    same = y is x
    values = np.zeros((len(x), len(y)))
    result = np.zeros((len(x), len(y), shape.outputs, shape.outputs))
    pairs = [(i, j) for i in range(shape.outputs) for j in range(i, shape.outputs)]
    for at in range(0, shape.width, _UNITS):
        units = slice(at, at + _UNITS)
        left = lifted[0] @ hidden[units].T
        right = left if same else lifted[1] @ hidden[units].T
        values += activated(shape.activation, left) @ activated(shape.activation, right).T
        left = sloped(shape.activation, left)
        right = left if same else sloped(shape.activation, right)
        for i, j in pairs:
            result[..., i, j] += (left * (heads[i, units] * heads[j, units])) @ right.T
    for i, j in pairs:
        result[..., j, i] = result[..., i, j]
    result *= (lifted[0] @ lifted[1].T)[..., None, None]
    for i in range(shape.outputs):
        result[..., i, i] += values
    return np.asarray(2.0 / shape.width * result)


def _preconditioned(network: WideNetwork, x: Floats, y: Floats, scales: Floats) -> Floats:
    shape, (hidden, heads) = network.architecture, network.split
    scale_hidden, scale_heads = shape.split(scales)
    lifted = [np.column_stack([points, np.ones(len(points))]) for points in (x, y)]
    result = np.zeros((len(x), len(y), shape.outputs, shape.outputs))
    for at in range(0, shape.width, _UNITS // 32):
        units = slice(at, at + _UNITS // 32)
        signals = [points @ hidden[units].T for points in lifted]
        left, right = (activated(shape.activation, signal) for signal in signals)
        bends = [
            sloped(shape.activation, signal)[:, :, None] * points[:, None]
            for signal, points in zip(signals, lifted, strict=True)
        ]
        for i in range(shape.outputs):
            result[..., i, i] += (left * scale_heads[i, units]) @ right.T
            for j in range(i, shape.outputs):
                scaled = bends[0] * (scale_hidden[units] * (heads[i, units] * heads[j, units])[:, None])
                result[..., i, j] += scaled.reshape(len(x), -1) @ bends[1].reshape(len(y), -1).T
    for i in range(shape.outputs):
        for j in range(i):
            result[..., i, j] = result[..., j, i]
    return np.asarray(2.0 / shape.width * result)


def _deep(network: DeepReLUNetwork, x: Floats, y: Floats) -> Floats:
    shape = network.architecture
    points = x if y is x else np.concatenate([x, y])
    gain = SLOPES[shape.convention]
    signals = network.signals(points)
    back = np.ones((len(points), 1))
    total = np.zeros((len(x), len(y)))
    rows, columns = slice(0, len(x)), slice(0 if y is x else len(x), None)
    for layer in range(shape.hidden_layers, -1, -1):
        below = gain * np.maximum(signals[layer - 1], 0.0) if layer else points
        scale = network.scale(below.shape[1])
        inputs = scale**2 * (below[rows] @ below[columns].T) + shape.mu**2
        total += (back[rows] @ back[columns].T) * inputs
        if layer:
            back = (gain * scale) * (back @ network.layer(layer)[0]) * (signals[layer - 1] > 0)
    return total[..., None, None]
