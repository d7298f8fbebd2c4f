import numpy as np
import pytest
import torch

from engine.design import edits
from engine.design.graph import Graph
from engine.design.inference import infer
from engine.design.receptive_field import ReceptiveField, receptive_fields
from tests.engine.small_networks import chain, layer


def field_of(graph: Graph, node_id: str) -> ReceptiveField:
    return receptive_fields(graph, infer(graph))[node_id]


def test_that_the_fields_of_the_mnist_network_grow_by_window_and_stride() -> None:
    graph = chain(
        layer("input", shape=(1, 28, 28)), layer("convolution", size=5, padding=2), layer("relu"), layer("max_pooling"),
        layer("convolution", size=5, padding=2), layer("relu"), layer("max_pooling"), layer("fully_connected"),
    )  # fmt: skip
    fields = receptive_fields(graph, infer(graph))
    sizes = {node_id: (field.size, field.stride, field.offset) for node_id, field in fields.items()}
    assert sizes["input-1"] == ((1, 1), (1, 1), (0, 0))
    assert sizes["convolution-1"] == sizes["relu-1"] == ((5, 5), (1, 1), (-2, -2))
    assert sizes["max_pooling-1"] == ((6, 6), (2, 2), (-2, -2))
    assert sizes["convolution-2"] == ((14, 14), (2, 2), (-6, -6))
    assert sizes["max_pooling-2"] == ((16, 16), (4, 4), (-6, -6))
    assert fields["fully_connected-1"].whole
    assert fields["fully_connected-1"].size == (16 + 6 * 4, 16 + 6 * 4)


@pytest.mark.parametrize(
    ("stride", "dilation", "padding"), [(1, 1, 0), (2, 1, 1), ((2, 1), (1, 2), (1, 0, 2, 1))]
)
def test_that_a_field_is_where_pytorch_finds_a_gradient(
    stride: object, dilation: object, padding: object
) -> None:
    graph = chain(
        layer("input", shape=(1, 24, 24)),
        layer("convolution", filters=1, size=3, stride=stride, dilation=dilation, padding=padding),
        layer("average_pooling", size=(2, 3), stride=2),
        layer("convolution", filters=1, size=(3, 2)),
    )
    inference = infer(graph)
    field = receptive_fields(graph, inference)["convolution-2"]
    image = torch.zeros(1, 1, 24, 24, requires_grad=True)
    x = image
    for node_id in graph.order[1:]:
        window = graph.nodes[node_id].layer.window()
        assert window is not None
        top, bottom, left, right = window.padding
        kernel = torch.ones(1, 1, *window.size)
        x = torch.nn.functional.pad(x, (left, right, top, bottom))
        x = torch.nn.functional.conv2d(x, kernel, stride=window.stride, dilation=window.dilation)
    row, column = 1, 2
    x[0, 0, row, column].backward()
    touched = np.argwhere(image.grad.numpy()[0, 0] != 0)
    for axis, place in enumerate((row, column)):
        begin = field.offset[axis] + place * field.stride[axis]
        seen = range(max(begin, 0), min(begin + field.size[axis], 24))
        assert touched[:, axis].min() == seen[0]
        assert touched[:, axis].max() == seen[-1]


def test_that_a_join_sees_what_its_branches_see_together() -> None:
    graph = chain(layer("input", shape=(1, 12, 12)), layer("convolution", filters=1, size=3, padding=1))
    graph, wide = edits.add_layer(graph, layer("convolution", filters=1, size=(5, 1), padding=(2, 2, 0, 0)))
    graph = edits.connect(graph, "input-1", wide.id)
    graph, join = edits.add_layer(graph, layer("add"))
    for source in ("convolution-1", wide.id):
        graph = edits.connect(graph, source, join.id)
    assert field_of(graph, join.id) == ReceptiveField((5, 3), (1, 1), (-2, -1))


def test_that_a_muted_layer_sees_what_came_in() -> None:
    graph = chain(layer("input"), layer("convolution", size=5), layer("relu"))
    graph = edits.set_muted(graph, ["convolution-1"], True)
    assert field_of(graph, "relu-1") == ReceptiveField()


def test_that_global_pooling_sees_the_whole_map() -> None:
    graph = chain(
        layer("input", shape=(2, 10, 8)), layer("convolution", size=3), layer("global_average_pooling")
    )
    assert field_of(graph, "global_average_pooling-1") == ReceptiveField((10, 8), (1, 1), (0, 0), whole=True)
