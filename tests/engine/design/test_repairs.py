"""Repairs that edit the whole design: what is offered makes the network valid."""

import pytest

from engine.classic_networks import lenet5
from engine.design import edits
from engine.design.findings import DataShape
from engine.design.graph import Graph, Node
from engine.design.inference import infer
from engine.design.memory import too_large
from engine.design.trained import outgrown
from engine.layers import make_layer
from engine.layers.placeholder import Placeholder

MNIST = DataShape((1, 28, 28), 10)


def network(*layers: tuple[str, dict[str, object]]) -> Graph:
    graph, before = Graph(), ""
    for type_name, settings in layers:
        graph, node = edits.add_layer(graph, make_layer(type_name, settings))
        if before:
            graph = edits.connect(graph, before, node.id)
        before = node.id
    return graph


INPUT, END = ("input", {}), ("softmax_classifier", {})
SCORES = ("fully_connected", {"outputs": 10})


def with_layers(graph: Graph, *types: str) -> Graph:
    for name in types:
        graph, _ = edits.add_layer(graph, make_layer(name))
    return graph


def residual(stride: int) -> Graph:
    """A branch of 64 filters, with a stride, that joins its own input of 32 channels in an Add."""
    graph = network(
        INPUT, ("convolution", {"filters": 32, "size": 3, "padding": 1}),
        ("convolution", {"filters": 64, "size": 3, "padding": 1, "stride": stride}), ("add", {}), SCORES, END,
    )  # fmt: skip
    return edits.connect(graph, "convolution-1", "add-1", 1)


CASES = {
    "map of ten channels": (
        network(INPUT, ("convolution", {"filters": 10}), END), "Insert global average pooling",
    ),
    "map of other channels": (
        network(INPUT, ("convolution", {"filters": 32}), END),
        "Insert global average pooling and set filters of Convolution 1 to 10",
    ),
    "seven scores": (
        network(INPUT, ("fully_connected", {"outputs": 7}), END), "Set outputs of Fully connected 1 to 10",
    ),
    "seven channels averaged": (
        network(INPUT, ("convolution", {"filters": 7}), ("global_average_pooling", {}), END),
        "Set filters of Convolution 1 to 10",
    ),
    "no classifier, scores there": (network(INPUT, SCORES), "Add a Softmax classifier behind Fully connected 1"),
    "no classifier": (
        network(INPUT, ("relu", {})),
        "Add Fully connected with 10 outputs and a Softmax classifier behind ReLU 1",
    ),
    "second input, unused": (with_layers(network(INPUT, SCORES, END), "input"), "Delete Input 2"),
    "join of one": (network(INPUT, ("add", {}), SCORES, END), "Delete Add 1 and reconnect"),
    "wrong input shape": (
        network(("input", {"shape": (3, 32, 32)}), SCORES, END), "Set shape to 1×28×28",
    ),
    "residual with a stride": (
        residual(2), "Insert a 1×1 convolution with 64 filters and stride 2 behind Convolution 1",
    ),
    "residual of other channels": (residual(1), "Set filters of Convolution 2 to 32"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_that_every_repair_offered_makes_the_network_valid(case: str) -> None:
    graph, label = CASES[case]
    (problem,) = infer(graph, MNIST).problems
    labels = [repair.label for repair in problem.repairs]
    assert label in labels, labels
    for repair in problem.repairs:
        mended = edits.repaired(graph, problem.node, repair)
        assert infer(mended, MNIST).is_valid, f"{repair}: {infer(mended, MNIST).problems}"
        mended.validated()


def test_that_branches_that_shrink_differently_get_padding() -> None:
    graph = network(INPUT, ("convolution", {"filters": 1, "size": 5}), ("add", {}), SCORES, END)
    graph = edits.connect(graph, "input-1", "add-1", 1)
    (problem,) = infer(graph, MNIST).problems
    assert problem.repairs[0].label == "Set padding of Convolution 1 to 2"
    assert "input 1 (Convolution 1) is 1×24×24, but input 2 (Input 1) is 1×28×28" in problem.message


def test_that_two_inputs_in_use_become_one() -> None:
    graph = with_layers(network(INPUT, ("relu", {}), ("add", {}), SCORES, END), "input")
    graph = edits.connect(graph, "input-2", "add-1", 1)
    (problem,) = infer(graph, MNIST).problems
    repair = next(repair for repair in problem.repairs if repair.label == "Use Input 1 instead of Input 2")
    mended = edits.repaired(graph, problem.node, repair)
    assert "input-2" not in mended.nodes
    assert infer(mended, MNIST).is_valid


def test_that_a_repair_of_a_network_that_changed_meanwhile_is_refused_in_words() -> None:
    graph, _ = CASES["seven scores"]
    (problem,) = infer(graph, MNIST).problems
    gone = edits.remove(graph, ["fully_connected-1"])
    with pytest.raises(edits.DesignError, match="There is no node"):
        edits.repaired(gone, problem.node, problem.repairs[0])


def test_that_an_inference_with_an_earlier_one_equals_one_without() -> None:
    graph = residual(2)
    before = infer(graph, MNIST)
    for changed in (
        edits.set_settings(graph, "convolution-1", filters=8),
        edits.set_settings(graph, "convolution-2", stride=1, filters=32),
        edits.remove(graph, ["convolution-2"]),
        graph,
    ):
        fresh, quick = infer(changed, MNIST), infer(changed, MNIST, before=before)
        assert (quick.shapes, quick.waiting, quick.hints) == (fresh.shapes, fresh.waiting, fresh.hints)
        assert [(p.node, p.message) for p in quick.problems] == [(p.node, p.message) for p in fresh.problems]
        for node_id, shape in fresh.shapes.items():
            sizes = zip(shape.output.shape, quick.shapes[node_id].output.shape, strict=True)
            assert all(a.derivation() == b.derivation() for a, b in sizes)


def test_that_a_network_beyond_the_memory_names_its_largest_layer_and_a_size_that_fits() -> None:
    graph = network(INPUT, ("fully_connected", {"outputs": 1_000_000}), SCORES, END)
    assert infer(graph, MNIST, memory=2**40).is_valid
    found = infer(graph, MNIST, memory=2**32)
    (problem,) = found.problems
    assert problem.node == "fully_connected-1"
    assert "785,000,000 parameters for an input of 1×28×28 need at least 5.9 GiB" in problem.message
    mended = edits.repaired(graph, problem.node, problem.repairs[0])
    assert infer(mended, MNIST, memory=2**32).is_valid
    assert too_large(mended, infer(mended).shapes, 2**32) is None


def test_that_outgrown_weights_are_named_with_both_sizes() -> None:
    graph = network(INPUT, ("convolution", {"filters": 4, "padding": 2}), ("relu", {}), SCORES, END)
    trained = infer(graph)
    assert outgrown(infer(edits.set_muted(graph, ["relu-1"], True)), trained) is None
    strided = outgrown(infer(edits.set_settings(graph, "convolution-1", stride=2)), trained, "Set stride")
    assert strided is not None
    assert strided.message == (
        "Fully connected 1 expects 3136 inputs in the saved weights, the design now gives 784: train again, or undo "
        "'Set stride'."
    )
    wider = outgrown(infer(edits.set_settings(graph, "convolution-1", filters=8)), trained)
    assert wider is not None
    assert wider.message.startswith(
        "Convolution 1 has weight 4×1×5×5 and bias 4 in the saved weights, the design now"
    )
    assert edits.repaired(graph, "convolution-1", wider.repairs[0]) is graph


def test_that_a_region_too_large_becomes_the_largest_that_fits_all_behind_it() -> None:
    lenet = lenet5((1, 28, 28))
    graph = edits.set_settings(lenet, "average_pooling-1", size=(50, 50))
    problem = next(p for p in infer(graph, MNIST).problems if p.node == "average_pooling-1")
    labels = [repair.label for repair in problem.repairs]
    assert (labels[0], labels[-1]) == ("Set size to 2×2", "Mute Average pooling 1")
    assert edits.repaired(graph, problem.node, problem.repairs[0]) == lenet
    assert not infer(edits.set_settings(lenet, "average_pooling-1", size=(3, 3)), MNIST).is_valid


def test_that_a_filter_too_large_for_what_is_behind_it_becomes_the_largest_that_fits() -> None:
    graph = edits.set_settings(lenet5((1, 28, 28)), "convolution-2", size=(50, 50))
    (problem,) = infer(graph, MNIST).problems
    assert [repair.label for repair in problem.repairs] == ["Set size to 5×5"]
    assert infer(edits.repaired(graph, problem.node, problem.repairs[0]), MNIST).is_valid


def test_that_a_region_keeps_the_side_that_was_small_enough() -> None:
    graph = edits.set_settings(lenet5((1, 28, 28)), "average_pooling-1", size=(50, 1))
    (problem,) = infer(graph, MNIST).problems
    assert problem.repairs[0].settings == {"size": (2, 1)}


def test_that_a_layer_of_an_unknown_type_without_inputs_is_told_like_any_other() -> None:
    alone = Node("swish-1", "Swish 1", Placeholder(unknown_type="swish", raw_settings={}))
    assert "does not know the layer type 'swish'" in infer(Graph.of([alone])).problems[0].message
