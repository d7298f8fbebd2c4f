"""What a layer type declares. From it come palette, inspector, file, checks and documentation."""

import dataclasses
import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar, dataclass_transform

from engine.errors import DesignError
from engine.layers.context import Backward, Context
from engine.tensor.ops import Array
from engine.tensor.spec import Cost, ParameterSpec, StateSpec, TensorSpec
from engine.tensor.window import Window

GROUPS = (
    "Input", "Linear", "Convolution", "Pooling", "Activation", "Normalisation", "Regularisation", "Join", "Output"
)  # fmt: skip
"""Order in which a palette shows the groups; others follow in alphabetical order."""

_LENGTHS = {"size": 2, "padding": 4, "shape": 3}
_MAXIMUM = 1_000_000
_LONGEST = 10**300


@dataclass(frozen=True, slots=True)
class Setting:
    """Declaration of one setting of a layer.

    `kind` is "integer", "real", "flag", "choice", "size" (vertical, horizontal), "padding" (top, bottom,
    left, right) or "shape" (channels, height, width). `live` settings may change while training.
    """

    name: str
    label: str
    kind: str
    default: Any
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    help: str = ""
    live: bool = False

    def normalise(self, value: object, owner: str) -> Any:
        """The value in its stored form (one number sets every axis); DesignError in words when it cannot be."""
        if self.kind == "flag":
            if isinstance(value, bool):
                return value
            raise DesignError(f"{self.label} of {owner} is on or off (true or false), not {value!r}.")
        if self.kind == "choice":
            if value in self.choices:
                return value
            raise DesignError(f"{self.label} of {owner} is one of {', '.join(self.choices)}, not {value!r}.")
        if self.kind in _LENGTHS:
            length = _LENGTHS[self.kind]
            axes = [value] * length if isinstance(value, int) else value
            if not isinstance(axes, list | tuple) or len(axes) != length:
                raise DesignError(f"{self.label} of {owner} takes {length} whole numbers, not {value!r}.")
            return tuple(self._whole(axis, owner) for axis in axes)
        return self._whole(value, owner) if self.kind == "integer" else self._real(value, owner)

    def _whole(self, value: object, owner: str) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise DesignError(f"{self.label} of {owner} takes whole numbers, not {value!r}.")
        return int(self._within(max(-_LONGEST, min(value, _LONGEST)), owner))

    def _real(self, value: object, owner: str) -> float:
        # Files may hold whole numbers of any length; beyond the largest float they are as good as infinite.
        too_long = isinstance(value, int) and abs(value) > _LONGEST
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or too_long
            or not math.isfinite(value)
        ):
            shown = "one that long" if too_long else repr(value)
            raise DesignError(f"{self.label} of {owner} takes a finite number, not {shown}.")
        return float(self._within(float(value), owner))

    def _within(self, value: float, owner: str) -> float:
        if self.minimum is not None and value < self.minimum:
            raise DesignError(f"{self.label} of {owner} must be at least {self._told(self.minimum, value)}")
        if self.maximum is not None and value > self.maximum:
            raise DesignError(f"{self.label} of {owner} must be at most {self._told(self.maximum, value)}")
        return value

    def _told(self, limit: float, value: float) -> str:
        return f"{limit:g}, not {value:g}.{' ' + self.help if self.help else ''}"


def setting(
    *,
    default: Any,
    label: str,
    kind: str = "",
    minimum: float | None = None,
    maximum: float | None = None,
    choices: tuple[str, ...] = (),
    help: str = "",
    live: bool = False,
) -> Any:
    """Declare a setting as a class attribute of a layer; the kind follows from the default when left out."""
    if not kind:
        by_type = {bool: "flag", int: "integer", float: "real", str: "choice"}
        kind = by_type[type(default)]
    if kind in ("integer", "size", "shape", "padding") and maximum is None:
        maximum = _MAXIMUM
    metadata = {
        "label": label, "kind": kind, "minimum": minimum, "maximum": maximum,
        "choices": choices, "help": help, "live": live,
    }  # fmt: skip
    return dataclasses.field(default=default, metadata={"setting": metadata})


class Layer(ABC):
    """A layer: frozen settings and pure rules. It owns no arrays and knows no device.

    A type is made with `@layer_type`; every type is final. Rules take the specs of the inputs in the
    order of the ports and raise ShapeError where those do not fit.
    """

    type_name: ClassVar[str]
    label: ClassVar[str]
    group: ClassVar[str]
    least_inputs: ClassVar[int]
    most_inputs: ClassVar[int | None]
    """None: any number of inputs."""
    terminal: ClassVar[bool]
    """A network ends here: nothing connects behind this layer."""
    is_activation: ClassVar[bool]
    formula: ClassVar[str] = ""
    """What it computes, in one line for people; x is the input, y the output, c a channel, i and j a place."""
    bounds: ClassVar[tuple[float, float] | None]
    """Least and greatest output of an activation that cannot pass them; None where there is no end."""

    def __post_init__(self) -> None:
        for declared in settings_of(type(self)):
            value = declared.normalise(getattr(self, declared.name), self.label)
            object.__setattr__(self, declared.name, value)

    @abstractmethod
    def output(self, *xs: TensorSpec) -> TensorSpec:
        """Shape of the output; ShapeError with both sizes and the next step where the inputs do not fit."""

    @abstractmethod
    def forward(self, run: Context, *xs: Array) -> tuple[Array, Backward]:
        """The output, and a function that turns its gradient into those of the inputs. No rule may look at values."""

    def parameters(self, *xs: TensorSpec) -> dict[str, ParameterSpec]:
        """Trainable tensors by name."""
        return {}

    def states(self, *xs: TensorSpec) -> dict[str, StateSpec]:
        """Tensors kept from step to step but not trained, by name."""
        return {}

    def cost(self, *xs: TensorSpec) -> Cost:
        """Multiply-adds for one example."""
        return Cost()

    def hints(self, *xs: TensorSpec) -> tuple[str, ...]:
        """Remarks on a valid but questionable choice; each goes on after the node's name and a colon."""
        return ()

    def summary(self) -> str:
        """The few settings that matter, for the node: `32 filters 5×5`."""
        return ""

    def window(self) -> Window | None:
        """The sliding window that the layer looks through: what a receptive field is computed from."""
        return None


REGISTRY: dict[str, type[Layer]] = {}
"""Every layer type by its name in files."""

_LayerType = TypeVar("_LayerType", bound=Layer)


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(setting,))
def layer_type(
    type_name: str,
    *,
    group: str,
    label: str = "",
    inputs: tuple[int, int | None] = (1, 1),
    terminal: bool = False,
    is_activation: bool = False,
    formula: str = "",
    bounds: tuple[float, float] | None = None,
) -> Callable[[type[_LayerType]], type[_LayerType]]:
    """Register a class as a layer type; `inputs` is the (least, most) number of inputs."""

    def register(cls: type[_LayerType]) -> type[_LayerType]:
        cls.type_name = type_name
        cls.label = label or type_name.replace("_", " ").capitalize()
        cls.group = group
        cls.least_inputs, cls.most_inputs = inputs
        cls.terminal = terminal
        cls.is_activation = is_activation
        cls.formula = formula
        cls.bounds = bounds
        finished = dataclass(frozen=True, kw_only=True)(cls)
        REGISTRY[type_name] = finished
        return finished

    return register


def settings_of(layer: type[Layer]) -> tuple[Setting, ...]:
    """The settings that a layer type declares, in the order of its class."""
    fields = dataclasses.fields(layer)  # type: ignore[arg-type]
    return tuple(
        Setting(name=field.name, default=field.default, **field.metadata["setting"])
        for field in fields
        if "setting" in field.metadata
    )


def make_layer(type_name: str, settings: dict[str, object] | None = None) -> Layer:
    """A layer from its type's name and (some of) its settings; DesignError names what is unknown."""
    cls = REGISTRY.get(type_name)
    if cls is None:
        raise DesignError(f"There is no layer type '{type_name}'.")
    known = {declared.name for declared in settings_of(cls)}
    for name in settings or {}:
        if name not in known:
            raise DesignError(
                f"{cls.label} has no setting '{name}'; it has {', '.join(sorted(known)) or 'none'}."
            )
    return cls(**(settings or {}))


def settings_values(layer: Layer) -> dict[str, Any]:
    """The settings of a layer by name, in their stored form."""
    return {declared.name: getattr(layer, declared.name) for declared in settings_of(type(layer))}


def setting_text(value: object) -> str:
    """The value of a setting for people: one number for equal axes, `5×3`, on or off."""
    if isinstance(value, tuple):
        return str(value[0]) if len(set(value)) == 1 else "×".join(map(str, value))
    return {True: "on", False: "off"}[value] if isinstance(value, bool) else str(value)


def with_settings(layer: Layer, **changes: object) -> Layer:
    """The same layer with some settings changed; DesignError when a value is not valid."""
    return make_layer(layer.type_name, {**settings_values(layer), **changes})
