"""Filters that slide over a map."""

from engine.errors import Repair, ShapeError
from engine.layers.context import Backward, Context
from engine.layers.layer import Layer, layer_type, setting
from engine.layers.windows import dropped_pixels, extras_text, fitted, size_text
from engine.tensor.ops import Array
from engine.tensor.spec import Cost, ParameterSpec, TensorSpec
from engine.tensor.window import Window


@layer_type(
    "convolution",
    group="Convolution",
    formula="y[k, i, j] = Σ over c, u, v of w[k, c, u, v]·x[c, i·s + u − p, j·s + v − p] + b[k]",
)
class Convolution(Layer):
    """Slides each filter over the map, to answer where its pattern lies: cross-correlation, bias (eq. 2.23-2.31)."""

    filters: int = setting(
        default=32, label="Filters", minimum=1, help="Number of patterns to look for: channels of the output."
    )
    size: tuple[int, int] = setting(
        default=(5, 5),
        label="Filter size",
        kind="size",
        minimum=1,
        help="Height and width of a filter in pixels.",
    )
    stride: tuple[int, int] = setting(
        default=(1, 1),
        label="Stride",
        kind="size",
        minimum=1,
        help="Pixels between neighbouring places of the filter.",
    )
    padding: tuple[int, int, int, int] = setting(
        default=(0, 0, 0, 0),
        label="Padding",
        kind="padding",
        minimum=0,
        help="Zeros put around the map: top, bottom, left, right.",
    )
    dilation: tuple[int, int] = setting(
        default=(1, 1),
        label="Dilation",
        kind="size",
        minimum=1,
        help="Pixels between neighbouring taps of a filter; 1 is dense.",
    )
    groups: int = setting(
        default=1,
        label="Groups",
        minimum=1,
        help="Channels are split into this many groups that do not see each other.",
    )
    bias: bool = setting(default=True, label="Bias", help="Add a learned constant to each filter's answer.")

    def window(self) -> Window:
        """The filter's geometry."""
        return Window(self.size, self.stride, self.padding, self.dilation)

    def output(self, *xs: TensorSpec) -> TensorSpec:
        """[filters, rows, columns]."""
        (x,) = xs
        if x.channels % self.groups or self.filters % self.groups:
            raise ShapeError(
                f"{self.groups} groups must divide the {int(x.channels)} channels of the input and the "
                f"{self.filters} filters evenly; choose another number of groups.",
                repairs=(Repair("Set groups to 1", groups=1),),
            )
        return x.with_shape(self.filters, *fitted(x, self.window(), "filter"))

    def parameters(self, *xs: TensorSpec) -> dict[str, ParameterSpec]:
        """Filters [K, C/groups, h, w] and one bias a filter."""
        channels = int(xs[0].channels) // self.groups
        shape = (self.filters, channels, *self.size)
        fan_in = channels * self.size[0] * self.size[1]
        filters = {"weight": ParameterSpec(shape, init="he", fan_in=fan_in, decays=True, places=shape)}
        return {**filters, "bias": ParameterSpec((self.filters,))} if self.bias else filters

    def forward(self, run: Context, *xs: Array) -> tuple[Array, Backward]:
        """Convolve; backward gives the adjoint."""
        (x,) = xs
        ops, window, w = run.ops, self.window(), run.parameter("weight")
        y = ops.convolution(x, w, run.parameter("bias") if self.bias else None, window, self.groups)

        def backward(dy: Array) -> tuple[Array | None, ...]:
            if self.bias:
                run.gradient("bias", ops.sum_to_channels(dy))
            run.gradient("weight", ops.convolution_weight_gradient(x, dy, w.shape, window, self.groups))
            if not run.wants_gradient():
                return (None,)
            return (ops.convolution_input_gradient(dy, w, x.shape, window, self.groups),)

        return y, backward

    def cost(self, *xs: TensorSpec) -> Cost:
        """K · C/groups · h · w multiply-adds a place."""
        places = self.window().count(xs[0].height, xs[0].width)
        work = self.filters * places * int(xs[0].channels) // self.groups * self.size[0] * self.size[1]
        return Cost(work, work, work)

    def hints(self, *xs: TensorSpec) -> tuple[str, ...]:
        """Pixels that the stride drops."""
        return dropped_pixels(xs[0], self.window())

    def summary(self) -> str:
        """`32 filters 5×5, padding 2`."""
        text = f"{self.filters} filters {size_text(self.size)}{extras_text(self.window(), (1, 1))}"
        return text if self.groups == 1 else f"{text}, {self.groups} groups"
