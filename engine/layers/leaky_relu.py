"""The leaky ReLU activation."""

from engine.layers.context import Backward, Context
from engine.layers.layer import Layer, layer_type, setting
from engine.tensor.ops import Array
from engine.tensor.spec import TensorSpec


@layer_type(
    "leaky_relu",
    group="Activation",
    label="Leaky ReLU",
    is_activation=True,
    formula="y = x for x > 0, else α·x",
)
class LeakyRelu(Layer):
    """x where it is positive, else slope · x: a unit that never quite dies (Maas et al. 2013)."""

    slope: float = setting(
        default=0.01, label="Slope", minimum=0.0, maximum=1.0, help="Slope for negative values; 0 is ReLU."
    )

    def output(self, *xs: TensorSpec) -> TensorSpec:
        """The input's shape."""
        return xs[0]

    def forward(self, run: Context, *xs: Array) -> tuple[Array, Backward]:
        """Element by element."""
        (x,) = xs
        return run.ops.leaky_relu(x, self.slope), lambda dy: (run.ops.leaky_relu_gradient(dy, x, self.slope),)

    def summary(self) -> str:
        """`slope 0.01`."""
        return f"slope {self.slope:g}"
