"""Values multiplied by a constant."""

from engine.layers.context import Backward, Context
from engine.layers.layer import Layer, layer_type, setting
from engine.tensor.ops import Array
from engine.tensor.spec import TensorSpec


@layer_type("scale", group="Linear", formula="y = a·x")
class Scale(Layer):
    """Multiplies everything by a constant that is not learned: softer scores before a classifier, a weaker branch."""

    factor: float = setting(
        default=0.125, label="Factor", minimum=-1000.0, maximum=1000.0, live=True,
        help="What every value is multiplied by. Before a classifier, a factor below 1 keeps early steps calm.",
    )  # fmt: skip

    def output(self, *xs: TensorSpec) -> TensorSpec:
        """The input's shape."""
        return xs[0]

    def forward(self, run: Context, *xs: Array) -> tuple[Array, Backward]:
        """Element by element, both ways."""
        factor = run.live("factor")
        return run.ops.scale(xs[0], factor), lambda dy: (run.ops.scale(dy, factor),)

    def summary(self) -> str:
        """`× 0.125`."""
        return f"× {self.factor:g}"
