"""Loops over pairs of inputs of infinitely wide networks, for the CPU."""

from ..backend import compiled
from ..formulas import ntk as formula


@compiled
def one_hidden(values, slopes, code, sizes_x, sizes_y, sine, cosine):
    """Write E[s(u) s(v)] and E[s'(u) s'(v)] of all pairs, (n, m) each."""
    for i in range(sizes_x.size):
        for j in range(sizes_y.size):
            values[i, j], slopes[i, j] = formula.one_hidden(code, sizes_x[i], sizes_y[j], sine[i, j], cosine[i, j])


@compiled
def deep_relu(out, cosines, hidden_layers, weight_share, bias_share, gain):
    """Write the tangent kernel at each cosine."""
    for i in range(out.size):
        out[i] = formula.deep_relu(cosines[i], hidden_layers, weight_share, bias_share, gain)
