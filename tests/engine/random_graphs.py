"""Random valid networks: branches, joins, muted nodes, parts that lead nowhere, every registered layer type."""

from typing import Any

from hypothesis import strategies as st

from engine.design import edits
from engine.design.graph import Graph
from engine.design.inference import infer
from engine.errors import ShapeError
from engine.layers import REGISTRY, Layer, make_layer
from engine.tensor.spec import TensorSpec

CLASSES = 3
MIDDLE = sorted(name for name, kind in REGISTRY.items() if not kind.terminal and kind.most_inputs != 0)


@st.composite
def layers(draw: st.DrawFn, name: str) -> Layer:
    """A layer of that type with small settings."""
    small, pad = st.integers(1, 3), st.integers(0, 2)
    settings: dict[str, Any] = {}
    if name in ("convolution", "max_pooling", "average_pooling"):
        size = draw(small), draw(small)
        room = pad if name == "convolution" else st.integers(0, min(size) - 1)
        settings = {
            "size": size,
            "stride": (draw(st.integers(1, 2)), draw(st.integers(1, 2))),
            "padding": tuple(draw(room) for _ in range(4)),
        }
    if name == "convolution":
        groups = draw(st.sampled_from((1, 1, 2)))
        settings |= {
            "filters": groups * draw(small),
            "groups": groups,
            "dilation": (draw(st.integers(1, 2)), 1),
            "bias": draw(st.booleans()),
        }
    if name == "fully_connected":
        settings = {"outputs": draw(st.integers(1, 6)), "bias": draw(st.booleans())}
    if name == "dropout":
        settings = {"keep": draw(st.sampled_from((0.3, 0.8, 1.0)))}
    return make_layer(name, settings)


@st.composite
def graphs(draw: st.DrawFn, most_nodes: int = 9, *, muted: bool = True) -> Graph:
    """A valid network of up to `most_nodes` layers between the input and the last two."""
    shape = (draw(st.integers(1, 3)), draw(st.integers(3, 7)), draw(st.integers(3, 7)))
    graph, first = edits.add_layer(Graph(), make_layer("input", {"shape": shape}))
    outputs: dict[str, TensorSpec] = {first.id: first.layer.output()}
    for _ in range(draw(st.integers(0, most_nodes))):
        layer = draw(layers(draw(st.sampled_from(MIDDLE))))
        sources = draw(_sources(layer, outputs))
        try:
            output = layer.output(*(outputs[source] for source in sources))
        except ShapeError:
            continue
        graph, node = edits.add_layer(graph, layer)
        for source in sources:
            graph = edits.connect(graph, source, node.id)
        outputs[node.id] = output
        if muted and len(sources) == 1 and draw(st.integers(0, 5)) == 0:
            graph = edits.set_muted(graph, [node.id], True)
            outputs[node.id] = outputs[sources[0]]
    last = draw(st.sampled_from(list(outputs)[-3:]))
    for layer in (make_layer("fully_connected", {"outputs": CLASSES}), make_layer("softmax_classifier")):
        graph, node = edits.add_layer(graph, layer)
        graph = edits.connect(graph, last, node.id)
        last = node.id
    assert infer(graph).is_valid
    return graph


def _sources(layer: Layer, outputs: dict[str, TensorSpec]) -> st.SearchStrategy[list[str]]:
    """Nodes that could feed the layer, the later ones more often; for joins such that fit each other."""
    ids = list(outputs)
    if layer.least_inputs < 2:
        return st.sampled_from(ids[-3:]).map(lambda one: [one])

    def fitting(one: str) -> st.SearchStrategy[list[str]]:
        same = [other for other in ids if outputs[other].shape[1:] == outputs[one].shape[1:]]
        exact = [other for other in same if outputs[other] == outputs[one]]
        pool = exact if layer.type_name == "add" else same
        most = 3 if layer.most_inputs is None else layer.most_inputs
        return st.lists(st.sampled_from(pool), min_size=layer.least_inputs, max_size=most)

    return st.sampled_from(ids[-3:]).flatmap(fitting)
