from dataclasses import replace

import numpy as np
import pytest

from engine.design.arrange import NODE_HEIGHT, NODE_WIDTH
from engine.design.findings import DataShape
from engine.design.inference import infer
from engine.program.analysis import analyse
from engine.settings import check_settings
from engine.templates import TEMPLATES
from engine.training.trainer import Trainer
from tests.engine.small_networks import small_data
from tests.engine.training.small_runs import blocks, ended, project, trained

# Parameters as the papers count them: LeNet-5 with learned pooling left out, ResNet-8 with projections.
PARAMETERS = {"lenet-5": 61_706, "small-vgg": 814_122, "small-resnet": 78_042, "all-convolutional": 343_882}
NAMES = tuple(PARAMETERS)


def image_of(name: str) -> tuple[int, int, int]:
    return (1, 28, 28) if name == "lenet-5" else (3, 32, 32)


def test_that_the_classics_are_offered_after_the_thesis_networks_and_bring_no_file() -> None:
    assert tuple(TEMPLATES)[6:] == NAMES
    assert not any(TEMPLATES[name].is_example for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_that_a_classic_infers_without_problems_or_hints(name: str) -> None:
    project = TEMPLATES[name].build()
    found = infer(project.graph, DataShape(image_of(name), 10))
    assert (found.problems, found.hints) == ((), ())
    assert found.parameter_count == PARAMETERS[name]
    assert f"{PARAMETERS[name]:,} parameters" in TEMPLATES[name].description
    assert check_settings(project.training) == []
    assert TEMPLATES[name].build() == project


@pytest.mark.parametrize("name", NAMES)
def test_that_a_classic_trains_steps_that_lower_its_loss(name: str) -> None:
    graph = TEMPLATES[name].build().graph
    data = small_data(image_of(name), classes=10, train=20, test=4, fraction=0.5)
    training = replace(
        project(graph, precision="float32", batch_size=10, epochs=6, optimizer="adam", learning_rate=0.003),
        data=data.recipe,
    )  # fmt: skip
    events = trained(Trainer(training, data))
    losses = np.concatenate([block.train_loss for block in blocks(events)])
    assert ended(events).reason == "finished"
    assert losses.shape == (6,)
    assert losses[-1] < losses[0]


def test_that_the_residual_blocks_join_branches_of_one_shape() -> None:
    graph = TEMPLATES["small-resnet"].build().graph
    found = infer(graph)
    joins = [node_id for node_id, node in graph.nodes.items() if node.layer.type_name == "add"]
    shapes = [{str(spec) for spec in found.shapes[join].inputs} for join in joins]
    assert shapes == [{"16×32×32"}, {"32×16×16"}, {"64×8×8"}]


def test_that_lenet_sees_a_whole_digit_before_its_last_layers() -> None:
    project = TEMPLATES["lenet-5"].build()
    rows = {row.node.id: row for row in analyse(project, infer(project.graph)).nodes}
    third = rows["convolution-3"]
    assert third.shape is not None
    assert third.field is not None
    assert (str(third.shape.output), third.field.size) == ("120×1×1", (32, 32))


@pytest.mark.parametrize("name", NAMES)
def test_that_nodes_of_a_classic_stand_apart_and_fill_a_wide_window(name: str) -> None:
    project = TEMPLATES[name].build()
    places = [project.layout[node_id] for node_id in project.graph.order]
    assert all(
        abs(x - other_x) >= NODE_WIDTH or abs(y - other_y) >= NODE_HEIGHT
        for number, (x, y) in enumerate(places) for other_x, other_y in places[:number]
    )  # fmt: skip
    width, height = (
        max(p[axis] for p in places) + size for axis, size in ((0, NODE_WIDTH), (1, NODE_HEIGHT))
    )
    # Readable in a window of 1920×1080, of which the canvas has about 1380×860.
    assert min(1380 / width, 860 / height) >= 0.6
