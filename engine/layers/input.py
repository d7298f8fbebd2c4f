"""The images that enter the network."""

from engine.layers.context import Backward, Context
from engine.layers.layer import Layer, layer_type, setting
from engine.tensor.dimension import Dimension
from engine.tensor.ops import Array
from engine.tensor.spec import TensorSpec


@layer_type("input", group="Input", inputs=(0, 0))
class Input(Layer):
    """Where images enter: channels × height × width of one image."""

    shape: tuple[int, int, int] = setting(
        default=(1, 28, 28), label="Shape", kind="shape", minimum=1, maximum=65536,
        help="Channels, height and width of one image; MNIST 1×28×28, CIFAR-10 3×32×32.",
    )  # fmt: skip

    def output(self, *xs: TensorSpec) -> TensorSpec:
        """The shape as it is set."""
        names = ("channels", "height", "width")
        sizes = (
            Dimension(size, f"{name} of the input") for size, name in zip(self.shape, names, strict=True)
        )
        return TensorSpec(*sizes)

    def forward(self, run: Context, *xs: Array) -> tuple[Array, Backward]:
        """Hand the batch on; nothing before it learns."""
        return xs[0], lambda dy: (None,)

    def summary(self) -> str:
        """The image's shape."""
        return "×".join(str(size) for size in self.shape)
