"""Maps of one shape, summed."""

from engine.errors import ShapeError
from engine.layers.context import Backward, Context
from engine.layers.layer import Layer, layer_type
from engine.tensor.ops import Array
from engine.tensor.spec import TensorSpec


@layer_type("add", group="Join", inputs=(2, None), formula="y = x₁ + x₂ + …")
class Add(Layer):
    """The sum of its inputs, which must have one shape: the join of a skip connection (He et al. 2015)."""

    def output(self, *xs: TensorSpec) -> TensorSpec:
        """The shape that all inputs share."""
        for number, x in enumerate(xs[1:], start=2):
            if x != xs[0]:
                raise ShapeError(
                    f"input 1 is {xs[0]}, but input {number} is {x}, and only equal shapes can be added; change the "
                    "channels, stride or padding of one branch, or concatenate instead."
                )
        return xs[0]

    def forward(self, run: Context, *xs: Array) -> tuple[Array, Backward]:
        """Sum; backward hands the error to every input."""
        return run.ops.add(*xs), lambda dy: (dy,) * len(xs)
