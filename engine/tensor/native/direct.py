"""Convolutions with few taps a filter, such as those of an image's one or three channels, without a matrix of patches.

A row of places and a row of taps are a matrix product whose first factor overlaps itself in the image.
"""

from typing import Any

import numpy as np

from engine.tensor.native.code import Code, Value
from engine.tensor.native.library import function, lanes_for
from engine.tensor.native.products import Block
from engine.tensor.native.tiles import positive
from engine.tensor.ops import Array
from engine.tensor.window import Window

_MOST_TAPS = 160
"""More of them no longer fit into the nearest cache with their filters."""
_FEWEST_LANES = 8
_IMAGES = 4
"""Images that are summed before their sum is added to the total: rounding errors grow with the number of both."""


def is_direct(filters: int, taps: int, dtype: Any, window: Window) -> bool:
    """Whether the loops of this module serve so many filters with so many taps each (h·w·C), and are worth it."""
    few = taps <= _MOST_TAPS and np.dtype(dtype) == np.float32
    return few and window.dilation == (1, 1) and lanes_for(filters) >= _FEWEST_LANES


def taps_of(w: Array) -> Array:
    """Filters [K, h, w, C] as `convolve` takes them: [h, w·C, K]."""
    return np.ascontiguousarray(w.transpose(1, 2, 3, 0)).reshape(w.shape[1], -1, len(w))


def convolve(y: Array, x: Array, taps: Array, b: Array | None, window: Window, *, relu: bool) -> None:
    """y [N, rows, columns, K] = x (with its padding) correlated with taps [h, w·C, K], plus b, perhaps then ReLU."""
    images, rows, columns, filters = y.shape
    lanes, places = lanes_for(filters), _divisor(columns, 8)
    vectors = _divisor(filters // lanes, 3)
    run = function(_forward_code, taps.shape[0], places, vectors, lanes, relu)
    bias = np.zeros(filters, np.float32) if b is None else b
    run(y, x, taps, bias, images, rows, columns, filters, taps.shape[1], *_geometry(x, window))


def add_filter_gradient(total: Array, x: Array, dy: Array, window: Window) -> None:
    """Add to total [h·w·C, K] what errors dy [N, rows, columns, K] and x (with its padding) give."""
    images, rows, columns, filters = dy.shape
    lanes, taps = lanes_for(filters), window.size[1] * x.shape[3]
    vectors = _divisor(filters // lanes, 3)
    run = function(_gradient_code, window.size[0], _divisor(taps, 8), vectors, lanes)
    part = np.empty_like(total)
    for first in range(0, images, _IMAGES):
        part[...] = 0
        own = slice(first, min(images, first + _IMAGES))
        run(part, x[own], dy[own], own.stop - own.start, rows, columns, filters, taps, *_geometry(x, window))
        total += part


def _divisor(number: int, most: int) -> int:
    return next(divisor for divisor in range(most, 0, -1) if number % divisor == 0)


def _geometry(x: Array, window: Window) -> tuple[int, int, int, int]:
    """Values from an image to the next, from a row to the next, and from a place of the window to the next each way."""
    line = x.shape[2] * x.shape[3]
    return x.shape[1] * line, line, window.stride[0] * line, window.stride[1] * x.shape[3]


_SIZES = ("images", "rows", "columns", "filters", "taps", "image", "line", "down", "across")


def _forward_code(
    module: Value, name: str, height: int, places: int, vectors: int, lanes: int, relu: bool
) -> Code:
    code = Code(module, name, ("y", "x", "w", "bias"), indices=_SIZES, lanes=lanes)
    given, block = code.arguments, Block(code, places, vectors)
    with (
        code.loop(given["images"]) as image,
        code.loop(given["rows"]) as row,
        code.loop(given["columns"], places) as column,
        code.loop(given["filters"], vectors * lanes) as filters,
    ):
        block.set([code.load(code.at(given["bias"], code.sum(filters, j * lanes))) for j in range(vectors)])
        corner = code.sum(*(code.product(place, given[step]) for place, step in
                            ((image, "image"), (row, "down"), (column, "across"))))  # fmt: skip
        for i in range(height):
            x = code.at(given["x"], code.sum(corner, code.product(given["line"], i)))
            w = code.at(given["w"], code.sum(code.product(given["taps"], given["filters"], i), filters))
            block.add_products((x, given["across"], 1), (w, given["filters"]), 0, given["taps"])
        place = code.sum(
            code.product(code.sum(code.product(image, given["rows"]), row), given["columns"]), column
        )
        y = code.at(given["y"], code.sum(code.product(place, given["filters"]), filters))
        block.store(y, given["filters"], lambda value: positive(code, value) if relu else value)
    return code


def _gradient_code(module: Value, name: str, height: int, taps: int, vectors: int, lanes: int) -> Code:
    code = Code(module, name, ("total", "x", "dy"), indices=_SIZES, lanes=lanes)
    given, block = code.arguments, Block(code, taps, vectors)
    with (
        code.loop(given["images"]) as image,
        code.loop(given["rows"]) as row,
        code.loop(height) as i,
        code.loop(given["taps"], taps) as tap,
        code.loop(given["filters"], vectors * lanes) as filters,
    ):
        own = code.sum(code.product(i, given["taps"]), tap)
        total = code.at(given["total"], code.sum(code.product(own, given["filters"]), filters))
        block.load(total, given["filters"])
        corner = code.sum(*(code.product(place, given[step]) for place, step in
                            ((image, "image"), (row, "down"), (i, "line"))), tap)  # fmt: skip
        line = code.product(code.sum(code.product(image, given["rows"]), row), given["columns"])
        dy = code.at(given["dy"], code.sum(code.product(line, given["filters"]), filters))
        x = code.at(given["x"], corner)
        block.add_products((x, 1, given["across"]), (dy, given["filters"]), 0, given["columns"])
        block.store(total, given["filters"])
    return code
