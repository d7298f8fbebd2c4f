"""The mean answer of each region."""

from engine.layers.context import Backward, Context
from engine.layers.layer import Layer, layer_type, setting
from engine.layers.windows import dropped_pixels, extras_text, fitted, size_text
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

    size: tuple[int, int] = setting(
        default=(2, 2), label="Region", kind="size", minimum=1, help="Height and width of a region."
    )
    stride: tuple[int, int] = setting(
        default=(2, 2),
        label="Stride",
        kind="size",
        minimum=1,
        help="Pixels between regions; less than the region lets them overlap.",
    )
    padding: tuple[int, int, int, int] = setting(
        default=(0, 0, 0, 0),
        label="Padding",
        kind="padding",
        minimum=0,
        help="Zeros around the map: top, bottom, left, right.",
    )

    def window(self) -> Window:
        """The region's geometry."""
        return Window(self.size, self.stride, self.padding)

    def output(self, *xs: TensorSpec) -> TensorSpec:
        """The input's channels over fewer places."""
        (x,) = xs
        return x.with_shape(x.channels, *fitted(x, self.window(), "pooling region"))

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
        """`2×2, stride 2`."""
        return f"{size_text(self.size)}{extras_text(self.window(), self.size)}"
