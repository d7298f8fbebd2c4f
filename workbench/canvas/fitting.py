"""Which layer types fit behind an output or before an input."""

from engine.api import REGISTRY, DesignError, Layer, edits, make_layer
from workbench.canvas.port import Port
from workbench.document.document import Document


def fitting_types(document: Document, port: Port) -> list[type[Layer]]:
    """The layer types that can be connected to a port, with their default settings and the shapes as they are.

    A join counts as fitting although it waits for more inputs.
    """
    return [cls for name, cls in REGISTRY.items() if _fits(document, name, port)]


def _fits(document: Document, type_name: str, port: Port) -> bool:
    node_id, side, _number = port
    layer = make_layer(type_name)
    graph, node = edits.add_layer(document.project.graph, layer)
    source, target = (node_id, node.id) if side == "out" else (node.id, node_id)
    if edits.refusal(graph, source, target):
        return False
    shape = document.inference.shapes.get(node_id)
    if side == "in" or shape is None or layer.least_inputs > 1:
        return True
    try:
        layer.output(shape.output)
    except DesignError:
        return False
    return True
