r"""How long kernels take at least on a GPU that is named: by its rates, and by what the compile gate says of them.

A multiprocessor that has b blocks to play, R of them at once, of w threads each, is busy for

.. math:: t = b \max\Big(\frac{a}{128 c\, f}, \frac{s}{16 c\, f}, \frac{m}{32 c}\Big), \qquad f = \min(1, R w i / 512),

a, s and m the instructions of arithmetic, the special functions and the numbers of shared memory of a block, i how
many instructions of a thread do not wait for one another, c clocks a second and 128, 16 and 32 what a clock does in
float32: four schedulers need four warps each, or as many instructions, to hide the four clocks that a result takes.
Of blocks of unequal length the longest is waited for.  Traffic to global memory takes its bytes over the bandwidth.
The largest of these is the estimate: barriers and waiting are not in it, so that a kernel may take a few times as
long.  Nothing of it is measured.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from .device import Kernel
from .gate import Row

_WARPS_TO_HIDE = 16  # of a multiprocessor: four schedulers, four clocks from an instruction to its result
_LAUNCH = 5e-6  # s
_SPECIAL_DOUBLE = 30  # instructions that a special function takes in float64, for which there is no unit


@dataclass(frozen=True)
class GPU:
    """Rates of a GPU: per clock and multiprocessor, of float32, float64, special functions and shared memory."""

    name: str
    architecture: int
    multiprocessors: int
    clock: float  # 1/s, boost
    single: int
    double: int
    bandwidth: float  # bytes/s
    special: int = 16
    shared: int = 32  # numbers of four bytes


# NVIDIA's data sheets and the throughput table of the CUDA C++ Programming Guide.
GPUS = {
    gpu.name: gpu
    for gpu in (
        GPU("T4", 75, 40, 1.59e9, 64, 2, 320e9),
        GPU("A100", 80, 108, 1.41e9, 64, 32, 1555e9),
        GPU("H100", 90, 132, 1.755e9, 128, 64, 3350e9),
        GPU("B200", 100, 148, 1.965e9, 128, 64, 8000e9),
    )
}


@dataclass(frozen=True)
class Estimate:
    """A kernel's least time [s] at the size that its `Work` names, and what bounds it."""

    kernel: str
    real: str
    what: str
    seconds: float
    bound: str


def estimate(kernel: Kernel, row: Row, gpu: GPU) -> Estimate | None:
    """Return the least time of a kernel on a GPU, or None where it names no size.

    `row` is what the gate says of it for the GPU's architecture.
    """
    work = kernel.work
    if work is None:
        return None
    double = row.real == "float64"
    lanes = gpu.double if double else gpu.single
    arithmetic = work.arithmetic + (_SPECIAL_DOUBLE * work.special if double else 0)
    special = 0.0 if double else work.special
    share = 1 / (work.blocks * work.launches)  # of a block in all that is done
    at_once = min(row.resident, math.ceil(work.blocks / gpu.multiprocessors))
    warps = math.ceil(kernel.block / 32)
    filled = min(1.0, at_once * warps * work.independent / _WARPS_TO_HIDE)
    busy = math.ceil(work.blocks / gpu.multiprocessors)
    alone = min(1.0, warps * work.independent / _WARPS_TO_HIDE)
    # Of the fullest multiprocessor, or of the longest block if it plays on when all others are done.
    blocks = max(busy / filled, work.longest / alone)
    times = {
        "arithmetic": arithmetic * share * blocks / (lanes * gpu.clock),
        "special functions": special * share * blocks / (gpu.special * gpu.clock),
        "shared memory": work.shared * (2 if double else 1) * share * max(busy, work.longest)
        / (gpu.shared * gpu.clock),
        "global memory": work.traffic * (2 if double else 1) / work.launches / gpu.bandwidth,
    }  # fmt: skip
    bound = max(times, key=lambda name: times[name])
    return Estimate(row.kernel, row.real, work.what, work.launches * (times[bound] + _LAUNCH), bound)


def estimates(rows: Sequence[tuple[Kernel, Row]], gpu: GPU) -> list[Estimate]:
    """Return the estimates of all kernels that name a size, from the gate's rows for the GPU's architecture."""
    found = (estimate(kernel, row, gpu) for kernel, row in rows if row.architecture == gpu.architecture)
    return [one for one in found if one is not None]


def as_text(found: Sequence[Estimate], gpu: GPU) -> str:
    """Return a table for people."""
    head = f"{'kernel':44} {'real':8} {'at least':>9}  {'bound by':17} for"
    lines = [f"{one.kernel:44} {one.real:8} {_time(one.seconds):>9}  {one.bound:17} {one.what}" for one in found]
    about = f"Least times on one {gpu.name}, estimated from instructions and bytes, not measured:"
    return "\n".join([about, head, *lines])


def _time(seconds: float) -> str:
    """Return a time in three digits.

    >>> _time(0.00123), _time(12.34)
    ('1.23 ms', '12.3 s')
    """
    unit, factor = ("s", 1) if seconds >= 1 else ("ms", 1e3) if seconds >= 1e-3 else ("us", 1e6)
    return f"{seconds * factor:.3g} {unit}"
