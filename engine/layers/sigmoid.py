"""The Sigmoid activation."""

from engine.layers.context import Backward, Context
from engine.layers.layer import Layer, layer_type
from engine.tensor.ops import Array
from engine.tensor.spec import TensorSpec


@layer_type(
    "sigmoid",
    group="Activation",
    label="Sigmoid",
    is_activation=True,
    bounds=(0.0, 1.0),
    formula="y = 1 / (1 + e⁻ˣ)",
)
class Sigmoid(Layer):
    """1/(1 + e⁻ˣ): squeezes any value into (0, 1) (eq. 2.39)."""

    def output(self, *xs: TensorSpec) -> TensorSpec:
        """The input's shape."""
        return xs[0]

    def forward(self, run: Context, *xs: Array) -> tuple[Array, Backward]:
        """Element by element; the derivative follows from the output."""
        y = run.ops.sigmoid(xs[0])
        return y, lambda dy: (run.ops.sigmoid_gradient(dy, y),)
