"""The end of a network: probabilities of the classes, and the loss."""

from engine.errors import ShapeError
from engine.layers.context import Backward, Context
from engine.layers.layer import Layer, layer_type
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
        losses, probabilities, predictions = ops.cross_entropy(xs[0], labels)
        run.outcome(losses, predictions)
        return probabilities, lambda dy: (ops.cross_entropy_gradient(probabilities, labels),)
