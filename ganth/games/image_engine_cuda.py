"""Loops of image_engine, for CUDA: batches of data, latents, and what a discriminator's outputs are worth."""

import math

from numba import cuda, float32, float64, int64, uint64

from ..device import kernel
from ..formulas import losses
from ..formulas.random import philox, uniform
from ..formulas.turns import sin_cos_float64

REAL, FAKE, TEACH = range(3)  # what logits are judged for; as in image_players_cpu
BLOCK = 256
_REALS = (float32, float64)


@kernel(*((real[::1], real[::1], int64[::1], int64, int64, int64) for real in _REALS), block=BLOCK, wait=False)
def take(out, images, order, first, count, size):
    """Set out to `count` numbers of the images order[first], order[first + 1], ..., of `size` numbers each."""
    i = cuda.grid(1)
    if i < count:
        out[i] = images[order[first + i // size] * size + i % size]


@kernel(*((real[::1], int64, *[uint64] * 4) for real in _REALS), block=BLOCK, wait=False)
def draw(out, count, key, step, trial, purpose):
    """Set out to normal numbers: see streams.fill_normal."""
    i = cuda.grid(1)
    if 2 * i < count:
        a, b, c, d = philox(key, uint64(i), step, trial, purpose)
        radius, turn = math.sqrt(-2.0 * math.log(uniform(a, b))), uniform(c, d)
        sine, cosine = sin_cos_float64(turn - 1.0 if turn >= 0.5 else turn)
        out[2 * i] = radius * cosine
        if 2 * i + 1 < count:
            out[2 * i + 1] = radius * sine


@kernel(
    *((real[::1], float64[:, ::1], float64[:, ::1], real[::1], real, int64, int64) for real in _REALS),
    block=BLOCK,
    wait=False,
)
def judge(slopes, told, terms, logits, one, code, kind):
    """See image_players_cpu.judge: one block; what that returns goes to told[kind]; terms (2, batch) is room."""
    thread, threads, size = cuda.threadIdx.x, cuda.blockDim.x, logits.size
    over = type(one)(size)
    for i in range(thread, size, threads):
        v = logits[i]
        if kind == REAL:
            terms[0, i], slopes[i] = losses.real(code, v), losses.real_slope(code, v) / over
        elif kind == FAKE:
            terms[0, i], slopes[i] = losses.fake(code, v), losses.fake_slope(code, v) / over
        else:
            terms[0, i], slopes[i] = losses.generated(code, v), losses.generated_slope(code, v) / over
        terms[1, i] = losses.sigmoid(v)
    cuda.syncthreads()
    for row in range(thread, 2, threads):
        total = float64(0)
        for i in range(size):
            total += terms[row, i]
        told[kind, row] = total / float64(size)


def take_batch(out, images, order, first, size):
    """See `take`: as many images as there is room for."""
    take.launch(out.size, out, images, order, first, out.size, size, block=BLOCK)


def draw_latents(out, key, step, trial, purpose):
    """See `draw`."""
    draw.launch(-(-out.size // 2), out, out.size, key, step, trial, purpose, block=BLOCK)


def judge_logits(slopes, told, terms, logits, code, kind):
    """See `judge`."""
    judge.launch_blocks(1, slopes, told, terms, logits, logits.dtype.type(1), code, kind, block=BLOCK)
