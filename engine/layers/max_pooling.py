"""The strongest answer of each region."""

from engine.errors import Repair, ShapeError
from engine.layers.context import Backward, Context
from engine.layers.layer import Layer, layer_type
from engine.layers.regions import pooled, region_padding, region_size, region_stride, region_text
from engine.layers.windows import dropped_pixels, padding_text, size_text
from engine.tensor.ops import Array
from engine.tensor.spec import TensorSpec
from engine.tensor.window import Window


@layer_type(
    "max_pooling", group="Pooling", formula="y[c, i, j] = max over u, v of x[c, i·s + u − p, j·s + v − p]"
)
class MaxPooling(Layer):
    """Keeps the strongest answer of each region, so that small shifts matter less (eq. 2.36, 2.37)."""

    size: tuple[int, int] = region_size()
    stride: tuple[int, int] = region_stride()
    padding: tuple[int, int, int, int] = region_padding("Border that never wins")

    def window(self) -> Window:
        """The region's geometry."""
        return Window(self.size, self.stride, self.padding)

    def output(self, *xs: TensorSpec) -> TensorSpec:
        """The input's channels over fewer places."""
        (x,) = xs
        height, width = self.size
        top, bottom, left, right = self.padding
        if max(top, bottom) >= height or max(left, right) >= width:
            most = (
                min(top, height - 1),
                min(bottom, height - 1),
                min(left, width - 1),
                min(right, width - 1),
            )
            raise ShapeError(
                f"its padding of {top}, {bottom}, {left}, {right} (top, bottom, left, right) leaves room for a whole "
                f"region of {size_text(self.size)}, which would have no maximum; choose less padding than the region.",
                repairs=(Repair(f"Set padding to {padding_text(most)}", padding=most),),
            )
        return pooled(x, self.window())

    def forward(self, run: Context, *xs: Array) -> tuple[Array, Backward]:
        """Maximum of each region; backward sends the error to its winner."""
        (x,) = xs
        ops, window = run.ops, self.window()
        y, winners = ops.max_pooling(x, window)

        def backward(dy: Array) -> tuple[Array | None, ...]:
            return (ops.max_pooling_gradient(dy, winners, x.shape, window),)

        return y, backward

    def hints(self, *xs: TensorSpec) -> tuple[str, ...]:
        """Pixels that the stride drops."""
        return dropped_pixels(xs[0], self.window())

    def summary(self) -> str:
        """`3×3, stride 2`; the stride stands there where it is not the region's size."""
        return region_text(self.window())
