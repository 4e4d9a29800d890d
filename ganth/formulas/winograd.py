"""Short products of a filter of two taps, with fewer multiplications (Winograd 1980, in Toom and Cook's form).

Outputs y_i = d_i g_0 + d_(i+1) g_1 of a tile of 3 take 4 products v_p u_p in the place of 6, those of a tile of 2 3
in the place of 4:  y = outputs(inputs(d) * taps(g)).  All three maps are linear; `..._back` are their transposes, so
that gradients are made of the same pieces.  Points are 0: g_0, 1: g_0 + g_1, 2: g_1, 3: g_0 - g_1 (not in tiles of 2).
"""

from numba import njit


@njit
def taps(g0, g1):
    """Return u_0, ..., u_3 of a filter."""
    return g0, g0 + g1, g1, g0 - g1


@njit
def taps_back(u0, u1, u2, u3):
    """Return the slopes in g_0 and g_1 from those in u."""
    return u0 + (u1 + u3), u2 + (u1 - u3)


@njit
def inputs_of_3(d0, d1, d2, d3, half):
    """Return v_0, ..., v_3 of the inputs of a tile of 3; half = 1/2 in the working type."""
    return d0 - d2, half * (d1 + d2), d3 - d1, half * (d2 - d1)


@njit
def inputs_of_2(d0, d1, d2):
    """Return v_0, v_1, v_2 of the inputs of a tile of 2."""
    return d0 - d1, d1, d2 - d1


@njit
def inputs_of_3_back(v0, v1, v2, v3, half):
    """Return the slopes in d_0, ..., d_3 from those in v."""
    even, odd = half * (v1 + v3), half * (v1 - v3)
    return v0, odd - v2, even - v0, v2


@njit
def inputs_of_2_back(v0, v1, v2):
    """Return the slopes in d_0, d_1, d_2 from those in v."""
    return v0, v1 - v0 - v2, v2


@njit
def outputs_of_3(m0, m1, m2, m3):
    """Return y_0, y_1, y_2 from the products m."""
    return m0 + (m1 + m3), m1 - m3, m2 + (m1 + m3)


@njit
def outputs_of_2(m0, m1, m2):
    """Return y_0, y_1 from the products m."""
    return m0 + m1, m1 + m2


@njit
def outputs_of_3_back(y0, y1, y2):
    """Return the slopes in m_0, ..., m_3 from those in y."""
    ends = y0 + y2
    return y0, ends + y1, y2, ends - y1


@njit
def outputs_of_2_back(y0, y1):
    """Return the slopes in m_0, m_1, m_2 from those in y."""
    return y0, y0 + y1, y1
