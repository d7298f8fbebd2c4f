"""Changes of a design: pure functions from graph to graph. They refuse what would break it, with a reason."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from engine.design.framing import common_frame
from engine.design.graph import Edge, Graph, Node
from engine.errors import DesignError, Repair
from engine.layers.layer import Layer, settings_of, with_settings


def new_id(graph: Graph, layer: Layer) -> str:
    """An id that the graph does not use yet: `convolution-3`."""
    number = 1
    while f"{layer.type_name}-{number}" in graph.nodes:
        number += 1
    return f"{layer.type_name}-{number}"


def new_name(graph: Graph, label: str) -> str:
    """A name that the graph does not use yet: `Convolution 3`."""
    used = {node.name for node in graph.nodes.values()}
    number = 1
    while f"{label} {number}" in used:
        number += 1
    return f"{label} {number}"


def add_layer(graph: Graph, layer: Layer) -> tuple[Graph, Node]:
    """The graph with a new, unconnected node; also the node."""
    node = Node(new_id(graph, layer), new_name(graph, layer.label), layer)
    return graph.with_nodes(node), node


def refusal(graph: Graph, source: str, target: str, port: int | None = None) -> str:
    """Why `source` cannot be connected to `target`, in words; "" when it can."""
    giver, taker = graph.node(source), graph.node(target)
    if source == target:
        return f"{giver.name} cannot feed itself."
    if giver.layer.terminal:
        return f"{giver.name} ends the network: nothing connects behind it."
    if taker.layer.most_inputs == 0:
        return f"{taker.name} takes no input: images enter there."
    if port is not None and taker.layer.most_inputs is not None and port >= taker.layer.most_inputs:
        return f"{taker.name} has only {taker.layer.most_inputs} input{'s' * (taker.layer.most_inputs != 1)}."
    if (cycle := graph.path(target, source)) != ():
        names = " → ".join(graph.nodes[node_id].name for node_id in cycle)
        return f"That would close a cycle: {names} → {taker.name}."
    return ""


def takers(graph: Graph, source: str) -> frozenset[str]:
    """The nodes that `source` can be connected to: those for which `refusal` has no words, found all at once."""
    if graph.node(source).layer.terminal:
        return frozenset()
    before = graph.ancestors(source) | {source}
    return frozenset(n.id for n in graph.nodes.values() if n.layer.most_inputs != 0 and n.id not in before)


def givers(graph: Graph, target: str) -> frozenset[str]:
    """The nodes that can be connected to `target`: those for which `refusal` has no words, found all at once."""
    if graph.node(target).layer.most_inputs == 0:
        return frozenset()
    behind = graph.descendants(target) | {target}
    return frozenset(n.id for n in graph.nodes.values() if not n.layer.terminal and n.id not in behind)


def free_port(graph: Graph, target: str) -> int:
    """The port that a new edge into `target` takes: the first free one, or 0 of a full node (its edge is replaced)."""
    filled = {edge.port for edge in graph.incoming[target]}
    port = next(number for number in range(len(filled) + 1) if number not in filled)
    most = graph.node(target).layer.most_inputs
    return port if most is None or port < most else 0


def connect(graph: Graph, source: str, target: str, port: int | None = None) -> Graph:
    """The graph with an edge from source into a port (the first free one) of target; an edge there is replaced.

    Raises DesignError with the reason when the connection is refused.
    """
    reason = refusal(graph, source, target, port)
    if reason:
        raise DesignError(reason, node=target)
    port = free_port(graph, target) if port is None else port
    kept = (edge for edge in graph.edges if (edge.target, edge.port) != (target, port))
    return graph.with_edges((*kept, Edge(source, target, port)))


def reconnect(graph: Graph, edge: Edge, target: str, port: int | None = None) -> Graph:
    """The graph with the far end of an edge put into another input; DesignError when that is refused.

    The ports of a join are numbered as they were before the edge was taken off.
    """
    without = graph.with_edges(other for other in graph.edges if other != edge)
    return closed_up(connect(without, edge.source, target, port))


def disconnect(graph: Graph, *edges: Edge) -> Graph:
    """The graph without these edges; the inputs of a join close up."""
    gone = set(edges)
    return closed_up(graph.with_edges(edge for edge in graph.edges if edge not in gone))


def remove(graph: Graph, node_ids: Iterable[str]) -> Graph:
    """The graph without these nodes and their edges."""
    return closed_up(graph.without(node_ids))


def remove_and_reconnect(graph: Graph, node_id: str) -> Graph:
    """The graph without a one-in node, its source connected to what it fed."""
    incoming, outgoing = graph.incoming[node_id], graph.outgoing[node_id]
    kept = graph.without([node_id])
    if len(incoming) == 1:
        bridges = (Edge(incoming[0].source, edge.target, edge.port) for edge in outgoing)
        kept = kept.with_edges((*kept.edges, *bridges))
    return closed_up(kept)


def passes_through(layer: Layer) -> bool:
    """True for a layer with one input and one output: it can stand in the middle of an edge."""
    return not layer.terminal and layer.least_inputs <= 1 and layer.most_inputs != 0


def insert_on_edge(graph: Graph, edge: Edge, node_id: str) -> Graph:
    """The graph with an unconnected one-in one-out node put into an edge; inside a frame it joins the frame."""
    node = graph.node(node_id)
    if (
        node.layer.terminal
        or node.layer.most_inputs == 0
        or graph.incoming[node_id]
        or graph.outgoing[node_id]
    ):
        raise DesignError(
            f"{node.name} cannot be put into a connection: it must have a free input and output."
        )
    kept = (other for other in graph.edges if other != edge)
    around = common_frame(graph.node(edge.source).frame, graph.node(edge.target).frame)
    joined = graph.with_nodes(replace(node, frame=around)) if around and not node.frame else graph
    return joined.with_edges((*kept, Edge(edge.source, node_id, 0), Edge(node_id, edge.target, edge.port)))


def set_settings(graph: Graph, node_id: str, **changes: object) -> Graph:
    """The graph with some settings of a layer changed; DesignError when a value is not valid."""
    node = graph.node(node_id)
    for declared in settings_of(type(node.layer)):
        if declared.name in changes:
            # Here first, because the layer itself does not know what its node is called.
            declared.normalise(changes[declared.name], node.name)
    return graph.with_nodes(replace(node, layer=with_settings(node.layer, **changes)))


def insert_layers(graph: Graph, edge: Edge, *layers: Layer) -> Graph:
    """The graph with new nodes put into an edge, the first one next to its source."""
    for layer in layers:
        graph, node = add_layer(graph, layer)
        graph = insert_on_edge(graph, edge, node.id)
        edge = Edge(node.id, edge.target, edge.port)
    return graph


def repaired(graph: Graph, node_id: str, repair: Repair) -> Graph:
    """The graph after a repair of a problem of this node; DesignError when it no longer applies."""
    if repair.edit is not None:
        mended: Graph = repair.edit(graph)
        return mended
    return set_settings(graph, node_id, **repair.settings)


def rename(graph: Graph, node_id: str, name: str) -> Graph:
    """The graph with a node renamed; DesignError when the name is empty or taken."""
    name = name.strip()
    if not name:
        raise DesignError("A node needs a name.", node=node_id)
    if any(node.name == name for node in graph.nodes.values() if node.id != node_id):
        raise DesignError(f"Another node is called {name}; choose a different name.", node=node_id)
    return graph.with_nodes(replace(graph.node(node_id), name=name))


def set_muted(graph: Graph, node_ids: Iterable[str], muted: bool) -> Graph:
    """The graph with nodes muted (they pass their input on) or back in use; only one-in one-out nodes mute."""
    changed = []
    for node_id in node_ids:
        node = graph.node(node_id)
        if muted and not passes_through(node.layer):
            raise DesignError(
                f"{node.name} cannot be muted: only a layer between others passes its input on."
            )
        changed.append(replace(node, muted=muted))
    return graph.with_nodes(*changed)


def paste(
    graph: Graph,
    nodes: Iterable[Node],
    edges: Iterable[Edge],
    *,
    keep_outside: bool = True,
    keep_gaps: bool = False,
) -> tuple[Graph, Mapping[str, str]]:
    """The graph with copies of nodes and the edges among them; also the new id of each old one.

    An edge from a node outside the copied ones is kept when that node is still in the graph, unless told otherwise.
    `keep_gaps` leaves inputs of joins free that are not connected, for whoever connects them and closes up then.
    """
    ids: dict[str, str] = {}
    for node in nodes:
        base = node.name.rstrip("0123456789 ") or node.layer.label
        copy = replace(node, id=new_id(graph, node.layer), name=new_name(graph, base))
        ids[node.id] = copy.id
        graph = graph.with_nodes(copy)
    added = [
        Edge(ids.get(edge.source, edge.source), ids[edge.target], edge.port)
        for edge in edges
        if edge.target in ids and (edge.source in ids or (keep_outside and edge.source in graph.nodes))
    ]
    pasted = graph.with_edges((*graph.edges, *added))
    return (pasted if keep_gaps else closed_up(pasted)), ids


def closed_up(graph: Graph) -> Graph:
    """Ports of joins numbered without gaps, in their order."""
    edges: list[Edge] = []
    for node_id, node in graph.nodes.items():
        arriving = graph.incoming[node_id]
        variadic = node.layer.most_inputs is None
        edges.extend(replace(edge, port=port) if variadic else edge for port, edge in enumerate(arriving))
    return graph.with_edges(edges)
