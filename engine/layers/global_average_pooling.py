"""One number a channel."""

from engine.layers.context import Backward, Context
from engine.layers.layer import Layer, layer_type
from engine.tensor.ops import Array
from engine.tensor.spec import TensorSpec


@layer_type("global_average_pooling", group="Pooling", formula="y[c] = Σ over i, j of x[c, i, j] / (H·W)")
class GlobalAveragePooling(Layer):
    """The mean of each channel over all places: a map of any size becomes one number a channel (Lin et al. 2013)."""

    def output(self, *xs: TensorSpec) -> TensorSpec:
        """[C, 1, 1]."""
        return xs[0].with_shape(xs[0].channels)

    def forward(self, run: Context, *xs: Array) -> tuple[Array, Backward]:
        """Mean over places; backward spreads the error evenly."""
        (x,) = xs
        return run.ops.mean_places(x), lambda dy: (run.ops.spread_places(dy, x.shape),)
