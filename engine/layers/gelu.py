"""The GELU activation."""

from engine.layers.context import Backward, Context
from engine.layers.layer import Layer, layer_type
from engine.tensor.ops import Array
from engine.tensor.spec import TensorSpec


@layer_type(
    "gelu",
    group="Activation",
    label="GELU",
    is_activation=True,
    formula="y = x/2·(1 + tanh(√(2/π)·(x + 0.044715·x³)))",
)
class Gelu(Layer):
    """x times about the chance that a normal number lies below it: a smooth ReLU (Hendrycks and Gimpel 2016)."""

    def output(self, *xs: TensorSpec) -> TensorSpec:
        """The input's shape."""
        return xs[0]

    def forward(self, run: Context, *xs: Array) -> tuple[Array, Backward]:
        """Element by element."""
        (x,) = xs
        return run.ops.gelu(x), lambda dy: (run.ops.gelu_gradient(dy, x),)
