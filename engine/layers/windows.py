"""Shared by the layers that slide a window: places with a reason when none fits, and hints."""

from engine.errors import Repair, ShapeError
from engine.tensor.dimension import Dimension
from engine.tensor.spec import TensorSpec
from engine.tensor.window import Window


def fitted(x: TensorSpec, window: Window, what: str) -> tuple[Dimension, Dimension]:
    """(rows, columns) of places of the window over x; ShapeError with both sizes and repairs when none fits."""
    rows, columns = window.places(x.height, x.width)
    if rows >= 1 and columns >= 1:
        return rows, columns
    top, bottom, left, right = window.padding
    padded = f"{int(x.height) + top + bottom}×{int(x.width) + left + right}"
    padding = f" ({padded} with padding)" if any(window.padding) else ""
    reach = f"{window.reach[0]}×{window.reach[1]}"
    wanted = [(max(0, f - int(n)) + 1) // 2 for f, n in zip(window.reach, (x.height, x.width), strict=True)]
    enough = (
        max(top, wanted[0]), max(bottom, wanted[0]), max(left, wanted[1]), max(right, wanted[1])
    )  # fmt: skip
    repairs = [Repair(f"Set padding to {padding_text(enough)}", padding=enough)]
    size = (min(window.size[0], int(x.height)), min(window.size[1], int(x.width)))
    if size == (1, 1) and what != "filter":
        # There is nothing left to pool: neither a region of one pixel nor a border around it would do anything.
        repairs = []
    # A pooling region must be larger than its padding.
    elif window.dilation == (1, 1) and max(top, bottom) < size[0] and max(left, right) < size[1]:
        repairs.insert(0, Repair(f"Set size to {size[0]}×{size[1]}", size=size))
    keeping = (top + bottom + 1, left + right + 1)
    if what == "filter" and all(window.padding) and window.stride == window.dilation == (1, 1):
        # What the padding was chosen for: filters that keep the size of the map.
        repairs.insert(0, Repair(f"Set size to {keeping[0]}×{keeping[1]}", size=keeping))
    raise ShapeError(
        f"a {what} of {reach} does not fit into its input of {int(x.height)}×{int(x.width)}{padding}; "
        "choose a smaller size, more padding, or fewer poolings before it.",
        repairs=tuple(repairs),
    )


def dropped_pixels(x: TensorSpec, window: Window) -> tuple[str, ...]:
    """A hint when the stride leaves pixels at the edge unseen (the division in eq. 2.23 is not exact)."""
    top, bottom, left, right = window.padding
    for size, reach, stride, before, after, edge in (
        (int(x.height), window.reach[0], window.stride[0], top, bottom, "bottom rows"),
        (int(x.width), window.reach[1], window.stride[1], left, right, "right columns"),
    ):
        # What is left over at the end is padding first; a window smaller than its stride skips pixels everywhere.
        left_over = (size - reach + before + after) % stride - after
        if left_over > 0 and reach >= stride:
            return (
                f"the stride of {stride} leaves {left_over} of the {edge} unseen ({size} does not divide evenly); "
                "change size or padding, unless the border does not matter.",
            )
    return ()


def size_text(size: tuple[int, ...]) -> str:
    """`5×5`."""
    return "×".join(str(axis) for axis in size)


def padding_text(padding: tuple[int, int, int, int]) -> str:
    """`2`, or `2,1,0,0` where the sides differ."""
    return _short(padding)


def extras_text(window: Window, usual_stride: tuple[int, int]) -> str:
    """What differs from the usual stride, no padding and no dilation: ` /2 +2 ∗2`-like words for a node."""
    parts = []
    if window.stride != usual_stride:
        parts.append(f"stride {_short(window.stride)}")
    if any(window.padding):
        parts.append(f"padding {_short(window.padding)}")
    if window.dilation != (1, 1):
        parts.append(f"dilation {_short(window.dilation)}")
    return "".join(f", {part}" for part in parts)


def _short(axes: tuple[int, ...]) -> str:
    return str(axes[0]) if len(set(axes)) == 1 else ",".join(str(axis) for axis in axes)
