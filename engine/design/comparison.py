"""In what two versions of a design differ: nodes and edges added, removed and changed."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from engine.design.findings import Inference
from engine.design.graph import Edge, Graph, Node
from engine.layers.layer import setting_text, settings_of


@dataclass(frozen=True)
class Comparison:
    """Differences of a later design from an earlier one; nodes are the same when id and layer type are."""

    added: tuple[str, ...]
    """Ids in the later design."""
    removed: tuple[str, ...]
    """Ids in the earlier design."""
    changed: Mapping[str, tuple[str, ...]]
    """Id -> what changed, a few words each: `filters 32 → 64`."""
    edges_added: frozenset[Edge]
    edges_removed: frozenset[Edge]

    @property
    def is_same(self) -> bool:
        """True when nothing differs but places."""
        return not (self.added or self.removed or self.changed or self.edges_added or self.edges_removed)


def compare(before: Graph, after: Graph) -> Comparison:
    """What was done to a design."""
    kept = {i for i, node in after.nodes.items() if i in before.nodes and _same_kind(before.nodes[i], node)}
    words = {i: _changes(before.nodes[i], after.nodes[i]) for i in after.nodes if i in kept}
    return Comparison(
        added=tuple(i for i in after.nodes if i not in kept),
        removed=tuple(i for i in before.nodes if i not in kept),
        changed={i: found for i, found in words.items() if found},
        edges_added=frozenset(
            e for e in after.edges if e not in before.edges or not {e.source, e.target} <= kept
        ),
        edges_removed=frozenset(
            e for e in before.edges if e not in after.edges or not {e.source, e.target} <= kept
        ),
    )


@dataclass(frozen=True)
class Overlay:
    """Both designs in one graph, for showing only: its ports may be filled twice."""

    graph: Graph
    inference: Inference
    """Shapes as each design has them."""
    nodes: Mapping[str, str]
    """Id in the overlay -> "added", "removed" or "changed"."""
    edges: Mapping[Edge, str]
    """Edge of the overlay -> "added" or "removed"."""
    earlier: Mapping[str, str]
    """Id in the overlay -> id in the earlier design, of the removed nodes."""


def overlaid(before: tuple[Graph, Inference], after: tuple[Graph, Inference]) -> Overlay:
    """The later design with what was removed put back."""
    found = compare(before[0], after[0])
    ids = {i: f"{i} before" if i in after[0].nodes else i for i in found.removed}
    gone = {ids[i]: replace(before[0].nodes[i], id=ids[i]) for i in found.removed}
    back = {
        Edge(ids.get(e.source, e.source), ids.get(e.target, e.target), e.port) for e in found.edges_removed
    }
    graph = Graph({**after[0].nodes, **gone}, after[0].edges | back)
    shapes = {ids[i]: before[1].shapes[i] for i in found.removed if i in before[1].shapes}
    return Overlay(
        graph,
        replace(after[1], shapes={**after[1].shapes, **shapes}, hints=()),
        dict.fromkeys(found.added, "added")
        | dict.fromkeys(gone, "removed")
        | dict.fromkeys(found.changed, "changed"),
        {**dict.fromkeys(back, "removed"), **dict.fromkeys(found.edges_added, "added")},
        {new: old for old, new in ids.items()},
    )


def _same_kind(before: Node, after: Node) -> bool:
    return before.layer.type_name == after.layer.type_name


def _changes(before: Node, after: Node) -> tuple[str, ...]:
    words = [f"name {before.name} → {after.name}"] if before.name != after.name else []
    if type(before.layer) is type(after.layer) and before.layer != after.layer:
        for setting in settings_of(type(after.layer)):
            old, new = getattr(before.layer, setting.name), getattr(after.layer, setting.name)
            if old != new:
                words.append(f"{setting.label.lower()} {setting_text(old)} → {setting_text(new)}")
    if before.muted != after.muted:
        words.append("muted" if after.muted else "no longer muted")
    return tuple(words)
