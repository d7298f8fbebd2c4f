"""Whether a network is larger than any training of it could hold."""

import os
from collections.abc import Mapping
from typing import Any

from engine.amounts import bytes_text
from engine.design import edits
from engine.design.findings import NodeShape, Problem
from engine.design.graph import Graph
from engine.errors import DesignError, Repair
from engine.layers.layer import settings_of

_SIZES = ("outputs", "filters")
"""The settings that say how many channels a layer gives."""
_SHARE = 4
"""A repaired network takes at most this part of the memory, so that batches and averages fit beside it."""


def system_memory() -> int:
    """Bytes of this computer's memory; 0 where the system does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 0


def too_large(graph: Graph, shapes: Mapping[str, NodeShape], memory: int) -> Problem | None:
    """The problem of the largest node of a network that does not fit into so many bytes; else None."""
    needs = {i: shape.least_memory for i, shape in shapes.items()}
    whole = sum(needs.values())
    if whole <= memory:
        return None
    node_id = max(needs, key=lambda i: needs[i])
    node, shape = graph.nodes[node_id], shapes[node_id]
    what = (
        f"its {shape.parameter_count:,} parameters" if shape.parameters else f"its output of {shape.output}"
    )
    given = f" for an input of {shape.inputs[0]}" if shape.inputs else ""
    message = (
        f"{node.name}: {what}{given} need at least {bytes_text(needs[node_id])}, but this computer has "
        f"{bytes_text(memory)}; make the layer smaller, or shrink its input by pooling or a larger stride."
    )
    room = memory - (whole - needs[node_id])
    return Problem(node_id, message, _smaller(graph, node_id, needs[node_id], room))


def _smaller(graph: Graph, node_id: str, need: int, room: int) -> tuple[Repair, ...]:
    """Fewer outputs or filters, a power of two, so that the layer takes a part of the room."""
    layer = graph.nodes[node_id].layer
    for declared in settings_of(type(layer)):
        if declared.name in _SIZES:
            size: int = getattr(layer, declared.name)
            fitting = size * max(room, 0) // (_SHARE * need)
            if fitting >= 1:
                fewer = 1 << (fitting.bit_length() - 1)
                changes: dict[str, Any] = {declared.name: fewer}
                return (Repair(f"Set {declared.label.lower()} to {fewer:,}", **changes),)
    return _bypass(graph, node_id)


def _bypass(graph: Graph, node_id: str) -> tuple[Repair, ...]:
    node = graph.nodes[node_id]
    try:
        edits.set_muted(graph, [node_id], True)
    except DesignError:
        return ()
    return (Repair(f"Mute {node.name}", edit=lambda graph: edits.set_muted(graph, [node_id], True)),)
