"""The mean answer of each region."""

from engine.layers.context import Backward, Context
from engine.layers.layer import Layer, layer_type
from engine.layers.regions import pooled, region_padding, region_size, region_stride, region_text
from engine.layers.windows import dropped_pixels
from engine.tensor.ops import Array
from engine.tensor.spec import TensorSpec
from engine.tensor.window import Window


@layer_type(
    "average_pooling",
    group="Pooling",
    formula="y[c, i, j] = mean over u, v of x[c, i·s + u − p, j·s + v − p]",
)
class AveragePooling(Layer):
    """Takes the mean of each region; padding counts as zeros that take part in it."""

    size: tuple[int, int] = region_size()
    stride: tuple[int, int] = region_stride()
    padding: tuple[int, int, int, int] = region_padding("Zeros around the map")

    def window(self) -> Window:
        """The region's geometry."""
        return Window(self.size, self.stride, self.padding)

    def output(self, *xs: TensorSpec) -> TensorSpec:
        """The input's channels over fewer places."""
        return pooled(xs[0], self.window())

    def forward(self, run: Context, *xs: Array) -> tuple[Array, Backward]:
        """Mean of each region; backward spreads the error evenly."""
        (x,) = xs
        ops, window = run.ops, self.window()

        def backward(dy: Array) -> tuple[Array | None, ...]:
            return (ops.average_pooling_gradient(dy, x.shape, window),)

        return ops.average_pooling(x, window), backward

    def hints(self, *xs: TensorSpec) -> tuple[str, ...]:
        """Pixels that the stride drops."""
        return dropped_pixels(xs[0], self.window())

    def summary(self) -> str:
        """`3×3, stride 2`; the stride stands there where it is not the region's size."""
        return region_text(self.window())
