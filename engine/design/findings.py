"""What inference finds out about a design: a shape or a problem for every node."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from engine.design.graph import Graph
from engine.errors import Repair
from engine.tensor.spec import Cost, ParameterSpec, StateSpec, TensorSpec

_BYTES = 4
"""Of a value in float32."""


@dataclass(frozen=True, slots=True)
class DataShape:
    """What the chosen data offers a network: image shape (C, H, W) and number of classes."""

    image: tuple[int, int, int]
    classes: int


@dataclass(frozen=True)
class NodeShape:
    """What inference found out about a node that fits."""

    inputs: tuple[TensorSpec, ...]
    output: TensorSpec
    parameters: Mapping[str, ParameterSpec] = field(default_factory=dict)
    states: Mapping[str, StateSpec] = field(default_factory=dict)
    cost: Cost = field(default_factory=Cost)
    remarks: tuple[str, ...] = ()
    """What the layer itself finds questionable about these inputs."""

    @cached_property
    def parameter_count(self) -> int:
        """Trainable values."""
        return sum(spec.count for spec in self.parameters.values())

    @cached_property
    def least_memory(self) -> int:
        """Bytes that the node takes at the very least: its parameters with gradients, its output for one image."""
        channels, height, width = self.output.shape
        return _BYTES * (2 * self.parameter_count + int(channels) * int(height) * int(width))


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a network cannot train: the node at the root ("" for the network itself), a reason, and repairs."""

    node: str
    message: str
    repairs: tuple[Repair, ...] = ()


@dataclass(frozen=True)
class Inference:
    """Shapes of the nodes that fit, problems at their roots, and who waits for which of them."""

    shapes: Mapping[str, NodeShape]
    problems: tuple[Problem, ...]
    waiting: Mapping[str, str]
    """Node id -> id of the node whose problem it waits for."""
    hints: tuple[Problem, ...] = ()
    graph: Graph = field(default_factory=Graph, repr=False, compare=False)
    """The design that this was found out about."""

    @property
    def is_valid(self) -> bool:
        """True when the network can be compiled and trained."""
        return not self.problems

    @cached_property
    def problem_of(self) -> Mapping[str, Problem]:
        """The first problem of each node that has one."""
        return {problem.node: problem for problem in reversed(self.problems)}

    @cached_property
    def parameter_count(self) -> int:
        """Trainable values of all nodes with a shape."""
        return sum(shape.parameter_count for shape in self.shapes.values())
