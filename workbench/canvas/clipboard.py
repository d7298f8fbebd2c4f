"""Nodes as JSON text, for the clipboard: they travel between windows and through a text editor."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from engine.api import (
    Edge,
    FrameState,
    Graph,
    Node,
    Point,
    Project,
    framing,
    make_layer,
    settings_of,
    settings_values,
)

_KIND = "gabor nodes"
_MOST = 10_000
_LONGEST = 1000


class NotNodesError(Exception):
    """The text holds no nodes."""


@dataclass(frozen=True)
class Copied:
    """What such a text holds."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    """Among the nodes, and into them from outside."""
    places: Mapping[str, Point]
    frames: Mapping[str, FrameState]
    """The frames that were copied as a whole."""


def to_text(project: Project, node_ids: Collection[str]) -> str:
    """The nodes with their places, the edges among them and those that enter from outside."""
    graph = project.graph
    nodes = [
        {
            "id": node.id, "name": node.name, "type": node.layer.type_name, "settings": settings_values(node.layer),
            "muted": node.muted, "frame": node.frame, "exposed": dict(node.exposed),
            "place": list(project.layout.get(node.id, (0.0, 0.0))),
        }
        for node in graph.nodes.values() if node.id in node_ids
    ]  # fmt: skip
    edges = [[edge.source, edge.target, edge.port] for edge in sorted(graph.edges) if edge.target in node_ids]
    whole = framing.whole_frames(graph, node_ids)
    states = {path: project.frames.get(path, FrameState()) for path in whole}
    frames = {path: {"folded": state.folded, "block": state.block} for path, state in states.items()}
    text = {"kind": _KIND, "nodes": nodes, "edges": edges, "frames": frames}
    return json.dumps(text, ensure_ascii=False, indent=1)


def from_text(text: str) -> Copied:
    """Nodes, edges, places and frames in such a text.

    Raises NotNodesError where it is something else, DesignError where its layers are not valid.
    """
    try:
        content = json.loads(text)
        if content["kind"] != _KIND or not 0 < len(content["nodes"]) <= _MOST:
            raise NotNodesError
        nodes = [_node(entry) for entry in content["nodes"]]
        edges = [Edge(str(source), str(target), int(port)) for source, target, port in content["edges"]]
        places = {str(entry["id"]): _place(entry["place"]) for entry in content["nodes"]}
        frames = {str(path): _state(state) for path, state in content.get("frames", {}).items()}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError) as error:
        raise NotNodesError from error
    inner = {node.id for node in nodes}
    # A text from elsewhere may be damaged: the part among the nodes must be a sound graph of its own.
    Graph.of(nodes, [edge for edge in edges if edge.source in inner])
    if any(edge.port < 0 or edge.target not in inner for edge in edges):
        raise NotNodesError
    there = {path for node in nodes for path in framing.around(node)}
    return Copied(tuple(nodes), tuple(edges), places, {p: s for p, s in frames.items() if p in there})


def _node(entry: dict[str, Any]) -> Node:
    settings, exposed = entry["settings"], entry.get("exposed", {})
    if not isinstance(settings, dict) or not isinstance(exposed, dict):
        raise NotNodesError
    layer = make_layer(str(entry["type"]), settings)
    known = {setting.name for setting in settings_of(type(layer))}
    labels = tuple(sorted((name, str(label)[:60]) for name, label in exposed.items() if name in known))
    frame = str(entry.get("frame", ""))
    if len(frame) > _LONGEST:
        raise NotNodesError
    return Node(str(entry["id"]), str(entry["name"]), layer, bool(entry.get("muted")), frame, labels)


def _state(entry: dict[str, Any]) -> FrameState:
    return FrameState(bool(entry.get("folded")), str(entry.get("block", ""))[:_LONGEST])


def _place(values: object) -> Point:
    if not isinstance(values, list) or len(values) != 2:
        raise NotNodesError
    x, y = (min(max(float(value), -1e6), 1e6) for value in values)
    return (x, y) if x == x and y == y else (0.0, 0.0)
