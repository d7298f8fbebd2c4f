"""Repairs of what is not connected, or is there twice."""

from collections.abc import Iterator, Mapping
from functools import partial

from engine.design import edits
from engine.design.findings import DataShape
from engine.design.graph import Edge, Graph, Node
from engine.errors import Repair
from engine.layers.layer import Layer, make_layer
from engine.tensor.spec import TensorSpec

_TRIED = 4


def fed(graph: Graph, outputs: Mapping[str, TensorSpec], node_id: str) -> Iterator[Repair]:
    """Connect a node without input to what could feed it; take its island away; bypass a join that joins nothing."""
    node = graph.nodes[node_id]
    fed_by = {edge.source for edge in graph.incoming[node_id]}
    island = graph.part(node_id)
    stands_apart = len(island) < len(graph.nodes)
    leads_nowhere = stands_apart and not any(graph.nodes[i].layer.terminal for i in island)
    removal = Repair(f"Delete {_listed(graph, island)}", edit=partial(edits.remove, node_ids=island))
    if leads_nowhere and len(island) > 1:
        yield removal
    possible = edits.givers(graph, node_id)
    able = [i for i in reversed(graph.order) if i in possible and i in outputs and i not in fed_by]
    # An output that leads nowhere most likely waits for this node.
    able.sort(key=lambda i: bool(graph.outgoing[i]))
    for source in able[:_TRIED]:
        yield Repair(
            f"Connect {graph.nodes[source].name} to {node.name}",
            edit=partial(edits.connect, source=source, target=node_id),
        )
    if fed_by:
        yield Repair(
            f"Delete {node.name} and reconnect", edit=partial(edits.remove_and_reconnect, node_id=node_id)
        )
    elif stands_apart and not (leads_nowhere and len(island) > 1):
        yield removal
    elif not able and node.layer.most_inputs == 1:
        yield _insert_input(node, None)


def with_ends(graph: Graph, outputs: Mapping[str, TensorSpec], data: DataShape | None) -> Iterator[Repair]:
    """An Input before the first layer, a classifier behind the last one."""
    heads = [
        graph.nodes[i] for i in graph.order if not graph.incoming[i] and graph.nodes[i].layer.most_inputs == 1
    ]
    if not any(node.layer.most_inputs == 0 for node in graph.nodes.values()):
        for head in heads[:_TRIED]:
            yield _insert_input(head, data)
    if any(node.layer.terminal for node in graph.nodes.values()):
        return
    ends = [graph.nodes[i] for i in reversed(graph.order) if not graph.outgoing[i]]
    for end in ends[:_TRIED]:
        spec = outputs.get(end.id)
        classifier = make_layer("softmax_classifier")
        fits = spec is not None and not spec.is_map and (data is None or int(spec.channels) == data.classes)
        if fits or data is None:
            yield Repair(f"Add a Softmax classifier behind {end.name}", edit=_behind(end.id, classifier))
        else:
            scores = make_layer("fully_connected", {"outputs": data.classes})
            yield Repair(
                f"Add Fully connected with {data.classes} outputs and a Softmax classifier behind {end.name}",
                edit=_behind(end.id, scores, classifier),
            )


def single_end(graph: Graph, node_id: str) -> Iterator[Repair]:
    """Where there are two inputs or classifiers: use one instead of both, or delete one."""
    node = graph.nodes[node_id]
    twins = [other for other in graph.nodes.values() if type(other.layer) is type(node.layer)]
    if len(twins) < 2 or not (node.layer.terminal or node.layer.most_inputs == 0):
        return
    for twin in reversed(twins):
        if node.layer.terminal or not graph.outgoing[twin.id]:
            yield Repair(f"Delete {twin.name}", edit=partial(edits.remove, node_ids=[twin.id]))
    first = twins[0] if twins[0] is not node else twins[1]
    if node.layer.most_inputs == 0:
        yield Repair(
            f"Use {first.name} instead of {node.name}", edit=lambda graph: _merged(graph, node.id, first.id)
        )


def _merged(graph: Graph, gone: str, kept: str) -> Graph:
    """The graph with everything that one node fed fed by another, and without the first."""
    for edge in graph.outgoing[gone]:
        graph = edits.connect(graph, kept, edge.target, edge.port)
    return edits.remove(graph, [gone])


def _insert_input(head: Node, data: DataShape | None) -> Repair:
    layer = make_layer("input", {"shape": data.image} if data is not None else None)

    def edit(graph: Graph) -> Graph:
        graph, node = edits.add_layer(graph, layer)
        return edits.connect(graph, node.id, head.id)

    return Repair(f"Add an Input of {layer.summary()} before {head.name}", edit=edit)


def _behind(node_id: str, *layers: Layer) -> "_Behind":
    return _Behind(node_id, layers)


class _Behind:
    """Adds layers in a row behind a node."""

    def __init__(self, node_id: str, layers: tuple[Layer, ...]) -> None:
        self._node_id = node_id
        self._layers = layers

    def __call__(self, graph: Graph) -> Graph:
        before = self._node_id
        for layer in self._layers:
            graph, node = edits.add_layer(graph, layer)
            graph = graph.with_edges((*graph.edges, Edge(before, node.id, 0)))
            before = node.id
        return graph


def _listed(graph: Graph, node_ids: tuple[str, ...]) -> str:
    names = [graph.nodes[node_id].name for node_id in node_ids]
    if len(names) <= 2:
        return " and ".join(names)
    return f"{names[0]} and the {len(names) - 1} nodes connected to it"
