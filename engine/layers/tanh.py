"""The Tanh activation."""

from engine.layers.context import Backward, Context
from engine.layers.layer import Layer, layer_type
from engine.tensor.ops import Array
from engine.tensor.spec import TensorSpec


@layer_type(
    "tanh",
    group="Activation",
    label="Tanh",
    is_activation=True,
    bounds=(-1.0, 1.0),
    formula="y = (eˣ − e⁻ˣ) / (eˣ + e⁻ˣ)",
)
class Tanh(Layer):
    """Hyperbolic tangent: squeezes any value into (−1, 1)."""

    def output(self, *xs: TensorSpec) -> TensorSpec:
        """The input's shape."""
        return xs[0]

    def forward(self, run: Context, *xs: Array) -> tuple[Array, Backward]:
        """Element by element; the derivative follows from the output."""
        y = run.ops.tanh(xs[0])
        return y, lambda dy: (run.ops.tanh_gradient(dy, y),)
