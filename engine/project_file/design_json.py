"""Nodes, edges and blocks <-> the plain values of a project file's JSON."""

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any

import msgspec

from engine.design.blocks import LONGEST_NAME, Block
from engine.design.folding import BoxInput
from engine.design.graph import Edge, Graph, Node
from engine.errors import DesignError
from engine.layers import REGISTRY, Layer, make_layer, settings_of, settings_values
from engine.layers.placeholder import Placeholder
from engine.project import Point
from engine.project_file.refusal import RefusedError, shortened

_FARTHEST = 1e7
_MOST_PORTS = 10_000

Identifier = Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=r"^[^/\x00-\x1f\x7f]*$")]
Label = Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_NAME, pattern=r"^[^/\x00-\x1f\x7f]*$")]
Line = Annotated[str, msgspec.Meta(max_length=1000)]


class NodeRecord(msgspec.Struct, forbid_unknown_fields=True):
    """A node as files hold it."""

    id: Identifier
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=1000)]
    type: Identifier
    settings: dict[str, Any]
    muted: bool = False
    frame: Line = ""
    exposed: Annotated[dict[Identifier, Label], msgspec.Meta(max_length=100)] = {}


class EdgeRecord(msgspec.Struct, forbid_unknown_fields=True):
    """An edge as files hold it."""

    source: str
    target: str
    port: Annotated[int, msgspec.Meta(ge=0, le=_MOST_PORTS)] = 0


class BlockRecord(msgspec.Struct, forbid_unknown_fields=True):
    """A block as files hold it."""

    name: Label
    nodes: Annotated[list[NodeRecord], msgspec.Meta(min_length=1, max_length=1000)]
    edges: Annotated[list[EdgeRecord], msgspec.Meta(max_length=10_000)]
    layout: dict[str, tuple[float, float]]
    inputs: Annotated[list[list[tuple[str, int]]], msgspec.Meta(max_length=1000)]
    outputs: Annotated[list[str], msgspec.Meta(max_length=1000)]


def block_document(block: Block) -> dict[str, Any]:
    """A block as plain values for JSON."""
    return {
        "name": block.name,
        "nodes": [node_document(node) for node in block.graph.nodes.values()],
        "edges": edge_documents(block.graph),
        "layout": {i: [float(x), float(y)] for i, (x, y) in block.layout.items()},
        "inputs": [[list(end) for end in entry.ends] for entry in block.inputs],
        "outputs": list(block.outputs),
    }


def edge_documents(graph: Graph) -> list[dict[str, Any]]:
    """The edges of a graph as plain values."""
    return [{"source": e.source, "target": e.target, "port": e.port} for e in sorted(graph.edges)]


def node_document(node: Node) -> dict[str, Any]:
    """A node as plain values; one of an unknown type as it was read."""
    layer = node.layer
    if isinstance(layer, Placeholder):
        kind, settings = layer.unknown_type, layer.raw_settings
    else:
        kind, settings = layer.type_name, settings_values(layer)
    return {
        "id": node.id, "name": node.name, "type": kind, "settings": settings, "muted": node.muted,
        "frame": node.frame, **({"exposed": dict(node.exposed)} if node.exposed else {}),
    }  # fmt: skip


def block_from(record: BlockRecord) -> Block:
    """The block of a record; RefusedError with the reason when not valid."""
    graph = graph_from(record.nodes, record.edges)
    known = graph.nodes.keys()
    ends = [end for entry in record.inputs for end in entry]
    if not all(record.inputs) or not {*(node_id for node_id, _ in ends), *record.outputs} <= known:
        raise RefusedError(f"the block '{shortened(record.name)}' has an input or output that leads nowhere")
    for node_id, port in ends:
        most = graph.nodes[node_id].layer.most_inputs
        if port < 0 or port > _MOST_PORTS or (most is not None and port >= most):
            raise RefusedError(f"the block '{shortened(record.name)}' has an input that leads nowhere")
    return Block(
        record.name, graph, MappingProxyType(layout_from(record.layout, graph)),
        tuple(BoxInput(tuple(entry)) for entry in record.inputs), tuple(record.outputs),
    )  # fmt: skip


def graph_from(node_records: list[NodeRecord], edge_records: list[EdgeRecord]) -> Graph:
    """The graph of records; RefusedError when it is no sound network."""
    try:
        nodes = [_node(record) for record in node_records]
        graph = Graph.of(nodes, _edges(edge_records))
    except DesignError as error:
        raise RefusedError(shortened(str(error))) from error
    for edge in graph.edges:
        _check_ends(graph, edge)
    return graph


def _node(record: NodeRecord) -> Node:
    layer = _layer(record)
    if not isinstance(layer, Placeholder):
        # A setting that another version knew is no reason to refuse a design: it only is no longer offered.
        known = {setting.name for setting in settings_of(type(layer))}
        record.exposed = {name: label for name, label in record.exposed.items() if name in known}
    return Node(
        record.id, record.name, layer, record.muted, record.frame, tuple(sorted(record.exposed.items()))
    )


def _layer(node: NodeRecord) -> Layer:
    if node.type not in REGISTRY:
        return Placeholder(unknown_type=node.type, raw_settings=node.settings)
    try:
        return make_layer(node.type, node.settings)
    except DesignError as error:
        raise DesignError(f"node '{shortened(node.name)}': {error}") from error


def _edges(records: list[EdgeRecord]) -> list[Edge]:
    edges = [Edge(record.source, record.target, record.port) for record in records]
    if len(set(edges)) < len(edges):
        raise DesignError("an edge is listed twice")
    return edges


def _check_ends(graph: Graph, edge: Edge) -> None:
    source, target = graph.nodes[edge.source], graph.nodes[edge.target]
    most = target.layer.most_inputs
    if most is not None and edge.port >= most:
        raise RefusedError(
            f"an edge leads into input {edge.port + 1} of {shortened(target.name)}, which has {most}",
        )
    if source.layer.terminal:
        raise RefusedError(f"an edge leads out of {shortened(source.name)}, which ends the network")


def layout_from(layout: Mapping[str, Point], graph: Graph) -> dict[str, Point]:
    """Places of nodes; RefusedError when one is no point, or of no node."""
    for node_id, place in layout.items():
        if node_id not in graph.nodes:
            raise RefusedError(f"the layout places '{shortened(node_id)}', but there is no such node")
        if not all(math.isfinite(axis) and abs(axis) <= _FARTHEST for axis in place):
            raise RefusedError(
                f"the place of {shortened(graph.nodes[node_id].name)} is not a point on the canvas"
            )
    return dict(layout)
