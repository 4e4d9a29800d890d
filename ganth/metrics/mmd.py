"""Maximum mean discrepancy between weighted point sets."""

from typing import Any

from numpy.typing import ArrayLike

from .. import backend as machine
from .. import checks
from ..kernels import Kernel


def mmd2(
    x: ArrayLike,
    y: ArrayLike,
    kernel: Any,
    wx: ArrayLike | None = None,
    wy: ArrayLike | None = None,
    *,
    backend: str = "cpu",
) -> float:
    r"""Return the squared kernel MMD of two weighted point sets, diagonal included (V-statistic).

    .. math:: \sum_{ij} w_i w_j K(x_i, x_j) - 2 \sum_{ij} w_i v_j K(x_i, y_j) + \sum_{ij} v_i v_j K(y_i, y_j)

    Parameters
    ----------
    x, y : (n, d) and (m, d) arrays
    kernel : object with ``gram(x, y)``
    wx, wy : (n,) and (m,) arrays, optional
        Masses >= 0; they need not sum to one.  None: 1/n, 1/m each.
    backend : {"cpu", "cuda", "auto"}
        On CUDA the kernel must be one of `ganth.kernels` that has CUDA loops.

    Returns
    -------
    float
        Twice the energy J of KD (34); 0 for equal sets, up to rounding.

    Raises
    ------
    ParameterError, ShapeError
        For negative masses or shapes that disagree.
    BackendUnavailableError
        For backend="cuda" without a GPU, or with another kernel.

    Notes
    -----
    Source: KD, eqs. (32), (33).  Cost: O((n + m)^2 d) time, one Gram matrix at a time; on CUDA sums alone, and
    O(n + m) memory.

    Examples
    --------
    >>> import ganth
    >>> round(mmd2([[0.0]], [[1.0]], ganth.RBF(1.0)), 12) == round(2 - 2 * 2.718281828459045**-0.5, 12)
    True
    """
    x, y = checks.points("x", x), checks.points("y", y)
    checks.same_dim(x=x, y=y)
    wx = checks.masses("wx", wx, len(x), zero_allowed=True)
    wy = checks.masses("wy", wy, len(y), zero_allowed=True)
    if machine.resolve(backend) == "cpu":
        return float(wx @ kernel.gram(x, x) @ wx - 2.0 * (wx @ kernel.gram(x, y) @ wy) + wy @ kernel.gram(y, y) @ wy)
    if not isinstance(kernel, Kernel):
        machine.no_cuda_loops(backend, f"{type(kernel).__name__}.weighted_sum")
    ours, across, theirs = (
        kernel.weighted_sum(*points, by, backend="cuda") for *points, by in ((x, x, wx), (x, y, wy), (y, y, wy))
    )
    return float(wx @ ours - 2.0 * (wx @ across) + wy @ theirs)
