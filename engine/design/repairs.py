"""Edits of a design that mend a problem: proposed from what is known, offered only when they help."""

from collections.abc import Callable, Iterator, Mapping

from engine.design import edits
from engine.design.findings import DataShape
from engine.design.graph import Graph, Node
from engine.design.join_repairs import alike
from engine.design.wiring_repairs import fed, single_end, with_ends
from engine.errors import DesignError, Repair
from engine.layers.layer import make_layer, settings_of
from engine.tensor.spec import TensorSpec

Specs = Mapping[str, TensorSpec]
Problems = tuple[tuple[str, str], ...]
"""(node id, message) of each problem."""
_MOST = 4
_CHANNEL_SETTINGS = ("outputs", "filters")


def offered(
    graph: Graph,
    outputs: Specs,
    node_id: str,
    known: tuple[Repair, ...],
    data: DataShape | None,
    problems_after: Callable[[Graph], Problems],
) -> tuple[Repair, ...]:
    """The repairs of a problem, those first that leave the fewest problems; none that leaves it as it is.

    `known` are those that the layer itself offers; `problems_after` tells the problems of another design.
    """
    ranked: list[tuple[int, int, Repair]] = []
    count = len(problems_after(graph))
    proposed = (
        *known,
        *_smaller(graph, outputs, node_id, problems_after),
        *_proposed(graph, outputs, node_id, data),
    )
    for number, repair in enumerate(proposed):
        if any(repair.label == other.label for other in proposed[:number]):
            continue
        try:
            left = problems_after(edits.repaired(graph, node_id, repair))
        except DesignError:
            continue
        # A problem may give way to one behind it, which is a step ahead; the same node in trouble is not.
        if len(left) < count or (len(left) == count and all(node != node_id for node, _ in left)):
            ranked.append((len(left), number, repair))
    ranked.sort(key=lambda entry: entry[:2])
    # Where something mends all, what does not is only noise.
    best = [entry for entry in ranked if entry[0] == ranked[0][0]]
    return tuple(repair for _, _, repair in best[:_MOST])


def _smaller(
    graph: Graph, outputs: Specs, node_id: str, problems_after: Callable[[Graph], Problems]
) -> Iterator[Repair]:
    """The largest window that leaves no problem, for a layer whose window does not fit into its input."""
    node = graph.nodes.get(node_id)
    sources = [edge.source for edge in graph.incoming[node_id]] if node else []
    size = getattr(node.layer, "size", None) if node else None
    if node is None or not isinstance(size, tuple) or len(sources) != 1 or sources[0] not in outputs:
        return
    x = outputs[sources[0]]
    room = (int(x.height), int(x.width))
    # The larger the window, the smaller the map that it leaves to what is behind: halving finds the bound.
    fits, fails = 1, min(max(size), max(room)) + 1
    while fails - fits > 1:
        tried = (fits + fails) // 2
        try:
            valid = not problems_after(edits.set_settings(graph, node_id, size=_within(tried, size, room)))
        except DesignError:
            valid = False
        fits, fails = (tried, fails) if valid else (fits, tried)
    if fits > 1:
        found = _within(fits, size, room)
        yield Repair(f"Set size to {found[0]}×{found[1]}", size=found)


def _within(most: int, size: tuple[int, int], room: tuple[int, int]) -> tuple[int, int]:
    """A window no larger than it was, than its input and than `most`."""
    return min(size[0], room[0], most), min(size[1], room[1], most)


def _proposed(graph: Graph, outputs: Specs, node_id: str, data: DataShape | None) -> Iterator[Repair]:
    if not node_id:
        yield from with_ends(graph, outputs, data)
        return
    node = graph.nodes[node_id]
    sources = [edge.source for edge in graph.incoming[node_id]]
    if node.muted:
        yield Repair(f"Unmute {node.name}", edit=lambda graph: edits.set_muted(graph, [node_id], False))
    if len(sources) < node.layer.least_inputs:
        yield from fed(graph, outputs, node_id)
        return
    yield from single_end(graph, node_id)
    if any(source not in outputs for source in sources):
        return
    specs = [outputs[source] for source in sources]
    if node.layer.terminal and specs:
        yield from _scores(graph, node, specs[0], data)
    elif node.layer.most_inputs is None and specs:
        yield from alike(graph, node_id, specs)
    elif node.layer.group == "Pooling":
        yield Repair(f"Mute {node.name}", edit=lambda graph: edits.set_muted(graph, [node_id], True))


def _scores(graph: Graph, node: Node, x: TensorSpec, data: DataShape | None) -> Iterator[Repair]:
    """One score a class for a classifier: by the last weighted layer, or by layers put before the classifier."""
    classes = data.classes if data is not None else max(int(x.channels), 2) if x.is_map else 2
    edge = graph.incoming[node.id][0]
    weighted = weighted_before(graph, node.id)
    if weighted is not None:
        other, name, label = weighted
        changed = {name: classes}
        yield Repair(
            f"Set {label} of {other.name} to {classes}",
            edit=lambda graph: edits.set_settings(graph, other.id, **changed),
        )
    pooling = make_layer("global_average_pooling")
    scores = make_layer("fully_connected", {"outputs": classes})
    filters = make_layer("convolution", {"filters": classes, "size": 1})
    if x.is_map:
        yield Repair(
            "Insert global average pooling", edit=lambda graph: edits.insert_layers(graph, edge, pooling)
        )
    if x.is_map and weighted is not None:
        other, name, label = weighted
        yield Repair(
            f"Insert global average pooling and set {label} of {other.name} to {classes}",
            edit=lambda graph: edits.insert_layers(
                edits.set_settings(graph, other.id, **changed), edge, pooling
            ),
        )
    yield Repair(
        f"Insert Fully connected with {classes} outputs",
        edit=lambda graph: edits.insert_layers(graph, edge, scores),
    )
    if x.is_map:
        yield Repair(
            f"Insert a 1×1 convolution with {classes} filters and global average pooling",
            edit=lambda graph: edits.insert_layers(graph, edge, filters, pooling),
        )


def weighted_before(graph: Graph, node_id: str) -> tuple[Node, str, str] | None:
    """The nearest layer before a node that sets the number of channels, with that setting's name and label.

    None where the way back splits before there is one.
    """
    while len(incoming := graph.incoming[node_id]) == 1:
        node_id = incoming[0].source
        node = graph.nodes[node_id]
        for declared in settings_of(type(node.layer)):
            if declared.name in _CHANNEL_SETTINGS and not node.muted:
                return node, declared.name, declared.label.lower()
    return None
