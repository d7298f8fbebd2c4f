"""Sums over all places of a map, channel by channel."""

from engine.tensor.native.code import Code, Value
from engine.tensor.native.library import function, lanes_for
from engine.tensor.native.pooling import passing
from engine.tensor.ops import Array

_BLOCK = 512
"""Places that are summed before their sum is added to the total: rounding errors grow with the number of both."""


def relu_pooled_sum(total: Array, dy: Array, pooled: Array) -> None:
    """Sum to channels of the errors where the pooled value is above 0."""
    lanes = lanes_for(dy.shape[3])
    run = function(sum_code, lanes)
    total[...] = 0
    run(total, dy, pooled, dy.size // dy.shape[3], dy.shape[3])


def sum_code(module: Value, name: str, lanes: int) -> Code:
    """The loop of `relu_pooled_sum`, written for any number of lanes."""
    code = Code(module, name, ("total", "dy", "pooled"), indices=("places", "channels"), lanes=lanes)
    given, build = code.arguments, code.builder
    memory = code.local(1)
    with code.loop(given["channels"], lanes) as channel, code.loop(given["places"], _BLOCK) as block:
        code.store_local(code.constant(0), memory, 0)
        end = code.least(code.sum(block, _BLOCK), given["places"])
        with code.loop(end, start=block) as place:
            own = code.sum(code.product(place, given["channels"]), channel)
            code.store_local(build.fadd(code.load_local(memory, 0), passing(code, own)), memory, 0)
        sum_of_all = code.at(given["total"], channel)
        code.store(build.fadd(code.load(sum_of_all), code.load_local(memory, 0)), sum_of_all)
    return code
