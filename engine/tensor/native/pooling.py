"""Max pooling over tiles of a map, and its gradient through the ReLU before it."""

from llvmlite import ir

from engine.tensor.native.code import BYTE, Code, Value
from engine.tensor.native.library import function, lanes_for
from engine.tensor.ops import Array
from engine.tensor.window import Window


def pools(window: Window, arrays: tuple[Array, ...]) -> bool:
    """Whether the loops of this module serve: windows that lie side by side, and float32 values."""
    tiled = window.stride == window.size and window.dilation == (1, 1) and not any(window.padding)
    few = window.size[0] * window.size[1] <= 16
    return tiled and few and all(array.dtype in ("float32", "uint8") for array in arrays)


def max_pooling(y: Array, winners: Array, x: Array, *, window: Window) -> None:
    """The maximum of each window and the number of the first tap that has it; what is no number is a maximum."""
    images, rows, columns, channels = y.shape
    lanes, size = lanes_for(channels), window.size
    run = function(_forward_code, size, lanes)
    run(y, winners, x, images, rows, columns, channels, x.shape[1], x.shape[2])


_INDICES = ("images", "rows", "columns", "channels", "height", "width")


class _Places:
    """Loops over the windows and some channels each, and where their taps lie."""

    def __init__(self, code: Code, size: tuple[int, int]) -> None:
        self._code, self._size, self._given = code, size, code.arguments

    def taps(self, image: Value, row: Value, column: Value, channel: Value) -> list[Value]:
        """Indices of the window's taps in the larger map."""
        code, given = self._code, self._given
        found = []
        for i in range(self._size[0]):
            y = code.sum(code.product(image, given["height"]), code.product(row, self._size[0]), i)
            for j in range(self._size[1]):
                x = code.sum(code.product(y, given["width"]), code.product(column, self._size[1]), j)
                found.append(code.sum(code.product(x, given["channels"]), channel))
        return found

    def own(self, image: Value, row: Value, column: Value, channel: Value) -> Value:
        """Index of the window's place in the smaller map."""
        code, given = self._code, self._given
        line = code.sum(code.product(image, given["rows"]), row)
        return code.sum(
            code.product(code.sum(code.product(line, given["columns"]), column), given["channels"]), channel
        )


def _forward_code(module: Value, name: str, size: tuple[int, int], lanes: int) -> Code:
    code = Code(module, name, ("y", "winners", "x"), indices=_INDICES, lanes=lanes)
    given, build, places = code.arguments, code.builder, _Places(code, size)
    with (
        code.loop(given["images"]) as image,
        code.loop(given["rows"]) as row,
        code.loop(given["columns"]) as column,
        code.loop(given["channels"], lanes) as channel,
    ):
        best, winner = None, _bytes(code, 0)
        for number, tap in enumerate(places.taps(image, row, column, channel)):
            value = code.load(code.at(given["x"], tap))
            if best is None:
                best = value
                continue
            above = build.and_(build.fcmp_unordered(">", value, best), build.fcmp_ordered("ord", best, best))
            best = build.select(above, value, best)
            winner = build.select(above, _bytes(code, number), winner)
        own = places.own(image, row, column, channel)
        code.store(best, code.at(given["y"], own))
        build.store(winner, code.at(given["winners"], own, BYTE), align=1)
    return code


def max_pooling_relu_gradient(dx: Array, dy: Array, winners: Array, pooled: Array, *, window: Window) -> None:
    """dy to the winner of each window where the pooled value is above 0; every other value of dx becomes 0."""
    images, rows, columns, channels = dy.shape
    dx[:, rows * window.size[0] :] = 0
    dx[:, :, columns * window.size[1] :] = 0
    lanes, size = lanes_for(channels), window.size
    run = function(_gradient_code, size, lanes)
    run(dx, dy, winners, pooled, images, rows, columns, channels, dx.shape[1], dx.shape[2])


def _gradient_code(module: Value, name: str, size: tuple[int, int], lanes: int) -> Code:
    code = Code(module, name, ("dx", "dy", "winners", "pooled"), indices=_INDICES, lanes=lanes)
    given, build, places, zero = code.arguments, code.builder, _Places(code, size), code.constant(0)
    with (
        code.loop(given["images"]) as image,
        code.loop(given["rows"]) as row,
        code.loop(given["columns"]) as column,
        code.loop(given["channels"], lanes) as channel,
    ):
        own = places.own(image, row, column, channel)
        passed = passing(code, own)
        winner = build.load(code.at(given["winners"], own, BYTE), align=1, typ=ir.VectorType(BYTE, lanes))
        for number, tap in enumerate(places.taps(image, row, column, channel)):
            won = build.icmp_unsigned("==", winner, _bytes(code, number))
            code.store(build.select(won, passed, zero), code.at(given["dx"], tap))
    return code


def passing(code: Code, place: Value) -> Value:
    """The errors `dy` at a place where `pooled` is above 0, else 0."""
    error = code.load(code.at(code.arguments["dy"], place))
    pooled = code.load(code.at(code.arguments["pooled"], place))
    above = code.builder.fcmp_ordered(">", pooled, code.constant(0))
    return code.builder.select(above, error, code.constant(0))


def _bytes(code: Code, value: int) -> Value:
    return ir.Constant(ir.VectorType(BYTE, code.lanes), [value] * code.lanes)
