"""Every output sees every input."""

from engine.layers.context import Backward, Context
from engine.layers.layer import Layer, layer_type, setting
from engine.tensor.ops import Array
from engine.tensor.spec import Cost, ParameterSpec, TensorSpec


@layer_type("fully_connected", group="Linear", formula="y = W·x + b")
class FullyConnected(Layer):
    """Each output is a weighted sum of all inputs plus a bias; a map is flattened for free (eq. 2.18-2.22)."""

    outputs: int = setting(
        default=10,
        label="Outputs",
        minimum=1,
        help="Number of units; the last one before the classifier has one a class.",
    )
    bias: bool = setting(default=True, label="Bias", help="Add a learned constant to each output.")

    def output(self, *xs: TensorSpec) -> TensorSpec:
        """[outputs, 1, 1]."""
        return xs[0].with_shape(self.outputs)

    def parameters(self, *xs: TensorSpec) -> dict[str, ParameterSpec]:
        """Weights [D, C·H·W] and one bias an output."""
        features = int(xs[0].features)
        channels, height, width = (int(size) for size in xs[0].shape)
        weight = ParameterSpec(
            (self.outputs, features), init="he", fan_in=features, decays=True,
            places=(self.outputs, channels, height, width),
        )  # fmt: skip
        return {"weight": weight, "bias": ParameterSpec((self.outputs,))} if self.bias else {"weight": weight}

    def forward(self, run: Context, *xs: Array) -> tuple[Array, Backward]:
        """W a + b; backward gives Wᵀ δ."""
        (x,) = xs
        ops, w = run.ops, run.parameter("weight")
        y = ops.linear(x, w, run.parameter("bias") if self.bias else None)

        def backward(dy: Array) -> tuple[Array | None, ...]:
            run.gradient("weight", ops.linear_weight_gradient(x, dy, w.shape))
            if self.bias:
                run.gradient("bias", ops.sum_to_channels(dy))
            return (ops.linear_input_gradient(dy, w, x.shape) if run.wants_gradient() else None,)

        return y, backward

    def cost(self, *xs: TensorSpec) -> Cost:
        """One multiply-add a weight."""
        work = self.outputs * int(xs[0].features)
        return Cost(work, work, work)

    def summary(self) -> str:
        """`1024 outputs`."""
        return f"{self.outputs} outputs"
