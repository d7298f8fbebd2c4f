"""Maps stacked along their channels."""

from engine.errors import ShapeError
from engine.layers.context import Backward, Context
from engine.layers.layer import Layer, layer_type
from engine.tensor.dimension import total
from engine.tensor.ops import Array
from engine.tensor.spec import TensorSpec


@layer_type(
    "concatenate", group="Join", inputs=(2, None), formula="y = the channels of x₁, then those of x₂, …"
)
class Concatenate(Layer):
    """Stacks the channels of its inputs, which must have the same height and width."""

    def output(self, *xs: TensorSpec) -> TensorSpec:
        """[sum of the channels, H, W]."""
        for number, x in enumerate(xs[1:], start=2):
            if x.shape[1:] != xs[0].shape[1:]:
                raise ShapeError(
                    f"input 1 is {xs[0]}, but input {number} is {x}, and only maps of one height and width can be "
                    "stacked; change the stride or padding of one branch."
                )
        return xs[0].with_shape(total(*(x.channels for x in xs)), xs[0].height, xs[0].width)

    def forward(self, run: Context, *xs: Array) -> tuple[Array, Backward]:
        """Stack; backward takes the error apart again."""
        ops = run.ops
        stops = [sum(x.shape[3] for x in xs[: i + 1]) for i in range(len(xs))]

        def backward(dy: Array) -> tuple[Array | None, ...]:
            return tuple(
                ops.take_channels(dy, stop - x.shape[3], stop) for x, stop in zip(xs, stops, strict=True)
            )

        return ops.concatenate(*xs), backward
