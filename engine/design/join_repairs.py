"""Repairs of branches whose shapes do not match where they join."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

from engine.design import edits
from engine.design.graph import Edge, Graph, Node
from engine.errors import Repair
from engine.layers.layer import Layer, make_layer, settings_of
from engine.tensor.spec import TensorSpec


def alike(graph: Graph, node_id: str, specs: Sequence[TensorSpec]) -> Iterator[Repair]:
    """Make the branches of a join alike: by a setting of a layer in them, by a 1×1 convolution, by stacking them."""
    node, edges = graph.nodes[node_id], graph.incoming[node_id]
    # Pixels that were dropped cannot come back, so the smallest map is the measure.
    goal = min(specs, key=lambda spec: (int(spec.height) * int(spec.width), -int(spec.channels)))
    odd = [(edge, spec) for edge, spec in zip(edges, specs, strict=True) if spec != goal]
    for measure in {str(spec): spec for spec in specs}.values():
        for edge, spec in zip(edges, specs, strict=True):
            if spec.channels != measure.channels and node.layer.type_name == "add":
                yield from _same_channels(graph, edge.source, int(measure.channels))
    for edge, spec in zip(edges, specs, strict=True):
        if spec.shape[1:] != max(specs, key=lambda s: int(s.height) * int(s.width)).shape[1:]:
            yield from _keeping_size(graph, edge.source)
    projections = [(edge, _projection(spec, goal)) for edge, spec in odd]
    if projections and all(layer is not None for _, layer in projections):
        yield _projected(graph, [(edge, layer) for edge, layer in projections if layer is not None])
    if node.layer.type_name == "add" and len({spec.shape[1:] for spec in specs}) == 1:
        yield Repair("Concatenate instead", edit=lambda graph: _concatenated(graph, node_id))


def _projection(spec: TensorSpec, goal: TensorSpec) -> Layer | None:
    """The 1×1 convolution that turns one shape into another, as residual networks use it; None when none does."""
    strides = []
    for size, wanted in ((int(spec.height), int(goal.height)), (int(spec.width), int(goal.width))):
        if wanted > size:
            return None
        stride = next((s for s in range(1, size + 1) if (size - 1) // s + 1 <= wanted), 1)
        if (size - 1) // stride + 1 != wanted:
            return None
        strides.append(stride)
    return make_layer("convolution", {"filters": int(goal.channels), "size": 1, "stride": tuple(strides)})


def _projected(graph: Graph, projections: list[tuple[Edge, Layer]]) -> Repair:
    edge, layer = projections[0]
    stride = "×".join(str(axis) for axis in dict.fromkeys(layer.stride))  # type: ignore[attr-defined]
    words = f"{layer.filters} filters" + (f" and stride {stride}" if stride != "1" else "")  # type: ignore[attr-defined]
    where = graph.nodes[edge.source].name if len(projections) == 1 else f"{len(projections)} branches"

    def edit(graph: Graph) -> Graph:
        for edge, layer in projections:
            graph = edits.insert_layers(graph, edge, layer)
        return graph

    return Repair(f"Insert a 1×1 convolution with {words} behind {where}", edit=edit)


def _same_channels(graph: Graph, node_id: str, channels: int) -> Iterator[Repair]:
    """The nearest convolution on the way back, set to so many filters."""
    for node in _way_back(graph, node_id):
        if any(declared.name == "filters" for declared in settings_of(type(node.layer))):
            yield Repair(
                f"Set filters of {node.name} to {channels}",
                edit=partial(edits.set_settings, node_id=node.id, filters=channels),
            )
            return


def _keeping_size(graph: Graph, node_id: str) -> Iterator[Repair]:
    """A window layer on the way back that shrinks its map for want of padding, or by its stride, made to keep it."""
    for node in _way_back(graph, node_id):
        window = node.layer.window()
        if window is None:
            continue
        same = tuple((reach - 1) // 2 for reach in window.reach)
        padding = (same[0], same[0], same[1], same[1])
        if window.padding != padding and all(reach % 2 for reach in window.reach) and window.stride == (1, 1):
            text = str(same[0]) if same[0] == same[1] else ",".join(map(str, padding))
            yield Repair(
                f"Set padding of {node.name} to {text}",
                edit=partial(edits.set_settings, node_id=node.id, padding=padding),
            )
        elif window.stride != (1, 1) and node.layer.parameters.__qualname__ != "Layer.parameters":
            yield Repair(
                f"Set stride of {node.name} to 1", edit=partial(edits.set_settings, node_id=node.id, stride=1)
            )
        elif node.layer.group == "Pooling":
            yield Repair(f"Mute {node.name}", edit=partial(edits.set_muted, node_ids=[node.id], muted=True))
        return


def _way_back(graph: Graph, node_id: str) -> Iterator[Node]:
    """The nodes of a branch from its end back to where it begins or was joined."""
    while True:
        yield graph.nodes[node_id]
        if len(graph.incoming[node_id]) != 1:
            return
        node_id = graph.incoming[node_id][0].source


def _concatenated(graph: Graph, node_id: str) -> Graph:
    node = graph.node(node_id)
    layer = make_layer("concatenate")
    return graph.with_nodes(replace(node, layer=layer, name=edits.new_name(graph, layer.label)))
