"""The geometry of a window that slides over a map: convolution and pooling share it."""

from dataclasses import dataclass

from engine.tensor.dimension import Dimension, window_count


@dataclass(frozen=True, slots=True)
class Window:
    """Size, stride, dilation as (vertical, horizontal); padding as (top, bottom, left, right)."""

    size: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)
    dilation: tuple[int, int] = (1, 1)

    @property
    def reach(self) -> tuple[int, int]:
        """Pixels from the first to the last tap, inclusive, each axis."""
        return self.dilation[0] * (self.size[0] - 1) + 1, self.dilation[1] * (self.size[1] - 1) + 1

    def count(self, height: int, width: int) -> int:
        """How many places there are over a map of height×width, at least 0: a number without its derivation."""
        top, bottom, left, right = self.padding
        reach = self.reach
        rows = (int(height) - reach[0] + top + bottom) // self.stride[0] + 1
        columns = (int(width) - reach[1] + left + right) // self.stride[1] + 1
        return max(rows, 0) * max(columns, 0)

    def places(self, height: int, width: int) -> tuple[Dimension, Dimension]:
        """(rows, columns) of places over a map of height×width (thesis eq. 2.23); may be < 1 where nothing fits."""
        top, bottom, left, right = self.padding
        rows = window_count(
            height, self.size[0], stride=self.stride[0], before=top, after=bottom, dilation=self.dilation[0]
        )
        columns = window_count(
            width, self.size[1], stride=self.stride[1], before=left, after=right, dilation=self.dilation[1]
        )
        return rows, columns
