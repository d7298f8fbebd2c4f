"""Channels brought to zero mean and unit variance."""

from engine.errors import ShapeError
from engine.layers.context import Backward, Context
from engine.layers.layer import Layer, layer_type, setting
from engine.tensor.ops import Array
from engine.tensor.spec import ParameterSpec, StateSpec, TensorSpec


@layer_type("batch_normalisation", group="Normalisation", formula="y = γ[c]·(x − μ[c]) / √(σ²[c] + ε) + β[c]")
class BatchNormalisation(Layer):
    """Brings each channel to zero mean and unit variance over the batch, then scales and shifts it (Ioffe 2015)."""

    momentum: float = setting(
        default=0.1, label="Momentum", minimum=0.0, maximum=1.0,
        help="Share of the batch's statistics that goes into the running ones, which prediction uses.",
    )  # fmt: skip
    epsilon: float = setting(
        default=1e-5,
        label="Epsilon",
        minimum=1e-12,
        maximum=1.0,
        help="Added to the variance before the root.",
    )

    def output(self, *xs: TensorSpec) -> TensorSpec:
        """The input's shape."""
        return xs[0]

    def parameters(self, *xs: TensorSpec) -> dict[str, ParameterSpec]:
        """Scale and shift a channel."""
        shape = (int(xs[0].channels),)
        return {"scale": ParameterSpec(shape, init="one"), "shift": ParameterSpec(shape)}

    def states(self, *xs: TensorSpec) -> dict[str, StateSpec]:
        """Running mean and (unbiased) variance a channel."""
        shape = (int(xs[0].channels),)
        return {"mean": StateSpec(shape), "variance": StateSpec(shape, fill=1.0)}

    def forward(self, run: Context, *xs: Array) -> tuple[Array, Backward]:
        """Batch statistics while training, running ones else."""
        (x,) = xs
        ops, scale, shift = run.ops, run.parameter("scale"), run.parameter("shift")
        mean, variance = run.state("mean"), run.state("variance")
        if not run.training:
            y = ops.normalise_fixed(x, scale, shift, mean, variance, self.epsilon)
            # With given statistics it is a linear map, the same both ways; nothing learns here.
            zero = ops.elementwise("subtract", shift, shift)
            return y, lambda dy: (ops.normalise_fixed(dy, scale, zero, zero, variance, self.epsilon),)
        count = x.shape[0] * x.shape[1] * x.shape[2]
        if count < 2:
            raise ShapeError(
                "batch normalisation of single values needs a batch of at least 2; enlarge the batch."
            )
        y, batch_mean, batch_variance, inverse = ops.normalise_batch(x, scale, shift, self.epsilon)
        ops.blend(mean, batch_mean, self.momentum)
        ops.blend(variance, batch_variance, self.momentum, factor=count / (count - 1))

        def backward(dy: Array) -> tuple[Array | None, ...]:
            dx, dscale, dshift = ops.normalise_batch_gradient(dy, x, scale, batch_mean, inverse)
            run.gradient("scale", dscale)
            run.gradient("shift", dshift)
            return (dx,)

        return y, backward
