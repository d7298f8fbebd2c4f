"""A stand-in for a layer type that this version does not know: kept and saved back as it was."""

from dataclasses import dataclass
from typing import Any, ClassVar

from engine.errors import ShapeError
from engine.layers.context import Backward, Context
from engine.layers.layer import Layer
from engine.tensor.ops import Array
from engine.tensor.spec import TensorSpec


@dataclass(frozen=True)
class Placeholder(Layer):
    """Holds the name and the raw settings of an unknown layer type; it never has a shape."""

    label: ClassVar[str] = "Unknown layer"
    group: ClassVar[str] = "Unknown"
    least_inputs: ClassVar[int] = 0
    most_inputs: ClassVar[int | None] = None
    terminal: ClassVar[bool] = False
    is_activation: ClassVar[bool] = False

    unknown_type: str
    raw_settings: dict[str, Any]

    def __post_init__(self) -> None:
        """Go by the name of the unknown type; the settings are kept as they came."""
        object.__setattr__(self, "type_name", self.unknown_type)

    def output(self, *xs: TensorSpec) -> TensorSpec:
        """Always a problem: this version cannot tell."""
        raise ShapeError(
            f"This version of Gabor does not know the layer type '{self.unknown_type}'. Open the project with the "
            "version that made it, or delete the node; it is saved back unchanged."
        )

    def forward(self, run: Context, *xs: Array) -> tuple[Array, Backward]:
        """Never reached: a network with a placeholder has a problem and does not compile."""
        raise ShapeError(f"The layer type '{self.unknown_type}' is not known.")

    def summary(self) -> str:
        """The unknown type's name."""
        return self.unknown_type
