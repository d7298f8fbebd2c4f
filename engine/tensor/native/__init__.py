"""Loops of the CPU's kernels as machine code, written as LLVM instructions and compiled when first used.

NumPy makes one pass over memory for every operation; these make one pass for all of them, with vectors as wide as the
processor has. llvmlite compiles each in some milliseconds, without a compiler on the machine. Where it is missing,
`is_available` is False and NumPy computes everything.
"""

from engine.tensor.native.library import is_available

if is_available:
    from engine.tensor.native.direct import add_filter_gradient, convolve, is_direct, taps_of
    from engine.tensor.native.normals import NormalStream, draws_normals
    from engine.tensor.native.pooling import max_pooling, max_pooling_relu_gradient, pools
    from engine.tensor.native.products import multiplies, multiply
    from engine.tensor.native.sums import relu_pooled_sum
    from engine.tensor.native.tiles import results_of_tiles, transform_tiles
    from engine.tensor.native.updates import adam

OPERATIONS = frozenset(
    {"adam_update", "adam_update_recorded", "max_pooling", "max_pooling_relu_gradient", "relu_pooled_sum"}
)
"""Operations that run on these loops alone; convolutions also use BLAS."""

__all__ = [
    "OPERATIONS", "NormalStream", "adam", "add_filter_gradient", "convolve", "draws_normals", "is_available",
    "is_direct", "max_pooling", "max_pooling_relu_gradient", "multiplies", "multiply", "pools", "relu_pooled_sum",
    "results_of_tiles", "taps_of", "transform_tiles",
]  # fmt: skip
