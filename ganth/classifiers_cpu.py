"""Loops of classifiers, for the CPU."""

from .backend import compiled
from .formulas import warps


@compiled(error_model="numpy")
def warp(out, images, chosen, turns):
    """Set `out` to images[chosen] as `turns` say, (n, 4): cosine and sine times the scale, and shifts in pixels."""
    n, height, width, channels = out.shape
    real = type(out[0, 0, 0, 0])
    middle_row, middle_column = real(height - 1) / real(2), real(width - 1) / real(2)
    for i in range(n):
        image = images[chosen[i]]
        cosine, sine = real(turns[i, 0]), real(turns[i, 1])
        down, right = real(turns[i, 2]), real(turns[i, 3])
        for row in range(height):
            for column in range(width):
                y, x = real(row) - middle_row - down, real(column) - middle_column - right
                from_row = warps.held(warps.turned(y, x, cosine, sine) + middle_row, height)
                from_column = warps.held(warps.turned(x, y, cosine, -sine) + middle_column, width)
                a, b = warps.below(from_row, height), warps.below(from_column, width)
                c, d = min(a + 1, height - 1), min(b + 1, width - 1)
                down_share, right_share = from_row - real(a), from_column - real(b)
                for k in range(channels):
                    above = warps.between(image[a, b, k], image[a, d, k], right_share)
                    under = warps.between(image[c, b, k], image[c, d, k], right_share)
                    out[i, row, column, k] = warps.between(above, under, down_share)
