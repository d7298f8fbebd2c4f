"""The thesis's two parameter counts of model C: which change of the design, if any, would give the other number."""

from dataclasses import dataclass
from itertools import product

from engine.design import edits
from engine.design.graph import Graph
from engine.design.inference import infer
from engine.errors import DesignError
from engine.layers.convolution import Convolution
from engine.layers.fully_connected import FullyConnected

TOLD_IN_TEXT = 30_955_290
"""What the thesis's text says of model C; its table says 31,005,290."""
_LARGEST = 8192
_SIZES = range(1, 16)


@dataclass(frozen=True)
class OneChange:
    """A setting that, changed alone, gives a design as many parameters as were asked for."""

    node: str
    setting: str
    value: int


def single_changes(graph: Graph, parameters: int) -> list[OneChange]:
    """Every change of one count of filters or outputs, one filter's size or one bias that gives this many parameters.

    Sizes keep the output's size by padding; the classifier's outputs stay as they are.
    """
    found = []
    for node_id in graph.order:
        layer = graph.nodes[node_id].layer
        if isinstance(layer, Convolution):
            found += _count_change(graph, node_id, "filters", parameters)
            for height, width in product(_SIZES, _SIZES):
                changed = {"size": (height, width), "padding": _same(height, width)}
                if _count(graph, node_id, **changed) == parameters:
                    found.append(OneChange(node_id, "size", height * 100 + width))
        elif isinstance(layer, FullyConnected) and not _feeds_the_classifier(graph, node_id):
            found += _count_change(graph, node_id, "outputs", parameters)
        if (
            isinstance(layer, Convolution | FullyConnected)
            and _count(graph, node_id, bias=False) == parameters
        ):
            found.append(OneChange(node_id, "bias", 0))
    return found


def _same(height: int, width: int) -> tuple[int, int, int, int]:
    """Padding (top, bottom, left, right) that keeps the size at stride 1."""
    return (height - 1) // 2, height // 2, (width - 1) // 2, width // 2


def _count_change(graph: Graph, node_id: str, setting: str, parameters: int) -> list[OneChange]:
    # The number of parameters is affine in each of these counts, so two designs tell all of them.
    one, two = (_count(graph, node_id, **{setting: value}) for value in (1, 2))
    if one is None or two is None or two == one:
        return []
    more, rest = divmod(parameters - one, two - one)
    return [OneChange(node_id, setting, more + 1)] if rest == 0 and 0 <= more < _LARGEST else []


def _count(graph: Graph, node_id: str, **changes: object) -> int | None:
    try:
        inference = infer(edits.set_settings(graph, node_id, **changes))
    except DesignError:
        return None
    return None if inference.problems else inference.parameter_count


def _feeds_the_classifier(graph: Graph, node_id: str) -> bool:
    return any(graph.nodes[edge.target].layer.terminal for edge in graph.outgoing[node_id])
