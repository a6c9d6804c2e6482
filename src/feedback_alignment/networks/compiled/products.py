"""Products of small matrices that lie in the cache, without the packing that makes large ones fast.

A tile of the result, ROWS rows of one cache line each, stays in vector registers while the sum runs. Matrices are flat
arrays with a distance between rows; the result's rows and columns are padded to whole tiles by whoever owns it.
"""

from typing import Final, no_type_check

import numba
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

ROWS: Final = 4
CACHE_LINE: Final = 64
"""Bytes; so many hold the columns of a tile."""


@no_type_check
def _tile_code(context, builder, signature, arguments):
    """Write the loop over k: C[r, :] = (C[r, :] if add else 0) + Σ_k A[r, k] B[k, :] for r = 0 … ROWS − 1."""
    (A, A_start, A_row, A_step, B, B_start, B_row, C, C_start, C_row, depth, add) = arguments
    A, B, C = (
        context.make_array(signature.args[index])(context, builder, array).data
        for index, array in ((0, A), (4, B), (7, C))
    )
    scalar = context.get_value_type(signature.args[0].dtype)
    bytes_each = context.get_abi_sizeof(scalar)
    lanes = CACHE_LINE // bytes_each
    vector, integer, index = ir.VectorType(scalar, lanes), ir.IntType(64), ir.IntType(32)
    everywhere_the_first = ir.Constant(ir.VectorType(index, lanes), [0] * lanes)

    def address(array, *terms):
        position = terms[0]
        for distance, count in terms[1:]:
            position = builder.add(position, builder.mul(distance, count))
        return builder.gep(array, [position])

    def load(pointer):
        loaded = builder.load(builder.bitcast(pointer, vector.as_pointer()))
        loaded.align = bytes_each
        return loaded

    def broadcast(number):
        first = builder.insert_element(ir.Constant(vector, ir.Undefined), number, index(0))
        return builder.shuffle_vector(first, first, everywhere_the_first)

    def multiply_add(a, b, c):
        return builder.fadd(builder.fmul(a, b, flags=("contract",)), c, flags=("contract",))

    rows = [address(C, C_start, (C_row, integer(r))) for r in range(ROWS)]
    zero = ir.Constant(vector, [0.0] * lanes)
    start = [builder.select(add, load(row), zero) for row in rows]
    before = builder.block
    loop, after = builder.append_basic_block("sum"), builder.append_basic_block("summed")
    builder.branch(loop)

    builder.position_at_end(loop)
    k = builder.phi(integer)
    sums = [builder.phi(vector) for _ in rows]
    b = load(address(B, B_start, (B_row, k)))
    a = [builder.load(address(A, A_start, (A_step, k), (A_row, integer(r)))) for r in range(ROWS)]
    later_k = builder.add(k, integer(1))
    later = [multiply_add(broadcast(a_r), b, sum_r) for a_r, sum_r in zip(a, sums, strict=True)]
    for phi, first, then in zip((k, *sums), (integer(0), *start), (later_k, *later), strict=True):
        phi.add_incoming(first, before)
        phi.add_incoming(then, loop)
    builder.cbranch(builder.icmp_signed("<", later_k, depth), loop, after)

    builder.position_at_end(after)
    for row, total in zip(rows, later, strict=True):
        builder.store(total, builder.bitcast(row, vector.as_pointer())).align = bytes_each
    return context.get_dummy_value()


@intrinsic
@no_type_check
def _tile(typing_context, A, A_start, A_row, A_step, B, B_start, B_row, C, C_start, C_row, depth, add):
    """Compute one tile; `depth` must be at least 1."""
    integer = types.intp
    arrays = A, integer, integer, integer, B, integer, integer, C, integer, integer
    return types.void(*arrays, integer, types.boolean), _tile_code


@numba.njit(error_model="numpy", nogil=True)
@no_type_check
def product(A, A_row, A_step, B, B_row, C, C_row, rows, columns, depth, add):
    """C = A B, or C += A B: entry (i, k) of A stands at i A_row + k A_step, and rows of B and C are contiguous.

    `rows` and `columns` of C are rounded up to whole tiles.
    """
    lanes = CACHE_LINE // C.itemsize
    for j in range(0, columns, lanes):
        for i in range(0, rows, ROWS):
            _tile(A, i * A_row, A_row, A_step, B, j, B_row, C, i * C_row + j, C_row, depth, add)
