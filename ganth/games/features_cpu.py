"""Loops of features, for the CPU: random-feature games, PARTS vectors of frequencies at a time.

The loops below are written for numbers but run on `Wide` values, PARTS full vector registers in one variable: each
operation is PARTS independent instructions, which hides their latency, and no compiler has to find the vectors itself.

A trial's table is flat and starts at a multiple of BYTES.  It holds tiles of `width` frequencies, padded with
zeros; a tile is 4 + d rows of that width:

    0, 1    coefficients of the cosines and of the sines: f(x) = sum_r C_r cos(w_r x) + S_r sin(w_r x)
    2, 3    what the true points, and the 1 in cos(2 a) = 1 - 2 sin(a)^2, add to them in a step
    4 ...   the frequencies, axis by axis [turns / data length]

One sweep over the tiles is one step: at a tile every particle's phase, sine and cosine, its share of the coefficients'
update and of its own force.  So a tile is read from memory once a step, and stays in the first cache meanwhile.
"""

import math
import operator

import numpy as np
from llvmlite import ir
from numba import njit, prange, types
from numba.core import cgutils
from numba.core.registry import cpu_target
from numba.extending import intrinsic, models, overload, register_model

from ..backend import compiled
from ..formulas import turns

_TARGET = cpu_target.target_context.codegen().magic_tuple()[2].split(",")  # what Numba compiles for
BYTES = 64 if "+avx512f" in _TARGET else 32
PARTS = 4
_CONTRACT = ("contract",)


class Wide(types.Type):
    """PARTS vectors of BYTES bytes of floating-point numbers; arithmetic with numbers spreads them."""

    def __init__(self, number):
        self.number, self.count = number, PARTS * 8 * BYTES // number.bitwidth
        super().__init__(name=f"Wide({number})")


@register_model(Wide)
class _WideModel(models.PrimitiveModel):
    def __init__(self, manager, wide):
        super().__init__(manager, wide, ir.VectorType(manager.lookup(wide.number).get_value_type(), wide.count))


def _lanes(*numbers):
    return ir.Constant(ir.VectorType(ir.IntType(32), len(numbers)), list(numbers))


def _spread(builder, vector, number):
    nothing = ir.Constant(vector, ir.Undefined)
    one = builder.insert_element(nothing, number, ir.IntType(32)(0))
    return builder.shuffle_vector(one, nothing, _lanes(*[0] * vector.count))


def _parts(builder, wide):
    size = wide.type.count // PARTS
    nothing = ir.Constant(wide.type, ir.Undefined)
    return [builder.shuffle_vector(wide, nothing, _lanes(*range(i * size, (i + 1) * size))) for i in range(PARTS)]


def _join(builder, vectors):
    while len(vectors) > 1:
        both = _lanes(*range(2 * vectors[0].type.count))
        vectors = [builder.shuffle_vector(a, b, both) for a, b in zip(vectors[::2], vectors[1::2], strict=True)]
    return vectors[0]


def _place(builder, pointer, at, vector):
    return builder.bitcast(builder.gep(pointer, [at]), vector.as_pointer())


def _call(builder, name, result, *args):
    function_type = ir.FunctionType(result, [a.type for a in args])
    return builder.call(cgutils.get_or_insert_function(builder.module, function_type, name), args)


@intrinsic
def pointer(typing, array, at):
    """Return the address of element `at` of a contiguous array, or None for None: arrays are counted as they pass."""
    if isinstance(array, types.NoneType):
        return types.none(array, at), lambda context, *rest: context.get_dummy_value()

    def build(context, builder, signature, args):
        return builder.gep(context.make_array(array)(context, builder, args[0]).data, [args[1]])

    return types.CPointer(array.dtype)(array, types.intp), build


@intrinsic
def number(typing, pointer, at):
    """Return the number `at` places on."""
    signature = pointer.dtype(pointer, types.intp)
    return signature, lambda context, builder, signature, args: builder.load(builder.gep(args[0], [args[1]]))


@intrinsic
def width(typing, pointer):
    """Return how many numbers a Wide of the pointer's type has."""
    count = Wide(pointer.dtype).count
    return types.intp(pointer), lambda context, *rest: context.get_constant(types.intp, count)


@intrinsic
def load(typing, pointer, at):
    """Return the Wide `at` places on."""
    wide = Wide(pointer.dtype)

    def build(context, builder, signature, args):
        return builder.load(_place(builder, *args, context.get_value_type(wide)), align=BYTES)

    return wide(pointer, types.intp), build


@intrinsic
def store(typing, pointer, at, wide):
    """Write a Wide `at` places on."""

    def build(context, builder, signature, args):
        builder.store(args[2], _place(builder, *args[:2], args[2].type), align=BYTES)
        return context.get_dummy_value()

    return types.none(pointer, types.intp, wide), build


@intrinsic
def zeros(typing, pointer):
    """Return a Wide of zeros of the pointer's type."""
    wide = Wide(pointer.dtype)
    return wide(pointer), lambda context, *rest: ir.Constant(context.get_value_type(wide), None)


@intrinsic
def fraction(typing, wide):
    """Return wide - rint(wide), in [-1/2, 1/2]."""

    def build(context, builder, signature, args):
        vector, bits = args[0].type, wide.number.bitwidth
        if BYTES == 64 and "+avx512dq" in _TARGET:
            # One instruction where there is one: it costs a third.
            mask, word = ir.IntType(vector.count // PARTS), ir.IntType(32)
            name = f"llvm.x86.avx512.mask.reduce.p{'d' if bits == 64 else 's'}.512"
            parts = _parts(builder, args[0])
            nothing = ir.Constant(parts[0].type, ir.Undefined)
            return _join(builder, [_call(builder, name, p.type, p, word(0), nothing, mask(-1), word(4)) for p in parts])
        return builder.fsub(args[0], _call(builder, f"llvm.rint.v{vector.count}f{bits}", vector, args[0]))

    return wide(wide), build


@intrinsic
def add_product(typing, pointer, at, a, b):
    """Add a b to the vector `at` places on, the PARTS vectors of the product one after the other."""

    def build(context, builder, signature, args):
        pairs = list(zip(*(_parts(builder, wide) for wide in args[2:]), strict=True))
        place = _place(builder, *args[:2], pairs[0][0].type)
        total = builder.load(place, align=BYTES)
        for x, y in pairs:
            total = builder.fadd(builder.fmul(x, y, flags=_CONTRACT), total, flags=_CONTRACT)
        builder.store(total, place, align=BYTES)
        return context.get_dummy_value()

    return types.none(pointer, types.intp, a, b), build


@intrinsic
def take_total(typing, pointer, at):
    """Return the sum of the vector `at` places on, added as a tree, and clear it."""

    def build(context, builder, signature, args):
        count = Wide(pointer.dtype).count // PARTS
        vector = ir.VectorType(context.get_value_type(pointer.dtype), count)
        place = _place(builder, *args, vector)
        total, nothing = builder.load(place, align=BYTES), ir.Constant(vector, ir.Undefined)
        while count > 1:
            count //= 2
            upper = _lanes(*range(count, 2 * count), *range(vector.count - count))
            total = builder.fadd(total, builder.shuffle_vector(total, nothing, upper))
        builder.store(ir.Constant(vector, None), place, align=BYTES)
        return builder.extract_element(total, ir.IntType(32)(0))

    return pointer.dtype(pointer, types.intp), build


def _arithmetic(operation, instruction):
    """Make an operator work between a Wide and a Wide or a number."""

    @intrinsic
    def apply(typing, a, b):
        wide = a if isinstance(a, Wide) else b

        def build(context, builder, signature, args):
            vector = context.get_value_type(wide)

            def widen(value, kind):
                if isinstance(kind, Wide):
                    return value
                return _spread(builder, vector, context.cast(builder, value, kind, wide.number))

            return getattr(builder, instruction)(*map(widen, args, signature.args), flags=_CONTRACT)

        return wide(a, b), build

    @overload(operation)
    def choose(a, b):
        if isinstance(a, Wide) or isinstance(b, Wide):
            return lambda a, b: apply(a, b)


for _name in ("add", "sub", "mul"):
    _arithmetic(getattr(operator, _name), f"f{_name}")
    _arithmetic(getattr(operator, f"i{_name}"), f"f{_name}")


def _half_turn(r):
    """See turns: the polynomials of r's type."""


@overload(_half_turn, jit_options={"forceinline": True})
def _half_turn_of(r):
    return (turns.half_turn_float32 if r.number == types.float32 else turns.half_turn_float64).py_func


@njit(forceinline=True)
def _phase(table, at, points, j, axes):
    """Return the phases of particle j at a tile [turns]."""
    n = width(table)
    phase = zeros(table)
    for axis in range(axes):
        phase = load(table, at + (4 + axis) * n) * number(points, j * axes + axis) + phase
    return phase


@njit(forceinline=True)
def _pull(force, table, at, slope, j, axes):
    """Add to the force on particle j: the slope of f along each wave, times its frequency."""
    n = width(table)
    for axis in range(axes):
        add_product(force, (j * axes + axis) * n // PARTS, slope, load(table, at + (4 + axis) * n))


@njit(forceinline=True)
def _pull_and_phase(force, table, at, slope, points, j, axes):
    """Pull particle j and return the phases of the next: two sums that fill each other's waits."""
    n = width(table)
    phase = zeros(table)
    for axis in range(axes):
        frequency = load(table, at + (4 + axis) * n)
        add_product(force, (j * axes + axis) * n // PARTS, slope, frequency)
        phase = frequency * number(points, (j + 1) * axes + axis) + phase
    return phase


@njit(forceinline=True)
def _slope(cosines, sines, s, c):
    """Return S cos(2 a) - C sin(2 a) from s = sin(a), c = 2 cos(a): the slope of C cos + S sin along its phase."""
    return sines - s * ((sines + sines) * s + cosines * c)


@njit
def _sweep(force, table, size, waves, points, particles, axes, masses, reg, scale):
    """Update the coefficients by one step and add up the particles' forces."""
    n = width(table)
    tile = (4 + axes) * n
    phase = _phase(table, 0, points, 0, axes)
    for at in range(0, size, tile):
        cosines, sines = load(table, at), load(table, at + n)
        squares = products = zeros(table)
        for j in range(particles):
            s, c = _half_turn(fraction(phase))
            share = s if masses is None else s * number(masses, j)
            squares += share * s
            products += share * c
            if waves is not None:
                store(waves, 2 * j * n, s)
                store(waves, 2 * j * n + n, c)
            if j + 1 == particles:
                if waves is None:
                    _pull(force, table, at, _slope(cosines, sines, s, c), j, axes)
                phase = _phase(table, at + tile if at + tile < size else 0, points, 0, axes)
            elif waves is None:
                phase = _pull_and_phase(force, table, at, _slope(cosines, sines, s, c), points, j, axes)
            else:
                phase = _phase(table, at, points, j + 1, axes)
        cosines += load(table, at + 2 * n) - cosines * reg + squares * (scale + scale)
        sines += load(table, at + 3 * n) - sines * reg - products * scale
        store(table, at, cosines)
        store(table, at + n, sines)
        if waves is not None:
            for j in range(particles):
                s, c = load(waves, 2 * j * n), load(waves, 2 * j * n + n)
                _pull(force, table, at, _slope(cosines, sines, s, c), j, axes)


@njit
def _copy(points, source):
    for place in np.ndindex(points.shape):
        points[place] = source[place]


@njit
def _steps(t, count, points, moved, tables, forces, waves, masses, gains, reg, scale):
    """Play up to `count` steps and return how many left the particles finite; `points` keeps the last finite ones."""
    particles, axes = points.shape
    size = tables.shape[1]
    table, force, start = pointer(tables, t * size), pointer(forces, t * forces.shape[1]), pointer(points, 0)
    n = width(table)
    room, weights = pointer(waves, t * 2 * particles * n), pointer(masses, 0)
    for step in range(count):
        _sweep(force, table, size, room, start, particles, axes, weights, reg, scale)
        finite = True
        for j in range(particles):
            for axis in range(axes):
                x = points[j, axis] + gains[j] * take_total(force, (j * axes + axis) * n // PARTS)
                finite = finite and math.isfinite(x)
                moved[j, axis] = x
        if not finite:
            return step
        _copy(points, moved)
    return count


@njit
def _exchange(table, coefficients, axes, inwards):
    """Copy the coefficients (2 R,) of a trial into its table, or back."""
    n = width(pointer(table, 0))
    count = coefficients.size // 2
    for r in range(count):
        at = r // n * (4 + axes) * n + r % n
        if inwards:
            table[at], table[at + n] = coefficients[r], coefficients[count + r]
        else:
            coefficients[r], coefficients[count + r] = table[at], table[at + n]


@njit
def _play(t, particles, diverged_at, coefficients, first, count, tables, forces, waves, masses, gains, reg, scale):
    """Play `count` steps of trial t; where the particles leave the finite numbers, those before that."""
    if diverged_at[t] >= 0:
        return
    points = particles[t]
    axes = points.shape[1]
    start, moved = np.empty_like(points), np.empty_like(points)
    _copy(start, points)
    left = count
    while True:
        _exchange(tables[t], coefficients[t], axes, True)
        done = _steps(t, left, points, moved, tables, forces, waves, masses, gains, reg, scale)
        if done == left:
            break
        # The coefficients are a step ahead of the last finite particles: play again, up to these.
        diverged_at[t] = first + done + 1
        left = done
        _copy(points, start)
    _exchange(tables[t], coefficients[t], axes, False)


@compiled
def play_alone(particles, diverged_at, coefficients, first, count, tables, forces, waves, masses, gains, reg, scale):
    """Play `count` steps of each trial in turn, in place: particles (trials, n, d), coefficients (trials, 2 R).

    `first` steps were played before.  Room: `forces` (trials, n, d, vector), zeros between steps, and `waves` (trials,
    n, 2, Wide), None for a simultaneous game.  A particle weighs masses[j] scale, or scale if masses is None; it moves
    by gains[j] times its force [in turns].  A step forgets `reg` of the coefficients.
    """
    for t in range(particles.shape[0]):
        _play(t, particles, diverged_at, coefficients, first, count, tables, forces, waves, masses, gains, reg, scale)


@compiled(parallel=True)
def play_trials(particles, diverged_at, coefficients, first, count, tables, forces, waves, masses, gains, reg, scale):
    """See play_alone: trials side by side."""
    for t in prange(particles.shape[0]):
        _play(t, particles, diverged_at, coefficients, first, count, tables, forces, waves, masses, gains, reg, scale)


@compiled
def fill(table, frequencies, points, true_masses, factor, mass):
    """Write a trial's table, zeros so far: frequencies (R, d) [turns / length], and what true points (n, d) add."""
    n = width(pointer(table, 0))
    count, axes = frequencies.shape
    for r in range(count):
        at = r // n * (4 + axes) * n + r % n
        cosine, sine = -mass, 0.0
        for axis in range(axes):
            table[at + (4 + axis) * n] = frequencies[r, axis]
        for i in range(points.shape[0]):
            phase = 0.0
            for axis in range(axes):
                phase += np.float64(frequencies[r, axis]) * points[i, axis]
            s, c = turns.sin_cos_float64(phase - np.rint(phase))
            cosine += true_masses[i] * c
            sine += true_masses[i] * s
        table[at + 2 * n], table[at + 3 * n] = factor * cosine, factor * sine
