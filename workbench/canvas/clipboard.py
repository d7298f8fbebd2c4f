"""Nodes as JSON text, for the clipboard: they travel between windows and through a text editor."""

import json
from collections.abc import Collection

from engine.api import Edge, Graph, Node, Point, Project, make_layer, settings_values

_KIND = "gabor nodes"
_MOST = 10_000


class NotNodesError(Exception):
    """The text holds no nodes."""


def to_text(project: Project, node_ids: Collection[str]) -> str:
    """The nodes with their places, the edges among them and those that enter from outside."""
    graph = project.graph
    nodes = [
        {
            "id": node.id, "name": node.name, "type": node.layer.type_name, "settings": settings_values(node.layer),
            "muted": node.muted, "frame": node.frame, "place": list(project.layout.get(node.id, (0.0, 0.0))),
        }
        for node in graph.nodes.values() if node.id in node_ids
    ]  # fmt: skip
    edges = [[edge.source, edge.target, edge.port] for edge in sorted(graph.edges) if edge.target in node_ids]
    return json.dumps({"kind": _KIND, "nodes": nodes, "edges": edges}, ensure_ascii=False, indent=1)


def from_text(text: str) -> tuple[list[Node], list[Edge], dict[str, Point]]:
    """Nodes, edges and places in such a text.

    Raises NotNodesError where it is something else, DesignError where its layers are not valid.
    """
    try:
        content = json.loads(text)
        if content["kind"] != _KIND or len(content["nodes"]) > _MOST:
            raise NotNodesError
        nodes = [_node(entry) for entry in content["nodes"]]
        edges = [Edge(str(source), str(target), int(port)) for source, target, port in content["edges"]]
        places = {str(entry["id"]): _place(entry["place"]) for entry in content["nodes"]}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError) as error:
        raise NotNodesError from error
    inner = {node.id for node in nodes}
    # A text from elsewhere may be damaged: the part among the nodes must be a sound graph of its own.
    Graph.of(nodes, [edge for edge in edges if edge.source in inner])
    if any(edge.port < 0 or edge.target not in inner for edge in edges):
        raise NotNodesError
    return nodes, edges, places


def _node(entry: dict[str, object]) -> Node:
    settings = entry["settings"]
    if not isinstance(settings, dict):
        raise NotNodesError
    layer = make_layer(str(entry["type"]), settings)
    return Node(
        str(entry["id"]), str(entry["name"]), layer, bool(entry.get("muted")), str(entry.get("frame", ""))
    )


def _place(values: object) -> Point:
    if not isinstance(values, list) or len(values) != 2:
        raise NotNodesError
    x, y = (min(max(float(value), -1e6), 1e6) for value in values)
    return (x, y) if x == x and y == y else (0.0, 0.0)
