"""Convolutions that see few channels, with their ReLU and pooling, by own kernels: first layers."""

from typing import TYPE_CHECKING, Any

from engine.tensor.cuda.launching import launch
from engine.tensor.window import Window

if TYPE_CHECKING:
    from engine.tensor.cuda.cuda_device import CudaDevice

Array = Any
_TILE = (4, 16)
"""Rows and columns of pooled places that a block computes at a time, as in first_layer.cu."""
_FILTERS = 32
"""Filters that a block computes."""
_BLOCKS_AT_ONCE = 264
"""Blocks over which filter gradients are summed: two for each multiprocessor of a large GPU."""


def _sizes(w: Array) -> dict[str, int]:
    return {"CHANNELS": int(w.shape[3]), "SIZE_Y": int(w.shape[1]), "SIZE_X": int(w.shape[2])}


def _tiles(images: int, rows: int, columns: int) -> int:
    return images * -(-rows // _TILE[0]) * -(-columns // _TILE[1])


def convolution_relu_pooling(
    device: "CudaDevice", y: Array, winners: Array, x: Array, w: Array, b: Array | None, *, window: Window, groups: int,
    pooling: Window,
) -> None:  # fmt: skip
    """Each pooled place computes the four places that it sees."""
    _forward(device, y, winners, x, w, b, window, (y.shape[1], y.shape[2]))


def first_convolution_relu(
    device: "CudaDevice", y: Array, x: Array, w: Array, b: Array | None, *, window: Window, groups: int
) -> None:
    """The same without pooling."""
    _forward(device, y, None, x, w, b, window, (-(-y.shape[1] // 2), -(-y.shape[2] // 2)))


def first_convolution(
    device: "CudaDevice", y: Array, x: Array, w: Array, b: Array | None, *, window: Window, groups: int
) -> None:
    """The same without pooling and ReLU."""
    halves = (-(-y.shape[1] // 2), -(-y.shape[2] // 2))
    _forward(device, y, None, x, w, b, window, halves, rectifies=False)


def _forward(
    device: "CudaDevice", y: Array, winners: Array | None, x: Array, w: Array, b: Array | None, window: Window,
    pooled: tuple[int, int], *, rectifies: bool = True,
) -> None:  # fmt: skip
    n, height, width, _ = (int(size) for size in x.shape)
    filters, (rows, columns) = int(w.shape[0]), (int(size) for size in pooled)
    launch(
        device, "first_layer", "convolve_rectified", y, winners, x, w, b, height, width, int(y.shape[1]),
        int(y.shape[2]), rows, columns, filters, window.padding[0], window.padding[2], count=y.size, like=x,
        grid=(_tiles(n, rows, columns), -(-filters // _FILTERS)), **_sizes(w), RECTIFIES=int(rectifies),
    )  # fmt: skip


def pooled_weight_gradient(
    device: "CudaDevice", dw: Array, db: Array, x: Array, dy: Array, winners: Array, pooled: Array, *, window: Window,
    groups: int, pooling: Window,
) -> None:  # fmt: skip
    """Each pooled place hands its error to one of the four that it saw."""
    rows, columns = int(dy.shape[1]), int(dy.shape[2])
    geometry = (
        *(int(size) for size in x.shape[1:3]),
        rows,
        columns,
        len(dw),
        window.padding[0],
        window.padding[2],
    )
    tiles = _tiles(len(x), rows, columns)
    _sum_tiles(device, "pooled_filter_errors", dw, db, (x, dy, winners, pooled), tiles, geometry)


def rectified_weight_gradient(
    device: "CudaDevice", dw: Array, db: Array, x: Array, dy: Array, y: Array, *, window: Window, groups: int
) -> None:
    """Each place where y > 0 hands its error on."""
    _weight_gradient(device, dw, db, x, dy, y, window)


def first_weight_gradient(
    device: "CudaDevice", dw: Array, x: Array, dy: Array, *, window: Window, groups: int
) -> None:
    """Each place hands its error on."""
    _weight_gradient(device, dw, None, x, dy, None, window)


def _weight_gradient(
    device: "CudaDevice", dw: Array, db: Array | None, x: Array, dy: Array, y: Array | None, window: Window
) -> None:
    rows, columns = int(dy.shape[1]), int(dy.shape[2])
    geometry = (
        *(int(size) for size in x.shape[1:3]),
        rows,
        columns,
        len(dw),
        window.padding[0],
        window.padding[2],
    )
    tiles = _tiles(len(x), -(-rows // 2), -(-columns // 2))
    _sum_tiles(
        device, "rectified_filter_errors", dw, db, (x, dy, y), tiles, geometry, rectifies=y is not None
    )


def _sum_tiles(
    device: "CudaDevice", kernel: str, dw: Array, db: Array | None, operands: tuple[Array | None, ...], tiles: int,
    geometry: tuple[int, ...], *, rectifies: bool = True,
) -> None:  # fmt: skip
    filters, taps = len(dw), int(dw.size) // len(dw)
    runs = -(-filters // _FILTERS)
    blocks = max(1, min(tiles, _BLOCKS_AT_ONCE // runs))
    length = blocks * runs * (taps + 1) * _FILTERS
    partial = device.workspace(length * dw.dtype.itemsize).view(str(dw.dtype))[:length]
    launch(
        device, "first_layer", kernel, partial, *operands, tiles, *geometry, count=max(1, tiles), like=operands[0],
        grid=(runs, blocks), **_sizes(dw), RECTIFIES=int(rectifies),
    )  # fmt: skip
    launch(
        device, "first_layer", "finish_filter_errors", dw, db, partial, blocks, filters, count=1, like=operands[0],
        grid=(runs, taps + 1), block=(32, 16), **_sizes(dw),
    )  # fmt: skip


KERNELS = {
    function.__name__: function
    for function in (
        convolution_relu_pooling, first_convolution, first_convolution_relu, first_weight_gradient,
        pooled_weight_gradient, rectified_weight_gradient,
    )
}  # fmt: skip
