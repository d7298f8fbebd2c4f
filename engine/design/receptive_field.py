"""What a node sees of the image: size, stride and place of its receptive field, from the layers' windows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from engine.design.findings import Inference, NodeShape
from engine.design.graph import Graph
from engine.tensor.window import Window

Pair = tuple[int, int]


@dataclass(frozen=True, slots=True)
class ReceptiveField:
    """The pixels of the input that one value of an output depends on; pairs are (vertical, horizontal).

    Neighbouring values see fields that lie `stride` pixels apart. The field of the first value begins at
    pixel `offset`, which is negative where it reaches into padding. Where `whole` is true the places are
    gone and every value sees all that any place saw before.
    """

    size: Pair = (1, 1)
    stride: Pair = (1, 1)
    offset: Pair = (0, 0)
    whole: bool = False

    def through(self, window: Window) -> "ReceptiveField":
        """The field behind a sliding window: it grows by (reach − 1) strides, and the strides multiply."""
        (height, width), (down, across) = window.reach, self.stride
        top, _bottom, left, _right = window.padding
        return ReceptiveField(
            (self.size[0] + (height - 1) * down, self.size[1] + (width - 1) * across),
            (down * window.stride[0], across * window.stride[1]),
            (self.offset[0] - top * down, self.offset[1] - left * across),
            self.whole,
        )

    def over(self, height: int, width: int) -> "ReceptiveField":
        """The field of a value that sees all places of a map: from the first one's pixels to the last one's."""
        size = (self.size[0] + (height - 1) * self.stride[0], self.size[1] + (width - 1) * self.stride[1])
        return ReceptiveField(size, self.stride, self.offset, whole=True)

    def joined(self, other: "ReceptiveField") -> "ReceptiveField":
        """The smallest field that holds both: what a join of branches sees."""
        start = _pair(min, self.offset, other.offset)
        end = _pair(max, _ends(self), _ends(other))
        size = (end[0] - start[0], end[1] - start[1])
        return ReceptiveField(size, _pair(max, self.stride, other.stride), start, self.whole or other.whole)


def receptive_fields(
    graph: Graph, inference: Inference, *, narrowest: bool = False
) -> Mapping[str, ReceptiveField]:
    """The receptive field of every node that has a shape, by node id.

    With `narrowest`, that of the narrowest way to each: behind a join, what arrives past the layers it goes round.
    """
    fields: dict[str, ReceptiveField] = {}
    for node_id in graph.order:
        shape = inference.shapes.get(node_id)
        if shape is None:
            continue
        sources = [fields[edge.source] for edge in graph.incoming[node_id] if edge.source in fields]
        field = sources[0] if sources else ReceptiveField()
        for other in sources[1:]:
            field = min(field, other, key=lambda seen: seen.size) if narrowest else field.joined(other)
        node = graph.nodes[node_id]
        fields[node_id] = field if node.muted else _behind(field, node.layer.window(), shape)
    return fields


def _behind(field: ReceptiveField, window: Window | None, shape: NodeShape) -> ReceptiveField:
    if window is not None:
        return field.through(window)
    # Without a window, a layer that keeps the places works on each alone; one that gives them up looks at all.
    if shape.inputs and shape.inputs[0].is_map and not shape.output.is_map:
        return field.over(int(shape.inputs[0].height), int(shape.inputs[0].width))
    return field


def _ends(field: ReceptiveField) -> Pair:
    return field.offset[0] + field.size[0], field.offset[1] + field.size[1]


def _pair(choose: Callable[[int, int], int], first: Pair, second: Pair) -> Pair:
    return choose(first[0], second[0]), choose(first[1], second[1])
