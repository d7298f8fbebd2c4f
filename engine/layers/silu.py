"""The SiLU activation."""

from engine.layers.context import Backward, Context
from engine.layers.layer import Layer, layer_type
from engine.tensor.ops import Array
from engine.tensor.spec import TensorSpec


@layer_type(
    "silu",
    group="Activation",
    label="SiLU",
    is_activation=True,
    formula="y = x / (1 + e⁻ˣ)",
)
class Silu(Layer):
    """x times its sigmoid, a smooth ReLU that dips below 0, also called Swish (Elfwing et al. 2017)."""

    def output(self, *xs: TensorSpec) -> TensorSpec:
        """The input's shape."""
        return xs[0]

    def forward(self, run: Context, *xs: Array) -> tuple[Array, Backward]:
        """Element by element."""
        (x,) = xs
        return run.ops.silu(x), lambda dy: (run.ops.silu_gradient(dy, x),)
