"""The end of a network: probabilities of the classes, and the loss."""

from engine.errors import ShapeError
from engine.layers.context import Backward, Context
from engine.layers.layer import Layer, layer_type, setting
from engine.tensor.ops import Array
from engine.tensor.spec import TensorSpec


@layer_type(
    "softmax_classifier",
    group="Output",
    terminal=True,
    formula="p[k] = e^x[k] / Σ e^x[j]; loss = −log p[true class]",
)
class SoftmaxClassifier(Layer):
    """Turns scores into class probabilities (eq. 2.2) and measures the negative log likelihood (eq. 2.3)."""

    smoothing: float = setting(
        default=0.0, label="Label smoothing", minimum=0.0, maximum=0.99,
        help="Part of the truth that is spread over all classes alike while training, so that the network does not "
        "grow too sure: 0.1 to 0.2 is usual, 0 is none. Validation and test losses are always without it.",
    )  # fmt: skip

    def output(self, *xs: TensorSpec) -> TensorSpec:
        """[classes, 1, 1]."""
        (x,) = xs
        if x.is_map:
            raise ShapeError(
                f"it takes one score a class, but gets a map of {x}; put a Fully connected layer or a Global average "
                "pooling before it."
            )
        if x.channels < 2:
            raise ShapeError(
                "it needs at least 2 scores, but gets 1; give the layer before it one output a class."
            )
        return x

    def forward(self, run: Context, *xs: Array) -> tuple[Array, Backward]:
        """Probabilities; the gradient on the scores is p − [k = y], averaged over the batch (eq. 2.10)."""
        ops, labels = run.ops, run.labels
        smoothing = self.smoothing if run.training else 0.0
        losses, probabilities, predictions = ops.cross_entropy(xs[0], labels, smoothing)
        run.outcome(losses, predictions)
        return probabilities, lambda dy: (ops.cross_entropy_gradient(probabilities, labels, smoothing),)

    def summary(self) -> str:
        """`smoothing 0.1`, where there is any."""
        return f"smoothing {self.smoothing:g}" if self.smoothing else ""
