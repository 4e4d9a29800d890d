"""PARTS vector registers, or one, as one variable with the arithmetic of numbers, for loops written as for numbers."""

import operator

from llvmlite import ir
from numba import types
from numba.core.registry import cpu_target
from numba.extending import intrinsic, models, overload, register_model

from .vectors import call, call_vector, spread

_TARGET = cpu_target.target_context.codegen().magic_tuple()[2].split(",")  # what Numba compiles for
BYTES = 64 if "+avx512f" in _TARGET else 32
PARTS = 4
_CONTRACT = ("contract",)


class Wide(types.Type):
    """Vectors of BYTES bytes of floating-point numbers; arithmetic with numbers spreads them."""

    def __init__(self, number, parts=PARTS):
        self.number, self.count = number, parts * 8 * BYTES // number.bitwidth
        super().__init__(name=f"Wide({number}, {parts})")


@register_model(Wide)
class _WideModel(models.PrimitiveModel):
    def __init__(self, manager, wide):
        super().__init__(manager, wide, ir.VectorType(manager.lookup(wide.number).get_value_type(), wide.count))


def _lanes(*numbers):
    return ir.Constant(ir.VectorType(ir.IntType(32), len(numbers)), list(numbers))


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
def lone(typing, pointer):
    """Return how many numbers one vector of the pointer's type has."""
    count = Wide(pointer.dtype, 1).count
    return types.intp(pointer), lambda context, *rest: context.get_constant(types.intp, count)


@intrinsic
def load(typing, pointer, at):
    """Return the Wide `at` places on."""
    wide = Wide(pointer.dtype)

    def build(context, builder, signature, args):
        return builder.load(_place(builder, *args, context.get_value_type(wide)), align=BYTES)

    return wide(pointer, types.intp), build


@intrinsic
def load_one(typing, pointer, at):
    """Return one vector, `at` places on."""
    wide = Wide(pointer.dtype, 1)

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
            return _join(
                builder, [call(builder, name, p.type, [p, word(0), nothing, mask(-1), word(4)]) for p in parts]
            )
        return builder.fsub(args[0], call_vector(builder, "rint", vector, args))

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
                return spread(builder, vector, context.cast(builder, value, kind, wide.number))

            return getattr(builder, instruction)(*map(widen, args, signature.args), flags=_CONTRACT)

        return wide(a, b), build

    @overload(operation)
    def choose(a, b):
        if isinstance(a, Wide) or isinstance(b, Wide):
            return lambda a, b: apply(a, b)


for _name, _instruction in (("add", "fadd"), ("sub", "fsub"), ("mul", "fmul"), ("truediv", "fdiv")):
    _arithmetic(getattr(operator, _name), _instruction)
    _arithmetic(getattr(operator, f"i{_name}"), _instruction)
