"""Loops of convolutions and fully connected layers, for CUDA: products of matrices whose rows are windows of images.

A convolution maps large images (its input) to small ones; a fully connected layer is one of images of a single pixel.
    DOWN    small = windows of large times weights
    UP      large = small times weights: its pixels fall into stride^2 classes, each with taps of its own
    LEARN   slopes in the weights = windows of large, transposed, times slopes in small
No window is written anywhere: `_pixel`, `_tap` and their like say where its numbers lie.  A block makes one tile of
the product, a thread `tall` x `broad` numbers of it; what they are made of passes through shared memory, `deep` terms
at a time.  Where a product is small and its sums are long, these are cut into slices (`slices_of`), which follow from
the sizes alone; `add_slices` adds them in their order.  So nothing depends on the tile.
"""

from collections import namedtuple

from numba import cuda, float32, float64, int32, int64

from ..device import Work, empty, kernel
from ..formulas.units import activated

DOWN, UP, LEARN = range(3)
# Sizes of large images, of small ones, and of the filter; images of the batch.
Shapes = namedtuple("Shapes", "batch height width channels rows columns outputs kernel stride padding")
Tile = namedtuple("Tile", "high wide tall broad deep")  # numbers of a tile, of a thread, and of terms at a time
BLOCK = 256
SHORTEST = 128  # terms of a slice, at least
_ENOUGH = 256  # blocks that keep a GPU busy
_EDGE = 64  # of the tile that slices are counted for
_FAR = -(2**30)  # a row or column outside of every image
_OUTSIDE = int64(-1)


@cuda.jit(device=True)
def _pixel(p, rows, columns, stride, padding, height, width, channels):
    """Return where the window of small pixel p begins in large images, and the row and column there."""
    n, rest = p // (rows * columns), p % (rows * columns)
    y, x = rest // columns * stride - padding, rest % columns * stride - padding
    return ((n * height + y) * width + x) * channels, y, x


@cuda.jit(device=True)
def _tap(k, kernel, width, channels):
    """Return how far from a window's begin its number k lies, in all and in rows and columns."""
    tap, channel = k // channels, k % channels
    y, x = tap // kernel, tap % kernel
    return (y * width + x) * channels + channel, y, x


@cuda.jit(device=True)
def _pixel_up(p, down, across, height, width, channels, rows, columns, outputs, stride, padding):
    """Return for pixel p of a class of large ones where its first tap lies in small images, row, column; and itself."""
    high, wide = (height + stride - 1) // stride, (width + stride - 1) // stride
    n, rest = p // (high * wide), p % (high * wide)
    u, v = rest // wide * stride + down, rest % wide * stride + across
    y, x = (u + padding) // stride, (v + padding) // stride
    place = ((n * height + u) * width + v) * channels if u < height and v < width else _OUTSIDE
    return ((n * rows + y) * columns + x) * outputs, y, x, place


@cuda.jit(device=True)
def _tap_up(k, down, across, kernel, stride, padding, columns, outputs, channels):
    """Return how far from the first tap number k lies, in all and in rows and columns; and where its weights begin."""
    from_row, from_column = (down + padding) % stride, (across + padding) % stride
    taps = (kernel - from_column + stride - 1) // stride
    tap, c = k // outputs, k % outputs
    y, x = tap // taps, tap % taps
    weights = ((c * kernel + from_row + y * stride) * kernel + from_column + x * stride) * channels
    return c - (y * columns + x) * outputs, -y, -x, weights


@cuda.jit(device=True)
def _finished(value, plain, scale, biases_at, unit, activation, slope):
    value *= scale[0]
    if biases_at >= 0:
        value += plain[biases_at + unit]
    return activated(activation, value, slope)


def products(tile):
    """Return the kernels for DOWN, UP and LEARN with tiles of these sizes."""
    return {form: _product(form, tile) for form in (DOWN, UP, LEARN)}


def _product(form, tile):
    high, wide, tall, broad, deep = tile
    threads, across_threads, down_threads = (high // tall) * (wide // broad), wide // broad, high // tall
    left_copies, right_copies = high * deep // threads, wide * deep // threads
    sums = tall * broad
    left_shape, right_shape, term_shape = (deep, high + 1), (deep, wide + 1), (2, deep)
    windows_shape = (2, wide if form == LEARN else high)
    place_shape = (3, max(high, wide))
    name = ("down", "up", "learn")[form]

    def signature(real):
        return *[real[::1]] * 4, *[int64] * 15, real

    work = Work(
        "DCGAN, 28 x 28, width 32, batch 64: the inner convolution", blocks=196, arithmetic=64 * 49 * 64 * 512,
        shared=64 * 49 * 64 * 512 * (tall + broad) / (tall * broad), traffic=4 * 64 * (28 * 28 * 32 + 49 * 64),
    )  # fmt: skip

    @kernel(*map(signature, (float32, float64)), block=threads, resident=2, work=work, wait=False)
    def multiply(
        out, windows, plain, scale, plain_at, biases_at, batch, height, width, channels, rows, columns, outputs,
        size, stride, padding, slices, length, activation, slope,
    ):  # fmt: skip
        left = cuda.shared.array(left_shape, out.dtype)  # each in a line of its own: the simulator tells them so
        right = cuda.shared.array(right_shape, out.dtype)
        places = cuda.shared.array(place_shape, int64)  # by row: of windows, of plain ones; of what is made
        spots = cuda.shared.array(windows_shape, int32)  # row and column of windows
        term_places = cuda.shared.array(term_shape, int64)
        term_spots = cuda.shared.array(term_shape, int32)
        tile_sums = cuda.local.array(sums, out.dtype)
        mine, theirs = cuda.local.array(tall, out.dtype), cuda.local.array(broad, out.dtype)
        t, zero = cuda.threadIdx.x, slope - slope
        window = size * size * channels
        down = across = int64(0)
        if form == DOWN:
            count_high, count_wide, terms, total = batch * rows * columns, outputs, window, batch * rows * columns
            total *= outputs
        elif form == UP:
            count_high = batch * ((height + stride - 1) // stride) * ((width + stride - 1) // stride)
            count_wide, terms, total = channels, int64(0), batch * height * width * channels
        else:
            count_high, count_wide, terms, total = outputs, window, batch * rows * columns, outputs * window
        tiles_wide, tiles_high = (count_wide + wide - 1) // wide, (count_high + high - 1) // high
        block = int64(cuda.blockIdx.x)
        first_wide, block = block % tiles_wide * wide, block // tiles_wide
        first_high, block = block % tiles_high * high, block // tiles_high
        cut, block = block % slices, block // slices
        if form == UP:
            down, across = block // stride, block % stride
            taps_down = (size - (down + padding) % stride + stride - 1) // stride
            taps_across = (size - (across + padding) % stride + stride - 1) // stride
            terms = max(taps_down, int64(0)) * max(taps_across, int64(0)) * outputs
        first, last = cut * length, min(cut * length + length, terms)
        limit_y, limit_x = (rows, columns) if form == UP else (height, width)

        for i in range(t, high, threads):
            r = first_high + i
            if form == DOWN:
                at, y, x = _pixel(r, rows, columns, stride, padding, height, width, channels)
                places[0, i], spots[0, i], spots[1, i] = at, y if r < count_high else _FAR, x
                places[2, i] = r * outputs if r < count_high else _OUTSIDE
            elif form == UP:
                at, y, x, place = _pixel_up(
                    r, down, across, height, width, channels, rows, columns, outputs, stride, padding
                )
                here = r < count_high and place >= 0
                places[0, i], spots[0, i], spots[1, i] = at, y if here else _FAR, x
                places[2, i] = place if here else _OUTSIDE
            else:
                places[1, i] = r if r < count_high else _OUTSIDE
                places[2, i] = r * window if r < count_high else _OUTSIDE
        for i in range(t, wide, threads):
            r = first_wide + i
            if form == LEARN:
                at, y, x = _tap(r, size, width, channels)
                places[0, i], spots[0, i], spots[1, i] = at, y if r < count_wide else _FAR, x
            elif form == DOWN:
                places[1, i] = plain_at + r * window if r < count_wide else _OUTSIDE
            else:
                places[1, i] = plain_at + r if r < count_wide else _OUTSIDE
        for s in range(sums):
            tile_sums[s] = zero

        for start in range(first, last, deep):
            for i in range(t, deep, threads):
                k = start + i
                if form == DOWN:
                    at, y, x = _tap(k, size, width, channels)
                    beside = k
                elif form == UP:
                    at, y, x, beside = _tap_up(k, down, across, size, stride, padding, columns, outputs, channels)
                else:
                    at, y, x = _pixel(k, rows, columns, stride, padding, height, width, channels)
                    beside = k * outputs
                term_places[0, i], term_spots[0, i], term_spots[1, i] = at, y if k < last else _FAR, x
                term_places[1, i] = beside if k < last else _OUTSIDE
            cuda.syncthreads()
            for copy in range(left_copies):
                i = t + copy * threads
                r, k = (i % high, i // high) if form == LEARN else (i // deep, i % deep)
                value = zero
                if form == LEARN:
                    if places[1, r] >= 0 and term_places[1, k] >= 0:
                        value = plain[places[1, r] + term_places[1, k]]
                else:
                    y, x = spots[0, r] + term_spots[0, k], spots[1, r] + term_spots[1, k]
                    if y >= 0 and y < limit_y and x >= 0 and x < limit_x:
                        value = windows[places[0, r] + term_places[0, k]]
                left[k, r] = value
            for copy in range(right_copies):
                i = t + copy * threads
                r, k = (i // deep, i % deep) if form == DOWN else (i % wide, i // wide)
                value = zero
                if form == LEARN:
                    y, x = spots[0, r] + term_spots[0, k], spots[1, r] + term_spots[1, k]
                    if y >= 0 and y < limit_y and x >= 0 and x < limit_x:
                        value = windows[places[0, r] + term_places[0, k]]
                elif places[1, r] >= 0 and term_places[1, k] >= 0:
                    value = plain[places[1, r] + term_places[1, k]]
                right[k, r] = value
            cuda.syncthreads()
            for k in range(deep):
                for i in range(tall):
                    mine[i] = left[k, t // across_threads + i * down_threads]
                for j in range(broad):
                    theirs[j] = right[k, t % across_threads + j * across_threads]
                for i in range(tall):
                    for j in range(broad):
                        tile_sums[i * broad + j] += mine[i] * theirs[j]
        cuda.syncthreads()  # a thread without a term has not waited for the places

        at = cut * total  # 0 where there is one slice
        for i in range(tall):
            row = places[2, t // across_threads + i * down_threads]
            for j in range(broad):
                unit = first_wide + t % across_threads + j * across_threads
                if row >= 0 and unit < count_wide:
                    out[at + row + unit] = tile_sums[i * broad + j]
        if form == LEARN or slices > 1:
            return
        for s in range(sums):  # apart, so that the loops above are unrolled, and sums are in registers
            row = places[2, t // across_threads + s // broad * down_threads]
            unit = first_wide + t % across_threads + s % broad * across_threads
            if row >= 0 and unit < count_wide:
                out[row + unit] = _finished(out[row + unit], plain, scale, biases_at, unit, activation, slope)

    multiply.function.__name__ = f"multiply_{name}"
    return multiply


def _signature(real):
    return real[::1], real[::1], real[::1], real[::1], *[int64] * 6, real, int64


@kernel(*map(_signature, (float32, float64)), block=BLOCK, wait=False)
def add_slices(out, parts, plain, scale, slices, size, units, biases_at, out_at, activation, slope, adds):
    """Set out to the sums of slices, finished as a product is that has one slice alone."""
    i = cuda.grid(1)
    if i < size:
        total = parts[i]
        for s in range(1, slices):
            total += parts[s * size + i]
        value = _finished(total, plain, scale, biases_at, i % units, activation, slope)
        out[out_at + i] = value + out[out_at + i] if adds else value


TILE = Tile(high=64, wide=64, tall=8, broad=4, deep=16)
PRODUCTS = products(TILE)


def counts_of(form, shapes):
    """Return rows and columns of a product, the most terms of its sums, and how many such products there are."""
    pixels, window = shapes.batch * shapes.rows * shapes.columns, shapes.kernel**2 * shapes.channels
    if form == DOWN:
        return pixels, shapes.outputs, window, 1
    if form == LEARN:
        return shapes.outputs, window, pixels, 1
    stride = shapes.stride
    of_class = shapes.batch * -(-shapes.height // stride) * -(-shapes.width // stride)
    return of_class, shapes.channels, (-(-shapes.kernel // stride)) ** 2 * shapes.outputs, stride**2


def slices_of(form, shapes):
    """Return into how many slices the sums of a product are cut, and how many terms one has."""
    high, wide, terms, classes = counts_of(form, shapes)
    tiles = -(-high // _EDGE) * -(-wide // _EDGE) * classes
    slices = max(1, min(-(-_ENOUGH // tiles), terms // SHORTEST))
    length = -(-terms // slices)
    return -(-terms // length), length


def room_of(form, shapes):
    """Return the numbers of scratch memory that a product takes, or 0."""
    slices, _ = slices_of(form, shapes)
    return slices * size_of(form, shapes) if slices > 1 or form == LEARN else 0


def size_of(form, shapes):
    """Return how many numbers a product makes."""
    if form == UP:
        return shapes.batch * shapes.height * shapes.width * shapes.channels
    high, wide, _, _ = counts_of(form, shapes)
    return high * wide


def multiply(form, out, room, windows, plain, scale, shapes, *, plain_at, biases_at, out_at, activation, slope, adds):
    """Set numbers of `out` from `out_at` on to a product, or add it to them; `room`: as `room_of` says.

    DOWN: windows are large images, plain the parameters, with weights from `plain_at` on and biases from `biases_at`
    (negative: none); UP: small images and parameters; LEARN: large images and slopes in small ones.
    """
    slices, length = slices_of(form, shapes)
    high, wide, _, classes = counts_of(form, shapes)
    tile = TILE
    blocks = -(-high // tile.high) * -(-wide // tile.wide) * classes * slices
    whole = slices == 1 and form != LEARN
    PRODUCTS[form].launch_blocks(
        blocks, out if whole else room, windows, plain, scale, plain_at, biases_at, *shapes, slices, length,
        activation, slope,
    )  # fmt: skip
    if not whole:
        size, units = size_of(form, shapes), shapes.channels if form == UP else wide
        add_slices.launch(
            size, out, room, plain, scale, slices, size, units, biases_at, out_at, activation, slope, int(adds),
            block=BLOCK,
        )  # fmt: skip


def scratch(dtype, numbers):
    """Return scratch memory on the device."""
    return empty(max(numbers, 1), dtype)
