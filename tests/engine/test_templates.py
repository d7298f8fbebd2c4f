import zipfile

import pytest

from engine.data.augmentation import augmentation_remarks
from engine.data.datasets import dataset_summary
from engine.data.recipe import check
from engine.design.arrange import NODE_HEIGHT, NODE_WIDTH, arrange
from engine.design.findings import DataShape
from engine.design.graph import Graph
from engine.design.inference import infer
from engine.examples import example_names, example_path, write_examples
from engine.program.network import Network
from engine.project_file import load
from engine.settings import check_settings
from engine.templates import TEMPLATES

NAMES = ("mnist-sample", "mnist", "cifar10-model-a", "cifar10-model-b", "cifar10-model-c")

EXAMPLES = (*NAMES, "cifar10-best")

# The thesis's tables, from input to classifier: type and output shape.
MNIST = (
    "input 1×28×28, convolution 32×28×28, relu 32×28×28, max_pooling 32×14×14, convolution 64×14×14, relu 64×14×14, "
    "max_pooling 64×7×7, fully_connected 1024×1×1, relu 1024×1×1, dropout 1024×1×1, fully_connected 10×1×1, "
    "softmax_classifier 10×1×1"
)
MODEL_A = (
    "input 3×32×32, convolution 32×32×32, relu 32×32×32, max_pooling 32×16×16, convolution 64×16×16, relu 64×16×16, "
    "max_pooling 64×8×8, fully_connected 1024×1×1, relu 1024×1×1, dropout 1024×1×1, fully_connected 10×1×1, "
    "softmax_classifier 10×1×1"
)
HIDDEN_B = (
    "fully_connected 2048×1×1, relu 2048×1×1, dropout 2048×1×1, fully_connected 2048×1×1, relu 2048×1×1, "
    "dropout 2048×1×1, fully_connected 10×1×1, softmax_classifier 10×1×1"
)
MODEL_B = (
    "input 3×32×32, convolution 96×32×32, relu 96×32×32, max_pooling 96×16×16, convolution 192×16×16, relu 192×16×16, "
    f"max_pooling 192×8×8, {HIDDEN_B}"
)
MODEL_C = (
    "input 3×32×32, convolution 96×32×32, relu 96×32×32, convolution 96×32×32, relu 96×32×32, max_pooling 96×16×16, "
    "convolution 192×16×16, relu 192×16×16, convolution 192×16×16, relu 192×16×16, "
    f"max_pooling 192×8×8, {HIDDEN_B}"
)
TABLE = {
    "mnist-sample": (3_274_634, MNIST, "mnist-sample"),
    "mnist": (3_274_634, MNIST, "mnist"),
    "cifar10-model-a": (4_259_274, MODEL_A, "cifar10"),
    "cifar10-model-b": (29_853_002, MODEL_B, "cifar10"),
    "cifar10-model-c": (31_005_290, MODEL_C, "cifar10"),
}
# Learning rate, batch, keep probability, epochs; the thesis gives no epochs for MNIST.
HYPERPARAMETERS = {
    "mnist-sample": (0.001, 100, 0.75, 10),
    "mnist": (0.0001, 100, 0.75, None),
    "cifar10-model-a": (0.0005, 100, 0.5, 20),
    "cifar10-model-b": (0.0005, 100, 0.5, 20),
    "cifar10-model-c": (0.0005, 50, 0.5, 40),
}


def test_that_the_thesis_networks_and_the_best_one_are_offered_in_order():
    assert tuple(TEMPLATES)[: len(EXAMPLES)] == EXAMPLES == example_names()
    assert all(
        template.name == name and template.label and template.description
        for name, template in TEMPLATES.items()
    )


@pytest.mark.parametrize("name", NAMES)
def test_that_parameters_and_shapes_are_those_of_the_thesis(name):
    parameters, shapes, _ = TABLE[name]
    project = TEMPLATES[name].build()
    classes = 10
    image = (1, 28, 28) if "mnist" in name else (3, 32, 32)
    found = infer(project.graph, DataShape(image, classes))
    assert found.problems == ()
    assert found.parameter_count == parameters
    nodes = project.graph.nodes
    assert (
        ", ".join(f"{nodes[i].layer.type_name} {found.shapes[i].output}" for i in project.graph.order)
        == shapes
    )


@pytest.mark.parametrize("name", NAMES)
def test_that_windows_are_those_of_the_thesis(name):
    layers = [node.layer for node in TEMPLATES[name].build().graph.nodes.values()]
    convolutions = {(x.size, x.stride, x.padding, x.bias) for x in layers if x.type_name == "convolution"}
    poolings = {(x.size, x.stride, x.padding) for x in layers if x.type_name == "max_pooling"}
    assert convolutions == {((5, 5), (1, 1), (2, 2, 2, 2), True)}
    assert poolings == {((2, 2), (2, 2), (0, 0, 0, 0))}


@pytest.mark.parametrize("name", NAMES)
def test_that_hyperparameters_are_those_of_the_thesis(name):
    rate, batch, keep, epochs = HYPERPARAMETERS[name]
    project = TEMPLATES[name].build()
    settings = project.training
    assert check_settings(settings) == []
    assert settings.optimizer == "adam_decoupled"
    assert (settings.learning_rate, settings.batch_size) == (rate, batch)
    assert (settings.weight_decay, settings.beta1, settings.beta2) == (0.001, 0.9, 0.999)
    assert settings.epochs == epochs or epochs is None
    keeps = {node.layer.keep for node in project.graph.nodes.values() if node.layer.type_name == "dropout"}
    assert keeps == {keep}


@pytest.mark.parametrize("name", NAMES)
def test_that_data_is_prepared_as_in_the_thesis(name):
    recipe = TEMPLATES[name].build().data
    mnist = (0.25, "symmetric", "mean", "global")
    cifar = (0.1, "symmetric", "mean_image", "none")
    assert recipe.dataset == TABLE[name][2]
    assert (recipe.validation_fraction, recipe.scaling, recipe.centering, recipe.standardise) == (
        mnist if "mnist" in name else cifar
    )


def test_that_the_best_network_halves_its_maps_and_decays_no_normalisation():
    project = TEMPLATES["cifar10-best"].build()
    found = infer(project.graph, DataShape((3, 32, 32), 10))
    assert found.problems == found.hints == ()
    assert f"{found.parameter_count:,} parameters" in TEMPLATES["cifar10-best"].description
    shapes = [str(found.shapes[i].output) for i in project.graph.order]
    places = ["96×32×32", "192×16×16", "384×8×8", "768×4×4", "768×1×1", "10×1×1"]
    assert [shapes.index(place) for place in places] == sorted(shapes.index(place) for place in places)
    decaying = {
        key.split("-")[0] for key, spec in Network.of(project.graph).parameters.items() if spec.decays
    }
    assert decaying == {"convolution", "fully_connected"}
    assert check_settings(project.training) == check(project.data) == []
    assert augmentation_remarks(project.data, dataset_summary("cifar10")) == ()


@pytest.mark.parametrize("name", EXAMPLES)
def test_that_the_packaged_example_is_what_the_template_builds(name, tmp_path):
    write_examples(tmp_path)
    assert load(example_path(name)) == load(tmp_path / f"{name}.netproj")
    assert load(example_path(name)).project == TEMPLATES[name].build()
    # Compared unpacked: another version of zlib may deflate to other bytes.
    with zipfile.ZipFile(example_path(name)) as kept, zipfile.ZipFile(tmp_path / f"{name}.netproj") as fresh:
        assert kept.namelist() == fresh.namelist() == ["project.json"]
        assert kept.read("project.json") == fresh.read("project.json")


@pytest.mark.parametrize("name", NAMES)
def test_that_nodes_stand_apart_in_the_order_of_the_data_and_fill_the_canvas(name):
    project = TEMPLATES[name].build()
    places = [project.layout[node_id] for node_id in project.graph.order]
    assert places == sorted(places)
    assert len(set(places)) == len(project.graph.nodes)
    width, height = (
        max(place[axis] for place in places) + size for axis, size in ((0, NODE_WIDTH), (1, NODE_HEIGHT))
    )
    # At 70 % or more, the whole network fits into the 760×560 pixels of the canvas.
    assert min(760 / width, 560 / height) >= 0.7


def test_that_an_empty_network_has_an_empty_layout():
    assert arrange(Graph()) == {}
