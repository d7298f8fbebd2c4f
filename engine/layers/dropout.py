"""Units switched off by chance."""

from engine.layers.context import Backward, Context
from engine.layers.layer import Layer, layer_type, setting
from engine.tensor.ops import Array
from engine.tensor.spec import TensorSpec


@layer_type(
    "dropout", group="Regularisation", formula="training: y = r·x, r ~ Bernoulli(p); prediction: y = p·x"
)
class Dropout(Layer):
    """Keeps each unit with probability p while training; prediction multiplies by p instead (eq. 2.42-2.46)."""

    keep: float = setting(
        default=0.5, label="Keep probability", minimum=0.01, maximum=1.0, live=True,
        help="It is the probability that a unit is kept, not dropped; 1 switches dropout off.",
    )  # fmt: skip

    def output(self, *xs: TensorSpec) -> TensorSpec:
        """The input's shape."""
        return xs[0]

    def forward(self, run: Context, *xs: Array) -> tuple[Array, Backward]:
        """ŷ = r·y while training, ŷ = p·y else; backward follows the same r."""
        (x,) = xs
        ops, keep = run.ops, run.live("keep")
        if not run.training:
            return ops.scale(x, keep), lambda dy: (ops.scale(dy, keep),)
        mask = ops.random_mask(keep, run.clock, x.shape, run.random_stream())
        return ops.apply_mask(x, mask), lambda dy: (ops.apply_mask(dy, mask),)

    def summary(self) -> str:
        """`keep 0.5`."""
        return f"keep {self.keep:g}"
