import pytest

from engine.data.recipe import DataRecipe, recipe_summary
from engine.design import edits
from engine.design.advice import advise, advise_on_data
from engine.design.graph import Graph
from engine.design.inference import infer
from engine.layers import Layer
from engine.templates import TEMPLATES
from tests.calls import count_calls
from tests.engine.small_networks import chain, layer


def network(*middle: Layer, shape: tuple[int, int, int] = (1, 28, 28), scores: bool = True) -> Graph:
    last = (layer("fully_connected", outputs=10),) if scores else ()
    return chain(layer("input", shape=shape), *middle, *last, layer("softmax_classifier"))


def remarks(graph: Graph, examples: int = 0) -> dict[str, str]:
    found = advise(graph, infer(graph), examples=examples)
    assert len({problem.node for problem in found}) == len(found)
    assert all(problem.message.endswith(".") for problem in found)
    return {problem.node: problem.message for problem in found}


def assert_tells(text: str, *parts: str) -> None:
    for part in parts:
        assert part in text, f"{part!r} is not in {text!r}"


@pytest.mark.parametrize("name", list(TEMPLATES))
def test_that_the_ready_networks_are_not_remarked_on(name: str) -> None:
    graph = TEMPLATES[name].build().graph
    assert advise(graph, infer(graph), examples=5000 if "sample" in name else 45_000) == ()


def test_that_filters_that_see_more_than_the_image_are_named_once() -> None:
    convolutions = [layer("convolution", size=5, padding=2), layer("relu")] * 4
    found = remarks(network(*convolutions, shape=(1, 12, 14)))
    assert list(found) == ["convolution-4"]
    assert_tells(found["convolution-4"], "Convolution 4", "13×13", "12×14", "Smaller filters")


def test_that_layers_that_a_skip_connection_goes_round_are_not_remarked_on_and_those_behind_are() -> None:
    wide = layer("convolution", filters=4, size=15, padding=7)
    graph = chain(layer("input", shape=(4, 28, 28)), layer("relu"), wide, wide, wide, layer("add"))
    graph = edits.connect(graph, "relu-1", "add-1")
    assert not any("widens" in words for words in remarks(graph).values())
    before = "add-1"
    for _ in range(3):
        graph, node = edits.add_layer(graph, wide)
        graph = edits.connect(graph, before, node.id)
        before = node.id
    assert [node_id for node_id, words in remarks(graph).items() if "widens" in words] == ["convolution-6"]


def test_that_places_of_a_filter_that_meet_only_padding_are_counted() -> None:
    found = remarks(network(layer("convolution", size=5, padding=2), layer("relu"), shape=(3, 1, 2)))
    assert_tells(found["convolution-1"], "Convolution 1", "5×5", "1×2", "22 of their 25", "1×3 is enough")


def test_that_a_filter_that_reaches_into_padding_at_the_border_alone_is_fine() -> None:
    assert remarks(network(layer("convolution", size=5, padding=2), layer("relu"), shape=(3, 8, 8))) == {}


def test_that_an_activation_after_the_last_scores_is_told() -> None:
    found = remarks(network(layer("fully_connected", outputs=10), layer("relu"), scores=False))
    assert list(found) == ["relu-1"]
    assert_tells(found["relu-1"], "ReLU 1", "Softmax classifier 1", "10 scores", "Delete it")


def test_that_a_muted_activation_after_the_scores_does_no_harm() -> None:
    graph = network(layer("fully_connected", outputs=10), layer("relu"), scores=False)
    assert remarks(edits.set_muted(graph, ["relu-1"], True)) == {}


def test_that_an_activation_before_global_pooling_is_no_activation_of_scores() -> None:
    middle = (layer("convolution", filters=10, size=3), layer("relu"), layer("global_average_pooling"))
    assert remarks(network(*middle, scores=False)) == {}


def test_that_dropout_of_scores_is_told() -> None:
    found = remarks(network(layer("fully_connected", outputs=10), layer("dropout"), scores=False))
    assert_tells(found["dropout-1"], "Dropout 1", "class scores", "put it before")


def test_that_dropout_before_batch_normalisation_is_told_once() -> None:
    normalised = (layer("convolution", size=3, bias=False), layer("batch_normalisation"), layer("relu"))
    found = remarks(network(layer("dropout"), *normalised, *normalised))
    assert list(found) == ["dropout-1"]
    assert_tells(found["dropout-1"], "Dropout 1", "Batch normalisation 1", "behind the last normalisation")
    assert remarks(network(*normalised, layer("dropout"))) == {}


def test_that_a_bias_that_normalisation_subtracts_is_told_with_its_size() -> None:
    found = remarks(
        network(layer("convolution", filters=48, size=3), layer("batch_normalisation"), layer("relu"))
    )
    assert_tells(found["convolution-1"], "bias of Convolution 1", "Batch normalisation 1", "48 parameters")


def test_that_two_linear_layers_in_a_row_are_told() -> None:
    found = remarks(network(layer("fully_connected", outputs=64)))
    assert_tells(found["fully_connected-2"], "Fully connected 1 and Fully connected 2", "Put an activation")


def test_that_an_activation_done_twice_is_told() -> None:
    found = remarks(network(layer("convolution", size=3), layer("relu"), layer("relu")))
    assert_tells(found["relu-2"], "ReLU 2", "ReLU 1", "delete one")


def test_that_a_branch_that_reaches_no_classifier_cannot_learn() -> None:
    graph = chain(layer("convolution", size=3), layer("relu"), start=network(), after="input-1")
    found = remarks(graph)
    assert_tells(found["convolution-1"], "Convolution 1", "320 parameters", "classifier", "Connect")


def test_that_an_island_is_told_with_both_sizes() -> None:
    graph = chain(layer("relu"), layer("relu"), layer("dropout"), start=network())
    found = remarks(graph)
    assert_tells(found["relu-1"], "ReLU 1 and 2 more", "island", "3 nodes")


def test_that_a_single_loose_node_is_left_to_its_own_hint() -> None:
    graph, _ = edits.add_layer(network(), layer("relu"))
    assert remarks(graph) == {}


def test_that_parameters_far_beyond_the_data_are_told_unless_dropout_holds_them() -> None:
    wide = (layer("fully_connected", outputs=4000), layer("relu"))
    found = remarks(network(*wide), examples=1000)
    sizes = ("3,140,000", "3,180,010", "3,180 for each of the 1,000")
    assert_tells(found["fully_connected-1"], "Fully connected 1", *sizes, "Dropout")
    assert remarks(network(*wide, layer("dropout")), examples=1000) == {}
    assert remarks(network(*wide), examples=50_000) == {}
    assert remarks(network(*wide)) == {}


def test_that_advice_on_a_network_with_problems_does_not_fail() -> None:
    graph = network(
        layer("max_pooling", size=40), layer("dropout"), layer("batch_normalisation"), layer("relu")
    )
    assert set(remarks(graph)) == {"dropout-1"}
    assert advise(Graph(), infer(Graph())) == ()


def test_that_the_work_of_advice_grows_as_the_network_does() -> None:
    block = (layer("convolution", size=3, padding=1), layer("dropout"), layer("relu"))
    graphs = [network(*block * count, shape=(3, 32, 32)) for count in (50, 100)]
    inferences = [infer(graph) for graph in graphs]
    half, whole = (
        count_calls(lambda g=graph, i=inference: advise(g, i, examples=1000))
        for graph, inference in zip(graphs, inferences, strict=True)
    )
    assert whole < 2.2 * half
    assert whole < 100 * len(graphs[1].nodes)


def test_that_changes_that_do_not_suit_the_data_are_remarked_on_where_images_enter() -> None:
    graph = TEMPLATES["mnist"].build().graph
    entry = next(node.id for node in graph.nodes.values() if node.layer.type_name == "input")
    summary = recipe_summary(DataRecipe(dataset="mnist"))
    found = advise_on_data(graph, DataRecipe(dataset="mnist", mirror=True, rotation=90.0), summary)
    assert [remark.node for remark in found] == [entry, entry]
    assert "mirrored 2" in found[0].message
    assert advise_on_data(graph, DataRecipe(dataset="mnist", shift=2.0), summary) == ()
