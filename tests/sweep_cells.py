"""Functions that workers of a sweep import by name, and a sweep that may be killed at any moment."""

import math
import os
import time

import ganth

GRID = {"width": [0.5, 1.0, 2.0], "count": [1, 3, 10, 30]}
SEEDS = 4
CELLS = 3 * 4 * SEEDS


def plain(x, seed):
    return 10 * x + seed


def several(width, count, seed):
    """Numbers that would show one lost bit."""
    angle = width * count + seed
    return {"sine": math.sin(angle), "root": math.sqrt(angle) / 3, "count_of_seeds": count * seed}


def noted(width, count, seed):
    """`several`, slowly, with a line in the file that $NOTES names for each call."""
    with open(os.environ["NOTES"], "a") as notes:
        notes.write(f"{width} {count} {seed}\n")
    time.sleep(0.01)
    return several(width, count, seed)


def failing(x, seed):
    if x == 2 and seed == 1:
        raise ValueError("two is too much")
    return x + seed


def odd(x, seed):
    """Not a number, for each x another kind."""
    return [{"a": 1.0}, "text", [1.0], {}, {"a": None}, {1: 2.0}][x]


def other_names(x, seed):
    return {"a": 1, "b": 2} if x else {"a": 1}


def non_finite(x, seed):
    return {"huge": [math.inf, -math.inf][x], "none": math.nan, "zero": -0.0}


def sloping(row, column, seed):
    return {"height": row - column + 5, "seeds": 10 * row + column + seed / 10}


def breaking(row, column, seed):
    if (column, seed) == (3.0, 7):
        raise ValueError("broken")
    return sloping(row, column, seed)


def threads(seed):
    import numba

    return {"threads": numba.get_num_threads(), "process": os.getpid()}


def interrupted(x, seed):
    if x == 2:
        raise KeyboardInterrupt
    return x


def scaled(x, factor):
    return factor * x


def die(x, seed):
    if x == 1:
        os._exit(1)
    return x


def swept(**options):
    return ganth.sweep(several, GRID, seeds=SEEDS, **options)


def assert_same(one, other):
    assert list(one.columns) == list(other.columns)
    for name, column in one.columns.items():
        assert column.dtype == other[name].dtype
        assert column.tobytes() == other[name].tobytes(), name


def main(folder, csv, jobs):
    ganth.sweep(noted, GRID, seeds=SEEDS, cache_dir=folder, jobs=jobs).to_csv(csv)
