"""Loops over pairs of inputs of infinitely wide networks, for CUDA: a thread a pair, slabs one after another."""

import numpy as np
from numba import cuda, float64, int64

from ..device import back, empty, kernel, there
from ..formulas import ntk as formula

BLOCK = 128
ROOM = 256 * 2**20  # bytes on the device at once
WORK = 2**27  # layers of pairs in a launch: a fraction of a second where float64 is slow
_ROW, _MATRIX = float64[::1], float64[:, ::1]


@kernel((_MATRIX, _MATRIX, int64, _ROW, _ROW, _MATRIX, _MATRIX), block=BLOCK)
def _one_hidden(values, slopes, code, sizes_x, sizes_y, sine, cosine):
    at = cuda.grid(1)
    i, j = at // sizes_y.size, at % sizes_y.size
    if i < sizes_x.size:
        values[i, j], slopes[i, j] = formula.one_hidden(code, sizes_x[i], sizes_y[j], sine[i, j], cosine[i, j])


def one_hidden(values, slopes, code, sizes_x, sizes_y, sine, cosine):
    """See infinite_cpu.one_hidden."""
    columns = there(sizes_y)
    rows = max(min(ROOM // 32, WORK) // sizes_y.size, 1)
    for first in range(0, sizes_x.size, rows):
        at = slice(first, first + rows)
        results = values[at], slopes[at]
        on_device = [empty(result.shape, result.dtype) for result in results]
        _one_hidden.launch(
            results[0].size, *on_device, code, there(sizes_x[at]), columns, there(sine[at]), there(cosine[at]),
            block=BLOCK,
        )  # fmt: skip
        back(*zip(on_device, results, strict=True))


@kernel((_ROW, _ROW, int64, *[float64] * 3), block=BLOCK)
def _deep_relu(out, cosines, hidden_layers, weight_share, bias_share, gain):
    i = cuda.grid(1)
    if i < out.size:
        out[i] = formula.deep_relu(cosines[i], hidden_layers, weight_share, bias_share, gain)


def deep_relu(out, cosines, hidden_layers, weight_share, bias_share, gain):
    """See infinite_cpu.deep_relu."""
    count = max(min(ROOM // 16, WORK // hidden_layers), 1)
    for first in range(0, out.size, count):
        result = out[first : first + count]
        on_device, some = empty(result.size, np.float64), there(cosines[first : first + count])
        _deep_relu.launch(result.size, on_device, some, hidden_layers, weight_share, bias_share, gain, block=BLOCK)
        back((on_device, result))
