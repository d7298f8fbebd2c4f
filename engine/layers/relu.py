"""The ReLU activation."""

from engine.layers.context import Backward, Context
from engine.layers.layer import Layer, layer_type
from engine.tensor.ops import Array
from engine.tensor.spec import TensorSpec


@layer_type("relu", group="Activation", label="ReLU", is_activation=True, formula="y = max(0, x)")
class Relu(Layer):
    """max(0, x): lets positive answers through, with slope 1, and nothing else (eq. 2.38)."""

    def output(self, *xs: TensorSpec) -> TensorSpec:
        """The input's shape."""
        return xs[0]

    def forward(self, run: Context, *xs: Array) -> tuple[Array, Backward]:
        """Element by element; the derivative follows from the output."""
        y = run.ops.relu(xs[0])
        return y, lambda dy: (run.ops.relu_gradient(dy, y),)
