"""What layers share that pool regions: the settings of a region, where it fits, and its words on a node."""

from typing import Any

from engine.layers.layer import setting
from engine.layers.windows import extras_text, fitted, size_text
from engine.tensor.spec import TensorSpec
from engine.tensor.window import Window


def region_size() -> Any:
    """The setting of a region's height and width."""
    return setting(
        default=(2, 2), label="Region", kind="size", minimum=1, help="Height and width of a region."
    )


def region_stride() -> Any:
    """The setting of the distance between regions."""
    return setting(
        default=(2, 2),
        label="Stride",
        kind="size",
        minimum=1,
        help="Pixels between regions; less than the region lets them overlap.",
    )


def region_padding(border: str) -> Any:
    """The setting of what is put around the map; `border` says what that is."""
    return setting(
        default=(0, 0, 0, 0),
        label="Padding",
        kind="padding",
        minimum=0,
        help=f"{border}: top, bottom, left, right.",
    )


def pooled(x: TensorSpec, window: Window) -> TensorSpec:
    """The channels of x, one place for each region; ShapeError with both sizes where no region fits."""
    return x.with_shape(x.channels, *fitted(x, window, "region"))


def region_text(window: Window) -> str:
    """`2×2`, or `3×3, stride 2` where the regions do not lie side by side."""
    return f"{size_text(window.size)}{extras_text(window, window.size)}"
