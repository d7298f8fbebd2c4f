"""The ELU activation."""

from engine.layers.context import Backward, Context
from engine.layers.layer import Layer, layer_type, setting
from engine.tensor.ops import Array
from engine.tensor.spec import TensorSpec


@layer_type(
    "elu",
    group="Activation",
    label="ELU",
    is_activation=True,
    formula="y = x for x > 0, else α·(eˣ − 1)",
)
class Elu(Layer):
    """x where it is positive, else a curve that ends at −α: means stay nearer to 0 (Clevert et al. 2015)."""

    alpha: float = setting(
        default=1.0, label="Alpha", minimum=0.0, maximum=100.0,
        help="Where the curve ends far below 0; at 1 it has no kink.",
    )  # fmt: skip

    def output(self, *xs: TensorSpec) -> TensorSpec:
        """The input's shape."""
        return xs[0]

    def forward(self, run: Context, *xs: Array) -> tuple[Array, Backward]:
        """Element by element."""
        (x,) = xs
        return run.ops.elu(x, self.alpha), lambda dy: (run.ops.elu_gradient(dy, x, self.alpha),)

    def summary(self) -> str:
        """`alpha 1`."""
        return f"alpha {self.alpha:g}"
