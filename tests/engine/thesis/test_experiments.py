import math

import pytest

from engine.design.inference import infer
from engine.layers.convolution import Convolution
from engine.layers.dropout import Dropout
from engine.thesis.claims import TOLD_IN_TEXT, OneChange, single_changes
from engine.thesis.experiments import EXPERIMENTS, GROUPS


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_that_every_experiment_is_a_valid_design(name):
    assert infer(EXPERIMENTS[name].project(1).graph).problems == ()


@pytest.mark.parametrize("name", ["mnist", "model-a", "model-b", "model-c"])
def test_that_designs_have_the_parameters_that_the_thesis_tells(name):
    experiment = EXPERIMENTS[name]
    assert infer(experiment.build().graph).parameter_count == experiment.published.parameters


@pytest.mark.parametrize(
    ("name", "rate", "batch", "epochs", "keep"),
    [
        ("mnist", 0.0001, 100, 20, 0.75),
        ("model-a", 0.0005, 100, 20, 0.5),
        ("model-b", 0.0005, 100, 20, 0.5),
        ("model-c", 0.0005, 50, 40, 0.5),
        ("trial-one", 0.0001, 100, 20, 0.5),
        ("trial-two", 0.00005, 100, 20, 0.5),
    ],
)
def test_that_hyperparameters_are_those_of_the_thesis(name, rate, batch, epochs, keep):
    project = EXPERIMENTS[name].project(3)
    training = project.training
    assert (training.learning_rate, training.batch_size, training.epochs) == (rate, batch, epochs)
    assert (training.weight_decay, training.beta1, training.beta2) == (0.001, 0.9, 0.999)
    assert training.optimizer == "adam_decoupled"
    assert training.seed == 3
    layers = [node.layer for node in project.graph.nodes.values()]
    assert {layer.keep for layer in layers if isinstance(layer, Dropout)} == {keep}


def test_that_the_3x3_variant_of_c_keeps_every_map_size():
    shapes = infer(EXPERIMENTS["c-3x3"].build().graph).shapes
    graph = EXPERIMENTS["c-3x3"].build().graph
    sizes = [shapes[n].output.shape for n in graph.order if isinstance(graph.nodes[n].layer, Convolution)]
    assert sizes == [(96, 32, 32), (96, 32, 32), (192, 16, 16), (192, 16, 16)]


def test_that_groups_hold_every_experiment_once():
    assert [name for names in GROUPS.values() for name in names] == list(EXPERIMENTS)
    assert all(math.isfinite(e.published.accuracy or 0) for e in EXPERIMENTS.values())


def test_that_a_single_change_is_found_where_there_is_one():
    graph = EXPERIMENTS["model-c"].build().graph
    count = infer(graph).parameter_count
    # One hidden unit less in the first hidden layer: 12,288 weights, a bias, and 2,048 weights of the next layer.
    changes = single_changes(graph, count - (12_288 + 1 + 2_048))
    hidden = next(n for n in graph.order if graph.nodes[n].name == "Fully connected 1")
    assert OneChange(hidden, "outputs", 2_047) in changes


def test_that_no_single_change_gives_the_number_in_the_text():
    assert single_changes(EXPERIMENTS["model-c"].build().graph, TOLD_IN_TEXT) == []
