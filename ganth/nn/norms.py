"""Operator norms of layers: what spectral normalisation means to divide by, and what it divides by."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import checks, streams
from ..errors import ParameterError
from ..formulas.random import START

Floats = NDArray[np.float64]
_EXPLICIT = 4096  # inputs up to which the matrix of a convolution is made


def spectral_norm(weights: ArrayLike) -> float:
    """Return the largest singular value of weights (units, ...), a matrix with a row for each unit.

    Of a convolution's weights (channels, kernel, kernel, inputs) this is the norm of a reshaped array, which spectral
    normalisation divides by; the norm of the map itself is `convolution_norm`.

    Parameters
    ----------
    weights : (units, ...) array

    Raises
    ------
    ParameterError, ShapeError
        For non-finite weights or less than two axes.

    Examples
    --------
    >>> round(spectral_norm([[3.0, 0.0], [4.0, 0.0]]), 12)
    5.0
    """
    matrix = checks.array("weights", weights, "(units, ...)", (2, 3, 4))
    return float(np.linalg.svd(matrix.reshape(len(matrix), -1), compute_uv=False)[0])


def power_iteration(weights: ArrayLike, iterations: int, seed: int | np.random.Generator = 0) -> float:
    """Return the estimate of `spectral_norm` after some power iterations from a random vector: never above it.

    Parameters
    ----------
    weights : (units, ...) array
    iterations : int >= 1
    seed : int in [0, 2**64) or numpy Generator

    Raises
    ------
    ParameterError, ShapeError
        For non-finite weights, less than two axes, or no iteration.

    Examples
    --------
    >>> w = np.diag([1.0, 0.9])
    >>> power_iteration(w, 1, seed=1) < power_iteration(w, 50, seed=1) <= 1.0
    True
    """
    matrix = checks.array("weights", weights, "(units, ...)", (2, 3, 4))
    matrix = matrix.reshape(len(matrix), -1)
    left = streams.normal(seed, len(matrix), purpose=START)
    for _ in range(checks.integer("iterations", iterations, at_least=1)):
        right = matrix.T @ left
        right /= max(float(np.linalg.norm(right)), 1e-300)
        left = matrix @ right
        largest = float(np.linalg.norm(left))
        left /= max(largest, 1e-300)
    return largest


def convolution_norm(weights: ArrayLike, size: tuple[int, int], *, stride: int = 1, padding: int = 0) -> float:
    r"""Return the operator norm of a convolution of images of a size: the largest \|W * x\| / \|x\|.

    Parameters
    ----------
    weights : (channels, kernel, kernel, inputs) array
        As `Conv` has them.
    size : (height, width)
        Of the images.
    stride : int >= 1
    padding : int >= 0
        Zeros around the image.

    Raises
    ------
    ParameterError, ShapeError
        For non-finite weights, other axes, or a kernel larger than the padded image.

    Notes
    -----
    By the singular values of the map's own matrix up to 4096 inputs, beyond by Lanczos.  For stride 1 it lies between
    `spectral_norm` over the kernel's side and kernel times `spectral_norm`.

    Examples
    --------
    A box of ones: the reshaped kernel has norm 3, the map almost 9.

    >>> box = np.ones((1, 3, 3, 1))
    >>> round(spectral_norm(box), 6), round(convolution_norm(box, (16, 16), padding=1), 3)
    (3.0, 8.797)
    """
    kernel = checks.array("weights", weights, "(channels, kernel, kernel, inputs)", 4)
    high, wide = kernel.shape[1:3]
    stride = checks.integer("stride", stride, at_least=1)
    padding = checks.integer("padding", padding, at_least=0)
    rows, columns = (checks.integer(f"size[{i}]", n, at_least=1) for i, n in enumerate(size))
    out_rows, out_columns = ((n + 2 * padding - k) // stride + 1 for n, k in ((rows, high), (columns, wide)))
    if min(out_rows, out_columns) < 1:
        raise ParameterError(f"size must hold the kernel, got {size} for a kernel of {(high, wide)}")
    from scipy import sparse

    at = []
    for a in range(high):
        for b in range(wide):
            i, j = np.indices((out_rows, out_columns))
            u, v = stride * i + a - padding, stride * j + b - padding
            kept = (u >= 0) & (u < rows) & (v >= 0) & (v < columns)
            step = sparse.csr_array(
                (np.ones(kept.sum()), ((i * out_columns + j)[kept], (u * columns + v)[kept])),
                shape=(out_rows * out_columns, rows * columns),
            )
            at.append(sparse.kron(step, sparse.csr_array(kernel[:, a, b, :])))
    matrix = sum(at[1:], start=at[0]).tocsr()
    if matrix.shape[1] <= _EXPLICIT:
        gram = (matrix.T @ matrix if matrix.shape[1] <= matrix.shape[0] else matrix @ matrix.T).toarray()
        return float(np.sqrt(np.linalg.eigvalsh(gram)[-1]))
    from scipy.sparse.linalg import svds

    return float(svds(matrix, k=1, return_singular_vectors=False, v0=np.ones(min(matrix.shape)))[0])
