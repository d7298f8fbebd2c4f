"""The part of a design that is trained: its layers in order, and one pass over them with any operations."""

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from engine.design.findings import DataShape, NodeShape
from engine.design.graph import Graph, Node
from engine.design.inference import infer
from engine.errors import DesignError, ShapeError
from engine.layers.context import Backward
from engine.layers.input import Input
from engine.layers.layer import settings_of
from engine.tensor.ops import Array, Ops
from engine.tensor.spec import ParameterSpec, StateSpec


@dataclass(frozen=True)
class Network:
    """The nodes that lead to the classifier, in order, with their shapes and where each input comes from."""

    nodes: tuple[Node, ...]
    shapes: Mapping[str, NodeShape]
    sources: Mapping[str, tuple[str, ...]]
    """Node id -> ids of the nodes that feed its ports."""

    @classmethod
    def of(cls, graph: Graph, data: DataShape | None = None) -> "Network":
        """The trainable network of a valid design; DesignError with its first problem when it is not."""
        inference = infer(graph, data)
        if inference.problems:
            problem = inference.problems[0]
            raise DesignError(problem.message, node=problem.node or None)
        classifier = next(node for node in graph.nodes.values() if node.layer.terminal)
        wanted = graph.ancestors(classifier.id) | {classifier.id}
        nodes = tuple(graph.nodes[node_id] for node_id in graph.order if node_id in wanted)
        sources = {node.id: tuple(edge.source for edge in graph.incoming[node.id]) for node in nodes}
        return cls(nodes, {node.id: inference.shapes[node.id] for node in nodes}, sources)

    @property
    def classifier(self) -> Node:
        """The last node."""
        return self.nodes[-1]

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(C, H, W) of an image."""
        node = next(node for node in self.nodes if isinstance(node.layer, Input))
        channels, height, width = (int(size) for size in self.shapes[node.id].output.shape)
        return channels, height, width

    @property
    def classes(self) -> int:
        """Number of scores."""
        return int(self.shapes[self.classifier.id].output.channels)

    @property
    def parameters(self) -> dict[str, ParameterSpec]:
        """`node/name` -> spec of every trainable tensor, in order."""
        return {
            f"{node.id}/{name}": spec
            for node in self.nodes
            for name, spec in self.shapes[node.id].parameters.items()
        }

    @property
    def states(self) -> dict[str, StateSpec]:
        """`node/name` -> spec of every untrained tensor, in order."""
        return {
            f"{node.id}/{name}": spec
            for node in self.nodes
            for name, spec in self.shapes[node.id].states.items()
        }

    @property
    def live(self) -> dict[str, float]:
        """`node/name` -> value of every setting that may change while training."""
        return {
            f"{node.id}/{declared.name}": float(getattr(node.layer, declared.name))
            for node in self.nodes
            for declared in settings_of(type(node.layer))
            if declared.live and not node.muted
        }

    def learning(self) -> frozenset[str]:
        """Ids of nodes whose output depends on a parameter, so that a gradient must reach it."""
        found: set[str] = set()
        for node in self.nodes:
            if self.shapes[node.id].parameters or any(source in found for source in self.sources[node.id]):
                found.add(node.id)
        return frozenset(found)

    def before_activation(self) -> frozenset[str]:
        """Ids of nodes whose input has passed no activation: their weights start by the Xavier rule."""
        passed: set[str] = set()
        for node in self.nodes:
            active = node.layer.is_activation and not node.muted
            if active or any(source in passed for source in self.sources[node.id]):
                passed.add(node.id)
        clean = (n.id for n in self.nodes if not any(source in passed for source in self.sources[n.id]))
        return frozenset(clean)


class Bindings(Protocol):
    """Where a pass finds parameters and states, and where it leaves gradients."""

    def parameter(self, key: str) -> Array:
        """The parameter `node/name` in stored layout."""

    def state(self, key: str) -> Array:
        """The untrained tensor `node/name`."""

    def live(self, key: str) -> Array:
        """The [1] array of a live setting."""

    def gradient(self, key: str, value: Array) -> None:
        """Take the gradient of a parameter."""

    @property
    def clock(self) -> Array:
        """The counters."""


class _Outcome:
    """What the classifier hands over."""

    losses: Array = None
    predictions: Array = None


class _NodeContext:
    """One layer's view of a pass (see `engine.layers.context.Context`).

    What goes back holds it, and the pass holds what goes back: it must not hold the pass, whose arrays would then stay
    in memory until garbage is collected, which may take many minutes.
    """

    def __init__(self, network_pass: "NetworkPass", node: Node, outcome: _Outcome) -> None:
        self._node = node
        self._outcome = outcome
        self._bindings = network_pass.bindings
        self._sources = network_pass.network.sources[node.id]
        self._learning = network_pass.learning
        self.ops = network_pass.ops
        self.training = network_pass.training
        self.labels = network_pass.labels
        self.clock = network_pass.bindings.clock

    def parameter(self, name: str) -> Array:
        return self._bindings.parameter(f"{self._node.id}/{name}")

    def state(self, name: str) -> Array:
        return self._bindings.state(f"{self._node.id}/{name}")

    def live(self, name: str) -> Array:
        return self._bindings.live(f"{self._node.id}/{name}")

    def gradient(self, name: str, value: Array) -> None:
        self._bindings.gradient(f"{self._node.id}/{name}", value)

    def wants_gradient(self, index: int = 0) -> bool:
        return self._sources[index] in self._learning

    def random_stream(self) -> int:
        return zlib.crc32(self._node.id.encode())

    def outcome(self, losses: Array, predictions: Array) -> None:
        self._outcome.losses, self._outcome.predictions = losses, predictions


class NetworkPass:
    """One forward pass over a network, and the backward pass that belongs to it.

    `visit(node id, phase)` is told before each layer runs, so that a recorder knows whom operations belong to. With
    `to_images` the error is handed back as far as the images, and kept at every node in `errors`.
    """

    def __init__(
        self,
        network: Network,
        ops: Ops,
        bindings: Bindings,
        labels: Array,
        *,
        training: bool,
        visit: Callable[[str, str], None] = lambda node, phase: None,
        to_images: bool = False,
    ) -> None:
        self.network = network
        self.ops = ops
        self.bindings = bindings
        self.labels = labels
        self.training = training
        self.learning = frozenset(network.shapes) if to_images else network.learning()
        self._outcome = _Outcome()
        self.outputs: dict[str, Array] = {}
        """Node id -> its output."""
        self.errors: dict[str, Array] = {}
        """Node id -> gradient by its output, of a pass back to the images."""
        self._to_images = to_images
        self._visit = visit
        self._backward: dict[str, Backward] = {}

    @property
    def losses(self) -> Array:
        """Of each example; None before the classifier has run."""
        return self._outcome.losses

    @property
    def predictions(self) -> Array:
        """The class that is answered for each example; None before the classifier has run."""
        return self._outcome.predictions

    def forward(self, images: Array) -> None:
        """Run every layer; losses, predictions and outputs are there afterwards."""
        for node in self.network.nodes:
            inputs = [self.outputs[source] for source in self.network.sources[node.id]] or [images]
            if node.muted:
                self.outputs[node.id] = inputs[0]
                continue
            self._visit(node.id, "forward")
            self.outputs[node.id], self._backward[node.id] = self.run_node(node, *inputs)

    def run_node(self, node: Node, *inputs: Array) -> tuple[Array, Backward]:
        """One layer alone: its output, and the backward pass that belongs to it."""
        try:
            return node.layer.forward(_NodeContext(self, node, self._outcome), *inputs)
        except ShapeError as error:
            raise ShapeError(f"{node.name}: {error}", node=node.id, repairs=error.repairs) from error

    def backward(self, scores: Array | None = None) -> None:
        """Hand the error back from the classifier to every layer before which something learns.

        It begins with the gradient of the loss, or with `scores`, a gradient by what the classifier takes.
        """
        errors: dict[str, list[Array]] = {}
        for node in reversed(self.network.nodes):
            if node.id not in self.learning:
                continue
            arrived = errors.pop(node.id, [])
            self._visit(node.id, "backward")
            error = arrived[0] if len(arrived) == 1 else self.ops.add(*arrived) if arrived else None
            if self._to_images:
                self.errors[node.id] = error
            if not self.network.sources[node.id]:
                continue
            if scores is not None and node.layer.terminal:
                given: tuple[Array | None, ...] = (scores,)
            else:
                given = (error,) if node.muted else self._backward[node.id](error)
            for source, part in zip(self.network.sources[node.id], given, strict=True):
                if part is not None and source in self.learning:
                    errors.setdefault(source, []).append(part)
