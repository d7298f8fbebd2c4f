"""The transforms of Winograd's convolution (see `engine.tensor.winograd`), a tile and some channels at a time."""

from collections.abc import Sequence

import numpy as np

from engine.tensor.native.code import Code, Value
from engine.tensor.native.library import function, lanes_for
from engine.tensor.ops import Array
from engine.tensor.winograd_matrices import Rows


def transform_tiles(
    out: Array,
    x: Array,
    first: Rows,
    second: Rows,
    *,
    step: int,
    padding: tuple[int, int],
    tiles: tuple[int, int],
) -> None:
    """out [p·q, N·down·across, C] = `first` on the rows and `second` on the columns of every tile of x [N, H, W, C].

    Tiles begin at multiples of `step` less the padding (top, left); what lies outside x counts as 0.
    """
    images, height, width, channels = x.shape
    lanes = lanes_for(channels)

    run = function(_tiles_code, first, second, step, lanes)
    zeros = np.zeros(width * channels, np.float32)
    run(out, x, zeros, images, height, width, channels, *tiles, *padding, out.strides[0] // 4)


def _tiles_code(module: Value, name: str, first: Rows, second: Rows, step: int, lanes: int) -> Code:
    indices = ("images", "height", "width", "channels", "down", "across", "top", "left", "stride")
    code = Code(module, name, ("out", "x", "zeros"), indices=indices, lanes=lanes)
    given = code.arguments
    size, rows, columns = len(first[0]), len(first), len(second)
    half = code.local(rows * size)
    line = code.product(given["width"], given["channels"])
    top, left = code.builder.neg(given["top"]), code.builder.neg(given["left"])
    with code.loop(given["images"]) as image, code.loop(given["down"]) as down:
        lines = []
        for i in range(size):
            y = code.sum(code.product(down, step), i, top)
            own = code.at(given["x"], code.product(code.sum(code.product(image, given["height"]), y), line))
            lines.append(code.builder.select(code.inside(y, given["height"]), own, given["zeros"]))
        with code.loop(given["across"]) as across, code.loop(given["channels"], lanes) as channel:
            for j in range(size):
                x = code.sum(code.product(across, step), j, left)
                with code.builder.if_else(code.inside(x, given["width"])) as (within, outside):
                    with within:
                        place = code.sum(code.product(x, given["channels"]), channel)
                        values = [code.load(code.at(pointer, place)) for pointer in lines]
                        for i, value in enumerate(combined(code, first, values)):
                            code.store_local(value, half, i * size + j)
                    with outside:
                        for i in range(rows):
                            code.store_local(code.constant(0), half, i * size + j)
            tile = code.sum(
                code.product(code.sum(code.product(image, given["down"]), down), given["across"]), across
            )
            place = code.sum(code.product(tile, given["channels"]), channel)
            for i in range(rows):
                values = [code.load_local(half, i * size + j) for j in range(size)]
                for j, value in enumerate(combined(code, second, values)):
                    row = code.product(given["stride"], i * columns + j)
                    code.store(value, code.at(given["out"], code.sum(row, place)))
    return code


def results_of_tiles(
    y: Array,
    products: Array,
    first: Rows,
    second: Rows,
    b: Array | None,
    *,
    tiles: tuple[int, int],
    relu: bool,
) -> None:
    """y [N, rows, columns, K] = `first` and `second` on the rows and columns of every tile of products [n², tiles, K].

    A bias is added, and with `relu` what is below 0 becomes 0; places of a tile beyond y are left out.
    """
    images, rows, columns, filters = y.shape
    lanes = lanes_for(filters)

    run = function(_results_code, first, second, lanes, relu)
    bias = np.zeros(filters, np.float32) if b is None else b
    run(y, products, bias, images, rows, columns, filters, *tiles, products.strides[0] // 4)


def _results_code(module: Value, name: str, first: Rows, second: Rows, lanes: int, relu: bool) -> Code:
    indices = ("images", "rows", "columns", "filters", "down", "across", "stride")
    code = Code(module, name, ("y", "products", "bias"), indices=indices, lanes=lanes)
    given = code.arguments
    side, size = len(first), len(first[0])
    half, unused = code.local(side * size), code.local(1)
    with (
        code.loop(given["images"]) as image,
        code.loop(given["down"]) as down,
        code.loop(given["across"]) as across,
    ):
        tile = code.sum(
            code.product(code.sum(code.product(image, given["down"]), down), given["across"]), across
        )
        start = code.product(tile, given["filters"])
        with code.loop(given["filters"], lanes) as channel:
            place = code.sum(start, channel)
            for j in range(size):
                rows = [code.product(given["stride"], i * size + j) for i in range(size)]
                values = [code.load(code.at(given["products"], code.sum(row, place))) for row in rows]
                for i, value in enumerate(combined(code, first, values)):
                    code.store_local(value, half, i * size + j)
            bias = code.load(code.at(given["bias"], channel))
            for i in range(side):
                y = code.sum(code.product(down, side), i)
                line = code.product(code.sum(code.product(image, given["rows"]), y), given["columns"])
                values = [code.load_local(half, i * size + j) for j in range(size)]
                for j, value in enumerate(combined(code, second, values)):
                    value = code.builder.fadd(value, bias)
                    if relu:
                        value = positive(code, value)
                    x = code.sum(code.product(across, side), j)
                    seen = code.both(code.inside(y, given["rows"]), code.inside(x, given["columns"]))
                    own = code.sum(code.product(code.sum(line, x), given["filters"]), channel)
                    code.store(value, code.builder.select(seen, code.at(given["y"], own), unused))
    return code


def positive(code: Code, value: Value) -> Value:
    """max(0, value); what is not a number stays so."""
    zero = code.constant(0)
    return code.builder.select(code.builder.fcmp_ordered("<", value, zero), zero, value)


def combined(code: Code, matrix: Rows, values: Sequence[Value]) -> list[Value]:
    """The matrix times a column of vectors. Two rows a + b and a − b, with a and b on different columns, share both."""
    results: dict[int, Value] = {}
    rows = [np.array(row) for row in matrix]
    for i, row in enumerate(rows):
        if i in results:
            continue
        partner = next(
            (j for j in range(i + 1, len(rows)) if j not in results and _shares(row, rows[j])), None
        )
        if partner is None:
            results[i] = _weighted(code, row, values)
        else:
            a = _weighted(code, (row + rows[partner]) / 2, values)
            b = _weighted(code, (row - rows[partner]) / 2, values)
            results[i], results[partner] = code.builder.fadd(a, b), code.builder.fsub(a, b)
    return [results[i] for i in range(len(rows))]


def _shares(first: np.ndarray, second: np.ndarray) -> bool:
    same, opposed = first + second != 0, first - second != 0
    return bool(same.any() and opposed.any() and not (same & opposed).any())


def _weighted(code: Code, row: np.ndarray, values: Sequence[Value]) -> Value:
    total = None
    for weight, value in zip(row, values, strict=True):
        if weight == 0:
            continue
        if total is None:
            total = value if weight == 1 else code.builder.fmul(value, code.constant(weight))
        elif weight in (1, -1):
            total = code.builder.fadd(total, value) if weight == 1 else code.builder.fsub(total, value)
        else:
            total = code.multiply_add(value, code.constant(weight), total)
    return code.constant(0) if total is None else total
