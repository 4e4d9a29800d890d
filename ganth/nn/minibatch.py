"""What a discriminator is told of a batch: minibatch discrimination and the batch's standard deviation."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import checks
from ..errors import ShapeError

Floats = NDArray[np.float64]


def minibatch_features(features: ArrayLike, tensor: ArrayLike) -> Floats:
    r"""Return the features of minibatch discrimination (Salimans et al. 2016), (batch, k).

    .. math:: M_{ir} = \sum_j \exp\big(-\|T_r^T h_i - T_r^T h_j\|_1\big)

    Parameters
    ----------
    features : (batch, d) array
        h.
    tensor : (d, k, c) array
        T.

    Raises
    ------
    ParameterError, ShapeError
        For non-finite numbers, or shapes that disagree.

    Notes
    -----
    Source: TS, A.5.1.  1 <= M <= batch; M = batch if and only if all features are alike.  O(batch^2 k c) time.

    Examples
    --------
    >>> minibatch_features([[0.0], [0.0], [9.0]], np.ones((1, 1, 1))).round(3).tolist()
    [[2.0], [2.0], [1.0]]
    """
    h, t = _checked(features, tensor)
    projected = np.tensordot(h, t, axes=1)
    return np.exp(-np.abs(projected[:, None] - projected[None]).sum(axis=-1)).sum(axis=1)


def minibatch_slopes(features: ArrayLike, tensor: ArrayLike, above: ArrayLike) -> tuple[Floats, Floats]:
    """Return the slopes of sum(above * M) in the features (batch, d) and in the tensor (d, k, c).

    Where projections of two samples agree exactly, |.| counts as flat.

    Parameters
    ----------
    features : (batch, d) array
    tensor : (d, k, c) array
    above : (batch, k) array

    Raises
    ------
    ParameterError, ShapeError
        For non-finite numbers, or shapes that disagree.

    Examples
    --------
    >>> slopes, _ = minibatch_slopes([[0.0], [1.0]], np.ones((1, 1, 1)), np.ones((2, 1)))
    >>> slopes.round(6).tolist()  # 2 exp(-1) of both, which depend on the distance alike
    [[0.735759], [-0.735759]]
    """
    h, t = _checked(features, tensor)
    pull = checks.array("above", above, "(batch, k)", 2)
    if pull.shape != (len(h), t.shape[1]):
        raise ShapeError(f"above must have shape {(len(h), t.shape[1])}, got {pull.shape}")
    projected = np.tensordot(h, t, axes=1)  # (batch, k, c)
    gap = projected[:, None] - projected[None]
    near = np.exp(-np.abs(gap).sum(axis=-1))
    both = near * (pull[:, None] + pull[None])
    in_projected = -(both[..., None] * np.sign(gap)).sum(axis=1)
    return np.einsum("bkc,dkc->bd", in_projected, t), np.einsum("bd,bkc->dkc", h, in_projected)


def minibatch_deviation(features: ArrayLike) -> float:
    r"""Return the mean over features of the standard deviation over the batch (Karras et al. 2018).

    Parameters
    ----------
    features : (batch, d) array

    Raises
    ------
    ParameterError, ShapeError
        For non-finite numbers, or another shape.

    Notes
    -----
    Source: TS, A.5.2.  0 if and only if all features are alike.  `MinibatchStd` is a layer of it.

    Examples
    --------
    >>> minibatch_deviation([[0.0, 1.0], [2.0, 1.0]])
    0.5
    """
    return float(checks.points("features", features).std(axis=0).mean())


def _checked(features: ArrayLike, tensor: ArrayLike) -> tuple[Floats, Floats]:
    h = checks.points("features", features)
    t = checks.array("tensor", tensor, "(d, k, c)", 3)
    if t.shape[0] != h.shape[1] or 0 in t.shape:
        raise ShapeError(f"tensor must have shape ({h.shape[1]}, k, c), got {t.shape}")
    return h, t
