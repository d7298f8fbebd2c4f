"""The network: an immutable graph of layers. Each edge is stored once; places on a canvas are kept elsewhere."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType

from engine.errors import DesignError
from engine.layers.layer import Layer


@dataclass(frozen=True, slots=True)
class Node:
    """A layer in a network. `id` never changes; `name` is what users read; a muted node passes its input on."""

    id: str
    name: str
    layer: Layer
    muted: bool = False
    frame: str = ""
    """Title of the frame that the node belongs to, or "" ("a/b" for a frame in a frame)."""
    exposed: tuple[tuple[str, str], ...] = ()
    """Settings that the frames around the node offer as their own: (name of the setting, label there), sorted."""


@dataclass(frozen=True, slots=True, order=True)
class Edge:
    """The output of node `source` goes into input `port` of node `target`."""

    source: str
    target: str
    port: int = 0


@dataclass(frozen=True)
class Graph:
    """Nodes by id and edges; a directed acyclic graph (`edits.connect` keeps it so, `validated` checks it)."""

    nodes: Mapping[str, Node] = field(default_factory=lambda: MappingProxyType({}))
    edges: frozenset[Edge] = frozenset()

    @classmethod
    def of(cls, nodes: Iterable[Node], edges: Iterable[Edge] = ()) -> "Graph":
        """A graph of these nodes and edges; DesignError when ids repeat, edges dangle or a cycle closes."""
        by_id: dict[str, Node] = {}
        for node in nodes:
            if node.id in by_id:
                raise DesignError(f"Two nodes have the id '{node.id}'; ids must be different.", node=node.id)
            by_id[node.id] = node
        return cls(MappingProxyType(by_id), frozenset(edges)).validated()

    def validated(self) -> "Graph":
        """This graph when its edges join existing nodes, fill each port once and close no cycle; else DesignError."""
        filled: set[tuple[str, int]] = set()
        for edge in sorted(self.edges):
            for end in (edge.source, edge.target):
                if end not in self.nodes:
                    raise DesignError(
                        f"An edge joins '{edge.source}' to '{edge.target}', but there is no node '{end}'."
                    )
            if (edge.target, edge.port) in filled:
                name = self.nodes[edge.target].name
                raise DesignError(f"Input {edge.port + 1} of {name} is filled twice.", node=edge.target)
            filled.add((edge.target, edge.port))
        if len(self.order) < len(self.nodes):
            names = ", ".join(sorted(self.nodes[i].name for i in set(self.nodes) - set(self.order)))
            raise DesignError(
                f"The network has a cycle through {names}; a network must lead from input to output."
            )
        return self

    def node(self, node_id: str) -> Node:
        """The node of that id; DesignError when there is none."""
        try:
            return self.nodes[node_id]
        except KeyError:
            raise DesignError(f"There is no node '{node_id}'.") from None

    @cached_property
    def incoming(self) -> Mapping[str, tuple[Edge, ...]]:
        """Edges into each node, in the order of its ports."""
        table: dict[str, list[Edge]] = {node_id: [] for node_id in self.nodes}
        for edge in self.edges:
            if edge.target in table:
                table[edge.target].append(edge)
        return {node_id: tuple(sorted(edges, key=lambda e: e.port)) for node_id, edges in table.items()}

    @cached_property
    def outgoing(self) -> Mapping[str, tuple[Edge, ...]]:
        """Edges out of each node, ordered."""
        table: dict[str, list[Edge]] = {node_id: [] for node_id in self.nodes}
        for edge in self.edges:
            if edge.source in table:
                table[edge.source].append(edge)
        return {node_id: tuple(sorted(edges)) for node_id, edges in table.items()}

    @cached_property
    def order(self) -> tuple[str, ...]:
        """Node ids so that every edge leads forward, in the order of `nodes` where free; cycles are left out."""
        waiting = {node_id: len(edges) for node_id, edges in self.incoming.items()}
        ready = [node_id for node_id in self.nodes if not waiting[node_id]]
        ready.reverse()
        done: list[str] = []
        while ready:
            node_id = ready.pop()
            done.append(node_id)
            for edge in reversed(self.outgoing[node_id]):
                waiting[edge.target] -= 1
                if not waiting[edge.target]:
                    ready.append(edge.target)
        return tuple(done)

    @cached_property
    def rank(self) -> Mapping[str, int]:
        """The place of each node in `order`."""
        return {node_id: number for number, node_id in enumerate(self.order)}

    def ancestors(self, node_id: str) -> frozenset[str]:
        """Every node from which a path leads to this one, itself excluded."""
        return self._reach(node_id, self.incoming, lambda edge: edge.source)

    def descendants(self, node_id: str) -> frozenset[str]:
        """Every node to which a path leads from this one, itself excluded."""
        return self._reach(node_id, self.outgoing, lambda edge: edge.target)

    def part(self, node_id: str) -> tuple[str, ...]:
        """The nodes that hang together with this one, itself included, in the order of `nodes`."""
        found, pending = {node_id}, [node_id]
        while pending:
            here = pending.pop()
            around = {edge.source for edge in self.incoming[here]} | {
                edge.target for edge in self.outgoing[here]
            }
            pending.extend(around - found)
            found |= around
        return tuple(other for other in self.nodes if other in found)

    @staticmethod
    def _reach(
        start: str, table: Mapping[str, tuple[Edge, ...]], end: Callable[[Edge], str]
    ) -> frozenset[str]:
        found: set[str] = set()
        pending = [start]
        while pending:
            for edge in table.get(pending.pop(), ()):
                other = end(edge)
                if other not in found:
                    found.add(other)
                    pending.append(other)
        return frozenset(found)

    def path(self, start: str, goal: str) -> tuple[str, ...]:
        """Ids along a shortest path of edges from start to goal, both included; () when there is none."""
        before: dict[str, str] = {start: ""}
        pending = [start]
        for node_id in pending:
            if node_id == goal:
                ids = [goal]
                while ids[-1] != start:
                    ids.append(before[ids[-1]])
                return tuple(reversed(ids))
            for edge in self.outgoing.get(node_id, ()):
                if edge.target not in before:
                    before[edge.target] = node_id
                    pending.append(edge.target)
        return ()

    def with_nodes(self, *nodes: Node) -> "Graph":
        """The graph with these nodes added, or put in place of those of the same id."""
        graph = replace(self, nodes=MappingProxyType({**self.nodes, **{node.id: node for node in nodes}}))
        if len(graph.nodes) == len(self.nodes):
            # Where only layers change, what leads where stays as it is: most edits are such.
            known = {name: value for name, value in self.__dict__.items() if name in _OF_EDGES}
            graph.__dict__.update(known)
        return graph

    def with_edges(self, edges: Iterable[Edge]) -> "Graph":
        """The graph with exactly these edges."""
        return replace(self, edges=frozenset(edges))

    def without(self, node_ids: Iterable[str]) -> "Graph":
        """The graph without these nodes and the edges at them."""
        gone = set(node_ids)
        kept = {node_id: node for node_id, node in self.nodes.items() if node_id not in gone}
        edges = (edge for edge in self.edges if edge.source not in gone and edge.target not in gone)
        return Graph(MappingProxyType(kept), frozenset(edges))


_OF_EDGES = frozenset({"incoming", "outgoing", "order", "rank"})
"""What a graph remembers of its edges and the order of its nodes alone."""
