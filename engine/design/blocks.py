"""Blocks: groups of nodes that are kept under a name and placed again, with settings of their own.

A block in a design is a frame whose nodes expose settings. A placed block is a copy: its nodes and its settings are its
own, and a block that is saved anew changes what is placed from then on. `with_copies_updated` makes the copies follow.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from engine.design import edits, framing
from engine.design.arrange import Places
from engine.design.folding import BoxInput, box_inputs, box_outputs
from engine.design.graph import Edge, Graph, Node
from engine.errors import DesignError
from engine.layers.layer import Setting, settings_of

LONGEST_NAME = 60


@dataclass(frozen=True)
class Block:
    """A named group of nodes. Frames inside are paths that begin in the block; the first node stands at (0, 0)."""

    name: str
    graph: Graph
    layout: Mapping[str, tuple[float, float]] = field(default_factory=lambda: MappingProxyType({}))
    inputs: tuple[BoxInput, ...] = ()
    """What each input of the block feeds inside."""
    outputs: tuple[str, ...] = ()
    """The nodes that give its outputs."""

    @property
    def takes_one(self) -> bool:
        """True when one connection feeds the whole block."""
        return len(self.inputs) == 1

    @property
    def settings(self) -> tuple[Setting, ...]:
        """What can be set on the block as a whole."""
        return exposed_settings(self.graph.nodes.values())

    @property
    def sentence(self) -> str:
        """What it holds, for people."""
        count = len(self.graph.nodes)
        labels = dict.fromkeys(node.layer.label for node in self.graph.nodes.values())
        offered = ", ".join(setting.label.lower() for setting in self.settings)
        return (
            f"A block of {count} layer{'s' * (count != 1)} ({', '.join(labels)})"
            f"{f'; sets {offered}' if offered else ''}."
        )


def exposed_settings(nodes: Iterable[Node]) -> tuple[Setting, ...]:
    """The settings that a group of nodes offers, each declared as by the first node that has it, under its label."""
    found: dict[str, Setting] = {}
    for node in nodes:
        labels = dict(node.exposed)
        for setting in settings_of(type(node.layer)) if labels else ():
            if setting.name in labels:
                label = labels[setting.name]
                found.setdefault(label, replace(setting, name=label, label=label))
    return tuple(found.values())


def exposed_values(nodes: Iterable[Node], label: str) -> tuple[object, ...]:
    """The different values that the settings under one label have inside."""
    values = (getattr(node.layer, name) for node in nodes for name, own in node.exposed if own == label)
    return tuple(dict.fromkeys(values))


def set_exposed(graph: Graph, node_ids: Iterable[str], label: str, value: object) -> Graph:
    """The graph with every setting under a label, in these nodes, set to a value; DesignError when it is not valid."""
    for node_id in node_ids:
        for name, own in graph.node(node_id).exposed:
            if own == label:
                graph = edits.set_settings(graph, node_id, **{name: value})
    return graph


def expose(graph: Graph, node_ids: Iterable[str], labels: Mapping[tuple[str, str], str]) -> Graph:
    """The graph in which these nodes expose exactly the settings in `labels`: (node id, setting) -> label.

    DesignError when a label is empty, or joins settings of different kinds.
    """
    kinds: dict[str, tuple[str, str]] = {}
    nodes = []
    for node_id in node_ids:
        node = graph.node(node_id)
        exposed = []
        for setting in settings_of(type(node.layer)):
            label = labels.get((node_id, setting.name))
            if label is None:
                continue
            label = label.strip()
            if not label or len(label) > LONGEST_NAME:
                raise DesignError(
                    f"{setting.label} of {node.name} needs a label of 1 to {LONGEST_NAME} letters."
                )
            kind, name = kinds.setdefault(label, (setting.kind, node.name))
            if kind != setting.kind:
                raise DesignError(
                    f"“{label}” cannot set both {setting.label.lower()} of {node.name} ({setting.kind}) and a setting "
                    f"of {name} ({kind}): give one of them another label."
                )
            exposed.append((setting.name, label))
        nodes.append(replace(node, exposed=tuple(sorted(exposed))))
    return graph.with_nodes(*nodes)


def checked_name(name: str) -> str:
    """A name that a block can have; DesignError in words otherwise."""
    name = name.strip()
    if not name or len(name) > LONGEST_NAME or "/" in name or not name.isprintable():
        raise DesignError(f"A block needs a name of 1 to {LONGEST_NAME} letters without slashes.")
    return name


def make_block(
    name: str,
    graph: Graph,
    node_ids: Collection[str],
    layout: Mapping[str, tuple[float, float]],
    *,
    frame: str = "",
) -> Block:
    """The block that these nodes make; `frame` is the path that all of them stand in. DesignError without any node."""
    chosen = set(node_ids)
    inner = [node_id for node_id in graph.order if node_id in chosen]
    if not inner:
        raise DesignError("A block needs at least one node: select some first.")
    left, top = layout.get(inner[0], (0.0, 0.0))
    prefix = len(frame) + 1 if frame else 0
    nodes = {i: replace(graph.nodes[i], frame=graph.nodes[i].frame[prefix:]) for i in inner}
    edges = frozenset(edge for edge in graph.edges if edge.source in nodes and edge.target in nodes)
    places = {i: (layout[i][0] - left, layout[i][1] - top) for i in inner if i in layout}
    inputs = tuple(BoxInput(entry.ends) for entry in box_inputs(graph, inner))
    return Block(
        checked_name(name), Graph(MappingProxyType(nodes), edges), MappingProxyType(places), inputs,
        box_outputs(graph, inner),
    )  # fmt: skip


def place_block(
    graph: Graph, block: Block, at: tuple[float, float], title: str = ""
) -> tuple[Graph, Mapping[str, str], Places, str]:
    """The graph with a copy of a block in a frame of its own, its first node at a place.

    Also the new id of each node of the block, the places, and the title of the frame. The inputs of the block are
    free; `edits.closed_up` closes the gaps that are left in joins once it is connected.
    """
    title = title or framing.free_title(graph, block.name)
    nodes = [
        replace(node, frame=f"{title}/{node.frame}" if node.frame else title)
        for node in block.graph.nodes.values()
    ]
    graph, ids = edits.paste(graph, nodes, sorted(block.graph.edges), keep_outside=False, keep_gaps=True)
    places = {ids[i]: (at[0] + x, at[1] + y) for i, (x, y) in block.layout.items()}
    return graph, ids, places, title


def with_copies_updated(
    graph: Graph, layout: Mapping[str, tuple[float, float]], block: Block, paths: Iterable[str]
) -> tuple[Graph, Places]:
    """The graph with the insides of the frames at `paths` made anew from a block; also places of the new nodes.

    Each keeps its title, its place, the values of its settings, and its connections in their order.
    """
    places: Places = {}
    for path in paths:
        if path not in framing.frames(graph):
            # It was inside of another copy, which is made anew already.
            continue
        graph, placed = _updated(graph, {**layout, **places}, block, path)
        places |= placed
    return graph, places


def _updated(
    graph: Graph, layout: Mapping[str, tuple[float, float]], block: Block, path: str
) -> tuple[Graph, Places]:
    members = framing.frames(graph)[path]
    old = [graph.nodes[node_id] for node_id in members]
    inputs = box_inputs(graph, members, takes_one=block.takes_one)
    outputs = box_outputs(graph, members)
    leaving = [[e for e in graph.outgoing[i] if e.target not in members] for i in outputs]
    first = next(node_id for node_id in graph.order if node_id in members)
    kept = graph.without(members)
    kept, ids, places, _ = place_block(kept, block, layout.get(first, (0.0, 0.0)), path)
    edges = set(kept.edges)
    for entry, new in zip(inputs, block.inputs, strict=False):
        if entry.source:
            edges |= {Edge(entry.source, ids[node_id], port) for node_id, port in new.ends}
    for gone, output in zip(leaving, block.outputs, strict=False):
        edges |= {Edge(ids[output], edge.target, edge.port) for edge in gone}
    kept = edits.closed_up(kept.with_edges(edges))
    for setting in block.settings:
        values = exposed_values(old, setting.label)
        if len(values) == 1:
            kept = set_exposed(kept, ids.values(), setting.label, values[0])
    return kept, places
