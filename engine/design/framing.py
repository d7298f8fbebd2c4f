"""Frames: titled groups of nodes, told by the path of titles that each node carries."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from engine.design.graph import Graph, Node
from engine.errors import DesignError


@dataclass(frozen=True, slots=True)
class FrameState:
    """What a project keeps of a frame beside its nodes; training knows nothing of it."""

    folded: bool = False
    """One box stands for its nodes."""
    block: str = ""
    """Name of the block that it is a copy of, or ""."""


def frames(graph: Graph) -> Mapping[str, tuple[str, ...]]:
    """The ids in each frame by its path; a frame that holds frames ("a" of "a/b") holds their nodes too."""
    members: dict[str, list[str]] = {}
    for node in graph.nodes.values():
        for path in around(node):
            members.setdefault(path, []).append(node.id)
    return {path: tuple(ids) for path, ids in members.items()}


def around(node: Node) -> tuple[str, ...]:
    """The paths of the frames around a node, the outermost first."""
    parts = node.frame.split("/") if node.frame else []
    return tuple("/".join(parts[:depth]) for depth in range(1, len(parts) + 1))


def common_frame(one: str, other: str) -> str:
    """The path of the innermost frame that is around both, or ""."""
    shared = []
    for ours, theirs in zip(one.split("/"), other.split("/"), strict=False):
        if ours != theirs:
            break
        shared.append(ours)
    return "/".join(shared)


def whole_frames(graph: Graph, node_ids: Collection[str]) -> tuple[str, ...]:
    """The paths of the frames all of whose nodes are among these."""
    chosen = set(node_ids)
    return tuple(path for path, members in frames(graph).items() if chosen.issuperset(members))


def free_title(graph: Graph, title: str, parent: str = "") -> str:
    """A title that no frame beside it has: the wanted one, else with the first free number behind it."""
    used = frames(graph)
    base = title.rstrip("0123456789 ") or title
    number, free = 1, title
    while _joined(parent, free) in used:
        number += 1
        free = f"{base} {number}"
    return free


def wrap_in_frame(graph: Graph, node_ids: Iterable[str], title: str = "") -> tuple[Graph, str]:
    """The graph with nodes put into a new frame (`Frame 1` or so), and its path.

    Frames that are wrapped as a whole go into the new one; nodes leave a frame that is wrapped in part.
    """
    ids = tuple(node_ids)
    whole = set(whole_frames(graph, ids))
    outer: dict[str, str] = {}
    for node_id in ids:
        kept = next((path for path in around(graph.node(node_id)) if path in whole), None)
        outer[node_id] = graph.node(node_id).frame if kept is None else kept.rpartition("/")[0]
    parent = outer[ids[0]]
    for path in outer.values():
        parent = common_frame(parent, path)
    number = 1
    while not title and f"Frame {number}" in {part for path in frames(graph) for part in path.split("/")}:
        number += 1
    new = _joined(parent, free_title(graph, title or f"Frame {number}", parent))
    wrapped = []
    for node_id in ids:
        node = graph.node(node_id)
        inside = next((path for path in around(node) if path in whole), None)
        rest = "" if inside is None else node.frame[len(inside) - len(inside.rpartition("/")[2]) :]
        wrapped.append(replace(node, frame=_joined(new, rest)))
    return graph.with_nodes(*wrapped), new


def moved_into(graph: Graph, node_ids: Collection[str], path: str) -> Mapping[str, str]:
    """Where the frames of `graph` stand after `wrap_in_frame` put these nodes into the frame at `path`."""
    whole = whole_frames(graph, node_ids)
    outermost = [old for old in whole if old.rpartition("/")[0] not in whole]
    return {old: _joined(path, old.rpartition("/")[2]) for old in outermost}


def unwrap(graph: Graph, node_ids: Iterable[str]) -> Graph:
    """The graph with nodes taken out of their frames, which then no longer offer their settings."""
    return graph.with_nodes(*(replace(graph.node(i), frame="", exposed=()) for i in node_ids))


def rename_frame(graph: Graph, path: str, title: str) -> tuple[Graph, str]:
    """The graph with a frame called otherwise, and its new path.

    DesignError when the title is empty, taken or has a slash.
    """
    title = title.strip()
    if not title or "/" in title:
        raise DesignError("A frame needs a title without slashes.")
    renamed = _joined(path.rpartition("/")[0], title)
    if renamed != path and renamed in frames(graph):
        raise DesignError(f"Another frame is called {title}; choose a different title.")
    inside = [node for node in graph.nodes.values() if path in around(node)]
    moved = graph.with_nodes(*(replace(node, frame=renamed + node.frame[len(path) :]) for node in inside))
    return moved, renamed


def in_new_frames(
    graph: Graph, nodes: Iterable[Node], whole: Iterable[str]
) -> tuple[list[Node], Mapping[str, str]]:
    """Nodes that are to be added to a graph as copies: frames that are copied as a whole get titles of their own.

    Also the new path of each of these frames.
    """
    paths: dict[str, str] = {}
    for path in sorted(whole, key=lambda path: path.count("/")):
        parent, _, title = path.rpartition("/")
        if parent in paths:
            paths[path] = f"{paths[parent]}/{title}"
        else:
            paths[path] = _joined(parent, free_title(graph, title, parent))
    copies = []
    for node in nodes:
        inside = next((path for path in reversed(around(node)) if path in paths), None)
        frame = node.frame if inside is None else paths[inside] + node.frame[len(inside) :]
        copies.append(replace(node, frame=frame))
    return copies, paths


def states_after(
    states: Mapping[str, FrameState], graph: Graph, moved: Mapping[str, str] | None = None
) -> Mapping[str, FrameState]:
    """The states of the frames that a graph has; `moved` tells new paths of frames (and so of those in them)."""
    if not states:
        return states
    there = frames(graph)
    kept = {}
    for path, state in states.items():
        for old, new in (moved or {}).items():
            if path == old or path.startswith(f"{old}/"):
                path = new + path[len(old) :]
                break
        if path in there:
            kept[path] = state
    return kept


def _joined(parent: str, rest: str) -> str:
    return f"{parent}/{rest}" if parent and rest else parent or rest
