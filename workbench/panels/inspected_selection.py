"""What the inspector edits: some nodes, or a block by the settings that it offers. Knows no widgets."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from engine.api import Graph, Node, Project, Setting, blocks, edits, framing, settings_of
from workbench.panels.field_editors import VARIOUS


def common_settings(nodes: Sequence[Node]) -> tuple[Setting, ...]:
    """The settings that all these nodes declare alike (name, label and kind), in the order of the first."""
    if not nodes:
        return ()
    tables = [{setting.name: setting for setting in settings_of(type(node.layer))} for node in nodes]
    return tuple(
        setting
        for name, setting in tables[0].items()
        if all(
            name in table and (table[name].label, table[name].kind) == (setting.label, setting.kind)
            for table in tables
        )
    )


@dataclass(frozen=True)
class InspectedSelection:
    """Selected nodes; where they are exactly what a frame holds, and it offers settings, that frame."""

    nodes: tuple[Node, ...]
    frame: str = ""
    """Path of the frame, or "" for nodes as such."""
    block: str = ""
    """Name of the block that the frame is a copy of."""

    @classmethod
    def of(cls, project: Project, node_ids: Sequence[str]) -> "InspectedSelection":
        """What these ids stand for in a project; those that are gone are left out."""
        nodes = tuple(project.graph.nodes[i] for i in node_ids if i in project.graph.nodes)
        if any(node.exposed for node in nodes):
            chosen = {node.id for node in nodes}
            paths = (
                path for path, members in framing.frames(project.graph).items() if set(members) == chosen
            )
            path = next(paths, "")
            if path:
                state = project.frames.get(path)
                return cls(nodes, path, state.block if state is not None else "")
        return cls(nodes)

    @property
    def settings(self) -> tuple[Setting, ...]:
        """What can be set."""
        return blocks.exposed_settings(self.nodes) if self.frame else common_settings(self.nodes)

    def value(self, name: str) -> Any:
        """The value of a setting, or VARIOUS where the nodes differ."""
        if self.frame:
            values = set(blocks.exposed_values(self.nodes, name))
        else:
            values = {getattr(node.layer, name) for node in self.nodes}
        return values.pop() if len(values) == 1 else VARIOUS

    def changed(self, graph: Graph, setting: Setting, value: object) -> Graph:
        """The graph with a setting changed; DesignError when the value is not valid."""
        if self.frame:
            return blocks.set_exposed(graph, [node.id for node in self.nodes], setting.name, value)
        for node in self.nodes:
            graph = edits.set_settings(graph, node.id, **{setting.name: value})
        return graph

    @property
    def heading(self) -> str:
        """The title of the frame, or how many nodes there are."""
        return self.frame.rpartition("/")[2] if self.frame else f"{len(self.nodes)} nodes"

    @property
    def words(self) -> str:
        """What an edit changes."""
        if self.frame:
            kind = f"A copy of the block {self.block}." if self.block else "A frame with settings of its own."
            return f"{kind} A change here sets them inside; H opens it, Ctrl+B chooses what it offers."
        return f"{', '.join(node.name for node in self.nodes)}. A change applies to all of them."

    @property
    def is_single(self) -> bool:
        """True for one node as such."""
        return len(self.nodes) == 1 and not self.frame

    @property
    def form(self) -> tuple[object, ...]:
        """What the form of fields depends on."""
        if self.frame:
            return (self.frame, self.block, *((s.name, s.kind) for s in self.settings))
        return tuple((node.id, type(node.layer)) for node in self.nodes)
