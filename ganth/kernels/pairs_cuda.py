"""Loops of pairs, for CUDA: a thread a pair, tiles of rows one after another."""

import numpy as np
from numba import cuda, float64, int64

from ..device import back, kernel, there
from ..formulas import kernels as formula

ROOM = 256 * 2**20  # bytes of results on the device at once


_MATRIX = float64[:, ::1]  # kernels are float64 alone


@kernel((_MATRIX, _MATRIX, _MATRIX, int64, int64, _MATRIX, float64))
def _radial(out, x, y, code, order, parameters, zero):
    at = cuda.grid(1)
    columns = y.shape[0]
    i, j = at // columns, at % columns
    if i >= x.shape[0]:
        return
    r2 = zero
    for axis in range(x.shape[1]):
        difference = x[i, axis] - y[j, axis]
        r2 += difference * difference
    total = zero
    for term in range(parameters.shape[0]):
        total += formula.radial(code, order, r2, parameters[term, 0], parameters[term, 1])
    out[i, j] = total


def radial(out, x, y, code, order, parameters):
    """See pairs.radial."""
    rows = max(ROOM // (out.itemsize * len(y)), 1)
    others, numbers = there(np.ascontiguousarray(y)), there(parameters)
    for first in range(0, len(x), rows):
        result = out[first : first + rows]
        on_device = cuda.device_array(result.shape, out.dtype)
        some = there(np.ascontiguousarray(x[first : first + rows]))
        _radial.launch(result.size, on_device, some, others, code, order, numbers, out.dtype.type(0))
        back((on_device, result))
