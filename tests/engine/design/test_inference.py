"""What a design tells: shapes, and for typical mistakes the node, both sizes and the next step."""

import pytest

from engine.design import edits
from engine.design.findings import DataShape, Inference, Problem
from engine.design.graph import Edge, Graph, Node
from engine.design.inference import infer
from engine.errors import DesignError
from engine.templates import TEMPLATES
from engine.tensor.spec import TensorSpec
from tests.engine.small_networks import chain, layer

MNIST = DataShape((1, 28, 28), 10)


def network(*middle: object, shape: tuple[int, int, int] = (1, 28, 28), outputs: int = 10) -> Graph:
    """Input, the given layers, fully connected, classifier."""
    return chain(
        layer("input", shape=shape),
        *middle,  # type: ignore[arg-type]
        layer("fully_connected", outputs=outputs),
        layer("softmax_classifier"),
    )


def only_problem(graph: Graph, data: DataShape | None = None) -> Problem:
    problems = infer(graph, data).problems
    assert len(problems) == 1, problems
    return problems[0]


def assert_tells(problem: Problem, *words: str) -> None:
    """Each word is in the message, which is a sentence that begins with a name."""
    for word in words:
        assert word in problem.message, problem.message
    assert problem.message.endswith(".")
    assert problem.message[0].isupper()


@pytest.mark.parametrize(
    ("name", "parameters", "shapes"),
    [
        ("mnist-sample", 3_274_634, ["32×28×28", "32×14×14", "64×14×14", "64×7×7", "1024×1×1", "10×1×1"]),
        ("mnist", 3_274_634, ["32×28×28", "32×14×14", "64×14×14", "64×7×7", "1024×1×1", "10×1×1"]),
        ("cifar10-model-a", 4_259_274, ["32×32×32", "32×16×16", "64×16×16", "64×8×8", "1024×1×1"]),
        ("cifar10-model-b", 29_853_002, ["96×32×32", "96×16×16", "192×16×16", "192×8×8", "2048×1×1"]),
        ("cifar10-model-c", 31_005_290, ["96×32×32", "96×16×16", "192×16×16", "192×8×8", "2048×1×1"]),
    ],
)
def test_that_the_networks_of_the_thesis_have_its_shapes_and_parameters(
    name: str, parameters: int, shapes: list[str]
) -> None:
    inference = infer(TEMPLATES[name].build().graph)
    assert inference.is_valid
    assert inference.parameter_count == parameters
    seen = [str(shape.output) for shape in inference.shapes.values()]
    assert [shape for shape in dict.fromkeys(seen) if shape in shapes] == shapes


def test_that_pooling_larger_than_its_input_names_both_sizes() -> None:
    graph = network(layer("max_pooling", size=4, stride=4), shape=(1, 3, 3))
    problem = only_problem(graph)
    assert problem.node == "max_pooling-1"
    assert_tells(problem, "Max pooling 1", "4×4", "3×3", "smaller size")


def test_that_a_filter_larger_than_its_padded_input_names_all_sizes() -> None:
    graph = network(layer("convolution", size=(9, 2), padding=(1, 1, 0, 0)), shape=(1, 5, 5))
    assert_tells(only_problem(graph), "Convolution 1", "9×2", "5×5", "7×5 with padding")


def test_that_a_join_of_different_shapes_names_both() -> None:
    for kind, filters, size in (("add", 4, 3), ("concatenate", 4, 5)):
        graph = network(layer("convolution", filters=3, size=3), layer(kind))
        graph, other = edits.add_layer(graph, layer("convolution", filters=filters, size=size))
        graph = edits.connect(graph, "input-1", other.id)
        graph = edits.connect(graph, other.id, f"{kind}-1")
        problem = only_problem(graph)
        assert problem.node == f"{kind}-1"
        side = 28 - size + 1
        assert_tells(problem, f"{kind.capitalize()} 1", "3×26×26", f"{filters}×{side}×{side}", "branch")


def test_that_a_map_before_the_classifier_is_told_with_what_to_put_between() -> None:
    graph = chain(layer("input"), layer("convolution", filters=10), layer("softmax_classifier"))
    assert_tells(only_problem(graph), "Softmax classifier 1", "10×24×24", "Fully connected")


def test_that_groups_that_do_not_divide_are_told() -> None:
    problem = only_problem(network(layer("convolution", filters=4, groups=2)))
    assert_tells(problem, "Convolution 1", "2 groups", "1 channels", "4 filters")


def test_that_missing_connections_are_told() -> None:
    graph, _ = edits.add_layer(network(), layer("relu"))
    assert_tells(only_problem(graph), "ReLU 1 has no input", "connect")
    graph, join = edits.add_layer(network(), layer("add"))
    graph = edits.connect(graph, "input-1", join.id)
    assert_tells(only_problem(graph), "Add 1", "at least 2 inputs", "has 1", "connect 1 more")


def test_that_what_the_network_as_a_whole_lacks_is_told() -> None:
    assert_tells(only_problem(Graph()), "empty", "add an Input")
    assert_tells(only_problem(chain(layer("input"))), "no Softmax classifier", "add one")
    two, _ = edits.add_layer(network(), layer("input"))
    assert_tells(only_problem(two), "2 inputs", "Input 1, Input 2", "delete one")
    twice = network()
    twice, node = edits.add_layer(twice, layer("softmax_classifier"))
    twice = edits.connect(twice, "fully_connected-1", node.id)
    assert_tells(only_problem(twice), "2 classifiers", "delete one")


def test_that_only_the_root_cause_is_a_problem_and_what_depends_on_it_waits() -> None:
    graph = network(layer("convolution", size=40), layer("relu"), layer("max_pooling", size=90), layer("add"))
    graph, side = edits.add_layer(graph, layer("max_pooling", size=50))
    graph = edits.connect(graph, "input-1", side.id)
    graph = edits.connect(graph, side.id, "add-1")
    inference = infer(graph, MNIST)
    assert {problem.node for problem in inference.problems} == {"convolution-1", side.id}
    assert inference.waiting == {
        "relu-1": "convolution-1",
        "max_pooling-1": "convolution-1",
        "add-1": "convolution-1",
        "fully_connected-1": "convolution-1",
        "softmax_classifier-1": "convolution-1",
    }
    assert set(inference.shapes) == {"input-1"}
    assert not inference.is_valid


def test_that_data_that_do_not_fit_are_told_with_both_sizes() -> None:
    problem = only_problem(network(), DataShape((3, 32, 32), 10))
    assert problem.node == "input-1"
    assert_tells(problem, "Input 1", "1×28×28", "3×32×32", "set its shape")
    problem = only_problem(network(outputs=7), MNIST)
    assert_tells(
        problem, "Softmax classifier 1", "7 scores", "10 classes", "set outputs of Fully connected 1 to 10"
    )


REPAIRABLE = [
    network(layer("max_pooling", size=4, stride=4), shape=(1, 3, 3)),
    network(layer("max_pooling", size=(1, 9), stride=1), shape=(1, 4, 4)),
    network(layer("average_pooling", size=(2, 9), stride=1, padding=(0, 1, 0, 0)), shape=(1, 4, 3)),
    network(layer("convolution", size=9), shape=(1, 4, 4)),
    network(layer("convolution", size=9), shape=(1, 5, 2)),
    network(layer("convolution", size=(3, 9), padding=(5, 0, 1, 0)), shape=(1, 4, 4)),
    network(layer("convolution", size=3, dilation=4), shape=(1, 4, 4)),
    network(layer("convolution", filters=4, groups=2)),
    network(layer("max_pooling", size=2, padding=2)),
    network(shape=(3, 5, 7)),
]


@pytest.mark.parametrize("graph", REPAIRABLE, ids=range(len(REPAIRABLE)))
def test_that_every_repair_that_is_offered_makes_the_network_valid(graph: Graph) -> None:
    data = DataShape((1, 28, 28), 10) if infer(graph).is_valid else None
    problem = only_problem(graph, data)
    assert problem.repairs
    for repair in problem.repairs:
        mended = edits.repaired(graph, problem.node, repair)
        assert infer(mended, data).is_valid, f"{repair}: {infer(mended, data).problems}"
        assert repair.label[0].isupper()


def test_that_a_pooling_region_never_lies_wholly_in_the_padding() -> None:
    # Such a region would answer −∞.
    for padding in ((2, 0, 0, 0), (0, 2, 0, 0), (0, 0, 3, 0), (0, 0, 0, 5)):
        graph = network(layer("max_pooling", size=2, padding=padding), shape=(1, 6, 6))
        assert_tells(only_problem(graph), "Max pooling 1", "padding", "2×2")


def test_that_a_stride_that_leaves_pixels_out_is_a_hint_and_no_problem() -> None:
    inference = infer(network(layer("max_pooling"), shape=(1, 7, 6)))
    assert inference.is_valid
    (hint,) = inference.hints
    assert hint.node == "max_pooling-1"
    assert "1 of the bottom rows" in hint.message


def test_that_what_leads_nowhere_is_a_hint_and_no_problem() -> None:
    graph, node = edits.add_layer(network(), layer("relu"))
    graph = edits.connect(graph, "input-1", node.id)
    inference = infer(graph)
    assert inference.is_valid
    assert [hint.node for hint in inference.hints] == [node.id]


def test_that_a_size_tells_its_derivation_back_to_the_input() -> None:
    graph = network(
        layer("convolution", filters=32, size=5, padding=2), layer("max_pooling"), layer("flatten")
    )
    shapes = infer(graph).shapes
    assert shapes["max_pooling-1"].output.height.derivation() == [
        "14 = ⌊(28 − 2 + 2·0)/2⌋ + 1",
        "28 = ⌊(28 − 5 + 2·2)/1⌋ + 1",
        "28 = height of the input",
    ]
    lines = shapes["flatten-1"].output.channels.derivation()
    assert lines[0] == "6272 = 32·14·14"
    assert "14 = ⌊(28 − 2 + 2·0)/2⌋ + 1" in lines


def test_that_the_derivation_of_joined_channels_is_their_sum() -> None:
    graph = network(layer("convolution", filters=3, size=3, padding=1), layer("concatenate"))
    graph = edits.connect(graph, "input-1", "concatenate-1")
    assert infer(graph).shapes["concatenate-1"].output.channels.derivation()[0] == "4 = 3 + 1"


def test_that_every_formula_of_a_derivation_is_right() -> None:
    graph = network(
        layer("convolution", filters=3, size=(3, 4), stride=(2, 3), padding=(1, 0, 2, 3), dilation=(2, 1)),
        layer("max_pooling", size=3, stride=1, padding=(1, 0, 0, 2)),
    )
    shapes = infer(graph).shapes
    assert len(shapes["max_pooling-1"].output.height.derivation()) > 2
    for shape in shapes.values():
        for size in shape.output.shape:
            for line in size.derivation():
                value, formula = line.split(" = ")
                if "input" in formula:
                    continue
                computed = formula.replace("⌊", "(").replace("⌋", ")//1").replace("−", "-").replace("·", "*")
                assert eval(computed) == int(value), line


def test_that_a_muted_node_passes_its_shape_on_and_has_no_parameters() -> None:
    graph = network(layer("convolution", filters=4, size=5))
    muted = edits.set_muted(graph, ["convolution-1"], True)
    shape = infer(muted).shapes["convolution-1"]
    assert (str(shape.output), shape.parameter_count, shape.cost.forward) == ("1×28×28", 0, 0)
    assert infer(edits.set_muted(muted, ["convolution-1"], False)).shapes["convolution-1"].parameter_count > 0


@pytest.mark.parametrize("kind", ["input", "softmax_classifier"])
def test_that_what_cannot_be_muted_is_refused_by_edits_and_told_when_a_file_has_it(kind: str) -> None:
    graph, node_id = network(), f"{kind}-1"
    with pytest.raises(DesignError, match="cannot be muted"):
        edits.set_muted(graph, [node_id], True)
    node = graph.nodes[node_id]
    muted = graph.with_nodes(Node(node.id, node.name, node.layer, muted=True))
    problem = only_problem(muted)
    assert problem.node == node_id
    assert_tells(problem, node.name, "muted", "unmute")


def test_that_a_connection_that_closes_a_cycle_is_refused_with_the_path() -> None:
    graph = network(layer("add"), layer("relu"), layer("tanh"))
    with pytest.raises(DesignError) as caught:
        edits.connect(graph, "tanh-1", "add-1")
    assert str(caught.value) == "That would close a cycle: Add 1 → ReLU 1 → Tanh 1 → Add 1."
    with pytest.raises(DesignError, match="ReLU 1 cannot feed itself"):
        edits.connect(graph, "relu-1", "relu-1")
    with pytest.raises(DesignError, match="takes no input"):
        edits.connect(graph, "relu-1", "input-1")
    with pytest.raises(DesignError, match="nothing connects behind"):
        edits.connect(graph, "softmax_classifier-1", "relu-1")


def test_that_graphs_from_files_are_refused_when_they_are_broken() -> None:
    nodes = [Node("a", "A", layer("relu")), Node("b", "B", layer("relu"))]
    for edges, words in (
        ([Edge("a", "b"), Edge("b", "a")], "cycle through A, B"),
        ([Edge("a", "c")], "no node 'c'"),
        ([Edge("a", "b"), Edge("b", "b")], "filled twice"),
    ):
        with pytest.raises(DesignError, match=words):
            Graph.of(nodes, edges)
    with pytest.raises(DesignError, match="ids must be different"):
        Graph.of([nodes[0], nodes[0]])


def test_that_inference_keeps_the_first_problem_of_each_node() -> None:
    problems = (Problem("a", "One."), Problem("a", "Two."), Problem("b", "Three."))
    inference = Inference({}, problems, {})
    assert {key: problem.message for key, problem in inference.problem_of.items()} == {
        "a": "One.",
        "b": "Three.",
    }


def test_that_a_spec_without_places_is_no_map() -> None:
    assert not TensorSpec.of(5).is_map
    assert TensorSpec.of(5, 1, 2).is_map
