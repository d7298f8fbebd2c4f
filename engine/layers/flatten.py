"""A map laid out as a vector."""

from engine.layers.context import Backward, Context
from engine.layers.layer import Layer, layer_type
from engine.tensor.ops import Array
from engine.tensor.spec import TensorSpec


@layer_type("flatten", group="Linear", formula="y[(c·H + i)·W + j] = x[c, i, j]")
class Flatten(Layer):
    """Lays a map out as one vector: channel by channel, row by row. Fully connected layers do so by themselves."""

    def output(self, *xs: TensorSpec) -> TensorSpec:
        """[C·H·W, 1, 1]."""
        return xs[0].with_shape(xs[0].features)

    def forward(self, run: Context, *xs: Array) -> tuple[Array, Backward]:
        """Reorder to C, H, W; backward puts it back."""
        (x,) = xs
        return run.ops.channels_first(x), lambda dy: (run.ops.channels_last(dy, x.shape),)
