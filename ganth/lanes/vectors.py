"""LLVM pieces that the vector types share."""

from llvmlite import ir
from numba.core import cgutils


def spread(builder, vector, number):
    """Return a vector of the given LLVM type whose elements all are `number`."""
    nothing = ir.Constant(vector, ir.Undefined)
    one = builder.insert_element(nothing, number, ir.IntType(32)(0))
    return builder.shuffle_vector(one, nothing, ir.Constant(ir.VectorType(ir.IntType(32), vector.count), None))


def call(builder, name, result, args, **options):
    """Call the LLVM function `name`."""
    function_type = ir.FunctionType(result, [a.type for a in args])
    return builder.call(cgutils.get_or_insert_function(builder.module, function_type, name), args, **options)


def call_vector(builder, name, result, args, **options):
    """Call an LLVM function that is overloaded on the vector type of its last argument."""
    vector = args[-1].type
    bits = 64 if isinstance(vector.element, ir.DoubleType) else 32
    return call(builder, f"llvm.{name}.v{vector.count}f{bits}", result, args, **options)
