from dataclasses import replace

import msgspec
import pytest

from engine.design import edits
from engine.design.inference import infer
from engine.program.analysis import Analysis, analyse
from engine.program.cost import cost_of
from engine.project import Project
from engine.templates import TEMPLATES
from tests.engine.small_networks import chain, layer


def analysis_of(project: Project) -> Analysis:
    return analyse(project, infer(project.graph))


def test_that_the_thesis_network_is_judged_by_its_largest_layers() -> None:
    found = analysis_of(TEMPLATES["mnist"].build())
    assert found.parameters == 3_274_634
    assert found.judgement() == (
        "98 % of the parameters sit in Fully connected 1, 72 % of the multiply-adds sit in Convolution 2."
    )


def test_that_totals_are_those_of_the_cost_model() -> None:
    project = TEMPLATES["cifar10-model-a"].build()
    found, cost = analysis_of(project), cost_of(project)
    assert found.multiply_adds == cost.forward
    kept = sum(cost.memory[kind] for kind in ("parameters", "gradients", "optimizer"))
    outputs = sum(4 * 100 * int(row.shape.output.features) for row in found.nodes if row.shape)
    assert found.memory == pytest.approx(kept + outputs, rel=1e-3)


def test_that_memory_follows_batch_precision_and_optimiser() -> None:
    graph = chain(
        layer("input", shape=(1, 4, 4)), layer("fully_connected", outputs=2), layer("softmax_classifier")
    )
    project = Project(graph)

    def memory(**changes: object) -> int:
        training = msgspec.structs.replace(project.training, **changes)
        return analysis_of(replace(project, training=training)).nodes[1].memory

    count = 2 * 16 + 2
    assert memory(batch_size=10, optimizer="adam") == 4 * (10 * 2 + 4 * count)
    assert memory(batch_size=20, optimizer="sgd", momentum=0.0) == 4 * (20 * 2 + 2 * count)
    assert memory(batch_size=10, optimizer="adam", precision="float64") == 8 * (10 * 2 + 4 * count)


def test_that_a_network_where_nothing_stands_out_is_not_judged() -> None:
    convolutions = (layer("convolution", filters=4, size=3, padding=1),) * 3
    graph = chain(layer("input", shape=(4, 8, 8)), *convolutions)
    assert analysis_of(Project(graph)).judgement() == ""
    assert analysis_of(Project()).judgement() == ""


def test_that_one_layer_with_most_of_both_is_named_once() -> None:
    graph = chain(
        layer("input", shape=(1, 8, 8)), layer("fully_connected", outputs=500), layer("fully_connected")
    )
    assert analysis_of(Project(graph)).judgement() == (
        "87 % of the parameters and 86 % of the multiply-adds sit in Fully connected 1."
    )


def test_that_nodes_with_a_problem_stand_in_the_table_without_numbers() -> None:
    graph = edits.set_settings(TEMPLATES["mnist"].build().graph, "max_pooling-2", size=30)
    found = analysis_of(Project(graph))
    assert [row.node.id for row in found.nodes] == list(graph.order)
    bare = [row.node.id for row in found.nodes if row.shape is None]
    assert bare == list(graph.order[6:])
    assert all((row.parameters, row.multiply_adds, row.memory) == (0, 0, 0) for row in found.nodes[6:])
